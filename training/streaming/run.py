"""Running made-up models: what they hear, and how far apart the two best symbols are in each frame."""

import wave
from pathlib import Path

import kaldi_native_fbank
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from streaming.transducer import CONTEXT

Floats = NDArray[np.float32]
# The symbols of a frame, and how far its closest choice of one was from the second best.
Decision = tuple[list[int], float]
# The most tokens that NeMo's greedy search takes from a frame.
MOST_A_FRAME = 10


def features(recording: Path, nemo: bool, bins: int, silence: int) -> Floats:
    """Log-mel features [frames, bins] as both families hear them, with samples of silence after the end."""
    with wave.open(str(recording)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2), recording
        audio = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32_768
    audio = np.concatenate([audio, np.zeros(silence, np.float32)])
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = bins
    if nemo:
        options.frame_opts.window_type = "hann"
        options.frame_opts.remove_dc_offset = False
        options.mel_opts.low_freq = 0
        options.mel_opts.is_librosa = True
    else:
        options.mel_opts.high_freq = -400
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(16_000, audio.tolist())
    return np.array([bank.get_frame(frame) for frame in range(bank.num_frames_ready)], np.float32)


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options)


def fresh(session: onnxruntime.InferenceSession, skipped: int) -> list[NDArray[np.generic]]:
    """Zeros for the inputs after the first ones."""
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
    return [
        np.zeros([1 if isinstance(length, str) else length for length in state.shape], kinds[state.type])
        for state in session.get_inputs()[skipped:]
    ]


def heard(encoder: Path, recording: Path, silence: int = 0, moved: tuple[float, int] = (0.0, 0)) -> Floats:
    """The encoder's output over a recording, and samples of silence after its end: [frames, width]. Features can be moved by as
    much at most, at random after a seed."""
    network = session(encoder)
    told = network.get_modelmeta().custom_metadata_map
    nemo = "window_size" in told
    window, shift = (int(told[key]) for key in (["window_size", "chunk_shift"] if nemo else ["T", "decode_chunk_len"]))
    frames = features(recording, nemo, network.get_inputs()[0].shape[1 if nemo else 2], silence)
    most, seed = moved
    frames += np.random.default_rng(seed).uniform(-most, most, frames.shape).astype(np.float32)
    states = fresh(network, 2 if nemo else 1)
    names = [value.name for value in network.get_inputs()]
    parts = []
    for first in range(0, len(frames) - window, shift):
        part = frames[None, first : first + window]
        fed = [np.ascontiguousarray(part.transpose(0, 2, 1)), np.array([window])] if nemo else [part]
        output, *states = network.run(None, dict(zip(names, [*fed, *states], strict=True)))
        if nemo:
            states = states[1:]
        parts.append(output[0].T if nemo and network.get_outputs()[0].name == "outputs" else output[0])
    return np.concatenate(parts)


class Transducer:
    """A predictor and a joiner, whichever family's."""

    def __init__(self, decoder: Path, joiner: Path) -> None:
        self.predictor, self.joiner = session(decoder), session(joiner)
        self.symbols = self.joiner.get_outputs()[0].shape[-1]
        self.nemo = len(self.predictor.get_inputs()) > 1

    def fed(self, network: onnxruntime.InferenceSession, *values: NDArray[np.generic]) -> list[Floats]:
        return network.run(None, dict(zip([value.name for value in network.get_inputs()], values, strict=True)))

    def after(self, tokens: list[int]) -> Floats:
        """What the predictor says after tokens, the first of which stand for the beginning."""
        if not self.nemo:
            return self.fed(self.predictor, np.array([tokens[-CONTEXT:]], np.int64))[0]
        states = self.zeros()
        for token in tokens:
            said, _, *states = self.fed(self.predictor, np.array([[token]], np.int32), np.array([1], np.int32), *states)
        return said

    def zeros(self) -> list[Floats]:
        shapes = [value.shape for value in self.predictor.get_inputs()[2:]]
        return [np.zeros([layers, 1, width], np.float32) for layers, _, width in shapes]

    def logits(self, frames: Floats, said: Floats) -> Floats:
        """Of frames [frames, width], all after the same tokens."""
        frames = frames[:, :, None] if self.nemo else frames
        return self.fed(self.joiner, frames, np.repeat(said, len(frames), axis=0))[0].reshape(len(frames), -1)

    def next(self, said: tuple[Floats, list[Floats]] | None, tokens: list[int]) -> tuple[Floats, list[Floats]]:
        """What the predictor says after tokens, the last of which is new, and its states."""
        if not self.nemo:
            return self.after(tokens), []
        states = said[1] if said else self.zeros()
        output, _, *states = self.fed(self.predictor, np.array([tokens[-1:]], np.int32), np.array([1], np.int32), *states)
        return output, states

    def greedy(self, frames: Floats, blank: int, raised: float) -> list[Decision]:
        """What is decided in each frame where the blank's logit is raised."""
        tokens = [blank] if self.nemo else [-1, blank]
        said, decisions = self.next(None, tokens), []
        for frame in frames:
            begin, gap = len(tokens), np.inf
            for _ in range(MOST_A_FRAME if self.nemo else 1):
                logits = self.logits(frame[None], said[0])[0]
                logits[blank] += raised
                second, best = np.partition(logits, -2)[-2:]
                gap = min(gap, float(best - second))
                token = int(logits.argmax())
                if token == blank:
                    break
                tokens.append(token)
                said = self.next(said, tokens)
            decisions.append((tokens[begin:], gap))
        return decisions


def decisions(
    folder: Path, precision: str | None, recording: Path, silence: int, blank: int, penalty: float, moved: tuple[float, int] = (0.0, 0)
) -> list[Decision]:
    """What greedy search decides in each frame of output; features can be moved as in `heard`."""

    def file(part: str) -> Path:
        precise = folder / f"{part}.{precision}.onnx"
        return precise if precise.exists() else folder / f"{part}.onnx"

    transducer = (folder / "encoder.onnx").exists()
    frames = heard(file("encoder" if transducer else "model"), recording, silence, moved)
    if transducer:
        return Transducer(file("decoder"), file("joiner")).greedy(frames, blank, -penalty)
    ordered = np.partition(frames, -2, axis=1)
    best = ([int(symbol)] for symbol in frames.argmax(axis=1))
    return list(zip(best, map(float, ordered[:, -1] - ordered[:, -2]), strict=True))
