"""sherpa-onnx as its authors publish it (PyPI), in an environment of its own under target/: for the comparison beside this
file, and for the benchmark `digits`."""

import os
import pathlib
import re
import subprocess
import sys
import venv
import wave

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "onnx-env"
# The last three make models up (`training/streaming`).
PACKAGES = ["sherpa-onnx==2.0.1", "sherpa-onnx-core==2.0.1", "numpy==2.4.6"]
PACKAGES += ["onnx==1.23.2", "onnxruntime==1.32.0", "kaldi-native-fbank==1.23.0"]
RATE = 16_000
# Samples from one frame of features to the next.
HOP = 160
# The engine's default for `tail_padding`.
TAIL_SECONDS = 0.8


def enter():
    """Goes on in the environment that has the packages, and makes it where it is missing."""
    if pathlib.Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        return
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # Written last: an interrupted installation is begun again.
    installed = ENVIRONMENT / "packages.txt"
    if not installed.exists() or installed.read_text().split() != PACKAGES:
        print(f"installing {', '.join(PACKAGES)} from PyPI into {ENVIRONMENT}", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True, stdout=sys.stderr)
        installed.write_text("\n".join(PACKAGES) + "\n")
    os.execv(python, [python, *sys.argv])


def network(model):
    """The ONNX file of a model's folder, or its encoder, with full precision."""
    (file,) = (file for file in model.glob("*.onnx") if file.name.count(".") == 1 and file.stem not in ("decoder", "joiner"))
    return file


def metadata(model, key):
    """A text of a model's metadata: an entry is a key and a value, each after a mark and its length."""
    key = key.encode()
    entry = re.search(b"\x0a" + bytes([len(key)]) + key + rb"\x12(.)", network(model).read_bytes(), re.S)
    return entry and entry.string[entry.end() : entry.end() + entry.group(1)[0]].decode()


def number(model, key):
    return int(metadata(model, key))


def recognizer(model, fields=None):
    """One thread, and one utterance, unless `fields` say where it ends: most kinds of networks forget there what they have heard.

    `fields` are a preset's, for this engine; `symbols` among them is another list of symbols in the folder.
    """
    import sherpa_onnx

    fields = fields or {}
    common = {
        "tokens": str(model / fields.get("symbols", "tokens.txt")),
        "num_threads": 1,
        "enable_endpoint_detection": any(name.startswith("rule") for name in fields),
        **{name: value for name, value in fields.items() if name.startswith("rule")},
    }

    def file(name):
        precise = model / f"{name}.{fields.get('precision')}.onnx"
        return str(precise if precise.exists() else model / f"{name}.onnx")

    if (model / "encoder.onnx").exists():
        paths = fields.get("beam_size", 1)
        hot = {"bpe_vocab": str(model / "bpe.vocab"), "modeling_unit": "bpe"} if "hotwords" in fields else {}
        return sherpa_onnx.OnlineRecognizer.from_transducer(
            **common,
            encoder=file("encoder"),
            decoder=file("decoder"),
            joiner=file("joiner"),
            decoding_method="modified_beam_search" if paths > 1 else "greedy_search",
            max_active_paths=paths,
            blank_penalty=fields.get("blank_penalty", 0.0),
            hotwords_score=fields.get("hotwords_score", 1.5),
            **hot,
        )
    if "zipformer2" in model.name:
        return sherpa_onnx.OnlineRecognizer.from_zipformer2_ctc(**common, model=file("model"))
    return sherpa_onnx.OnlineRecognizer.from_nemo_ctc(**common, model=str(network(model)))


def hear(recognizer, audio, hotwords=()):
    """A stream that has heard audio and the silence after it."""
    stream = recognizer.create_stream(hotwords="/".join(hotwords)) if hotwords else recognizer.create_stream()
    for part in audio:
        stream.accept_waveform(RATE, part)
    while recognizer.is_ready(stream):
        recognizer.decode_stream(stream)
    return stream


def hear_utterances(recognizer, audio, hotwords=()):
    """What is heard in audio, a result for each utterance."""
    stream = recognizer.create_stream(hotwords="/".join(hotwords)) if hotwords else recognizer.create_stream()
    for part in audio:
        stream.accept_waveform(RATE, part)
    while recognizer.is_ready(stream):
        recognizer.decode_stream(stream)
        if recognizer.is_endpoint(stream):
            yield recognizer.get_result_all(stream)
            recognizer.reset(stream)
    yield recognizer.get_result_all(stream)


def samples(file):
    """A recording: 16 kHz, mono, 16 bit."""
    import numpy

    with wave.open(str(file)) as recording:
        form = (recording.getframerate(), recording.getnchannels(), recording.getsampwidth())
        assert form == (RATE, 1, 2), f"{file}: {form}"
        audio = numpy.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    return audio / numpy.float32(32_768)


def tail(model):
    """The silence that the engine lets the network hear after the end of a recording, and a frame: the reference takes a step
    only when it has one more than a window."""
    import numpy

    shift = number(model, "chunk_shift" if metadata(model, "window_size") else "decode_chunk_len") * HOP
    return numpy.zeros(max(int(TAIL_SECONDS * RATE), shift + 3 * HOP) + HOP, dtype=numpy.float32)
