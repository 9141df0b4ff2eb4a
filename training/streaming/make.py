"""Makes models up: `python -m streaming.make [--out DIR] NAME ...`, in the folder `training`.

The small ones are committed with the engine (plugins/onnx/testdata); those of published sizes are made where they are compared.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16

from streaming import calibrate, nemo, tokens, transducer, zipformer2

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / "fixtures/demo.wav"
OUT = ROOT / "plugins/onnx/testdata"

SMALL_ZIPFORMER = zipformer2.Size(
    layers=(1, 1, 1),
    dims=(24, 32, 24),
    feed_forward=(32, 48, 32),
    heads=(2, 2, 2),
    kernels=(7, 5, 7),
    downsampling=(1, 4, 2),
    left=32,
    query_dim=8,
    value_dim=6,
    positions=12,
    early=(4, 8),
    late=(8, 4),
    joiner=32,
)
SMALL_NEMO = nemo.Size(dim=32, layers=2, heads=2, channels=8, kernel=5, left=14, ahead=1, predictor=(2, 24), joiner=32)
# Little to compute, and caches above what a restart point can carry.
LONG_NEMO = nemo.Size(dim=16, layers=1, heads=1, channels=4, kernel=5, left=20_000, ahead=1)
LARGE_ZIPFORMER = zipformer2.Size(
    layers=(2, 2, 2, 2, 2, 2),
    dims=(192, 256, 256, 256, 256, 256),
    feed_forward=(512, 768, 768, 768, 768, 768),
    heads=(4, 4, 4, 8, 4, 4),
    kernels=(31, 31, 15, 15, 15, 31),
)
LARGE_NEMO = nemo.Size(dim=256, layers=12, heads=4, channels=128, predictor=(1, 320), joiner=320)
WIDE_NEMO = nemo.Size(dim=512, layers=11, heads=8, channels=256)

SIZES = {
    "small": (SMALL_ZIPFORMER, SMALL_NEMO, 300),
    "long": (SMALL_ZIPFORMER, LONG_NEMO, 300),
    "large": (LARGE_ZIPFORMER, LARGE_NEMO, 500),
    # Of NeMo's kinds only, for benchmarks.
    "wide": (LARGE_ZIPFORMER, WIDE_NEMO, 500),
}
KINDS = ["zipformer2-ctc", "zipformer2-transducer", "nemo-ctc", "nemo-transducer"]


def eight_bits(path: Path) -> None:
    """Matrices of 8 bits, as exports have them in `NAME.int8.onnx`; of 7 in truth, so that no processor's sums overflow."""
    quantize_dynamic(
        path, path.with_suffix(".int8.onnx"), op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, reduce_range=True
    )


def sixteen_bits(path: Path) -> None:
    """Numbers of 16 bits but for what goes in and comes out, as exports have them in `NAME.fp16.onnx`."""
    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path.with_suffix(".fp16.onnx"))


def make(name: str, out: Path) -> Path:
    """A model of a kind and size, NAME being `KIND-SIZE`; its folder."""
    kind, _, size = name.rpartition("-")
    zipformer, fast, symbols = SIZES[size]
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = tokens.pieces(symbols)
    seed = 7 + KINDS.index(kind)
    if kind.startswith("nemo"):
        tokens.nemo(folder, made, symbols)
        blank = symbols - 1
    else:
        tokens.icefall(folder, made, symbols)
        tokens.vocabulary(folder, made, symbols)
        blank = 0
    match kind:
        case "zipformer2-ctc":
            for other in (tokens.characters, tokens.fallback, tokens.byte_pieces) if size == "small" else ():
                tokens.icefall(folder, other(symbols), symbols, f"tokens.{other.__name__}.txt")
            zipformer2.encoder(folder / "model.onnx", zipformer, symbols, seed)
            calibrate.ctc(folder / "model.onnx", RECORDING, blank)
        case "nemo-ctc":
            nemo.encoder(folder / "model.onnx", fast, symbols - 1, False, seed)
            calibrate.ctc(folder / "model.onnx", RECORDING, blank)
        case "zipformer2-transducer":
            zipformer2.encoder(folder / "encoder.onnx", zipformer, None, seed)
            transducer.icefall(folder / "decoder.onnx", folder / "joiner.onnx", symbols, zipformer.joiner, seed)
            calibrate.transducer(folder, RECORDING, blank)
            for part in ("encoder", "decoder", "joiner"):
                eight_bits(folder / f"{part}.onnx")
                sixteen_bits(folder / f"{part}.onnx")
        case "nemo-transducer":
            # The newer of these hear more bins.
            fast = replace(fast, bins=128)
            nemo.encoder(folder / "encoder.onnx", fast, symbols - 1, True, seed)
            widths = (fast.dim, *fast.predictor, fast.joiner)
            transducer.nemo(folder / "decoder.onnx", folder / "joiner.onnx", symbols, widths, seed)
            calibrate.transducer(folder, RECORDING, blank)
            eight_bits(folder / "encoder.onnx")
    return folder


def main() -> None:
    arguments = argparse.ArgumentParser(description="Makes streaming models up.")
    arguments.add_argument("--out", type=Path, default=OUT)
    arguments.add_argument("names", nargs="*", default=[*(f"{kind}-small" for kind in KINDS), "nemo-ctc-long"])
    options = arguments.parse_args()
    for name in options.names:
        folder = make(name, options.out)
        print(*(f"{file.relative_to(options.out)} ({file.stat().st_size})" for file in sorted(folder.iterdir())), sep="\n")


if __name__ == "__main__":
    main()
