"""The Python with the other servers: an environment under target/, made with pip from requirements.txt and servers.txt."""

import os
from pathlib import Path
import subprocess
import sys
import venv

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target")).resolve()
ENVIRONMENT = TARGET / "bench-live-env"
LISTS = {"requirements.txt": [], "servers.txt": ["--no-deps"]}


def enter() -> None:
    """Continues in the environment, and makes it first if it is missing."""
    if Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        return
    python = ENVIRONMENT / "bin/python"
    # Written last: an interrupted installation begins again.
    installed, wanted = ENVIRONMENT / "packages.txt", "".join((HERE / name).read_text() for name in LISTS)
    if not installed.exists() or installed.read_text() != wanted:
        print(f"installing WhisperLive, WhisperLiveKit and PyTorch (6 GB) from PyPI into {ENVIRONMENT}", file=sys.stderr)
        if not python.exists():
            venv.create(ENVIRONMENT, with_pip=True)
        for name, options in LISTS.items():
            subprocess.run([python, "-m", "pip", "install", "-q", *options, "-r", HERE / name], check=True, stdout=sys.stderr)
        installed.write_text(wanted)
    os.execv(python, [str(python), *sys.argv])
