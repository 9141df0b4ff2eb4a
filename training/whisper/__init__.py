"""Whisper models without published weights: made up at any size, in the layout of Hugging Face's ONNX exports."""
