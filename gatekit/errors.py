"""The one exception family: every error names a place, what is wrong there and, where one is known, a remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from gatekit.exit_codes import ExitCode


@dataclass(frozen=True)
class Location:
    """A place in an input file: `path:line:column` for YAML, `path#/json/pointer` for JSON."""

    path: str
    line: int | None = None
    """1-based."""
    column: int | None = None
    """1-based."""
    pointer: str | None = None
    """RFC 6901 JSON pointer; "" is the whole document."""
    source_line: str | None = None
    """The user's own line, quoted under the error."""
    part: str | None = None
    """What people know the place by, where the file is not what they read: `cell 3, line 2` of a notebook."""

    def __str__(self) -> str:
        if self.line is not None:
            part = f" ({self.part})" if self.part else ""
            return f"{self.path}:{self.line}:{self.column or 1}{part}"
        return self.path if self.pointer is None else f"{self.path}#{self.pointer}"


class GatekitError(Exception):
    """An input that gatekit cannot accept.

    Args:
        error_id: stable dotted name, e.g. `json.duplicate_key`; tests and SARIF rules refer to it.
        message: one line, lower case, no full stop; says what is wrong.
        location: where.
        remedy: what to do about it, when one thing is likely.
        exit_code: REFUSED unless the error is one of usage.
    """

    def __init__(
        self,
        error_id: str,
        message: str,
        location: Location | None = None,
        remedy: str | None = None,
        exit_code: ExitCode = ExitCode.REFUSED,
    ) -> None:
        super().__init__(message)
        self.error_id = error_id
        self.message = message
        self.location = location
        self.remedy = remedy
        self.exit_code = exit_code

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{remedy} [{self.error_id}]"


def without_frames(error: GatekitError) -> GatekitError:
    """Return an error that is kept while more is read, without the frames that it came through.

    They hold all that was read when it was raised: of many refused files, all of them at once.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


class UsageError(GatekitError):
    """The command line, not an input file, is wrong."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__("usage", message, remedy=remedy, exit_code=ExitCode.USAGE)


LONGEST_NAME = 100
"""Characters of a name for which a near one is looked for."""
MOST_SORTED = 2_000
"""Known names that are ordered by how far they start alike."""
MOST_NAMES = 50
"""Known names that are compared with it; of more, those that start alike."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return `did you mean 'x'?` for the nearest known name, or None when nothing is near."""
    if len(name) > LONGEST_NAME:
        return None
    names = list(known)
    if len(names) > MOST_NAMES:
        alike = [other for other in names if other[:1] == name[:1] and abs(len(other) - len(name)) <= 3]
        # Those that start alike for longest: names of one list often have their first words in common.
        names = sorted(alike[:MOST_SORTED], key=lambda other: -_start_in_common(name, other))[:MOST_NAMES]
    near = difflib.get_close_matches(name, [other for other in names if len(other) <= LONGEST_NAME], n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else None


def _start_in_common(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def first_few(names: Iterable[str], most: int = 5) -> str:
    """Return the first names and how many more there are: a message stays one line however long a list is."""
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
