#!/usr/bin/env python3
"""The Python that has what the converter needs, in an environment of its own under target/.

    environment.py -m unittest discover -s plugins/whisper/convert/tests    # passes its arguments on to that Python
"""

import os
from pathlib import Path
import subprocess
import sys
import venv

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
ENVIRONMENT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "whisper-convert-env"
PACKAGES = HERE / "requirements.txt"


def inside() -> bool:
    """Whether this is that Python."""
    return Path(sys.prefix).resolve() == ENVIRONMENT


def python() -> Path:
    """That Python; the packages are installed where they are missing."""
    found = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # Written last: an interrupted installation is begun again.
    installed = ENVIRONMENT / "requirements.txt"
    if not installed.exists() or installed.read_text() != PACKAGES.read_text():
        print(f"installing what {PACKAGES} lists from PyPI into {ENVIRONMENT}", file=sys.stderr)
        if not found.exists():
            venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([found, "-m", "pip", "install", "-q", "-r", PACKAGES], check=True, stdout=sys.stderr)
        installed.write_text(PACKAGES.read_text())
    return found


def again(*arguments: str | Path) -> int:
    """Runs that Python; its exit status."""
    return subprocess.run([python(), *arguments]).returncode


if __name__ == "__main__":
    sys.exit(again(*sys.argv[1:]))
