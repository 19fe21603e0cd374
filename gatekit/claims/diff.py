"""What a change does to the claims: between two registries, and between what their documents print.

A change that asserts more, or asserts something else, makes the gates of the claim blocking; one that withdraws or
weakens never does, so that nobody is kept from correcting a wrong claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gatekit.claims.claim_change import ClaimChange, ClaimChangeKind, SideBySide
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.entries import registered_words
from gatekit.claims.model import STRENGTH, Claim, Registry
from gatekit.claims.number_changes import number_changes
from gatekit.errors import Location


def claim_changes(
    base: Registry | None,
    head: Registry | None,
    base_documents: Sequence[ClaimsDocument],
    head_documents: Sequence[ClaimsDocument],
) -> list[ClaimChange]:
    """Return what changed, claims in the order of the head's registry, then numbers in the order of the documents.

    Args:
        base: the registry before; None where there was none.
        head: the registry after; None where it was deleted.
        base_documents: the documents before, those that the rules that apply name.
        head_documents: the same after.
    """
    before = {} if base is None else {claim.id: claim for claim in base.claims}
    after = {} if head is None else {claim.id: claim for claim in head.claims}
    changes: list[ClaimChange] = []
    for name, claim in after.items():
        changes += _added(claim) if name not in before else _changed(before[name], claim)
    for name, claim in before.items():
        if name not in after:
            changes.append(ClaimChange("removed", name, f"claim '{name}' is withdrawn", claim.location, ()))
    changes += number_changes(list(after.values()), base_documents, head_documents)
    read = {document.path for document in head_documents}
    changes += [
        ClaimChange(
            "document_removed", None, "is no longer read: removed, moved or renamed", Location(document.path), ()
        )
        for document in base_documents
        if document.path not in read
    ]
    if base is not None and (head is None or base.rules != head.rules):
        place = base.rules_location if head is None else head.rules_location
        what = "the registry is deleted, and its rules with it" if head is None else "the rules of the registry change"
        changes.append(ClaimChange("rules_changed", None, what, place, ()))
    return changes


def _blocking(claim: Claim) -> tuple[str, ...]:
    return (claim.id,) if claim.status == "supported" else ()


def _added(claim: Claim) -> list[ClaimChange]:
    message = f"claim '{claim.id}' is new, as {claim.status}"
    return [ClaimChange("added", claim.id, message, claim.location, _blocking(claim))]


def _changed(old: Claim, new: Claim) -> list[ClaimChange]:
    changes: list[ClaimChange] = []
    blocking = _blocking(new)

    def note(
        kind: ClaimChangeKind,
        message: str,
        location: Location,
        makes_blocking: tuple[str, ...],
        sides: SideBySide | None = None,
    ) -> None:
        changes.append(ClaimChange(kind, new.id, message, location, makes_blocking, sides))

    if STRENGTH[new.status] > STRENGTH[old.status]:
        note("strengthened", f"status {old.status} becomes {new.status}", new.status_location, blocking)
    elif new.status != old.status:
        note("weakened", f"status {old.status} becomes {new.status}", new.status_location, ())
    if new.policy != old.policy:
        sides = SideBySide("policy", old.policy, new.policy)
        note("strengthened", f"policy '{old.policy}' becomes '{new.policy}'", new.policy_location, blocking, sides)
    dropped = [gate for gate in old.gates if gate not in new.gates]
    extra = [gate for gate in new.gates if gate not in old.gates]
    gates = SideBySide("gates", ", ".join(old.gates), ", ".join(new.gates))
    if dropped:
        note("strengthened", f"no longer needs {_listed(dropped)}", new.location, blocking, gates)
    if extra:
        note("tightened", f"also needs {_listed(extra)}", new.location, (), None if dropped else gates)
    if set(new.evidence) != set(old.evidence):
        sides = SideBySide("evidence", _evidence(old), _evidence(new))
        note("strengthened", f"stands on {sides.head} instead of {sides.base}", new.location, blocking, sides)
    if registered_words(new) != registered_words(old):
        sides = SideBySide("sentence", old.sentence, new.sentence)
        note("sentence_changed", "its sentence is rewritten", new.location, blocking, sides)
    if _slots(new) != _slots(old):
        sides = SideBySide("slots", _listed_slots(old), _listed_slots(new))
        note("sentence_changed", "its sentence shows other numbers", new.location, blocking, sides)
    return changes


def _slots(claim: Claim) -> list[tuple[str, bool]] | None:
    return None if claim.slots is None else [(slot.words, slot.context) for slot in claim.slots]


def _listed_slots(claim: Claim) -> str:
    if claim.slots is None:
        return "what the documents bind"
    return "; ".join(slot.words + (" as context" if slot.context else "") for slot in claim.slots)


def _listed(gates: Iterable[str]) -> str:
    return ", ".join(f"gate '{gate}'" for gate in gates)


def _evidence(claim: Claim) -> str:
    return ", ".join(claim.evidence) or "all evidence of the policy's subject"
