"""The first problems of each file, and how many more there are: no file makes a report endless."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from gatekit.errors import GatekitError, Location

MOST_OF_A_FILE = 50
"""Problems of one file that are printed."""
MOST_PRINTED = 500
"""Problems of all files that are printed."""

Problem = TypeVar("Problem")


def first_problems(
    problems: Iterable[Problem], place: Callable[[Problem], Location | None]
) -> tuple[list[Problem], list[str]]:
    """Return the problems to print, in order, and a line per file that has more, or for all files behind the last.

    Args:
        problems: all of them.
        place: where one stands.
    """
    kept: list[Problem] = []
    seen: Counter[str] = Counter()
    more: Counter[str] = Counter()
    for problem in problems:
        location = place(problem)
        path = location.path if location is not None else ""
        seen[path] += 1
        if seen[path] <= MOST_OF_A_FILE and len(kept) < MOST_PRINTED:
            kept.append(problem)
        else:
            more[path] += 1
    lines = [f"{path}: {count} more".removeprefix(": ") for path, count in more.items() if seen[path] > count]
    unnamed = sum(count for path, count in more.items() if seen[path] == count)
    return kept, lines + ([f"{unnamed} more in other files"] if unnamed else [])


def first_errors(errors: Iterable[GatekitError]) -> tuple[list[GatekitError], list[str]]:
    """Return `first_problems` of errors."""
    return first_problems(errors, lambda error: error.location)
