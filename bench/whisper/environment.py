"""Where things are, and the Python that has what the other side of the benchmarks needs (requirements.txt)."""

from collections.abc import Callable
import os
from pathlib import Path
import shutil
import subprocess
import sys
import venv

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
ENVIRONMENT = TARGET / "bench-whisper-env"
WORK = TARGET / "bench-whisper"
"""Everything that is made."""
PACKAGES = HERE / "requirements.txt"


def enter(environment: Path = ENVIRONMENT, packages: Path = PACKAGES) -> None:
    """Goes on in the environment that has the packages, and makes it where it is missing."""
    if Path(sys.prefix).resolve() == environment:
        return
    python = environment / "bin/python"
    # Written last: an interrupted installation is begun again.
    installed = environment / "packages.txt"
    if not installed.exists() or installed.read_text() != packages.read_text():
        say(f"installing what {packages} lists from PyPI into {environment}")
        if not python.exists():
            venv.create(environment, with_pip=True)
        run(python, "-m", "pip", "install", "-q", "-r", packages)
        installed.write_text(packages.read_text())
    os.execv(python, [str(python), *sys.argv])


def say(line: str) -> None:
    """What is done, for whoever waits; standard output is for answers."""
    print(line, file=sys.stderr, flush=True)


def run(*command: str | Path, **how) -> None:
    """Runs it at low priority and wants it to succeed."""
    subprocess.run(["nice", "-n", "10", *command], check=True, stdout=sys.stderr, **how)


def keep(target: Path, what: str, make: Callable[[Path], None]) -> Path:
    """What is there is kept; what is not is made beside its place and moved there whole."""
    if not target.exists():
        say(f"making {what}: {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}")
        for old in (beside, beside.with_suffix(".work")):
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
        make(beside)
        beside.rename(target)
    return target
