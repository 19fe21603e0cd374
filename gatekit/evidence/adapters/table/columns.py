"""Columns of a table of observations, and which of them a table lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.evidence.adapters.table.rows import Table, refuse
from gatekit.evidence.summary import KEY_COLUMNS
from gatekit.kinds import MeasureSpec

KEYS = ("seed", "seed_a", "seed_b", "dataset", "row")
COLUMNS = ("measure", *KEYS, "value", "baseline", "group")
GROUPS = ("candidate", "control")
"""Values of the column `group`: observations of a control that is not paired stand in rows of their own."""


@dataclass(frozen=True)
class AbsentColumns:
    """Columns that a table needs and has not, so that none of its rows can be read."""

    table: Table
    what: str
    remedy: str

    @property
    def phrase(self) -> str:
        """As one of several things that are missing."""
        return f"in {self.table.path} {self.what}: {self.remedy}"

    def error(self) -> GatekitError:
        """As the only one: `table.columns`, at the header."""
        return refuse("columns", self.what, self.table.header, self.remedy)


def absent_columns(
    kind: str, known: Mapping[str, MeasureSpec], table: Table, measures: Sequence[str], wide: bool = False
) -> AbsentColumns | None:
    """Return which columns a table needs and has not, or None.

    Args:
        kind: of the summary.
        known: its measures.
        table: whose columns they are.
        measures: that every row is about; empty where each row names its own, or nothing does.
        wide: whether a row has a value of each of them, in columns of their names.
    """
    nameless = not measures and "measure" not in table.columns
    absent = [
        name for name, lacks in (("measure", nameless), ("value", not wide)) if lacks and name not in table.columns
    ]
    if nameless:
        # Whatever the measure is, it needs what all of them need.
        wanted = [key for key in KEYS if all(key in KEY_COLUMNS[one.design] for one in known.values())]
        first = None
    else:
        cells = (row.cells.get("measure") for row in table.rows)
        named = measures or sorted({name for name in cells if isinstance(name, str)})
        of = [known[name] for name in named if name in known]
        wanted = [key for key in KEYS if any(key in KEY_COLUMNS[one.design] for one in of)]
        first = next((one for one in of if not set(KEY_COLUMNS[one.design]) <= set(table.columns)), None)
    absent += [key for key in wanted if key not in table.columns]
    if not absent:
        return None
    remedy = f"columns: {', '.join(COLUMNS)}"
    if nameless:
        one = "one, or name it" if len(absent) == 1 else "them, or name the measure"
        remedy = f"add {one} with --measure; `gatekit schema {kind} --table` lists the measures"
    elif first is not None and set(absent) <= set(KEYS):
        remedy = f"{first.name} has one value per {' and '.join(KEY_COLUMNS[first.design])}"
    words = " and ".join(f"'{column}'" for column in absent)
    what = f"there is no column {words}" if len(absent) == 1 else f"there are no columns {words}"
    return AbsentColumns(table, what, remedy)
