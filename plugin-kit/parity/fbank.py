#!/usr/bin/env python3
"""Compares the filter bank with the PyPI package kaldi-native-fbank, on every frame of the fixtures and some edges.

Recordings given as arguments (16 kHz, mono, 16 bits) are compared too, and those of the folder of further recordings
(`AURICLE_AUDIO`, or `shared/audio` beside the repository), where there is one. `--write-golden` keeps a few frames of the
reference in plugin-kit/testdata/fbank/, which the quick tests read: u32 number of all frames, u32 number of kept ones,
their u32 numbers, then their bins as f32, little-endian. Needs python3 and pip; the packages go to an environment of
their own in target/.

Both compute in single precision: a bin far below the loudest of its frame is made of the last digits of the transform, in
the order in which each adds them (the reference's is what its compiler made of it). So bins within 80 dB of the loudest
must be within 1e-3 of the reference's; the faint ones must not be further from what double precision gives than 1e-3, or
twice the reference's furthest.

`--again`, which is for others that are run with this, means nothing here.
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
# A bin so far below the loudest of its frame is faint: 80 dB, as natural logarithms of power.
FAINT = 18.4
MOST = 1e-3


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


def truth(audio, nemo):
    """What double precision gives: the same frames, windows and triangles."""
    length, shift, count = 400, 160, (len(audio) + 80) // 160
    at = numpy.arange(count)[:, None] * shift + shift // 2 - length // 2 + numpy.arange(length)[None]
    while ((at < 0) | (at >= len(audio))).any():
        at = numpy.where(at < 0, -1 - at, at)
        at = numpy.where(at >= len(audio), 2 * len(audio) - 1 - at, at)
    frames = audio.astype(float)[at]
    turn = 2 * numpy.pi * numpy.arange(length)
    if nemo:
        window = 0.5 - 0.5 * numpy.cos(turn / length)
    else:
        frames -= frames.mean(1, keepdims=True)
        window = (0.5 - 0.5 * numpy.cos(turn / (length - 1))) ** 0.85
    before = numpy.concatenate([frames[:, :1], frames[:, :-1]], 1)
    frames = (frames - float(numpy.float32(0.97)) * before) * window.astype(numpy.float32)
    return numpy.log(numpy.maximum(numpy.abs(numpy.fft.rfft(frames, 512)) ** 2 @ triangles(nemo), 2.0**-23))


def triangles(nemo):
    """Weights [lines, bins]."""
    log = numpy.log(6.4) / 27

    def mel(hertz):
        if not nemo:
            return 1127 * numpy.log1p(hertz / 700)
        return numpy.where(hertz <= 1000, hertz * 3 / 200, 15 + numpy.log(numpy.maximum(hertz, 1) / 1000) / log)

    def hertz(mel):
        return numpy.where(mel <= 15, 200 / 3 * mel, 1000 * numpy.exp((mel - 15) * log)) if nemo else mel

    lines = numpy.arange(257 if nemo else 256) * 31.25
    at = (lines if nemo else mel(lines))[:, None]
    corners = hertz(numpy.linspace(*(mel(numpy.float64(end)) for end in ((0, 8000) if nemo else (20, 7600))), 82))
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    weights = numpy.maximum(0, numpy.minimum((at - left) / (centre - left), (right - at) / (right - centre)))
    return numpy.pad(weights * (2 / (right - left) if nemo else 1), [(0, 257 - len(lines)), (0, 0)])


def further():
    """The folder of further recordings: those of 16 kHz, mono, 16 bits."""
    folder = pathlib.Path(os.environ.get("AURICLE_AUDIO", ROOT.parent / "shared/audio"))
    for path in sorted(folder.glob("*.wav")):
        with wave.open(str(path)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2):
                yield path


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
    given = [pathlib.Path(argument) for argument in sys.argv[1:] if not argument.startswith("--")]
    audios |= {path.stem: samples(path) for path in [*given, *further()]}
    mine = ours(ENVIRONMENT / "dump", audios)
    for kind in ["nemo", "kaldi"]:
        for name, audio in audios.items():
            theirs = reference(audio, kind == "nemo")
            exact, here = truth(audio, kind == "nemo"), mine(name, kind)
            off = numpy.abs(here - theirs)
            loud = theirs > theirs.max(1, keepdims=True) - FAINT
            most, faint = off[loud].max(initial=0), off.max(initial=0)
            far, far_theirs = (numpy.abs(features - exact).max(initial=0) for features in (here, theirs))
            print(
                f"{kind:6} {name:26} {len(theirs):6} frames, apart (median, most, most of faint ones): {numpy.median(off):.1e}"
                f" {most:.1e} {faint:.1e}; from the truth: {far:.1e}, theirs {far_theirs:.1e}"
            )
            assert numpy.median(off) < 1e-6 and most < MOST and far < max(2 * far_theirs, MOST), "too far apart"
            if write and name in [case[0] for case in CASES]:
                keep(f"{kind}-{name}", theirs)


if pathlib.Path(sys.prefix) != ENVIRONMENT.resolve():
    in_environment()
import kaldi_native_fbank
import numpy

main()
