"""The reference of the benchmark `python`: calls the same classes from plain Python.

    plain.py RECORDING.wav TIMES

Prints the environment, then answers each line, MODULE CLASS, with a line: the processor time of TIMES the recording in
chunks of 100 ms, and the text.
"""

import importlib
import json
from pathlib import Path
import sys
import time
import types
import wave

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/whisper"))

import environment

CHUNK = 1_600


def samples(path):
    import numpy

    with wave.open(path) as recording:
        return numpy.frombuffer(recording.readframes(recording.getnframes()), numpy.int16).astype(numpy.float32) / 32_768


def main():
    environment.enter(environment.TARGET / "bench-python-env", ROOT / "tests/clients/python-engines/requirements.txt")
    import numpy

    # As the plugin provides them.
    protocols = types.ModuleType("real_time_asr_backend.real_time_asr_protocols")
    exec((ROOT / "plugins/python/src/protocols.py").read_text(), protocols.__dict__)
    sys.modules |= {"real_time_asr_backend": types.ModuleType("real_time_asr_backend"), protocols.__name__: protocols}
    sys.path[:0] = [str(ROOT / "plugins/python/examples"), str(ROOT / "bench/python")]

    recording, times = sys.argv[1:]
    audio = numpy.tile(samples(recording), int(times))
    print(json.dumps(sys.prefix), flush=True)
    for line in sys.stdin:
        module, loader = line.split()
        # What an engine prints is not an answer.
        sys.stdout, answers = sys.stderr, sys.stdout
        config = protocols.ASRConfig(lan="auto", backend="python")
        processor, _ = getattr(importlib.import_module(module), loader)().load(config)
        processor.init()
        texts = []
        begun = time.process_time()
        for at in range(0, len(audio), CHUNK):
            # As an engine gets it: an array of its own.
            processor.insert_audio_chunk(audio[at : at + CHUNK].copy())
            texts.append(processor.process_iter()[2])
        texts.append(processor.finish()[2])
        spent = time.process_time() - begun
        sys.stdout = answers
        print(json.dumps({"cpu": spent, "text": " ".join(text for text in texts if text)}), flush=True)


if __name__ == "__main__":
    main()
