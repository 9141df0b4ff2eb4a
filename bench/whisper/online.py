"""faster-whisper made streaming, for the benchmark `online`: hears a recording as a server would, and tells when each word was
final and what that cost.

    online.py MODEL PRECISION VAD.onnx AUDIO.f32 PIECE CHUNK TRIM BEAM TEMPERATURES

MODEL is for CTranslate2, computing with PRECISION; AUDIO comes in pieces of PIECE samples; CHUNK and TRIM are the policy's
`min_chunk_size` and `buffer_trimming_sec`; TEMPERATURES, with commas between them, are tried until a text is good. Says what it is when all is loaded; then, for each line of standard input, hears the
recording from its beginning, and answers with a line of JSON.

The time is made up: a piece is there when its last sample was spoken, and if the one before took longer than that, later. What
a piece takes is the processor time that this process spent on it, by one thread.
"""

import json
from pathlib import Path
import sys
import time

import environment


def main() -> None:
    """Answers until there are no more questions."""
    environment.enter()
    import faster_whisper
    import numpy as np

    from agreement import RATE, Online, Word
    from vac import Silero, Vac

    model, precision, vad, audio, piece, chunk, trim, beam, temperatures = sys.argv[1:]
    temperatures = [float(temperature) for temperature in temperatures.split(",")]
    whisper = faster_whisper.WhisperModel(model, device="cpu", compute_type=precision, cpu_threads=1, num_workers=1)
    silero = Silero(Path(vad))
    samples = np.fromfile(audio, "<f4")
    decodes = 0

    def transcribe(buffer: np.ndarray, prompt: str) -> tuple[list[Word], list[float]]:
        nonlocal decodes
        decodes += 1
        segments, _ = whisper.transcribe(
            buffer, language="en", beam_size=int(beam), word_timestamps=True, condition_on_previous_text=True,
            initial_prompt=prompt or None, temperature=temperatures,
        )  # fmt: skip
        segments = list(segments)
        spoken = [segment for segment in segments if segment.no_speech_prob <= 0.9]
        words = [Word(word.start, word.end, word.word) for segment in spoken for word in segment.words]
        return words, [segment.end for segment in segments]

    def hear() -> dict:
        nonlocal decodes
        decodes = 0
        vac = Vac(silero, lambda offset: Online(transcribe, float(trim), offset), float(chunk))
        words, clock, spent = [], 0.0, 0.0

        def work(step, spoken: float) -> None:
            nonlocal clock, spent
            begun = time.process_time()
            final = step()
            cost = time.process_time() - begun
            spent += cost
            clock = max(clock, spoken) + cost
            words.extend([word.text, word.start, word.end, clock] for word in final)

        for at in range(0, len(samples), int(piece)):
            heard = samples[at : at + int(piece)]
            work(lambda: vac.hear(heard), (at + len(heard)) / RATE)
        work(vac.finish, len(samples) / RATE)
        return {"cpu": spent, "decodes": decodes, "words": words}

    print(json.dumps(f"faster-whisper {faster_whisper.__version__}"), flush=True)
    for _ in sys.stdin:
        print(json.dumps(hear()), flush=True)


if __name__ == "__main__":
    main()
