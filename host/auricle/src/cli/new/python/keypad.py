"""Recognises telephone keys. Each sounds as two tones at once, one of four low ones and one of four high ones (DTMF).

Replace this file by your recogniser.
"""

import numpy as np

#: Samples per second, as every engine in Python gets them.
RATE = 16_000
#: Samples in a block: 20 ms.
BLOCK = 320

TONES = np.array([697, 770, 852, 941, 1209, 1336, 1477, 1633])
KEYS = ("123A", "456B", "789C", "*0#D")


# ANCHOR: key
def key(block, threshold):
    """The key that sounds in a block, if its loudness is above `threshold`, as a part of full scale; otherwise None."""
    energy = float(np.dot(block, block))
    # Less than 10 ms has no clear pitch.
    if len(block) < BLOCK // 2 or energy <= threshold**2 * len(block):
        return None
    waves = np.exp(-2j * np.pi * TONES[:, None] * np.arange(len(block)) / RATE)
    shares = 2 * np.abs(waves @ block) ** 2 / (len(block) * energy)
    low, high = shares[:4], shares[4:]
    # Nearly all of the sound is the two tones, and neither is alone.
    if low.max() + high.max() <= 0.7 or min(low.max(), high.max()) <= 0.15:
        return None
    return KEYS[low.argmax()][high.argmax()]
# ANCHOR_END: key
