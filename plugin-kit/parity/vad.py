#!/usr/bin/env python3
"""Records what Silero's and whisper_streaming's own code make of speech and silence, for `src/vad` and `online/vac.rs`.

    plugin-kit/parity/vad.py [--whisper-streaming FOLDER] [--write] [RECORDING...]

The network: `silero_vad.onnx` of the PyPI package silero-vad in the PyPI package onnxruntime, driven by the package's own
wrapper and stream iterator, on the fixtures and on recordings given (16 kHz, mono, 16 bits). What of PyTorch they touch
is stood in for by numpy, since the package wants two gigabytes of it for that. A Rust test hears the same recordings.

The controller: with FOLDER, a clone of https://github.com/ufal/whisper_streaming (commit 1f25a1a was used), its iterator and
its `VACOnlineASRProcessor` run on made-up probabilities, the first sample of each window. Streams in which the latter takes
audio at a negative place are left out and counted: speech that starts right after an end.

`--write` replaces the golden files in testdata/vad; without it everything goes to a folder in target/, the controller on many
more streams, and the Rust tests read that. Needs python3, pip and cargo; the packages go to an environment of their own.

Files: NAME.txt has a line of events and a line for each window's probability. `gate.txt` and `vac.txt` have a line a stream:
probabilities of windows in 1/32, a letter each, then, after a bar, for the gate each call's samples and events, for the
controller the calls that decode (r) or finish (f) with the buffer's place and length in samples.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import types
import venv
import wave

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "vad-parity"
GOLDEN = HERE.parent / "testdata/vad"
FIXTURES = ["demo", "report", "train", "weather"]
PACKAGES = ["onnxruntime==1.32.0", "numpy", "packaging"]
LETTERS = "0123456789abcdefghijklmnopqrstuvw"
CALL = 640


def in_environment():
    """Goes on in the environment that has the packages."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "silero-vad==6.2.3"], check=True)
    os.execv(python, [python, __file__, *sys.argv[1:]])


def stand_in_for_torch():
    """As much of PyTorch as the iterators and the wrapper call."""

    class Tensor(numpy.ndarray):
        dim = property(lambda self: lambda: self.ndim)

        def float(self):
            return self.astype(numpy.float32)

        def numpy(self):
            return numpy.asarray(self)

        def unsqueeze(self, axis):
            return numpy.expand_dims(self, axis).view(Tensor)

    def tensor(values):
        return numpy.asarray(values, numpy.float32).view(Tensor)

    torch = types.ModuleType("torch")
    torch.no_grad = lambda: lambda function: function
    torch.is_tensor = lambda value: isinstance(value, Tensor)
    torch.Tensor = torch.from_numpy = tensor
    torch.zeros = lambda *shape: tensor(numpy.zeros(shape[0] if len(shape) == 1 else shape))
    torch.cat = lambda parts, dim: tensor(numpy.concatenate(parts, dim))
    torch.device = torch.set_num_threads = lambda value: None
    torch.nn = types.SimpleNamespace(Module=object)
    sys.modules["torch"] = torch
    return torch


def samples(path):
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2), path
        return numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(numpy.float32) / 32768


def events(found):
    return " ".join(f"{kind} {sample}" for event in found if event for kind, sample in event.items())


def network(folder, recordings):
    from importlib.resources import files

    import silero_vad.utils_vad as package

    model = package.OnnxWrapper(str(files("silero_vad") / "data/silero_vad.onnx"))
    told = []

    def probability(window, rate):
        told.append(model(window, rate))
        return told[-1]

    probability.reset_states = model.reset_states
    iterator = package.VADIterator(probability, min_silence_duration_ms=500, speech_pad_ms=100)
    for path in recordings:
        audio = samples(path)
        iterator.reset_states()
        model.reset_states()
        told.clear()
        found = [iterator(audio[at : at + 512]) for at in range(0, len(audio) - 511, 512)]
        lines = [events(found)] + [f"{value.item():.6f}" for value in told]
        (folder / f"{path.stem}.txt").write_text("\n".join(lines) + "\n")
        print(f"{path.stem:24} {len(told)} windows: {lines[0]}")


class Tripped(Exception):
    """The original did what it does not mean to do."""


