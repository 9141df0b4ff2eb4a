"""Holds a folder's ONNX files against the checkpoint they were made from: `python -m whisper.check DIR`.

ONNX Runtime is given the encoder's sound and a few tokens; the logits of `decoder_model_merged.onnx`, and of
`decoder_model.onnx` and `decoder_with_past_model.onnx`, must be those of
transformers.
"""

import argparse
from pathlib import Path
import sys

import numpy as np
import onnxruntime
import torch
from transformers import WhisperForConditionalGeneration

TOLERANCE = 1e-5
"""Of the largest logit."""
STEPS = 40


def _session(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


class Decoder:
    """The decoder of a folder, fed as an engine feeds it: the prompt at once, then a token at a time."""

    def __init__(self, folder: Path, merged: bool):
        names = ["decoder_model_merged"] if merged else ["decoder_model", "decoder_with_past_model"]
        self.sessions = [_session(folder / f"{name}.onnx") for name in names]
        self.merged = merged

    def _run(self, session: onnxruntime.InferenceSession, **fed: np.ndarray) -> dict[str, np.ndarray]:
        inputs = {value.name: value for value in session.get_inputs()}
        for name, value in inputs.items():
            if name.startswith("past_key_values") and name not in fed:
                # Of the first call of the merged file: empty.
                fed[name] = np.zeros((1, value.shape[1], 0, value.shape[3]), np.float32)
        found = session.run(None, {name: value for name, value in fed.items() if name in inputs})
        return dict(zip([value.name for value in session.get_outputs()], found))

    def __call__(self, sound: np.ndarray, prompt: list[int], tokens: list[int]) -> np.ndarray:
        first, next_ = self.sessions[0], self.sessions[-1]
        ids = lambda *numbers: np.array([numbers], np.int64)
        branch = lambda on: {"use_cache_branch": np.array([on])}
        found = self._run(first, input_ids=ids(*prompt), encoder_hidden_states=sound, **branch(False))
        past = {name.replace("present", "past_key_values"): value for name, value in found.items() if "present" in name}
        logits = [found["logits"][0]]
        for token in tokens:
            found = self._run(next_, input_ids=ids(token), encoder_hidden_states=sound, **past, **branch(True))
            # What is the encoder's does not come again from one file, and comes empty from the other.
            past |= {name.replace("present", "past_key_values"): value for name, value in found.items() if ".decoder." in name}
            logits.append(found["logits"][0])
        return np.concatenate(logits)


def _near(name: str, found: np.ndarray, expected: np.ndarray) -> bool:
    difference, largest = float(np.abs(found - expected).max()), float(np.abs(expected).max())
    print(f"{name}: within {difference:.1e}, of values up to {largest:.1f}")
    return difference <= TOLERANCE * largest


def check(folder: Path, checkpoint: Path) -> bool:
    """Whether they are the same, but for the last digits."""
    model = WhisperForConditionalGeneration.from_pretrained(checkpoint, attn_implementation="eager").eval()
    chance = np.random.default_rng(1)
    start = model.config.decoder_start_token_id
    prompt, tokens = [start, start + 1, start + 101, start + 105], chance.integers(0, start - 2, STEPS).tolist()
    mel = chance.normal(0, 0.5, (1, model.config.num_mel_bins, 3000)).astype(np.float32)
    with torch.no_grad():
        sound = model.model.encoder(torch.from_numpy(mel)).last_hidden_state
        expected = model(encoder_outputs=(sound,), decoder_input_ids=torch.tensor([prompt + tokens])).logits[0].numpy()
    (heard,) = _session(folder / "encoder_model.onnx").run(None, {"input_features": mel})
    same = _near("encoder", heard, sound.numpy())
    for merged, file in ((True, "decoder_model_merged.onnx"), (False, "decoder_with_past_model.onnx")):
        if (folder / file).exists():
            logits = Decoder(folder, merged)(heard, prompt, tokens)
            same &= _near("merged decoder" if merged else "separate decoders", logits, expected)
    return same


def main() -> int:
    """Does it."""
    parser = argparse.ArgumentParser(prog="python -m whisper.check", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="where it is not in the folder itself")
    options = parser.parse_args()
    torch.set_num_threads(1)
    return int(not check(options.folder, options.checkpoint or options.folder / "transformers"))


if __name__ == "__main__":
    sys.exit(main())
