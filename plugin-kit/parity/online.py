#!/usr/bin/env python3
"""Records what the authors' own whisper_streaming does on random hypotheses, for `src/online` to be held against.

    plugin-kit/parity/online.py FOLDER [--streams N] [--write]

FOLDER is a clone of https://github.com/ufal/whisper_streaming; commit 1f25a1a was used. Its `OnlineASRProcessor` runs
unchanged, with a made-up recogniser. What it did goes to a file that a Rust test replays step by step: prompts, committed
words, unconfirmed words, the buffer's place and length. `--write` replaces the committed traces, a small selection;
without it many streams are recorded under target/ and replayed at once. Needs python3, pip and cargo; numpy goes
to an environment of its own in target/.

All times are multiples of 1/128 s (125 samples), which floating point adds without error: the original counts in seconds,
`src/online` in samples, and on this grid they must agree exactly. Streams in which the original trips over itself are left
out and counted: it cuts a buffer at a time before its start, or loses its place among sentences because of a sentence of
one word. `src/online.rs` says what is done there instead.

File: a line of words, then streams. `S way limit separator` starts one (limit in units of 1/128 s; separator 0 for none, in
which case words carry a space in front). Then a line an iteration, with fields between bars:
    samples/125 inserted | word gap length ... | segment ends | prompt's characters and FNV-1a | committed | left | base length
where a word's gap is its start after the end of the word before, and `committed` and `left` are `number:first start:last end` of the words.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import types
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "online-parity"
GOLDEN = HERE.parent / "testdata/online/traces.txt"
SECOND = 128
# Streams and iterations of each.
KEPT, STEPS = 18, 24
PLAIN = (
    "a I to the and of it is no we yes out rain come light river window morning evening carrying something "
    "understanding neighbourhoods straße été 你好 世界"
).split()
WORDS = PLAIN + "ok. so. done. here. again. together. 好。 what? really! ends.".split()
STOPS = (".", "!", "?", "。")


def in_environment():
    """Goes on in the environment that has the packages."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "numpy"], check=True)
    os.execv(python, [python, __file__, *sys.argv[1:]])


