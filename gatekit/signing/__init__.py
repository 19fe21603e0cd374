"""Signatures over evidence and verdicts: in-toto statements in DSSE envelopes, ed25519 keys, Sigstore bundles.

The libraries behind it (the extra `[sign]`) are imported only when a signature is made or verified.
"""

from __future__ import annotations

from gatekit.signing.keys import KeyRing, TrustedIdentity, TrustedKey, parse_keys, read_keys
from gatekit.signing.signed_file import SignedFile
from gatekit.signing.verifying import SignatureFindings, collect_signers, files_of, is_attestation_name, judge

__all__ = [
    "KeyRing",
    "SignatureFindings",
    "SignedFile",
    "TrustedIdentity",
    "TrustedKey",
    "collect_signers",
    "files_of",
    "is_attestation_name",
    "judge",
    "parse_keys",
    "read_keys",
]
