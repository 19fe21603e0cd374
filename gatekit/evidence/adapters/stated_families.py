"""Families that the user states in a table beside the imported files: `dataset,family` or `row,family`.

Results of other tools do not say which of their datasets are near copies, and gatekit knows only some published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gatekit.errors import GatekitError, Location, did_you_mean
from gatekit.evidence.adapters.table.csv_table import parse_csv
from gatekit.evidence.strict_json import read_regular_file

LARGEST_FILE = 16 << 20
"""Bytes."""
PARTS: Mapping[str, Literal["datasets", "rows"]] = {"dataset": "datasets", "row": "rows"}

Document = Mapping[str, Any]


@dataclass(frozen=True)
class StatedFamilies:
    """Member -> family, and where each stands."""

    path: str
    column: str
    """`dataset` or `row`."""
    family_of: Mapping[str | int, str]
    places: Mapping[str | int, Location]


def read_families(path: str) -> StatedFamilies:
    """Read a CSV file with the columns `dataset` (or `row`) and `family`.

    Raises:
        GatekitError: `table.*` for what is no such table, `adapter.families` for a member that stands in it twice, or a
            row that is no number; with line and column.
    """
    table = parse_csv(read_regular_file(path, "table", LARGEST_FILE), path)
    column = next((name for name in PARTS if set(table.columns) == {name, "family"}), None)
    if column is None:
        found = ", ".join(table.columns)
        raise _refused(f"the columns are {found}", table.header, "name them dataset,family or row,family")
    families: dict[str | int, str] = {}
    places: dict[str | int, Location] = {}
    for row in table.rows:
        if column not in row.cells or "family" not in row.cells:
            raise _refused(f"this line lacks its {column if column not in row.cells else 'family'}", row.place(None))
        member = _member(str(row.cells[column]), column, row.place(column))
        if member in families:
            raise _refused(f"the {column} '{member}' is there twice", row.place(column))
        families[member], places[member] = str(row.cells["family"]), row.place(column)
    return StatedFamilies(path, column, families, places)


def with_families(documents: Sequence[Document], stated: StatedFamilies) -> list[Document]:
    """Return summaries with these families in the protocol of each that has such datasets or rows.

    Raises:
        GatekitError: `adapter.families`: one has no family here, one here is in none of them, or they have families
            already.
    """
    part = PARTS[stated.column]
    found: list[Document] = []
    used: set[str | int] = set()
    for document in documents:
        members = _members(document, part)
        if not members:
            found.append(document)
            continue
        protocol = document["protocol"]
        if part in protocol.get("families", {}):
            message = f"the families of these {part} are known: {', '.join(sorted(protocol['families'][part])[:5])}"
            raise _refused(message, Location(stated.path), "leave --families out")
        families: dict[str, list[str | int]] = {}
        for member in members:
            if member not in stated.family_of:
                near = did_you_mean(str(member), map(str, stated.family_of))
                message = f"the {stated.column} '{member}' of the results has no family here"
                raise _refused(message, Location(stated.path), near)
            families.setdefault(stated.family_of[member], []).append(member)
        used |= set(members)
        stands = {**protocol, "families": {**protocol.get("families", {}), part: families}}
        found.append({**document, "protocol": stands})
    unused = next((member for member in stated.family_of if member not in used), None)
    if unused is not None:
        near = did_you_mean(str(unused), map(str, used))
        raise _refused(f"no result has a {stated.column} '{unused}'", stated.places[unused], near)
    return found


def _member(text: str, column: str, place: Location) -> str | int:
    if column == "dataset":
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise _refused(f"'{text}' is no number of a row", place)
    return int(text)


def _members(document: Document, part: str) -> list[str | int]:
    """Return the datasets, or the rows, that a summary's observations are of."""
    if part == "datasets":
        return [dataset["name"] for dataset in document["protocol"]["datasets"]]
    measured = [m["columns"]["row"] for m in document["measurements"].values() if m["design"] == "per_seed_row"]
    return sorted({row for column in measured for row in column})


def _refused(message: str, place: Location, remedy: str | None = None) -> GatekitError:
    return GatekitError("adapter.families", message, place, remedy)
