"""What changed in the numbers that documents print, per claim in whose block they stand."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from gatekit.claims.bindings import ValueBinding
from gatekit.claims.claim_change import ClaimChange, SideBySide
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.model import Claim
from gatekit.claims.scanning import scan_numbers


def number_changes(
    claims: Sequence[Claim], base_documents: Sequence[ClaimsDocument], head_documents: Sequence[ClaimsDocument]
) -> list[ClaimChange]:
    """Return what changed, documents in the order of their paths.

    Args:
        claims: of the head.
        base_documents: the documents before.
        head_documents: the same after.
    """
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
            sides = None if now.shows == was.shows else SideBySide("number", _told(was), _told(now))
            changes.append(_number(claims, now, message, sides))
        changes += [_number(claims, now, f"new: {now.target} says {now.printed or 'nothing'}") for now in rebound.head]
        changes += _unbound(claims, rebound.base, old, new)
        if place is not None and not edited.base and not edited.head:
            changes += _exchanged(claims, before.get(place, []), after.get(place, []))
    return changes


def _exchanged(
    claims: Sequence[Claim], before: Sequence[ValueBinding], after: Sequence[ValueBinding]
) -> list[ClaimChange]:
    """Numbers that stand in each other's place within a sentence: which one is which is what the sentence says."""
    if [binding.shows for binding in before] == [binding.shows for binding in after]:
        return []
    first = next(now for was, now in zip(before, after, strict=True) if was.shows != now.shows)
    sides = SideBySide("numbers", "; ".join(map(_told, before)), "; ".join(map(_told, after)))
    return [_number(claims, first, "its numbers stand in each other's place", sides)]


def _told(binding: ValueBinding) -> str:
    return f"{binding.printed or 'nothing'} is {binding.shows}"


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


def _number(
    claims: Sequence[Claim], binding: ValueBinding, message: str, sides: SideBySide | None = None
) -> ClaimChange:
    return ClaimChange("number_changed", binding.claim, message, binding.location, _stand_on(claims, binding), sides)


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
