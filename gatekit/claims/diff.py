"""What a change does to the claims: between two registries, and between what their documents print.

A change that asserts more, or asserts something else, makes the gates of the claim blocking; one that withdraws or
weakens never does, so that nobody is kept from correcting a wrong claim.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gatekit.claims.bindings import ValueBinding
from gatekit.claims.checking import registered_words
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.model import STRENGTH, Claim, Registry
from gatekit.claims.scanning import scan_numbers
from gatekit.errors import Location

ClaimChangeKind = Literal[
    "added",
    "strengthened",
    "weakened",
    "tightened",
    "removed",
    "sentence_changed",
    "number_changed",
    "rules_changed",
    "document_removed",
]


@dataclass(frozen=True)
class ClaimChange:
    """One change, as seen from the head."""

    kind: ClaimChangeKind
    claim: str | None
    """Id; None for a number outside every claim, and for the rules."""
    message: str
    location: Location | None
    """In the head, or in the base where the head has nothing left."""
    makes_blocking: tuple[str, ...]
    """Ids of the head's supported claims whose gates this change makes blocking."""

    @property
    def blocking(self) -> bool:
        """Whether any gate must pass because of this change."""
        return bool(self.makes_blocking)


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
    changes += _numbers(list(after.values()), base_documents, head_documents)
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

    def note(kind: ClaimChangeKind, message: str, location: Location, makes_blocking: tuple[str, ...]) -> None:
        changes.append(ClaimChange(kind, new.id, message, location, makes_blocking))

    if STRENGTH[new.status] > STRENGTH[old.status]:
        note("strengthened", f"status {old.status} becomes {new.status}", new.status_location, blocking)
    elif new.status != old.status:
        note("weakened", f"status {old.status} becomes {new.status}", new.status_location, ())
    if new.policy != old.policy:
        note("strengthened", f"policy '{old.policy}' becomes '{new.policy}'", new.policy_location, blocking)
    dropped = [gate for gate in old.gates if gate not in new.gates]
    extra = [gate for gate in new.gates if gate not in old.gates]
    if dropped:
        note("strengthened", f"no longer needs {_listed(dropped)}", new.location, blocking)
    if extra:
        note("tightened", f"also needs {_listed(extra)}", new.location, ())
    if set(new.evidence) != set(old.evidence):
        message = f"stands on {_evidence(new)} instead of {_evidence(old)}"
        note("strengthened", message, new.location, blocking)
    if registered_words(new) != registered_words(old):
        note("sentence_changed", f"'{old.sentence}' becomes '{new.sentence}'", new.location, blocking)
    if _slots(new) != _slots(old):
        message = f"its sentence shows {_listed_slots(new)} instead of {_listed_slots(old)}"
        note("sentence_changed", message, new.location, blocking)
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


def _numbers(
    claims: Sequence[Claim], base_documents: Sequence[ClaimsDocument], head_documents: Sequence[ClaimsDocument]
) -> list[ClaimChange]:
    before = {document.path: document for document in base_documents}
    after = {document.path: document for document in head_documents}
    changes: list[ClaimChange] = []
    for path in sorted({*before, *after}):
        changes += _in_document(claims, before.get(path), after.get(path))
    return changes


def _in_document(claims: Sequence[Claim], old: ClaimsDocument | None, new: ClaimsDocument | None) -> list[ClaimChange]:
    """Compare the bindings of one document; where they stand in it does not matter."""
    before = _by_place(old)
    after = _by_place(new)
    changes: list[ClaimChange] = []
    for place in [*after, *(place for place in before if place not in after)]:
        same = _paired(before.get(place, []), after.get(place, []), lambda b: (b.target, b.printed))
        edited = _paired(same.base, same.head, lambda b: b.target)
        for was, now in edited.pairs:
            message = f"{now.target} said {was.printed or 'nothing'}, says {now.printed or 'nothing'}"
            changes.append(_number(claims, now, message))
        rebound = _paired(edited.base, edited.head, lambda _: None)
        for was, now in rebound.pairs:
            message = f"bound to {now.target} instead of {was.target}, says {now.printed or 'nothing'}"
            changes.append(_number(claims, now, message))
        changes += [_number(claims, now, f"new: {now.target} says {now.printed or 'nothing'}") for now in rebound.head]
        changes += _unbound(claims, rebound.base, old, new)
    return changes


def _by_place(document: ClaimsDocument | None) -> dict[str | None, list[ValueBinding]]:
    """Return the bindings per claim in whose block they stand, None for those outside."""
    found: dict[str | None, list[ValueBinding]] = {}
    for binding in document.values if document is not None else ():
        found.setdefault(binding.claim, []).append(binding)
    return found


@dataclass(frozen=True)
class _BindingPairs:
    pairs: list[tuple[ValueBinding, ValueBinding]]
    base: list[ValueBinding]
    """What is left of the base."""
    head: list[ValueBinding]


def _paired(
    base: Iterable[ValueBinding], head: Iterable[ValueBinding], key: Callable[[ValueBinding], Hashable]
) -> _BindingPairs:
    """Pair the bindings of equal keys, each once, first with first."""
    waiting: dict[Hashable, deque[ValueBinding]] = {}
    for binding in base:
        waiting.setdefault(key(binding), deque()).append(binding)
    pairs, left = [], []
    for binding in head:
        queue = waiting.get(key(binding))
        if queue:
            pairs.append((queue.popleft(), binding))
        else:
            left.append(binding)
    rest = sorted((binding for queue in waiting.values() for binding in queue), key=lambda binding: binding.span)
    return _BindingPairs(pairs, rest, left)


def _number(claims: Sequence[Claim], binding: ValueBinding, message: str) -> ClaimChange:
    return ClaimChange("number_changed", binding.claim, message, binding.location, _stand_on(claims, binding))


def _stand_on(claims: Sequence[Claim], binding: ValueBinding) -> tuple[str, ...]:
    """Return the supported claims that a number speaks for: that of its block, or all that stand on its evidence."""
    supported = [claim for claim in claims if claim.status == "supported"]
    if binding.claim is not None:
        return tuple(claim.id for claim in supported if claim.id == binding.claim)
    return tuple(claim.id for claim in supported if claim.stands_on(binding.file))


def _unbound(
    claims: Sequence[Claim], gone: Sequence[ValueBinding], old: ClaimsDocument | None, new: ClaimsDocument | None
) -> list[ClaimChange]:
    """A binding that goes with its number withdraws it; where the number stays, it is only no longer checked."""
    if not gone:
        return []
    stays = _loose(new) - _loose(old)
    changes = []
    for binding in gone:
        kept = stays[binding.printed] > 0
        stays[binding.printed] -= kept
        message = f"{binding.target} is no longer bound" + (
            f", but {binding.printed} still stands there" if kept else ""
        )
        blocking = _stand_on(claims, binding) if kept else ()
        changes.append(ClaimChange("number_changed", binding.claim, message, binding.location, blocking))
    return changes


def _loose(document: ClaimsDocument | None) -> Counter[str]:
    """Count the numbers of the prose that nothing is bound to."""
    if document is None:
        return Counter()
    return Counter(stray.text.replace("\u2212", "-").replace("\\%", "%") for stray in scan_numbers(document))
