"""Digests, always 64 lower-case hex digits: of a value through its canonical JSON (RFC 8785), of a file as it is."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from gatekit.errors import GatekitError, Location

_CHUNK = 1 << 20


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value: one byte sequence for all ways of writing the same document.

    Args:
        value: dict with string keys, list, tuple, str, int, float, bool or None, nested.

    Raises:
        GatekitError: `canonical.value` for what JSON cannot hold: NaN, infinities, integers beyond +-(2^53-1), lone
            surrogates, keys that are not strings, other types.
    """
    import rfc8785  # here because a command that digests nothing need not load it

    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:  # CanonicalizationError and UnicodeError are ValueErrors
        reason = str(error) or type(error).__name__
        raise GatekitError("canonical.value", f"the value has no canonical JSON form: {reason}") from None


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
