"""The signing key: read from a file or the environment, made anew, and never shown.

No message here holds any part of a key, and no error of the library that parsed one is passed on.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.strict_json import read_regular_file
from gatekit.exit_codes import ExitCode
from gatekit.signing.ed25519 import is_sound, missing_library, public_bytes
from gatekit.signing.keys import decode_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIZE_LIMIT = 16 << 10
"""Bytes; a PEM file has about 120."""


def read_private_key(path: str) -> Ed25519PrivateKey:
    """Read an ed25519 key: PEM (PKCS8, not encrypted), or its 32 bytes as they are, as hex or as base64.

    Raises:
        GatekitError: `key.*`.
        UsageError: `cryptography` is not installed.
    """
    return _parse(read_regular_file(path, "key", SIZE_LIMIT), Location(path))


def private_key_from_environment(name: str) -> Ed25519PrivateKey:
    """Read an ed25519 key from an environment variable, in one of the text forms of `read_private_key`.

    Raises:
        GatekitError: `key.*`.
        UsageError: the variable is not set, or `cryptography` is not installed.
    """
    text = os.environ.get(name)
    if not text:
        raise UsageError(f"--key-env {name}: the variable is not set, or empty")
    if len(data := os.fsencode(text)) > SIZE_LIMIT:
        raise GatekitError("key.size", f"the variable holds more than {SIZE_LIMIT} bytes", Location(f"${name}"))
    return _parse(data, Location(f"${name}"))


def new_private_key(path: str) -> bytes:
    """Make a key, write it as PEM to a new file that only its owner can read, and return the public key's 32 bytes.

    Raises:
        GatekitError: `output.unwritable`: something is there already, or the place cannot be written.
        UsageError: `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    except ImportError:
        raise missing_library() from None
    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        # 0600 from the start: no other user may open the file before its mode is set.
        descriptor = os.open(path, flags, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"the key cannot be written: {reason}"
        raise GatekitError(
            "output.unwritable", message, Location(path), "name a file that is not there yet", ExitCode.USAGE
        ) from None
    return public_bytes(key)


def _parse(data: bytes, place: Location) -> Ed25519PrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise missing_library() from None
    remedy = "`gatekit attest --new-key FILE` makes one"
    if b"-----BEGIN" in data:
        try:
            key = load_pem_private_key(data, password=None)
        except TypeError:
            raise GatekitError("key.encrypted", "the key is encrypted", place, "store it without a password") from None
        except Exception:  # whatever the parser says may quote the key
            raise GatekitError("key.malformed", "this is not a PEM private key (PKCS8)", place, remedy) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise GatekitError("key.type", "the key is not an ed25519 key", place, remedy)
    else:
        try:
            raw = data if len(data) == 32 else decode_key(data.decode("ascii"))
        except ValueError:
            message = "this is neither a PEM private key nor 32 bytes as hex or base64"
            raise GatekitError("key.malformed", message, place, remedy) from None
        key = Ed25519PrivateKey.from_private_bytes(raw)
    if not is_sound(public_bytes(key)):  # pragma: no cover - no private key is known to have such a public key
        raise GatekitError("key.malformed", "the key's public key is of small order", place, remedy)
    return key
