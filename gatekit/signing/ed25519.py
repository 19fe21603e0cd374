"""Ed25519 (RFC 8032) through `cryptography`, which is imported only when something is signed or verified."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gatekit.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ed25519

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_PRIME = 2**255 - 19
# The y coordinates of the eight points of small order. A public key there lets anyone find a signature that holds for
# many messages at once. RFC 8032 leaves the check to the application.
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)


INSTALL = "install the sign extra: in a checkout of gatekit, pip install '.[sign]'"
"""The remedy where a library is missing; the distribution is on no package index, so its name would lead nowhere."""


def missing_library() -> UsageError:
    """Return the error of a command that needs the extra [sign] where it is not installed."""
    return UsageError("signatures need the package cryptography", INSTALL)


def key_digest(public: bytes) -> str:
    """Return the sha256 of a public key's 32 bytes: what a key is called whatever name it was given."""
    return hashlib.sha256(public).hexdigest()


def is_sound(public: bytes) -> bool:
    """Whether 32 bytes encode a point canonically and not one of small order; whether it is on the curve is not asked.

    A non-canonical encoding would be a second name for the same key.
    """
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    return len(public) == KEY_BYTES and y < _PRIME and y not in _SMALL_ORDER


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message is by the owner of the public key.

    Raises:
        UsageError: `cryptography` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise missing_library() from None
    if not is_sound(public) or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):  # ValueError: the key is not a point
        return False
    return True


def public_bytes(key: ed25519.Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key."""
    return key.public_key().public_bytes_raw()
