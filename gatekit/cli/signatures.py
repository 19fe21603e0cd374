"""What `check` and `verify` share: finding the keys and the attestations, and judging the ones by the others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

import rich_click as click

from gatekit.cli.inputs import EVIDENCE
from gatekit.errors import GatekitError
from gatekit.evidence import Summary
from gatekit.evidence.strict_json import read_regular_file
from gatekit.gates.evaluate import Signer
from gatekit.policy import Policy
from gatekit.report import inert

KEYS = "trust/keys.yaml"
TRUSTED_ROOT = "trust/sigstore_root.json"
ROOT_LIMIT = 1 << 20
"""Bytes; the public good instance's has about 7,000."""


def load_signers(
    evidence: Sequence[str], summaries: Sequence[Summary], policies: Sequence[Policy], keys: str | None, now: datetime
) -> tuple[dict[str, frozenset[Signer]], list[GatekitError]]:
    """Verify the attestations that lie beside the evidence.

    What cannot be tied to a known key is said on stderr and counts for nothing; a policy with `signed_by` refuses the
    evidence then.

    Args:
        evidence: the paths given, none for `evidence/`.
        summaries: what was read there.
        policies: those with `signed_by` are what evidence must have been signed for.
        keys: path of the key file, None for `trust/keys.yaml` where there is one.
        now: aware UTC time.

    Returns:
        What `evaluate` takes, and errors.
    """
    from gatekit.signing.discovery import find_attestations, read_attestations

    found = find_attestations(evidence or [EVIDENCE])
    path = keys or (KEYS if os.path.lexists(KEYS) else None)
    if path is None:
        if found:
            _note(f"{len(found)} attestation{'s' * (len(found) > 1)} not verified: there is no {KEYS}")
        return {}, []
    from gatekit.signing import files_of, judge, read_keys

    try:
        ring = read_keys(path)
    except GatekitError as error:
        return {}, [error]
    attestations, unreadable = read_attestations(found)
    findings = judge(
        attestations,
        ring,
        files_of(summaries),
        now,
        [policy.sha256 for policy in policies if policy.signed_by is not None],
        read_trusted_root(None),
    )
    for note in (*unreadable, *findings.notes):
        _note(f"not counted: {note}")
    return findings.signers, list(findings.errors)


def read_trusted_root(path: str | None) -> bytes | None:
    """Return the Sigstore root of trust that was named, or that lies in `trust/`; None to take the library's own."""
    if path is None and not os.path.lexists(TRUSTED_ROOT):
        return None
    return read_regular_file(path or TRUSTED_ROOT, "signature", ROOT_LIMIT)


def _note(text: str) -> None:
    click.echo(f"gatekit: {inert.terminal(text, limit=1000)}", err=True)
