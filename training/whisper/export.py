"""The ONNX files, by optimum."""

from pathlib import Path

from optimum.exporters.onnx import main_export
from optimum.exporters.onnx.base import ConfigBehavior
from optimum.exporters.onnx.config import OnnxConfig
from optimum.exporters.onnx.model_configs import WhisperOnnxConfig
from transformers import WhisperConfig

TASK = "automatic-speech-recognition"


class _WithAttention(WhisperOnnxConfig):
    """The stock export, and the cross attention of every layer, by the names in published exports that have it."""

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        found = super().outputs
        if self._behavior is ConfigBehavior.DECODER:
            for layer in range(self._config.decoder_layers):
                axes = {0: "batch_size", 2: "decoder_sequence_length", 3: "encoder_sequence_length_out"}
                found[f"cross_attentions.{layer}"] = axes
        return found


def _parts(config: WhisperConfig) -> dict[str, OnnxConfig]:
    whole = _WithAttention(config=config, task=TASK, use_past=True, use_past_in_inputs=False)
    return {
        "encoder_model": whole.with_behavior("encoder"),
        "decoder_model": whole.with_behavior("decoder", use_past=True, use_past_in_inputs=False),
        "decoder_with_past_model": whole.with_behavior("decoder", use_past=True, use_past_in_inputs=True),
    }


def export(checkpoint: Path, folder: Path, attention: bool) -> None:
    """What `optimum-cli export onnx --task automatic-speech-recognition-with-past` writes."""
    more = {}
    if attention:
        config = WhisperConfig.from_pretrained(checkpoint)
        more = {"custom_onnx_configs": _parts(config), "model_kwargs": {"output_attentions": True}}
    main_export(
        str(checkpoint),
        output=folder,
        task=f"{TASK}-with-past",
        library_name="transformers",
        do_validation=False,
        **more,
    )