def probabilities(dice, windows):
    """Speech and silence in turns, with doubts."""
    told, doubt = [], dice.choice([0.02, 0.1, 0.4])
    while len(told) < windows:
        for low, high in [(0, 10), (17, 32)]:
            for _ in range(dice.choice([1, 2, 5, 14, 15, 16, 17, 40, 100, 300])):
                told.append(dice.randint(0, 32) if dice.random() < doubt else dice.randint(low, high))
    return told[:windows]


def audio_of(told):
    audio = numpy.zeros((len(told), 512), numpy.float32)
    audio[:, 0] = numpy.array(told) / 32
    return audio.reshape(-1)


def model():
    function = lambda window, rate: window[0]
    function.reset_states = lambda: None
    return function


def gate(iterator, seed):
    dice = random.Random(seed)
    told = probabilities(dice, 200)
    audio, at, calls = audio_of(told), 0, []
    iterator = iterator(model())
    most = dice.choice([640, 2000, 20000])
    while at < len(audio):
        size = dice.randint(1, most)
        found = iterator(audio[at : at + size])
        calls.append(" ".join([str(size), events([found])]).strip())
        at += size
    return f"{''.join(LETTERS[value] for value in told)}|{','.join(calls)}"


class Online:
    """Stands in for the processor that the controller feeds, and writes down what it is asked."""

    sampling_rate = 16000

    def init(self, offset=None):
        self.base, self.length = round((offset or 0) * 16000), 0
        if offset is not None and self.base < self.vac.buffer_offset:
            raise Tripped

    def insert_audio_chunk(self, audio):
        self.length += len(audio)

    def process_iter(self):
        self.calls.append(f"{self.call} r {self.base} {self.length}")

    def finish(self):
        self.calls.append(f"{self.call} f {self.base} {self.length}")


def controller(module, seed):
    dice = random.Random(seed)
    told = probabilities(dice, 300)
    chunk = dice.choice([0.5, 1, 1, 2.5])
    vac = module.VACOnlineASRProcessor(chunk, None)
    online = vac.online = Online()
    online.vac, online.calls = vac, []
    vac.logfile = open(os.devnull, "w")
    vac.init()
    audio = audio_of(told)
    for online.call in range(len(audio) // CALL):
        vac.insert_audio_chunk(audio[online.call * CALL : (online.call + 1) * CALL])
        vac.process_iter()
    return f"{chunk} {''.join(LETTERS[value] for value in told)}|{','.join(online.calls)}"


def made_up(folder, clone, torch, few):
    for name in ("librosa", "soundfile"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.path.insert(0, str(clone))
    torch.hub = types.SimpleNamespace(load=lambda **_: (model(), None))
    import silero_vad_iterator
    import whisper_online

    gates = [gate(silero_vad_iterator.FixedVADIterator, seed) for seed in range(few or 2000)]
    (folder / "gate.txt").write_text("\n".join(gates) + "\n")
    kept, tripped, seed = [], 0, 0
    while len(kept) < (few or 2000):
        seed += 1
        try:
            kept.append(controller(whisper_online, seed))
        except Tripped:
            tripped += 1
    (folder / "vac.txt").write_text("\n".join(kept) + "\n")
    print(f"made-up streams: {len(gates)} for the gate, {len(kept)} for the controller, {tripped} left out")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--whisper-streaming", type=pathlib.Path)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("recordings", nargs="*", type=pathlib.Path)
    arguments = arguments.parse_args()
    folder = GOLDEN if arguments.write else TARGET / "vad-parity/traces"
    folder.mkdir(parents=True, exist_ok=True)
    torch = stand_in_for_torch()
    fixtures = [ROOT / f"fixtures/{name}.wav" for name in FIXTURES]
    recordings = fixtures if arguments.write else fixtures + arguments.recordings
    network(folder, recordings)
    environment = {**os.environ, "VAD_RECORDINGS": ":".join(map(str, recordings)), "VAD_TRACES": str(folder)}
    if arguments.whisper_streaming:
        made_up(folder, arguments.whisper_streaming, torch, 30 if arguments.write else 0)
        environment["VAC_TRACES"] = str(folder)
    command = ["cargo", "test", "-q", "-p", "auricle-plugin-kit", "--features", "onnx", "--lib", "golden"]
    subprocess.run([*command, "--", "--nocapture"], cwd=ROOT, env=environment, check=True)


if pathlib.Path(sys.prefix) != ENVIRONMENT:
    in_environment()
import numpy

main()
