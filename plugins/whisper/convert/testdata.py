#!/usr/bin/env python3
"""Makes plugins/whisper/testdata/nano.fast anew, of the same weights as nano beside it.

    testdata.py

Wants target/whisper/nano, which `python -m whisper.testdata` leaves there, in training/.
"""

from pathlib import Path
import shutil
import sys
import tempfile

import environment
import convert

SOURCE = environment.ROOT / "target/whisper/nano"
TARGET = environment.ROOT / "plugins/whisper/testdata/nano.fast"


def main() -> int:
    """Does it."""
    if not environment.inside():
        return environment.again(__file__)
    sys.path.append(str(environment.ROOT / "training"))
    from folder import JSON_FILES
    from whisper.pack import pack

    with tempfile.TemporaryDirectory() as work:
        made = Path(work) / "nano.fast"
        convert.convert(SOURCE, made, "fp32", environment.ROOT / "fixtures/digits.wav", print)
        for network in ("encoder_fast.onnx", "decoder_fast.onnx"):
            pack(made / network, TARGET / network)
    for name in JSON_FILES:
        shutil.copy(TARGET.parent / "nano" / name, TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
