"""A foreign tool's own settings as a protocol's: every member is kept, so that files that differ in one are told apart.

A member that no adapter knows may change the number as well as one that it knows. Nothing is dropped but what the
adapter names as unable to change a number.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from gatekit.evidence.adapters.fields import Field

Json = dict[str, Any]

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_LONGEST = 1000
"""Characters of a setting; see the summary's schema."""


def recorded_settings(config: Field, without: Collection[str] = (), prefix: str = "") -> Json:
    """Return every member of an object but those in `without`, as a protocol's settings can hold it.

    Args:
        config: the object.
        without: members that cannot change a number, or that are read elsewhere.
        prefix: put before each name.

    Raises:
        GatekitError: `adapter.name`: a member's name cannot be that of a setting, or two names become one.
    """
    settings: Json = {}
    for name, field in config.members():
        if name in without:
            continue
        key = prefix + re.sub(r"[^a-z0-9_]", "_", name.lower(), flags=re.ASCII)
        if not _IDENTIFIER.fullmatch(key) or key in settings:
            raise field.refuse("name", f"{name[:80]!r} cannot be the name of a setting")
        settings[key] = setting(field.value)
    return settings


def setting(value: Any) -> str | float | bool | None:
    """Return a value as a setting: lists and objects as JSON; what is too long by its digest; NaN as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(text) <= _LONGEST:
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8')).hexdigest()}"


def differing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the names of the members that are not the same in both, sorted; one that is missing differs from all."""
    return sorted(key for key in {*ours, *theirs} if not _same(ours, theirs, key))


def _same(ours: Mapping[str, Any], theirs: Mapping[str, Any], key: str) -> bool:
    if key not in ours or key not in theirs:
        return False
    # 1 == True in Python, and a protocol is not the same with either.
    return isinstance(ours[key], bool) == isinstance(theirs[key], bool) and bool(ours[key] == theirs[key])
