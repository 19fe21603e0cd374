"""What is said of a file whose schema has a higher number than this gatekit knows: it is not misspelt, it is newer."""

from __future__ import annotations

import re

_NAME = re.compile(r"(gatekit\.[a-z_]+)/(0|[1-9][0-9]{0,3})", re.ASCII)
REMEDY = "install a newer gatekit"


def newer_schema(named: object, known: str) -> str | None:
    """Return what is wrong with `gatekit.policy/2` where `gatekit.policy/1` is known; None where it is not newer."""
    given = _NAME.fullmatch(named) if isinstance(named, str) else None
    name, _, number = known.partition("/")
    if given is None or given[1] != name or int(given[2]) <= int(number):
        return None
    return f"{named} is newer than this gatekit, which knows {known}"
