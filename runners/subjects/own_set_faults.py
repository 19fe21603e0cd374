"""Which keys of one's own datasets go together, as far as that shows without reading them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runners.places import first_repeat
from runners.subjects.plan import OwnLabelledPlan, OwnShiftedPlan
from runners.subjects.text_forms.registry import ROWS, has_columns

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


def own_set_faults(key: str, sets: Sequence[OwnLabelledPlan | OwnShiftedPlan]) -> list[tuple[str, str, bool]]:
    """Return (key, message, whether it is so) of every fault that a list of one's own datasets may have.

    Args:
        key: of the list, as `runners.places.place_of` takes it.
        sets: its entries.
    """
    repeat = first_repeat([each.name for each in sets])
    faults = [(f"{key}[{repeat}].name", "two datasets have this name", repeat is not None)]
    for place, each in enumerate(sets):
        here = f"{key}[{place}]"
        shifted = each.shifted_path if isinstance(each, OwnShiftedPlan) else None
        paths = {"path": each.path} | ({} if shifted is None else {"shifted_path": shifted})
        columns = [column for column in (each.text, each.label, each.split) if column is not None]
        faults += [
            (f"{here}.name", "a name has letters, digits and _ . - only", not _NAME.fullmatch(each.name)),
            *(
                (f"{here}.{name}", f"the file's form is told by its name: {', '.join(ROWS)}", not has_columns(path))
                for name, path in paths.items()
            ),
            (
                f"{here}.family",
                "a name has letters, digits and _ . - only",
                each.family is not None and not _NAME.fullmatch(each.family),
            ),
            (f"{here}.text", "text, label and split are columns of their own", len(set(columns)) < len(columns)),
            (
                here,
                "say where the shifted texts are: 'shifted_path', or 'split' for a column with rows that say shifted",
                isinstance(each, OwnShiftedPlan) and shifted is None and each.split is None,
            ),
        ]
    return faults
