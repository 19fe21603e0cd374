"""Who signed the evidence of a change: keys from the base, attestations and evidence from both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gatekit.errors import GatekitError
from gatekit.gates.evaluate import Signer
from gatekit.policy import Policy
from gatekit.pull_request.side import KEYS, BranchContents

TRUSTED_ROOT = "trust/sigstore_root.json"


Signers = Mapping[str, frozenset[Signer]]
"""Who signed, per sha256 of a summary's bytes."""


def change_signers(
    base: BranchContents, head: BranchContents, policies: Sequence[Policy], now: datetime
) -> tuple[Signers, Signers, list[GatekitError]]:
    """Return the verified signers of the base's and of the head's evidence, and what is wrong with the head's.

    The base's keys decide on both sides: a change that adds a key cannot sign with it. Each side stands on its own
    attestations: a change that deletes one leaves evidence behind which nobody vouches for. Without keys in the base
    nobody has signed, and a policy with `signed_by` refuses the evidence.

    Raises:
        UsageError: an attestation must be verified and the extra [sign] is not installed.
    """
    if KEYS not in base.tree or not (base.attestations or head.attestations):
        return {}, {}, []
    from gatekit.signing import collect_signers, files_of, parse_keys

    try:
        keys = parse_keys(base.tree.read(KEYS), KEYS)
    except GatekitError as error:
        return {}, {}, [error]
    root = base.tree.read(TRUSTED_ROOT) if TRUSTED_ROOT in base.tree else None
    required = [policy.sha256 for policy in policies if policy.signed_by is not None]
    (of_base, _), (of_head, wrong) = (
        collect_signers(side.attestations.items(), keys, files_of(side.summaries), now, required, root)
        for side in (base, head)
    )
    return of_base, of_head, wrong
