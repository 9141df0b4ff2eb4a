#!/usr/bin/env python3
"""Compares this engine with PocketSphinx as its authors publish it: the PyPI package of the same version.

Both hear the same recordings in the same pieces, with the same utterance bounds and cepstral means: words and their
frames must be equal, posteriors equal to 1e-4. `--write-golden` then keeps the reference's words for the fixtures in
golden.json, which the quick tests read. Needs python3 and pip; the package goes to an environment of its own in target/.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import venv
import warnings
import wave

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "pocketsphinx-parity"
MODEL = TARGET / "vendor/pocketsphinx-5.1.1/model/en-us"


def in_environment():
    """Goes on in the environment that has the package."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "pocketsphinx==5.1.1"], check=True)
    os.execv(python, [python, __file__, *sys.argv[1:]])


def dump():
    path = ENVIRONMENT / "dump.json"
    command = ["cargo", "test", "-q", "-p", "auricle-engine-pocketsphinx", "--lib", "dump_for_parity", "--", "--ignored"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PARITY_DUMP": str(path)}, check=True)
    return json.loads(path.read_text())


def settings():
    """Those that src/model.rs opens its decoders with."""
    source = (HERE.parent / "src/model.rs").read_text()
    found = re.search(r"Decoder::open\(files, &\[(.*?)\]\)", source, re.S).group(1)
    pairs = re.findall(r'\("-(\w+)", "([^"]+)"\)', found)
    return {name: value == "yes" if value in ("yes", "no") else float(value) for name, value in pairs}


def hear(decoder, audio, utterance):
    decoder.set_cmn(",".join(f"{component:.9g}" for component in utterance["mean"]))
    decoder.start_stream()
    decoder.start_utt()
    position = utterance["start"]
    for length in utterance["pieces"]:
        decoder.process_raw(audio[2 * position : 2 * (position + length)], False, False)
        position += length
    decoder.end_utt()
    words, posteriors = [], []
    for segment in decoder.seg() or []:
        if segment.word[0] not in "<[+":
            words.append([re.sub(r"\(\d+\)$", "", segment.word), segment.start_frame, segment.end_frame])
            posteriors.append(min(segment.prob, 1.0))
    return words, posteriors


def main():
    if pathlib.Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        in_environment()
    from pocketsphinx import Config, Decoder

    warnings.simplefilter("ignore")  # start_stream() is called unnecessary; it is what resets the noise estimate
    config = Config(
        hmm=str(MODEL / "en-us"),
        lm=str(MODEL / "en-us.lm.bin"),
        dict=str(MODEL / "cmudict-en-us.dict"),
        loglevel="FATAL",
        **settings(),
    )
    decoder = Decoder(config)
    golden, count, different = {}, 0, 0
    for entry in dump():
        with wave.open(entry["recording"]) as recording:
            audio = recording.readframes(recording.getnframes())
        name = pathlib.Path(entry["recording"]).stem
        found = []
        for utterance in entry["utterances"]:
            words, posteriors = hear(decoder, audio, utterance)
            found.append(words)
            count += len(words)
            same = words == utterance["words"] and all(
                abs(one - other) < 1e-4 for one, other in zip(posteriors, utterance["posteriors"])
            )
            if not same:
                different += 1
                print(f"{name} at {utterance['start']}:")
                print("  engine   ", utterance["words"], utterance["posteriors"])
                print("  reference", words, posteriors)
        if pathlib.Path(entry["recording"]).resolve().parent == ROOT / "fixtures":
            golden[name] = found
    print(f"{count} words compared, {different} utterances differ")
    if "--write-golden" in sys.argv and not different:
        lines = [f"{json.dumps(name)}: {json.dumps(golden[name])}" for name in sorted(golden)]
        (HERE / "golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
