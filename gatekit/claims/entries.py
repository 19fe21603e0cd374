"""What documents show by name where they cannot bind it themselves: registered sentences and values, numbers filled in.

An entry is a claim whose sentence has all its numbers fixed by the registry, or a value of the registry's `values`. Its
numbers come from the evidence; one that the evidence does not hold has a `problem`, and no document can show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gatekit.claims import markdown
from gatekit.claims.beside import glued
from gatekit.claims.bindings import ValueBinding
from gatekit.claims.model import BADGE, Claim, NamedValue, Registry, Slot
from gatekit.claims.prose import SLOT, Piece
from gatekit.claims.statistic import parse_format, parse_statistic
from gatekit.claims.values import shown
from gatekit.errors import GatekitError, Location
from gatekit.evidence.summary import Summary

EntryKind = Literal["claim", "value"]
EntryKey = tuple[EntryKind, str]
"""Kind and name."""


@dataclass(frozen=True)
class NamedEntry:
    """One sentence or number that documents show by its name."""

    kind: EntryKind
    name: str
    words: str
    """`SLOT` for each number."""
    numbers: tuple[ValueBinding, ...]
    """In the order of the words, each printed as the evidence says; their places are in the registry."""
    problem: GatekitError | None
    """Why it cannot be shown; such an entry is written nowhere."""


def registered_words(claim: Claim) -> str:
    """Return a claim's sentence as blocks are compared with it: plain words, `SLOT` for each bound number."""
    return markdown.sentence_words(claim.sentence.replace("{}", SLOT))


def badge_of(claim: Claim) -> str:
    """Return what stands before the sentence; nothing where the claim is supported."""
    return "" if claim.status == "supported" else BADGE[claim.status]


def named_entries(registry: Registry, summaries: Mapping[str, Summary]) -> dict[EntryKey, NamedEntry]:
    """Return every entry of a registry: claims, then values, each in the registry's order.

    Args:
        registry: the claims and values.
        summaries: by path relative to the registry.
    """
    found: dict[EntryKey, NamedEntry] = {}
    for claim in registry.claims:
        found["claim", claim.id] = _claim(claim, summaries)
    for value in registry.values:
        found["value", value.name] = _value(value, summaries)
    return found


def _claim(claim: Claim, summaries: Mapping[str, Summary]) -> NamedEntry:
    badge = badge_of(claim)
    words = f"{badge} {registered_words(claim)}" if badge else registered_words(claim)
    entry = NamedEntry("claim", claim.id, words, (), None)
    slots = claim.slots or ()
    if len(slots) != claim.sentence.count("{}") or any(slot.format is None for slot in slots):
        message = f"the registry does not fix every number of claim '{claim.id}'"
        remedy = "list its `slots`, each with a `format`"
        return replace(entry, problem=GatekitError("claims.not_fixed", message, claim.location, remedy))
    pieces = [Piece("marker" if part == SLOT else "text", part, 0) for part in _parted(words)]
    touching = glued(pieces, [(index, index) for index, piece in enumerate(pieces) if piece.kind == "marker"])
    if touching:
        message = f"the sentence shows number {touching[0][0] + 1} together with {touching[0][1]}"
        remedy = "leave a space, or let the format print all of the number"
        return replace(entry, problem=GatekitError("claims.glued", message, claim.location, remedy))
    return _filled(entry, slots, claim.id, summaries)


def _value(value: NamedValue, summaries: Mapping[str, Summary]) -> NamedEntry:
    return _filled(NamedEntry("value", value.name, SLOT, (), None), (value.shows,), None, summaries)


def _filled(
    entry: NamedEntry, slots: tuple[Slot, ...], claim: str | None, summaries: Mapping[str, Summary]
) -> NamedEntry:
    try:
        numbers = tuple(_number(slot, claim, summaries) for slot in slots)
    except GatekitError as error:
        return replace(entry, problem=error)
    return replace(entry, numbers=numbers)


def _number(slot: Slot, claim: str | None, summaries: Mapping[str, Summary]) -> ValueBinding:
    binding = ValueBinding(
        file=slot.file,
        measure=slot.measure,
        statistic=parse_statistic(slot.statistic),
        format=parse_format(slot.format or ""),
        target=slot.words,
        printed="",
        span=(0, 0),
        location=slot.location,
        marker_location=slot.location,
        claim=claim,
    )
    return replace(binding, printed=shown(binding, summaries).text)


def _parted(words: str) -> list[str]:
    """Return the text between slots, and each slot, in order."""
    parts: list[str] = []
    for text in words.split(SLOT):
        parts += [text, SLOT]
    return parts[:-1]


def placed(entry: NamedEntry, span: tuple[int, int], place: Location) -> tuple[ValueBinding, ...]:
    """Return an entry's numbers as they stand where a document shows it."""
    return tuple(replace(number, span=span, location=place, marker_location=place) for number in entry.numbers)
