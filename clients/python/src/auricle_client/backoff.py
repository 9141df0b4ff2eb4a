"""How long to wait before the next try to connect."""

from __future__ import annotations

import random
from typing import Callable

_FIRST_SECONDS = 0.25
_LONGEST_SECONDS = 5.0


def backoff(attempt: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds before try number `attempt`, which counts from 0: twice as long each time, up to a limit.

    Up to half of it is left to chance, so that the clients of a server that was restarted do not all come back at once.
    """
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(attempt, 16))
    return longest * (1 - chance() / 2)
