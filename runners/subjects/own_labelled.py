"""Labelled texts of one's own, and shifted ones: CSV, JSON lines or parquet, two columns and perhaps a split.

They are treated as the registered ones are: every text once, none with both labels, rows drawn by seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.digests import sequence_sha256, text_sha256
from runners.subjects.labelled_texts import LabelledTexts, distinct_texts
from runners.subjects.plan import OwnLabelledPlan, OwnShiftedPlan
from runners.subjects.shifted_texts import ShiftedTexts, checked_shift, subset
from runners.subjects.text_forms.registry import read_rows
from runners.subjects.text_rows import TextRow, as_written

_SIDES = ("train", "test")
_SHIFTED = "shifted"


def read_own_labelled(plan: OwnLabelledPlan, rows: int | None, seed: int) -> LabelledTexts:
    """Read the distinct texts of one's own dataset.

    A text that stands on both sides of the file's split is trained on and not tested on.

    Args:
        plan: where they are.
        rows: at most this many, as many of either class; all where None.
        seed: of the order, and so of what is taken.

    Raises:
        GatekitError: at the file and line: it is not of its form, has no such column, or a value is no text;
            `dataset.labels`: there are not two labels; `dataset.split`: no row says train or none says test.
    """
    table = _LabelledFile(plan.name, plan.path, plan.text, plan.label, plan.split)
    return _inside(table, rows, seed)


def read_own_shifted(plan: OwnShiftedPlan, rows: int, test_fraction: float, seed: int) -> ShiftedTexts:
    """Read one's own dataset and its shifted counterpart; a shifted text that the dataset has is left out.

    Args:
        plan: where they are.
        rows: of the dataset, at most, as many of either class; the shifted texts are taken whole.
        test_fraction: of these rows, where the file does not say how it is split.
        seed: of the rows and of the split.

    Raises:
        GatekitError: as `read_own_labelled`; `dataset.too_small`.
    """
    # A split column that only tells shifted rows from the others splits nothing.
    table = _LabelledFile(plan.name, plan.path, plan.text, plan.label, plan.split)
    if plan.shifted_path is None:
        shifted_rows = [row for row in table.rows() if table.side(row) == _SHIFTED]
        if not shifted_rows:
            message = f"no row of column '{plan.split}' says '{_SHIFTED}'"
            raise GatekitError("dataset.split", message, Location(plan.path))
        shifted_table = table
    else:
        shifted_table = _LabelledFile(plan.name, plan.shifted_path, plan.text, plan.label, None)
        shifted_rows = list(shifted_table.rows())
    whole = _inside(table, None, seed)
    classes = table.classes()
    shifted = distinct_texts(plan.name, shifted_table.pairs(shifted_rows, classes), None, seed)
    known = set(whole.digests)
    apart = subset(shifted, [row for row, digest in enumerate(shifted.digests) if digest not in known])
    inside = _inside(table, rows, seed)
    return checked_shift("own", inside, apart, test_fraction, seed, len(shifted.texts) - len(apart.texts))


class _LabelledFile:
    """One file and its columns."""

    def __init__(self, name: str, path: str, text: str, label: str, split: str | None) -> None:
        self.name, self.path, self.split = name, Path(path), split
        self._text, self._label = text, label

    def rows(self) -> Iterator[TextRow]:
        """Yield the rows of the file."""
        columns = [column for column in (self._text, self._label, self.split) if column is not None]
        empty = True
        for row in read_rows(self.path, columns):
            empty = False
            yield row
        if empty:
            raise GatekitError("table.empty", "the file is empty", Location(str(self.path)))

    def side(self, row: TextRow) -> str | None:
        """Return what a row says of the split."""
        return None if self.split is None else as_written(row.value(self.split))

    def label(self, row: TextRow) -> str:
        """Return a row's label as it is written."""
        value = row.value(self._label)
        if value is None or value == "":
            raise row.error("dataset.labels", f"column '{self._label}' is empty")
        return as_written(value)

    def classes(self) -> list[str]:
        """Return the two labels, in sorted order.

        Raises:
            GatekitError: `dataset.labels`.
        """
        found: set[str] = set()
        for row in self.rows():
            found.add(self.label(row))
            if len(found) > 2:
                known = ", ".join(sorted(found))
                raise row.error("dataset.labels", f"a third label in column '{self._label}': {known}")
        if len(found) < 2:
            message = f"column '{self._label}' has one label: {', '.join(found)}"
            raise GatekitError("dataset.labels", message, Location(str(self.path)))
        return sorted(found)

    def pairs(self, rows: Sequence[TextRow], classes: Sequence[str]) -> list[tuple[str, int]]:
        """Return text and label, 0 or 1, of rows.

        Raises:
            GatekitError: `dataset.labels`: a label that is none of the classes.
        """
        found = []
        for row in rows:
            label = self.label(row)
            if label not in classes:
                raise row.error("dataset.labels", f"label '{label}' is none of {' and '.join(classes)}")
            found.append((row.text(self._text), classes.index(label)))
        return found


def _inside(table: _LabelledFile, rows: int | None, seed: int) -> LabelledTexts:
    """Return the texts in distribution, with the file's split where it has one."""
    classes = table.classes()
    taken = [row for row in table.rows() if table.split is None or table.side(row) in _SIDES]
    pairs = table.pairs(taken, classes)
    labelled = distinct_texts(table.name, pairs, rows, seed)
    if table.split is None:
        return labelled
    trained = {text_sha256(text) for (text, _), row in zip(pairs, taken, strict=True) if table.side(row) == "train"}
    test = tuple(digest not in trained for digest in labelled.digests)
    if not any(test) or all(test):
        message = f"no row of column '{table.split}' says '{_SIDES[0] if all(test) else _SIDES[1]}'"
        raise GatekitError("dataset.split", message, Location(str(table.path)))
    return replace(labelled, test=test, sha256=sequence_sha256([labelled.sha256, *(str(int(each)) for each in test)]))
