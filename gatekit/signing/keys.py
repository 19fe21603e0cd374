"""trust/keys.yaml: which keys and Sigstore identities are believed, for what and for how long.

The file is part of the trust root: in a pull request it is read from the base branch.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import read_regular_file
from gatekit.evidence.strict_yaml import YAML_LIMITS, Node, YamlDocument, parse_yaml
from gatekit.evidence.times import parse_time
from gatekit.policy import fields
from gatekit.signing.ed25519 import is_sound, key_digest
from gatekit.signing.statement import ROLES

SCHEMA = "gatekit.keys/1"
KEYRING_KEYS = ("schema", "repository", "keys", "identities")
VALIDITY_KEYS = ("roles", "valid_from", "valid_until", "revoked")
# At most 63 characters, so that no id can be taken for the digest of another key.
KEY_ID = r"[a-z][a-z0-9-]{0,62}"
REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}"
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True)
class Trust:
    """What a signer is believed about, and when."""

    id: str
    roles: frozenset[str]
    valid_from: datetime
    valid_until: datetime
    """Its last second."""
    revoked_at: datetime | None
    revoked_reason: str | None
    location: Location


@dataclass(frozen=True)
class TrustedKey:
    """An ed25519 public key."""

    public: bytes
    """32 bytes."""
    trust: Trust

    @property
    def digest(self) -> str:
        """What tells keys apart, whatever they are called."""
        return key_digest(self.public)

    @property
    def names(self) -> frozenset[str]:
        """What a `keyid` may call it: its id here, its digest, or the digest that securesystemslib gives it."""
        described = {"keytype": "ed25519", "keyval": {"public": self.public.hex()}, "scheme": "ed25519"}
        canonical = json.dumps(described, sort_keys=True, separators=(",", ":")).encode("ascii")
        return frozenset({self.trust.id, self.digest, hashlib.sha256(canonical).hexdigest()})


@dataclass(frozen=True)
class TrustedIdentity:
    """Who a Sigstore certificate may name."""

    identity: str
    """The certificate's subject alternative name: a workflow's URI or an e-mail address, compared whole."""
    issuer: str
    """URL of the OpenID Connect provider that vouched for it."""
    trust: Trust

    @property
    def digest(self) -> str:
        """What tells identities apart from each other and from keys."""
        return hashlib.sha256(f"sigstore\0{self.issuer}\0{self.identity}".encode()).hexdigest()


@dataclass(frozen=True)
class KeyRing:
    """Everybody who is believed."""

    path: str
    keys: tuple[TrustedKey, ...] = ()
    identities: tuple[TrustedIdentity, ...] = ()
    repository: str | None = None
    """When set, evidence must have been signed for this repository and the policies that require the signature."""

    @cached_property
    def _by_name(self) -> dict[str, TrustedKey]:
        return {name: key for key in reversed(self.keys) for name in key.names}

    def named(self, keyid: str) -> TrustedKey | None:
        """Return the key that a keyid means, None where no known key has that name."""
        return self._by_name.get(keyid)


def read_keys(path: str) -> KeyRing:
    """Read a key file.

    Raises:
        GatekitError: `yaml.*` or `keys.*` with file, line and column.
    """
    return parse_keys(read_regular_file(path, "yaml", YAML_LIMITS.size), os.fspath(path))


def parse_keys(data: bytes, name: str) -> KeyRing:
    """Read a key file from bytes, as `read_keys` does from a file."""
    try:
        return _keyring(parse_yaml(data, name))
    except GatekitError as error:
        # The typed access to nodes is shared with policies, whose error ids it carries.
        family, _, rest = error.error_id.partition(".")
        if family == "policy":
            error.error_id = f"keys.{rest}"
        raise


def _keyring(document: YamlDocument) -> KeyRing:
    root = document.root
    fields.refuse_newer(document, SCHEMA)
    top = fields.mapping(document, root, "a key file", KEYRING_KEYS)
    fields.choice(document, fields.required(document, root, top, "schema", "the key file"), "schema", [SCHEMA])
    key_nodes = fields.sequence(document, top["keys"], "keys") if "keys" in top else ()
    identity_nodes = fields.sequence(document, top["identities"], "identities") if "identities" in top else ()
    if not key_nodes and not identity_nodes:
        raise fields.refusal(document, root, "nobody", "the key file names no key and no identity", "add `keys`")
    keys = tuple(_key(document, node) for node in key_nodes)
    identities = tuple(_identity(document, node) for node in identity_nodes)
    _refuse_doubles(keys, identities)
    repository = None
    if "repository" in top:
        repository = fields.text(document, top["repository"], "repository", REPOSITORY)
    return KeyRing(document.path, keys, identities, repository)


def _key(document: YamlDocument, node: Node) -> TrustedKey:
    given = fields.mapping(document, node, "a key", ("id", "public", *VALIDITY_KEYS))
    place = fields.required(document, node, given, "public", "a key")
    try:
        public = decode_key(fields.text(document, place, "public", limit=100))
    except ValueError:
        remedy = "`gatekit attest --new-key FILE` prints a whole entry"
        raise fields.refusal(
            document, place, "public", "public must be 32 bytes as 64 hex digits or base64", remedy
        ) from None
    if not is_sound(public):
        raise fields.refusal(document, place, "public", "this public key would let anyone sign")
    return TrustedKey(public, _trust(document, node, given, "a key"))


def _identity(document: YamlDocument, node: Node) -> TrustedIdentity:
    given = fields.mapping(document, node, "an identity", ("id", "identity", "issuer", *VALIDITY_KEYS))
    return TrustedIdentity(
        identity=fields.text(
            document, fields.required(document, node, given, "identity", "an identity"), "identity", r"\S+"
        ),
        issuer=fields.text(
            document, fields.required(document, node, given, "issuer", "an identity"), "issuer", r"https://\S+"
        ),
        trust=_trust(document, node, given, "an identity"),
    )


def decode_key(text: str) -> bytes:
    """Return the 32 bytes of a key written as 64 hex digits or as base64.

    Raises:
        ValueError: it is neither; the text itself is not in the message, as it may be a private key.
    """
    text = text.strip()
    try:
        data = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        data = b""
    if len(data) != 32:
        raise ValueError("not 32 bytes as hex or base64")
    return data


def _trust(document: YamlDocument, node: Node, given: Mapping[str, Node], what: str) -> Trust:
    def need(key: str) -> Node:
        return fields.required(document, node, given, key, what)

    name = fields.text(document, need("id"), "id", KEY_ID)
    role_nodes = fields.sequence(document, need("roles"), "roles")
    roles = [fields.choice(document, role, "role", ROLES) for role in role_nodes]
    start = _moment(document, need("valid_from"), "valid_from", last=False)
    end = _moment(document, need("valid_until"), "valid_until", last=True)
    if end <= start:
        raise fields.refusal(document, need("valid_until"), "value", "valid_until must be after valid_from")
    revoked_at = reason = None
    if "revoked" in given:
        revocation = fields.mapping(document, given["revoked"], "revoked", ("at", "reason"))
        at = fields.required(document, given["revoked"], revocation, "at", "revoked")
        revoked_at = _moment(document, at, "at", last=False)
        because = fields.required(document, given["revoked"], revocation, "reason", "revoked")
        reason = fields.text(document, because, "reason")
    return Trust(name, frozenset(roles), start, end, revoked_at, reason, document.location(node))


def _moment(document: YamlDocument, node: Node, what: str, last: bool) -> datetime:
    """Return a quoted UTC time, or the first or last second of a quoted day."""
    text = fields.text(document, node, what)
    try:
        if _DAY.fullmatch(text):
            start = parse_time(f"{text}T00:00:00Z")
            return start + timedelta(days=1, seconds=-1) if last else start
        return parse_time(text)
    except (ValueError, OverflowError):
        remedy = 'write "2026-02-16" or "2026-02-16T01:48:20Z"'
        raise fields.refusal(document, node, "value", f"{what} '{text}' is not a day or UTC time", remedy) from None


def _refuse_doubles(keys: tuple[TrustedKey, ...], identities: tuple[TrustedIdentity, ...]) -> None:
    """One key under two ids could be revoked under one and valid under the other."""
    names: dict[str, Trust] = {}
    digests: dict[str, Trust] = {}
    entries: tuple[TrustedKey | TrustedIdentity, ...] = (*keys, *identities)
    for entry in entries:
        for seen, name, what in ((names, entry.trust.id, "id"), (digests, entry.digest, "key or identity")):
            other = seen.setdefault(name, entry.trust)
            if other is not entry.trust:
                message = f"'{entry.trust.id}' has the {what} of '{other.id}'"
                raise GatekitError("keys.duplicate", message, entry.trust.location, f"the other is at {other.location}")
