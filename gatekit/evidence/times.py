"""Times as evidence, keys and signatures state them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

# strptime alone would also take the digits of other scripts, single digits and a small t or z.
_TIME = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z", re.ASCII)


@lru_cache(maxsize=1000)
def parse_time(text: str) -> datetime:
    """Read a UTC time such as 2026-02-16T01:48:20Z; raises ValueError for another form or a day that does not exist."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"not a UTC time: {text[:40]!r}")
    year, month, day, hour, minute, second = map(int, found.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
