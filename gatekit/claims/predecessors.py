"""Which claims of the base a claim of the head stands in the place of, whatever it is called now.

What a claim must clear was agreed on when it was merged. An id is only a name: the sentence of a claim, withdrawn and
registered again under another id, is still that claim. Withdrawing a claim is free, and so is a claim that is new; a
new one that says what another said, or shows the numbers that it showed, is held to the other's bar as well.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.entries import registered_words
from gatekit.claims.model import STRENGTH, Claim, Registry
from gatekit.claims.prose import SLOT
from gatekit.errors import GatekitError, Location

NEARLY = 0.6
"""Share of their words, or of their runs of three letters, that two sentences have in common from which they count as
nearly the same."""
MOST_PAIRS = 100_000
"""Of a withdrawn claim and a new one: comparing them takes a second."""

_FILLING = (
    " a all also an and are as at be been by do does for from has have in is it its of on or our over than that the "
    "their them then there these they this those to too was we well were which will with "
)
"""Words that can come and go while a sentence says the same."""


@dataclass(frozen=True)
class Succession:
    """A claim of the head, and the claim of the base that it stands in the place of."""

    old: Claim
    new: Claim


@dataclass(frozen=True)
class ClaimHistory:
    """What a registry held once and does not hold any more."""

    withdrawn: tuple[Claim, ...]
    """Claims whose ids it does not have any more, as they last stood there."""
    reworded: tuple[Claim, ...]
    """Claims of any id in words that it said before its last ones."""
    supported: tuple[Claim, ...] = ()
    """Claims of every id as they stood when they were last supported."""
    unread: str | None = None
    """Why not all of the history was read."""


@dataclass(frozen=True)
class _Said:
    """What a claim says: its words that count, their runs of three letters, and the numbers that its blocks show."""

    words: frozenset[str]
    runs: frozenset[str]
    numbers: frozenset[tuple[str, str]]

    def is_nearly(self, other: _Said) -> bool:
        return _share(self.words, other.words) >= NEARLY or _share(self.runs, other.runs) >= NEARLY


def successions(
    base: Registry,
    head: Registry,
    base_documents: Sequence[ClaimsDocument],
    head_documents: Sequence[ClaimsDocument],
) -> list[Succession]:
    """Return every pair: those of one id in the order of the head's registry, then the others.

    A claim stands in the place of the one of its id. One that is new or reworded stands also in the place of each other
    claim that said the same in other filling words; and where that claim is withdrawn, weakened or reworded, of each
    that said nearly the same or showed one of its numbers.

    Raises:
        GatekitError: `claims.too_many_changes`, more claims are withdrawn and added than can be compared.
    """
    before, after = _by_id(base), _by_id(head)
    found = [Succession(before[name], claim) for name, claim in after.items() if name in before]
    fresh = [claim for name, claim in after.items() if name not in before or not _same(before[name], claim)]
    gone = [claim for name, claim in before.items() if not _stands(claim, after.get(name))]
    if len(fresh) * len(gone) > MOST_PAIRS:
        message = f"{len(gone)} claims are withdrawn or reworded and {len(fresh)} added or reworded in one change"
        remedy = f"make several changes of it: at most {MOST_PAIRS:,} pairs of such claims are compared"
        raise GatekitError("claims.too_many_changes", message, Location(head.path), remedy)
    shown_before, shown_after = _numbers(base_documents), _numbers(head_documents)
    said = {claim.id: _said(claim, shown_before) for claim in base.claims}
    alike: dict[frozenset[str], list[Claim]] = {}
    for claim in base.claims:
        alike.setdefault(said[claim.id].words, []).append(claim)
    for claim in fresh:
        says = _said(claim, shown_after)
        nearly = [old for old in gone if says.is_nearly(said[old.id]) or says.numbers & said[old.id].numbers]
        pairs = {old.id: old for old in (*alike.get(says.words, []), *nearly) if old.id != claim.id}
        found += [Succession(old, claim) for old in pairs.values()]
    return found


def registered_alike(old: Claim, new: Claim) -> bool:
    """Return whether two claims say the same, whatever they are called."""
    return _same(old, new)


def returned(history: ClaimHistory, base: Registry, head: Registry) -> list[Succession]:
    """Return each claim of the head that is new or reworded and says nearly what one said that is no more.

    What an id said before it was reworded counts where it now says something else.

    Args:
        history: of the base's registry.
        base: the registry before the change.
        head: the registry after it.

    Raises:
        GatekitError: `claims.too_many_changes`, more claims are added than can be compared.
    """
    before = _by_id(base)
    fresh = [claim for claim in head.claims if claim.id not in before or not _same(before[claim.id], claim)]
    old_claims = (*history.withdrawn, *history.reworded)
    if len(fresh) * len(old_claims) > MOST_PAIRS:
        message = f"{len(fresh)} claims are added or reworded, and {len(old_claims)} were withdrawn earlier"
        remedy = f"make several changes of it: at most {MOST_PAIRS:,} pairs of such claims are compared"
        raise GatekitError("claims.too_many_changes", message, Location(head.path), remedy)
    if not fresh:
        return []
    withdrawn = [(old, _said(old, {})) for old in history.withdrawn]
    now = {claim.id: _said(claim, {}) for claim in base.claims}
    reworded = [(old, _said(old, {})) for old in history.reworded]
    reworded = [(old, said) for old, said in reworded if old.id not in now or not now[old.id].is_nearly(said)]
    found = []
    for claim in fresh:
        says = _said(claim, {})
        found += [Succession(old, claim) for old, said in withdrawn if old.id == claim.id or says.is_nearly(said)]
        found += [Succession(old, claim) for old, said in reworded if old.id != claim.id and says.is_nearly(said)]
    return found


def _by_id(registry: Registry) -> dict[str, Claim]:
    return {claim.id: claim for claim in registry.claims}


def _same(old: Claim, new: Claim) -> bool:
    return registered_words(old) == registered_words(new)


def _stands(old: Claim, new: Claim | None) -> bool:
    """Whether a claim of the base is still there, in its words and no weaker."""
    if new is None or STRENGTH[new.status] < STRENGTH[old.status]:
        return False
    return _same(old, new)


def _said(claim: Claim, shown: dict[str, set[tuple[str, str]]]) -> _Said:
    """Return what counts of a sentence: not case, punctuation, filling words or the s of a plural."""
    plain = unicodedata.normalize("NFKC", registered_words(claim)).casefold().replace(SLOT, " ")
    words = "".join(letter if letter.isalnum() else " " for letter in plain).split()
    text = " ".join(words)
    return _Said(
        frozenset(word.removesuffix("s") or word for word in words if f" {word} " not in _FILLING),
        frozenset(text[start : start + 3] for start in range(max(1, len(text) - 2))),
        frozenset(shown.get(claim.id, ())),
    )


def _share(ours: frozenset[str], theirs: frozenset[str]) -> float:
    """Return twice what is common by what there is in all (Dice's coefficient)."""
    count = len(ours) + len(theirs)
    return 2 * len(ours & theirs) / count if count else 1.0


def _numbers(documents: Sequence[ClaimsDocument]) -> dict[str, set[tuple[str, str]]]:
    """Return (file, measure) of each number that stands in a claim's block, by the claim's id."""
    found: dict[str, set[tuple[str, str]]] = {}
    for document in documents:
        for binding in document.values:
            if binding.claim is not None:
                found.setdefault(binding.claim, set()).add((binding.file, binding.measure))
    return found
