"""The models of the benchmarks, the same weights for everybody.

Those of `whisper` are made up at the published sizes (`training/whisper`), and may not end a text: `<|endoftext|>` is among their
suppressed tokens, so that everybody decodes as many tokens.
"""

import json
from pathlib import Path
import sys

import numpy as np

from environment import ENVIRONMENT, ROOT, WORK, keep, run, say

CONVERT = ROOT / "plugins/whisper/convert"
TRAINING = ROOT / "training"
PRECISIONS = ("int8", "fp32", "mixed")


def _make(size: str, folder: Path) -> None:
    """In the environment that makes up models for other checks as well."""
    sys.path.insert(0, str(ROOT / "plugins/whisper/parity"))
    import reference

    run(reference.environment(), "-m", "whisper.make", "--size", size, "--multilingual", "--out", folder, cwd=TRAINING)
    file = folder / "generation_config.json"
    generation = json.loads(file.read_text())
    generation["suppress_tokens"] = sorted({*generation["suppress_tokens"], generation["eos_token_id"]})
    file.write_text(json.dumps(generation, indent=2) + "\n")


def made_up(size: str) -> Path:
    """A made-up model in the layout of the exports."""
    return keep(WORK / size / "export", f"a made-up Whisper of size {size}", lambda beside: _make(size, beside))


def fast(export: Path, place: Path, precisions: tuple[str, ...] = PRECISIONS) -> None:
    """What engine `whisper` reads, made by the converter that users have."""
    for precision in precisions:
        convert = lambda beside: run(sys.executable, CONVERT / "convert.py", export, "--out", beside, "--precision", precision)
        keep(place / f"fast-{precision}", f"the fast layout, {precision}", convert)


def weights(export: Path) -> dict[str, np.ndarray]:
    """The weights by the names of transformers' state dict."""
    if str(CONVERT) not in sys.path:
        sys.path.append(str(CONVERT))
    import folder
    import weights

    say(f"reading the weights of {export}")
    return weights.read(folder.read(export))
