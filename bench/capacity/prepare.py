#!/usr/bin/env python3
"""Makes what the benchmark `capacity` needs, under target/bench-capacity: `prepare.py MODEL ...`.

The models are made up, at published sizes; what is there already is kept: remove a folder to make it anew.
"""

import argparse
from pathlib import Path
import sys
import sysconfig

sys.path += [str(Path(__file__).resolve().parents[1] / "whisper"), str(Path(__file__).resolve().parents[2] / "training")]

import environment  # noqa: E402

ENVIRONMENT = environment.TARGET / "bench-capacity-env"
WORK = environment.TARGET / "bench-capacity"
PACKAGES = Path(__file__).resolve().with_name("requirements.txt")

NEMO = {
    "1m": {"dim": 64, "layers": 9, "heads": 4, "channels": 32},
    "20m": {"dim": 256, "layers": 12, "heads": 4, "channels": 128},
    "70m": {"dim": 512, "layers": 11, "heads": 8, "channels": 256},
}
"""NeMo's streaming CTC with 0.96, 18.9 and 68.6 million parameters."""
NEMO_SYMBOLS = 1025
ZIPFORMER = "22m"
"""Zipformer 2 CTC with 22.2 million parameters."""
SEED = 1


def make(name: str, folder: Path) -> None:
    """A model at full precision, and with matrices of 8 bits."""
    from steady import steady
    from streaming import nemo, tokens, zipformer2
    from streaming.make import LARGE_ZIPFORMER, RECORDING, eight_bits

    folder.mkdir()
    model = folder / "model.onnx"
    if name == ZIPFORMER:
        symbols, blank = 500, 0
        tokens.icefall(folder, tokens.pieces(symbols), symbols)
        zipformer2.encoder(model, LARGE_ZIPFORMER, symbols, SEED)
    else:
        symbols, blank = NEMO_SYMBOLS, NEMO_SYMBOLS - 1
        tokens.nemo(folder, tokens.pieces(symbols), symbols)
        nemo.encoder(model, nemo.Size(**NEMO[name]), symbols - 1, False, SEED)
    steady(model, RECORDING, blank)
    eight_bits(model)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Makes what the benchmark `capacity` needs.")
    arguments.add_argument("models", nargs="+", choices=[*NEMO, ZIPFORMER])
    names = arguments.parse_args().models
    environment.enter(ENVIRONMENT, PACKAGES)
    for name in names:
        environment.keep(WORK / "models" / name, f"model {name}", lambda beside: make(name, beside))
    # The server that Auricle is measured against, and its ONNX Runtime, which Auricle then runs on too.
    server = ENVIRONMENT / "bin/sherpa-onnx-online-websocket-server"
    libraries = Path(sysconfig.get_path("purelib")) / "sherpa_onnx/lib"
    for name, place in {"server": server, "runtime": libraries}.items():
        environment.keep(WORK / name, name, lambda beside: beside.symlink_to(place))


if __name__ == "__main__":
    main()
