"""CTranslate2, which faster-whisper runs on, for the benchmark `whisper`: decodes a window again and again, and tells how long
each phase took.

    ctranslate.py MODEL FEATURES.f32 THREADS PROMPT END

FEATURES are [bins, frames] of a whole window, PROMPT the tokens before the first decoded one, with commas between them; END is
never decoded. Says what it is when the model is loaded; then, for a line `N` of standard input, runs the encoder and decodes N
tokens, the likeliest each time, and answers with a line of JSON. For a line `text` it decodes by Whisper's rules, timestamps and
all, and answers with the text.

A decode is one call: that for one token tells what the prompt takes (and the encoder's keys and values, which CTranslate2 makes
then), and is taken off that for N. Which instructions it uses follows CT2_FORCE_CPU_ISA and CT2_USE_MKL of the environment.
"""

import json
from pathlib import Path
import sys
import time

import environment


def main() -> None:
    """Answers until there are no more questions."""
    environment.enter()
    import ctranslate2
    import numpy as np
    from tokenizers import Tokenizer

    model, features, threads, prompt, end = sys.argv[1:]
    bins = json.loads((Path(model) / "preprocessor_config.json").read_text())["feature_size"]
    heard = np.fromfile(features, "<f4").reshape(1, bins, -1)
    heard = ctranslate2.StorageView.from_array(heard)
    whisper = ctranslate2.models.Whisper(model, device="cpu", compute_type="default", intra_threads=int(threads), inter_threads=1)
    prompt = [int(token) for token in prompt.split(",")]

    def generate(encoded, tokens: int) -> tuple[float, list[int]]:
        """Milliseconds, and what was decoded: half of `max_length` at the most."""
        begun = time.perf_counter()
        (result,) = whisper.generate(
            encoded, [prompt], beam_size=1, max_length=2 * tokens, suppress_blank=False, suppress_tokens=[int(end)]
        )
        return (time.perf_counter() - begun) * 1e3, result.sequences_ids[0]

    def text() -> str:
        """As faster-whisper has it decoded: without the last token of the prompt, which wants no timestamps."""
        (result,) = whisper.generate(whisper.encode(heard), [prompt[:-1]], beam_size=1)
        tokens = [token for token in result.sequences_ids[0] if token < int(end)]
        return Tokenizer.from_file(str(Path(model) / "tokenizer.json")).decode(tokens)

    print(json.dumps(f"CTranslate2 {ctranslate2.__version__}"), flush=True)
    for line in sys.stdin:
        if line.strip() == "text":
            print(json.dumps(text()), flush=True)
            continue
        begun = time.perf_counter()
        encoded = whisper.encode(heard, to_cpu=False)
        encoder = (time.perf_counter() - begun) * 1e3
        first, _ = generate(encoded, 1)
        whole, tokens = generate(encoded, int(line))
        times = {"encoder_ms": encoder, "prompt_ms": first, "tokens_ms": whole - first, "tokens": tokens}
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
