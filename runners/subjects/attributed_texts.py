"""Texts with one or two known attributes, from a file, the hub by name, or sae-probes.

Every text stands once on each side and on one side only: a text to test on that is also one to train on is left out,
which SAEBench does not see to. A text that stands there with two values of an attribute is left out too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.digests import sequence_sha256, text_sha256
from runners.places import caused_by, config_error
from runners.subjects.attributed_plan import AttributedTextsPlan
from runners.subjects.labelled_texts import read_labelled
from runners.subjects.text_forms.registry import read_rows
from runners.subjects.text_rows import TextRow, as_written

_SIDES = ("train", "test")


@dataclass(frozen=True)
class AttributedText:
    """One text."""

    text: str
    value: str
    """Of the attribute."""
    other: str
    """Of the other attribute; nothing where none is named."""


@dataclass(frozen=True)
class AttributedTexts:
    """One dataset, in the order of its file."""

    train: tuple[AttributedText, ...]
    test: tuple[AttributedText, ...]

    @property
    def sha256(self) -> str:
        """Over texts and attributes of both sides."""
        sides = zip(_SIDES, (self.train, self.test), strict=True)
        return sequence_sha256(
            f"{side} {text_sha256(row.text)} {row.value} {row.other}" for side, rows in sides for row in rows
        )


def read_attributed(plan: AttributedTextsPlan, seed: int, sae_probes: Path) -> AttributedTexts:
    """Read a dataset.

    Args:
        plan: where it is.
        seed: of the split, where nothing in the dataset says it.
        sae_probes: that package's data folder.

    Raises:
        GatekitError: at file and line: it is not of its form, has no such column, or a value is no text; `table.hub`:
            it cannot be fetched; `dataset.empty`: no text is left of a side.
    """
    if plan.source == "sae-probes":
        found = [(row, _drawn(plan, row, seed)) for row in _registered(plan, sae_probes)]
    else:
        found = [(_attributed(plan, row), side) for row, side in _rows(plan)]
        found = [(row, _drawn(plan, row, seed) if plan.test_fraction is not None else side) for row, side in found]
    values: dict[str, set[tuple[str, str]]] = {}
    for row, _ in found:
        values.setdefault(text_sha256(row.text), set()).add((row.value, row.other))
    sides: dict[str, dict[str, AttributedText]] = {side: {} for side in _SIDES}
    for row, side in found:
        digest = text_sha256(row.text)
        if side in _SIDES and row.text and len(values[digest]) == 1:
            sides[side].setdefault(digest, row)
    train = tuple(sides["train"].values())
    test = tuple(row for digest, row in sides["test"].items() if digest not in sides["train"])
    for side, rows in zip(_SIDES, (train, test), strict=True):
        if not rows:
            raise config_error(plan, "", f"'{plan.name}' has no text to {side} on", error_id="dataset.empty")
    return AttributedTexts(train, test)


def _rows(plan: AttributedTextsPlan) -> Iterator[tuple[TextRow, str]]:
    """Yield every row of a file or of the hub's dataset, and the side that it is on."""
    if plan.source == "hub":
        from runners.subjects.text_forms.hub_dataset import rows_of_hub

        with caused_by(plan, "path"):
            for side in _SIDES:
                for row in rows_of_hub(str(plan.path), plan.revision, side, plan.configuration):
                    yield row, side
        return
    for side, path in (("train", plan.path), ("test", plan.test_path)):
        if path is not None:
            empty = True
            for row in read_rows(Path(path)):
                empty = False
                yield row, side if plan.split is None else as_written(row.value(plan.split))
            if empty:
                raise GatekitError("table.empty", "the file is empty", Location(path))


def _attributed(plan: AttributedTextsPlan, row: TextRow) -> AttributedText:
    values = ["" if column is None else as_written(row.value(column)) for column in (plan.attribute, plan.other)]
    return AttributedText(row.text(plan.text).strip(), *values)


def _registered(plan: AttributedTextsPlan, folder: Path) -> list[AttributedText]:
    """Return the texts of sae-probes: those that two datasets have in common, or a class from each dataset."""
    if plan.attribute is None:
        classes = {name: read_labelled(folder, name) for name in plan.classes or ()}
        return [
            AttributedText(text, name, "")
            for name, labelled in classes.items()
            for text, label in zip(labelled.texts, labelled.labels, strict=True)
            if label == 1
        ]
    first, second = (read_labelled(folder, str(name)) for name in (plan.attribute, plan.other))
    others = dict(zip(second.texts, second.labels, strict=True))
    return [
        AttributedText(text, str(label), str(others[text]))
        for text, label in zip(first.texts, first.labels, strict=True)
        if text in others
    ]


def _drawn(plan: AttributedTextsPlan, row: AttributedText, seed: int) -> str:
    """Return the side of a text, which depends on the seed and the text alone."""
    place = hashlib.sha256(f"{seed}|{text_sha256(row.text)}".encode()).digest()
    return "test" if int.from_bytes(place[:8], "big") < float(plan.test_fraction or 0) * 2**64 else "train"
