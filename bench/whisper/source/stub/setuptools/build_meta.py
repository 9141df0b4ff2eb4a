"""Answers pip's one question about an sdist it was only asked to download: what is its name and version?

With the real backend pip would want CMake, Ninja and others, and run the sdist's own code.
"""

import os

NAME, VERSION = "pywhispercpp", "1.5.1"


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = f"{NAME}-{VERSION}.dist-info"
    os.makedirs(os.path.join(metadata_directory, folder), exist_ok=True)
    with open(os.path.join(metadata_directory, folder, "METADATA"), "w", encoding="utf-8") as file:
        file.write(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n")
    return folder


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    raise RuntimeError("this stub only lets pip download the source archive; it builds nothing")
