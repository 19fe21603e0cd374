"""The families that a summary states: which datasets, or which rows, are near copies and count as one random draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gatekit.errors import GatekitError, did_you_mean
from gatekit.evidence.dataset_families import family_of, is_known

LEVELS: Mapping[str, str] = {"per_seed_dataset": "datasets", "per_seed_row": "rows"}
"""Design -> the part of a protocol's `families` that is about its levels."""

_COLUMN = {"datasets": "dataset", "rows": "row"}


Families = Mapping[str, Mapping[Any, str]]
"""`datasets` or `rows` -> dataset or row -> its family; without a part of which nothing is stated or known."""


def families_of(protocol: Mapping[str, Any]) -> Families:
    """Return the families of a protocol that passed `check_families`.

    Families of datasets that a summary states are joined with those that are known: whoever measured near copies may
    leave out that they are, or call each a family of its own.
    """
    found = {
        part: {member: family for family, members in stated.items() for member in members}
        for part, stated in protocol.get("families", {}).items()
    }
    joined = _joined(protocol["datasets"], found.get("datasets", {}))
    return {**found, "datasets": joined} if joined else found


def families_of_column(families: Families, design: str, levels: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the family of each observation; None where none is stated or known for this design.

    Args:
        families: of the summary's protocol.
        design: of the measurement.
        levels: (observations,) its datasets or rows.
    """
    of_member = families.get(LEVELS.get(design, ""))
    return None if of_member is None else tuple(of_member[level] for level in levels)


def _joined(datasets: Sequence[Mapping[str, Any]], stated: Mapping[str, str]) -> dict[str, str]:
    """Return dataset -> family: two are of one where it is stated, known by their names, or their bytes are the same.

    Args:
        datasets: `{name, sha256, rows}` of a protocol.
        stated: dataset -> its family; of all of them, or empty.

    Returns:
        Nothing where no family is stated or known, and no two datasets are of one.
    """
    names = [dataset["name"] for dataset in datasets]
    above = {name: name for name in names}

    def first_of(name: str) -> str:
        while above[name] != name:
            above[name] = name = above[above[name]]
        return name

    seen: dict[tuple[str, str], str] = {}
    for dataset in datasets:
        name = dataset["name"]
        marks = [("known", family_of(name)), ("bytes", dataset["sha256"])]
        marks += [("stated", stated[name])] if name in stated else []
        for mark in marks:
            above[first_of(name)] = first_of(seen.setdefault(mark, name))
    firsts = {name: first_of(name) for name in names}
    if not stated and not any(map(is_known, names)) and len(set(firsts.values())) == len(names):
        return {}
    return {name: stated.get(first, family_of(first)) for name, first in firsts.items()}


def others_than(chosen_on: Sequence[Mapping[str, Any]], measured: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a choice says its datasets, and shares none with those measured: by name, digest or known family.

    Args:
        chosen_on: `{name, sha256, rows}` of what the choice was made on.
        measured: of what was measured.
    """

    def marks(datasets: Sequence[Mapping[str, Any]]) -> set[str]:
        names = [dataset["name"] for dataset in datasets]
        return {*names, *map(family_of, names), *(dataset["sha256"] for dataset in datasets)}

    return bool(chosen_on) and bool(measured) and not marks(chosen_on) & marks(measured)


def check_families(document: Mapping[str, Any], refuse: Callable[[str, str, str], GatekitError]) -> None:
    """Refuse families that leave out a dataset or row, hold one twice, or hold one that is not there.

    Raises:
        GatekitError: what `refuse` makes of error id, message and JSON pointer.
    """
    protocol = document["protocol"]
    for part, stated in protocol.get("families", {}).items():
        word, pointer = _COLUMN[part], f"/protocol/families/{part}"
        there = _datasets(protocol) if part == "datasets" else _rows(document["measurements"])
        family_of: dict[Any, str] = {}
        for family, members in stated.items():
            for index, member in enumerate(members):
                place = f"{pointer}/{family.replace('~', '~0').replace('/', '~1')}/{index}"
                if member in family_of:
                    message = f"the {word} '{member}' is in the families '{family_of[member]}' and '{family}'"
                    raise refuse("duplicate_family", message, place)
                if member not in there:
                    near = did_you_mean(member, there) if part == "datasets" else None
                    message = f"there is no {word} '{member}'" + (f"; {near}" if near else "")
                    raise refuse("unknown_family_member", message, place)
                family_of[member] = family
        left = sorted(there - family_of.keys())
        if left:
            raise refuse("no_family", f"the {word} '{left[0]}' is in no family", pointer)


def _datasets(protocol: Mapping[str, Any]) -> set[Any]:
    return {dataset["name"] for dataset in protocol["datasets"]}


def _rows(measurements: Mapping[str, Any]) -> set[Any]:
    columns = [each["columns"]["row"] for each in measurements.values() if each["design"] == "per_seed_row"]
    return {row for column in columns for row in column}
