#!/usr/bin/env python3
"""Compares the filter bank with the PyPI package kaldi-native-fbank, on every frame of the fixtures and some edges.

Recordings given as arguments (16 kHz, mono, 16 bits) are compared too. `--write-golden` keeps a few frames of the
reference in plugin-kit/testdata/fbank/, which the quick tests read: u32 number of all frames, u32 number of kept ones,
their u32 numbers, then their bins as f32, little-endian. Needs python3 and pip; the packages go to an environment of
their own in target/.
"""

import os
import pathlib
import subprocess
import sys
import venv
import wave

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "fbank-parity"
GOLDEN = HERE.parent / "testdata/fbank"
# Name, recording, first and last sample. `src/fbank/tests.rs` has the same list.
CASES = [
    ("demo", "demo", 0, None),
    ("weather", "weather", 0, None),
    ("exact", "demo", 8000, 8920),
    ("short", "demo", 8000, 8100),
    ("silence", None, 0, 1000),
]
KEPT = 20


def in_environment():
    """Goes on in the environment that has the packages."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    packages = ["kaldi-native-fbank==1.23.0", "numpy==2.4.6"]
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    os.execv(python, [python, __file__, *sys.argv[1:]])


def samples(path):
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2), path
        return numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(numpy.float32) / 32768


def reference(audio, nemo):
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = 80
    if nemo:
        options.frame_opts.window_type = "hann"
        options.frame_opts.remove_dc_offset = False
        options.mel_opts.low_freq = 0
        options.mel_opts.is_librosa = True
    else:
        options.mel_opts.high_freq = -400
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(16000, audio.tolist())
    fbank.input_finished()
    return numpy.array([fbank.get_frame(i) for i in range(fbank.num_frames_ready)], "<f4").reshape(-1, 80)


def ours(folder, audios):
    """What this filter bank makes of them: a test reads NAME.f32 and writes NAME.nemo and NAME.kaldi."""
    folder.mkdir(exist_ok=True)
    for name, audio in audios.items():
        audio.astype("<f4").tofile(folder / f"{name}.f32")
    command = ["cargo", "test", "-q", "-p", "auricle-plugin-kit", "--lib", "dump_for_parity", "--", "--ignored"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PARITY_DUMP": str(folder)}, check=True)
    return lambda name, kind: numpy.fromfile(folder / f"{name}.{kind}", "<f4").reshape(-1, 80)


def keep(name, frames):
    kept = numpy.unique(numpy.linspace(0, len(frames) - 1, min(KEPT, len(frames))).astype("<u4"))
    head = numpy.array([len(frames), len(kept)], "<u4")
    (GOLDEN / f"{name}.bin").write_bytes(head.tobytes() + kept.tobytes() + frames[kept].tobytes())


def main():
    audios = {}
    for name, recording, first, last in CASES:
        audios[name] = samples(ROOT / f"fixtures/{recording}.wav")[first:last] if recording else numpy.zeros(last)
    write = "--write-golden" in sys.argv
    for path in (argument for argument in sys.argv[1:] if argument != "--write-golden"):
        audios[pathlib.Path(path).stem] = samples(path)
    mine = ours(ENVIRONMENT / "dump", audios)
    for kind in ["nemo", "kaldi"]:
        for name, audio in audios.items():
            theirs = reference(audio, kind == "nemo")
            off = numpy.abs(mine(name, kind) - theirs)
            shares = " ".join(f"{numpy.quantile(off, share):.1e}" for share in [0.5, 0.999, 1])
            print(f"{kind:6} {name:24} {len(theirs):6} frames, apart (median, 99.9 %, most): {shares}")
            # A bin 80 to 95 dB below the loudest line of its frame is made of single precision's last digits, here and there.
            assert len(off) == 0 or (numpy.median(off) < 1e-6 and off.max() < 1e-2), "too far apart"
            if write and name in [case[0] for case in CASES]:
                keep(f"{kind}-{name}", theirs)


if pathlib.Path(sys.prefix) != ENVIRONMENT.resolve():
    in_environment()
import kaldi_native_fbank
import numpy

main()
