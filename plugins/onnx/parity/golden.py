"""What sherpa-onnx makes of recordings with a made-up model, in `NAME.json` beside the model's folder: the engine's tests hold
it to that (tests/models.rs)."""

import json
import pathlib
import re
import sys

import reference
from reference import ROOT

sys.path.append(str(ROOT / "training"))
from streaming import run  # noqa: E402

# Where the two best symbols are no further apart than this in greedy search, the engine may take the other.
CLOSE = {None: 0.01, "fp16": 0.02, "int8": 0.5}
# Features differ in their last digits, by so much at most (plugin-kit/parity). Where they are rounded to 8 bits, networks that nobody
# trained magnify that: a decision is close too if the reference itself decides otherwise with features moved by as much.
MOVED, TIMES = 3e-4, 24

RECORDINGS = ["demo.wav", "digits.wav"]
# A token lies more than this share of a frame from where one begins only where times are not those of frames.
ROUND = 1e-3
HOTWORDS = ["gogu :6", "ne", "da fu :4.5"]
BEAM = {"beam_size": 4}
# Without utterances in which nothing is said: there it forgets its tokens, but goes on with what the predictor said after them.
ENDPOINTS = {"rule1_min_trailing_silence": 60, "rule2_min_trailing_silence": 0.3, "rule3_min_utterance_length": 4.0}


def cases(model):
    """A preset's fields for each case."""
    yield {}
    for file in sorted(model.glob("*.*.onnx")):
        if file.name.startswith(("encoder", "model")):
            yield {"precision": file.name.split(".")[-2]}
    for file in sorted(model.glob("tokens.*.txt")):
        yield {"symbols": file.name}
    if (model / "joiner.onnx").exists():
        yield {"blank_penalty": 0.75}
    if (model / "joiner.onnx").exists() and "nemo" not in model.name:
        yield BEAM
        yield {**BEAM, "beam_size": 8, "blank_penalty": 0.75}
        yield {**BEAM, "hotwords": HOTWORDS, "hotwords_score": 3.5}
        # Its other kinds forget what they have heard where an utterance ends.
        yield ENDPOINTS


def heard(model, recording, fields):
    """Tokens with the frames of output they are in, and the texts of the utterances."""
    # It takes every CTC network to have a subsampling factor of 4.
    factor = reference.number(model, "subsampling_factor") if "nemo-transducer" in model.name else 4
    recognizer = reference.recognizer(model, fields)
    audio = [reference.samples(ROOT / "fixtures" / recording), reference.tail(model)]
    tokens, texts = [], []
    for result in reference.hear_utterances(recognizer, audio, fields.get("hotwords", ())):
        for token, time in zip(result.tokens, result.timestamps, strict=True):
            frame = (result.start_time + time) * 100 / factor
            assert abs(frame - round(frame)) < ROUND * max(frame, 1), (model, time)
            tokens.append([token.replace(" ", "\u2581", 1) if token.startswith(" ") else token, round(frame)])
        # It leaves the symbols of the first sixteen bytes as they are.
        text = re.sub("<0x0([0-9A-F])>", lambda byte: chr(int(byte.group(1), 16)), result.text)
        # Of CTC it writes the unknown symbol too.
        text = text.replace("<unk>", "")
        texts += [text.strip()] if text.strip() else []
    frames = close(model, recording, fields)
    return {"recording": recording, "fields": fields, "texts": texts, "close": frames, "tokens": tokens}


def close(model, recording, fields):
    """The frames of output with a close decision, in greedy search."""
    if "beam_size" in fields:
        return []
    blank = reference.number(model, "vocab_size") if "nemo" in model.name else 0
    precision, penalty = fields.get("precision"), fields.get("blank_penalty", 0.0)
    silence = len(reference.tail(model))
    asked = (model, precision, ROOT / "fixtures" / recording, silence, blank, penalty)
    decisions = run.decisions(*asked)
    frames = {frame for frame, (_, gap) in enumerate(decisions) if gap < CLOSE[precision]}
    if precision == "int8":
        for seed in range(TIMES):
            moved = run.decisions(*asked, (MOVED, seed))
            others = (frame for frame, both in enumerate(zip(decisions, moved, strict=True)) if both[0][0] != both[1][0])
            frames.update(list(others)[:1])
    return sorted(frames)


def write(model):
    """The golden of a model's folder; returns how many tokens there are."""
    heard_there = [heard(model, recording, fields) for fields in cases(model) for recording in RECORDINGS]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in heard_there)
    model.with_name(f"{model.name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return sum(len(one["tokens"]) for one in heard_there)
