"""How the cost of work grows with its size, which does not depend on the machine, or on what else runs on it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

TIMES = 4
"""As many times the size: linear work then costs 4 times as much, and work that grows with the square 16 times."""
BETWEEN = 8.0
ROUNDS = 5
"""What else runs on the machine only adds to a cost, so the least of several is nearest to it."""


def grows_evenly(work: Callable[[int], object], size: int) -> bool:
    """Whether CPU time grows about as a size does, and not with its square.

    Args:
        work: made ready for a size and done; called with `size` and with `TIMES` as much, several times where needed.
        size: as large as makes a cost that grows with the square stand out from what is there for any size.
    """
    small = large = math.inf
    for _ in range(ROUNDS):
        small, large = min(small, _cost(work, size)), min(large, _cost(work, TIMES * size))
        if large < BETWEEN * small:
            return True
    return False


def _cost(work: Callable[[int], object], size: int) -> float:
    started = time.process_time()
    work(size)
    return time.process_time() - started
