"""Digests, always 64 lower-case hex digits: of a value through its canonical JSON (RFC 8785), of a file as it is."""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import re
from typing import Any

from gatekit.errors import GatekitError, Location

_CHUNK = 1 << 20
_LARGEST = 2**53 - 1


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value: one byte sequence for all ways of writing the same document.

    Args:
        value: dict with string keys, list, tuple, str, int, float, bool or None, nested.

    Raises:
        GatekitError: `canonical.value` for what JSON cannot hold: NaN, infinities, integers beyond +-(2^53-1), lone
            surrogates, keys that are not strings, other types.
    """
    try:
        if _is_plain(value):
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")
    except (ValueError, RecursionError):
        pass  # a lone surrogate, or too deep: refused below in the words for it
    import rfc8785  # here because most values are plain

    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:  # CanonicalizationError and UnicodeError are ValueErrors
        reason = str(error) or type(error).__name__
        raise GatekitError("canonical.value", f"the value has no canonical JSON form: {reason}") from None


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
# Outside of strings: a fraction that is whole or has an exponent, and an integer that a double may not hold, are
# written in another form by RFC 8785.
_OTHER_FORM = re.compile(r"\.0(?![0-9])|[0-9]e|(?<![.0-9])[0-9]{16}")


_MOST_KNOWN = 1024
_LARGEST_KNOWN = 1 << 14
"""Bytes of a value whose digest is remembered; protocols and configurations, which most files share, have fewer."""
_known: dict[bytes, str] = {}
"""Digests by the value as `marshal` writes it: two values of one form are equal in every type, order and digit."""


def sha256_of_shared(value: Any) -> str:
    """Return what `sha256_of_parsed` returns, at once where an equal value came before."""
    form = marshal.dumps(value, 2)  # version 2: later ones write what happens to be one object once
    known = _known.get(form)
    if known is None:
        known = sha256_of_parsed(value)
        if len(form) <= _LARGEST_KNOWN:
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[form] = known
    return known


def sha256_of_parsed(value: Any) -> str:
    """Return what `sha256_of` returns, in a third of its time, of a value that `parse_json` returned.

    There every key is text, so the form that Python writes can be looked at instead of every value.
    """
    try:
        text = _ENCODER.encode(value)
    except (ValueError, TypeError, RecursionError):
        return sha256_of(value)
    # Keys are sorted alike, and strings written alike, where all is ASCII; a backslash could hide an end of a string.
    if not text.isascii() or "\\" in text or _OTHER_FORM.search("".join(text.split('"')[::2])):
        return sha256_of(value)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


_PLAIN = frozenset({str, bool, type(None)})


def _is_plain(value: Any) -> bool:
    """Whether Python's own JSON writes a value as RFC 8785 wants it, five times as fast.

    It does for text (both escape only what must be), for integers that a double holds, and for fractions that neither
    side writes with an exponent; keys are sorted alike where they are ASCII.
    """
    kind: type[Any] = type(value)
    if kind in _PLAIN:
        return True
    if kind is dict:
        return all(type(key) is str and key.isascii() for key in value) and all(map(_is_plain, value.values()))
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    if kind is int:
        return bool(abs(value) <= _LARGEST)
    return kind is float and _is_short(value)


def _is_short(value: float) -> bool:
    return 1e-4 <= abs(value) < 1e15 and not value.is_integer()


def sha256_of(value: Any) -> str:
    """Return the digest of a value's canonical form; raises what `canonical_bytes` raises."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the digest of a file of any size, read in pieces.

    Raises:
        GatekitError: `digest.unreadable` when the file is missing, a directory or not readable.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        place = Location(os.fspath(path))
        raise GatekitError("digest.unreadable", f"the file cannot be read: {reason}", place) from None
    return digest.hexdigest()
