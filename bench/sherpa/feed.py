"""sherpa-onnx (PyPI) for the benchmark `digits`: feeds it a recording as a server would, and tells the processor time.

    feed.py MODEL RECORDING.wav TIMES PIECE

Says what it is when the model is loaded; then does what a line of standard input says, and answers with a line:

- hear: a stream of TIMES the recording, in pieces of PIECE samples; all steps that are due, and the text, after each;
- features: the same without steps and text: the reference makes features as soon as audio comes;
- calls: the calls of `hear` with nothing to do, which is what Python and the bindings cost.
"""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "plugins/onnx/parity"))

import reference
from reference import RATE


def hear(recognizer, audio, piece, tail):
    stream = recognizer.create_stream()
    for at in range(0, len(audio), piece):
        stream.accept_waveform(RATE, audio[at : at + piece])
        while recognizer.is_ready(stream):
            recognizer.decode_stream(stream)
        text = recognizer.get_result(stream)
    stream.accept_waveform(RATE, tail)
    while recognizer.is_ready(stream):
        recognizer.decode_stream(stream)
    return recognizer.get_result(stream)


def features(recognizer, audio, piece, tail):
    stream = recognizer.create_stream()
    for at in range(0, len(audio), piece):
        stream.accept_waveform(RATE, audio[at : at + piece])
    return ""


def calls(recognizer, audio, piece, tail):
    stream = recognizer.create_stream()
    nothing = audio[:0]
    for at in range(0, len(audio), piece):
        audio[at : at + piece]
        stream.accept_waveform(RATE, nothing)
        # One of the three instead of a step.
        for _ in range(3):
            recognizer.is_ready(stream)
        text = recognizer.get_result(stream)
    return text


def main():
    reference.enter()
    import numpy
    import sherpa_onnx

    model, recording, times, piece = sys.argv[1:]
    model = pathlib.Path(model)
    recognizer, tail = reference.recognizer(model), reference.tail(model)
    audio = numpy.tile(reference.samples(recording), int(times))
    work = {"hear": hear, "features": features, "calls": calls}
    print(json.dumps(f"sherpa-onnx {sherpa_onnx.__version__}"), flush=True)
    for line in sys.stdin:
        begun = time.process_time()
        text = work[line.strip()](recognizer, audio, int(piece), tail)
        spent = time.process_time() - begun
        print(json.dumps({"cpu": spent, "text": " ".join(text.split())}), flush=True)


if __name__ == "__main__":
    main()
