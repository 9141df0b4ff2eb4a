"""The networks run: those of the folder as it came, and the fast ones as an engine runs them.

Both tell the logits after each of the given tokens. Here they must agree, so both run on one thread.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime import InferenceSession, OrtValue

from folder import Folder, Refusal, Sizes


def session(file: Path, threads: int = 1) -> InferenceSession:
    """A network, loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no class in common
        raise Refusal(f"{file} cannot be opened: {str(error).splitlines()[0]}") from error


class Stock:
    """The folder's own networks. Its decoder takes all tokens at once, without a past."""

    def __init__(self, folder: Folder) -> None:
        self.encoder, self.decoder = session(folder.encoder), session(folder.decoder)
        self.alignment = folder.alignment

    def _nothing(self) -> dict[str, np.ndarray]:
        """What the merged file wants though it is not used."""
        sizes = {value.name: value.shape for value in self.decoder.get_inputs() if value.name.startswith("past_key_values")}
        kinds = {value.name: value.type for value in self.decoder.get_inputs()}
        number = lambda name: np.float16 if "float16" in kinds[name] else np.float32
        # The runtime wants one frame at the least.
        fed = {name: np.zeros((1, shape[1], 1, shape[3]), number(name)) for name, shape in sizes.items()}
        return fed | {name: np.array([False]) for name in kinds if name == "use_cache_branch"}

    def logits(self, features: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """[tokens, vocabulary]; and, where the export gives them, the alignment heads' probabilities."""
        kind = np.float16 if "float16" in self.encoder.get_inputs()[0].type else np.float32
        (states,) = self.encoder.run(["last_hidden_state"], {"input_features": features.astype(kind)})
        names = [value.name for value in self.decoder.get_outputs()]
        layers = sorted({layer for layer, _ in self.alignment})
        attentions = [f"cross_attentions.{layer}" for layer in layers if f"cross_attentions.{layer}" in names]
        fed = {"input_ids": tokens[None], "encoder_hidden_states": states} | self._nothing()
        logits, *found = self.decoder.run(["logits", *attentions], fed)
        logits = logits[0].astype(np.float32)
        if len(attentions) < len(layers):
            return logits, None
        by_layer = dict(zip(layers, found))
        return logits, np.stack([by_layer[layer][0, head].astype(np.float32) for layer, head in self.alignment])


class Fast:
    """The fast networks of a folder. The decoder's caches are written in place."""

    def __init__(self, folder: Path, sizes: Sizes, threads: int = 1) -> None:
        self.encoder = session(folder / "encoder_fast.onnx", threads)
        self.decoder = session(folder / "decoder_fast.onnx", threads)
        self.sizes = sizes
        self.cross: dict[str, OrtValue] = {}
        self.caches: dict[str, OrtValue] = {}
        self.length = 0

    def hear(self, features: np.ndarray, places: list[int] | None = None, nearest: list[int] | None = None) -> None:
        """Encodes a window for all later calls. Its features, of which all states or those at `places` are computed; after the last
        ones follows padding."""
        every = list(range(self.sizes.states))
        outputs = {}
        if places is not None:
            outputs = self._encode(np.zeros((1, self.sizes.bins, 2 * self.sizes.states), np.float32), every, every, {})
        padding = {f"padding_{name}": value for name, value in outputs.items()}
        outputs = self._encode(features, places or every, nearest or every, padding)
        self.cross = {name: value for name, value in outputs.items() if name.startswith("cross_")}

    def _encode(
        self, features: np.ndarray, places: list[int], nearest: list[int], padding: dict[str, OrtValue]
    ) -> dict[str, OrtValue]:
        binding = self.encoder.io_binding()
        binding.bind_cpu_input("input_features", features)
        binding.bind_cpu_input("places", np.array(places, np.int64))
        binding.bind_cpu_input("nearest", np.array(nearest, np.int64))
        for value in self.encoder.get_inputs():
            if value.name in padding:
                binding.bind_ortvalue_input(value.name, padding[value.name])
            elif value.name.startswith("padding_"):
                # Without effect, because all states are computed.
                binding.bind_cpu_input(value.name, np.full(value.shape, 7.0, np.float32))
        names = [value.name for value in self.encoder.get_outputs()]
        for name in names:
            binding.bind_output(name, "cpu")
        self.encoder.run_with_iobinding(binding)
        return dict(zip(names, binding.get_outputs()))

    def begin(self, batch: int = 1) -> None:
        """Begins texts anew. The caches hold what is no number, and nothing of it may be used."""
        sizes = self.sizes
        shape = (batch, sizes.decoder_heads, sizes.positions, sizes.head_width)
        for layer in range(sizes.decoder_layers):
            for part in ("key", "value"):
                self.caches[f"{part}.{layer}"] = OrtValue.ortvalue_from_numpy(np.full(shape, np.nan, np.float32))
        self.length = 0

    def call(self, tokens: np.ndarray, logits_at: list[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Goes on by tokens [batch, tokens]: logits at all or some of them, and the alignment."""
        batch, count = tokens.shape
        binding = self.decoder.io_binding()
        binding.bind_cpu_input("input_ids", tokens)
        binding.bind_cpu_input("position_ids", np.arange(self.length, self.length + count))
        self.length += count
        binding.bind_cpu_input("seqlens_k", np.full(batch, self.length - 1, np.int32))
        binding.bind_cpu_input("total_sequence_length", np.array([self.length], np.int32))
        binding.bind_cpu_input("logits_at", np.array(range(count) if logits_at is None else logits_at, np.int64))
        for name, value in self.cross.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in self.caches.items():
            binding.bind_ortvalue_input(f"past_{name}", value)
            binding.bind_ortvalue_output(f"present_{name}", value)
        binding.bind_output("logits", "cpu")
        binding.bind_output("alignment", "cpu")
        self.decoder.run_with_iobinding(binding)
        found = dict(zip([value.name for value in self.decoder.get_outputs()], binding.get_outputs()))
        return found["logits"].numpy(), found["alignment"].numpy()
