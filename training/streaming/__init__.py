"""Streaming models that nobody trained: random weights in the layouts that sherpa-onnx reads, for tests and comparisons."""
