"""The families that a summary states: which datasets, or which rows, are near copies and count as one random draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gatekit.errors import GatekitError, did_you_mean
from gatekit.evidence.dataset_families import family_of

LEVELS: Mapping[str, str] = {"per_seed_dataset": "datasets", "per_seed_row": "rows"}
"""Design -> the part of a protocol's `families` that is about its levels."""

_COLUMN = {"datasets": "dataset", "rows": "row"}


def families_of_column(protocol: Mapping[str, Any], design: str, levels: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the family of each observation; None where the protocol states none for this design.

    Args:
        protocol: of a summary that passed `check_families`.
        design: of the measurement.
        levels: (observations,) its datasets or rows.
    """
    stated = protocol.get("families", {}).get(LEVELS.get(design, ""))
    if stated is None:
        return None
    of_member = {member: family for family, members in stated.items() for member in members}
    return tuple(of_member[level] for level in levels)


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
