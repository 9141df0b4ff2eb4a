#!/usr/bin/env python3
"""Runs the client in PyPI `whisperlivekit` (`wlk-test`) with a WAV file; prints what it got as JSON.

    client.py URL WAV MODE     MODE is full or diff

The package needs PyTorch, its client does not: only that file is loaded.
"""

import asyncio
from importlib import metadata, util
import json
import sys


def load():
    file = metadata.distribution("whisperlivekit").locate_file("whisperlivekit/test_client.py")
    spec = util.spec_from_file_location("test_client", file)
    module = util.module_from_spec(spec)
    sys.modules["test_client"] = module
    spec.loader.exec_module(module)
    return module


def main():
    url, path, mode = sys.argv[1:]
    result = asyncio.run(load().transcribe_audio(path, url, speed=0, mode=mode))
    got = {"text": result.text, "committed": result.committed_text, "lines": result.lines, "updates": result.n_updates}
    print(json.dumps(got))


if __name__ == "__main__":
    main()
