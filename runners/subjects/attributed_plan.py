"""Where texts with attributes lie: what SCR and TPP read, as a configuration says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.subjects.text_forms.registry import ROWS, has_columns

Removal = Literal["scr", "tpp"]


@dataclass(frozen=True)
class AttributedTextsPlan:
    """Texts of which one attribute is known, such as a profession, or two, such as profession and gender.

    SCR reads two attributes and asks for `pairs` and `other_values`; TPP reads one and asks for `classes`, which are
    balanced over the other attribute where one is named.
    """

    name: str
    """As the summary calls the dataset."""
    source: Literal["file", "hub", "sae-probes"]
    path: str | None = None
    """Of a file with columns, or `owner/name` on the hub; nothing for sae-probes."""
    test_path: str | None = None
    """File of the texts to test on; without it `split` or `test_fraction` says which they are."""
    revision: str | None = None
    """Commit on the hub, in full: a branch would be another dataset tomorrow."""
    configuration: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Of a dataset on the hub that has several."""
    text: str = "text"
    """Column of the texts."""
    attribute: str | None = None
    """Column of the attribute; for SCR on sae-probes, a registered dataset, whose labels are 0 and 1."""
    other: str | None = None
    """Column of the other attribute; for SCR on sae-probes, another registered dataset with texts in common."""
    split: str | None = None
    """Column that says `train` or `test`; rows that say anything else are left out."""
    test_fraction: Annotated[float, Bounds(0.05, 0.95)] | None = None
    """Share of the texts to test on, drawn by the seed, where neither file nor column says it."""
    pairs: tuple[tuple[str, ...], ...] | None = None
    """SCR: each two values of the attribute, [positive, negative]; every pair is one observation a seed."""
    other_values: tuple[str, ...] | None = None
    """SCR: two values of the other attribute, [positive, negative]."""
    classes: tuple[str, ...] | None = None
    """TPP: values of the attribute; for sae-probes, registered datasets, whose texts of label 1 are a class each."""


def faults(key: str, plan: AttributedTextsPlan, kind: Removal) -> list[tuple[str, str, bool]]:
    """Return (key, message, whether it is so) of every fault that shows without reading the texts.

    Args:
        key: of the dataset in its configuration.
        plan: of the dataset.
        kind: of evaluation.
    """
    scr, file = kind == "scr", plan.source == "file"
    paths = {"path": plan.path, "test_path": plan.test_path}
    wrong = [name for name, path in paths.items() if path is not None and not has_columns(path)]
    ways = [plan.test_path, plan.split, plan.test_fraction]
    registered = plan.source == "sae-probes"
    pairs = plan.pairs or ()
    return [
        (
            f"{key}.source",
            f"'path' says where the texts of source '{plan.source}' are",
            (plan.path is None) != registered,
        ),
        (f"{key}.{wrong[0] if wrong else 'path'}", f"a file ends with {', '.join(ROWS)}", file and bool(wrong)),
        (f"{key}.test_path", "'test_path' is for files only", plan.test_path is not None and not file),
        (
            f"{key}.revision",
            "the hub needs 'revision', the commit in full; nothing else takes one",
            (plan.source == "hub") != (plan.revision is not None),
        ),
        (
            f"{key}.configuration",
            "'configuration' is for the hub",
            plan.configuration is not None and plan.source != "hub",
        ),
        (
            key,
            "say which texts are tested on: 'test_path', 'split' or 'test_fraction', one of them",
            file and sum(way is not None for way in ways) != 1,
        ),
        (f"{key}.source", "texts of sae-probes need 'test_fraction'", registered and plan.test_fraction is None),
        (f"{key}.split", "the hub's splits train and test are taken", plan.source == "hub" and any(ways)),
        (
            f"{key}.attribute",
            "'attribute' names the column of the attribute",
            plan.attribute is None and (scr or not registered),
        ),
        (f"{key}.other", "SCR needs a column of the other attribute, 'other'", scr and plan.other is None),
        (f"{key}.pairs", "SCR needs 'pairs', each of two different values", scr and not _are_pairs(pairs)),
        (
            f"{key}.other_values",
            "SCR needs 'other_values', two different ones",
            scr and not _are_pairs((plan.other_values or (),)),
        ),
        (f"{key}.classes", "TPP needs 'classes', two different ones or more", not scr and _few(plan.classes or ())),
    ]


def _few(values: tuple[str, ...]) -> bool:
    return len(values) < 2 or len(set(values)) < len(values)


def _are_pairs(pairs: tuple[tuple[str, ...], ...]) -> bool:
    return bool(pairs) and all(len(pair) == 2 and not _few(pair) for pair in pairs)