def original(folder):
    """The authors' module, without the packages that only its recognisers need."""
    for name in ("librosa", "soundfile"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.path.insert(0, str(folder))
    import whisper_online

    return whisper_online


class Sentences:
    """Splits after each word that ends in a stop."""

    def split(self, text):
        sentences, sentence = [], []
        for word in text.split():
            sentence.append(word)
            if word.endswith(STOPS):
                sentences.append(" ".join(sentence))
                sentence = []
        return sentences + ([" ".join(sentence)] if sentence else [])


class Recogniser:
    """Hears what `speech` has in the buffer, with the mistakes that `dice` brings."""

    def __init__(self, dice, separator):
        self.dice, self.sep = dice, separator
        self.jitter = dice.choice([0, 2, 8, 20, 60])
        self.errors = dice.choice([0.0, 0.02, 0.1, 0.3])
        self.segmenting = dice.choice(["sentences", "random", "one", "many"])
        self.speech, self.spoken = [], 0

    def say(self, until):
        """Speech goes on to `until`."""
        dice = self.dice
        while self.spoken < until:
            pause = dice.choice([0, 0, 3, 10, 10, 40] + [600] * (dice.random() < 0.05))
            start = self.spoken + pause
            self.spoken = start + dice.randint(6, 140)
            ends = len(self.speech) % 12 > 1 and dice.random() < 0.1
            word = dice.randrange(len(PLAIN), len(WORDS)) if ends else dice.randrange(len(PLAIN))
            self.speech.append((start, self.spoken, word))

    def transcribe(self, audio, init_prompt):
        dice, base = self.dice, round(self.online.buffer_time_offset * SECOND)
        end = base + len(audio) // 125
        self.say(end)
        self.prompt, self.words = init_prompt, []
        for start, stop, word in self.speech:
            if stop <= base or start >= end:
                continue
            doubt = self.errors * (4 if stop > end - SECOND else 1)
            fate = dice.random()
            if fate < doubt / 3:
                continue
            if fate < doubt:
                word = dice.randrange(len(PLAIN))
            moved = [min(max(t + dice.randint(-self.jitter, self.jitter), base), end) - base for t in (start, stop)]
            self.words.append((word, *sorted(moved)))
            if fate > 1 - doubt / 4 and word < len(PLAIN):
                self.words.append((word, *sorted(moved)))
        last = [stop for _, _, stop in self.words]
        if self.segmenting == "sentences":
            self.ends = [stop for word, _, stop in self.words if WORDS[word].endswith(STOPS)]
        elif self.segmenting == "random":
            self.ends = sorted(stop for stop in last if dice.random() < 0.2)
        elif self.segmenting == "many":
            self.ends = list(last)
        else:
            self.ends = []
        self.ends = (self.ends + last[-1:])[-6:]
        return self

    def ts_words(self, heard):
        space = "" if self.sep else " "
        return [(start / SECOND, stop / SECOND, space + WORDS[word]) for word, start, stop in heard.words]

    def segments_end_ts(self, heard):
        return [end / SECOND for end in heard.ends]


class Tripped(Exception):
    """The original did what it does not mean to do."""


def watch(online):
    """Notices where the original trips."""
    cut, sentences = online.chunk_at, online.words_to_sentences

    def chunk_at(time):
        if time < online.buffer_time_offset:
            raise Tripped("cut before the buffer")
        cut(time)

    def words_to_sentences(words):
        found = sentences(words)
        if len(found) != len(Sentences().split(" ".join(word for _, _, word in words))):
            raise Tripped("sentence of one word")
        return found

    online.chunk_at, online.words_to_sentences = chunk_at, words_to_sentences


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def units(seconds, each=SECOND):
    exact = seconds * each
    assert exact == int(exact), seconds
    return int(exact)


def told(words):
    if not words:
        return "0"
    return f"{len(words)}:{units(words[0][0])}:{units(words[-1][1])}"


def record(module, seed, iterations):
    dice = random.Random(seed)
    way = dice.choice(["segment", "sentence"])
    limit = dice.choice([1, 3, 5, 8, 15])
    recogniser = Recogniser(dice, dice.choice(["", " "]))
    online = module.OnlineASRProcessor(recogniser, Sentences(), (way, limit))
    recogniser.online = online
    watch(online)
    chunk = dice.choice([SECOND // 2, SECOND, SECOND, 2 * SECOND, 4 * SECOND])
    varying = dice.random() < 0.3
    lines = [f"S {way} {limit * SECOND} {len(recogniser.sep)}"]
    for _ in range(iterations):
        new = dice.randint(chunk // 2, chunk * 2) if varying else chunk
        online.insert_audio_chunk(numpy.zeros(new * 125, numpy.float32))
        before = len(online.commited)
        online.process_iter()
        ends = [0] + [stop for _, _, stop in recogniser.words]
        words = " ".join(f"{w} {start - end} {stop - start}" for (w, start, stop), end in zip(recogniser.words, ends))
        fields = [
            str(new),
            words,
            " ".join(map(str, recogniser.ends)),
            f"{len(recogniser.prompt)} {fnv(recogniser.prompt):x}",
            told(online.commited[before:]),
            told(online.transcript_buffer.complete()),
            f"{units(online.buffer_time_offset)} {units(len(online.audio_buffer), 1) // 125}",
        ]
        lines.append("|".join(fields))
    return lines, way


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--streams", type=int, default=3000)
    arguments.add_argument("--write", action="store_true")
    arguments = arguments.parse_args()
    module = original(arguments.folder)
    lines, tripped, kept = [" ".join(WORDS)], {}, {"segment": 0, "sentence": 0}
    wanted = KEPT if arguments.write else arguments.streams
    seed = 0
    while sum(kept.values()) < wanted:
        seed += 1
        try:
            trace, way = record(module, seed, STEPS)
        except Tripped as reason:
            tripped[str(reason)] = tripped.get(str(reason), 0) + 1
            continue
        if arguments.write and kept[way] == wanted // 2:
            continue
        kept[way] += 1
        lines += trace
    path = GOLDEN if arguments.write else TARGET / "online-traces.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    prompts = [int(line.split("|")[3].split()[0]) for line in lines if "|" in line]
    print(f"iterations {len(prompts)}, with a prompt {sum(map(bool, prompts))}, a full one {sum(n >= 200 for n in prompts)}")
    print(f"{path}: {path.stat().st_size} bytes, streams {kept}, left out {tripped}")
    command = ["cargo", "test", "-q", "-p", "auricle-plugin-kit", "--lib", "online::tests::replay"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "ONLINE_TRACES": str(path)}, check=True)


if pathlib.Path(sys.prefix) != ENVIRONMENT:
    in_environment()
import numpy

main()
