"""Claims that a change takes out of the registry, and whose sentences stay in the documents as anybody's prose.

Withdrawing a claim is never blocked, because then nothing says it any more. A sentence that stays, without its markers,
would say it on, with any number in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.finding import Finding
from gatekit.claims.model import Claim
from gatekit.errors import Location
from gatekit.exit_codes import ExitCode
from gatekit.pull_request.side import BranchContents

STILL_SAID = "claims.still_said"
_SLOT = r"\S{0,40}(?: \S{1,40}){0,4} ?"
"""What may stand where the claim had a bound number."""


def still_said(base: BranchContents, head: BranchContents) -> list[Finding]:
    """Return the claims of the base that the head has not, by id or sentence, and that its documents say as prose.

    Where the base's documents said it as prose as well, this change did not make it so.
    """
    if base.registry is None or head.registry is None:
        return []
    kept = {claim.id for claim in head.registry.claims}
    said = {_plain(claim.sentence) for claim in head.registry.claims}
    gone = [c for c in base.registry.claims if c.id not in kept and _plain(c.sentence) not in said]
    if not gone:
        return []
    before = [_plain(text) for _, text in _prose(base.documents)]
    found = []
    for document, text in _prose(head.documents):
        shown = _plain(text)
        for claim in gone:
            if _says(shown, claim) and not any(_says(other, claim) for other in before):
                found.append(
                    Finding(
                        STILL_SAID,
                        f"claim '{claim.id}' is withdrawn, and its sentence still stands in the document",
                        Location(document.path),
                        "take the sentence out, or register it with the status that it has",
                        ExitCode.BLOCKED,
                    )
                )
    return found


def _prose(documents: Iterable[ClaimsDocument]) -> list[tuple[ClaimsDocument, str]]:
    """Return what documents show outside of the sentences of claims, part by part."""
    return [(document, part.unclaimed.text) for document in documents for part in (document.parts or (document,))]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _says(shown: str, claim: Claim) -> bool:
    pieces = [piece.strip() for piece in _plain(claim.sentence).split("{}")]
    # Most documents do not hold the longest piece, which is found fast.
    if max(pieces, key=len) not in shown:
        return False
    return re.search(_SLOT.join(map(re.escape, pieces)), shown) is not None
