"""The examples of the README, with the address and the preset of this test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

URL = os.environ.get("AURICLE_URL", "")
README = Path(__file__).parents[1] / "README.md"


@unittest.skipUnless(URL, "AURICLE_URL is not set")
class Examples(unittest.TestCase):
    def test_they_print_the_text(self) -> None:
        examples = re.findall(r"```py\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
        self.assertEqual(len(examples), 2)
        for example in examples:
            code = example.replace("http://127.0.0.1:8770", URL).replace('"digits"', '"tone"')
            given = "audio = bytes(48_000)\n"
            ran = subprocess.run([sys.executable, "-c", given + code], stdout=subprocess.PIPE, check=True)
            printed = ran.stdout.decode().split()
            self.assertEqual(printed, ["0.0", "16000:00000000", "1.0", "8000:00000000"], example)


if __name__ == "__main__":
    unittest.main()
