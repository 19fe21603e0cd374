"""Labelled texts to probe on: the registered datasets of the sae-probes package and their shifted test sets.

The files repeat themselves: of 334,092 rows of the 113 registered datasets 276,331 hold distinct texts, because small
classes were filled up by drawing again. A probe that is tested on rows of the file is therefore tested in part on texts
that it was trained on. Here every text stands once, told apart by the digest of its stripped form, and a text that has
both labels is left out, so that a split of the rows is a split of the texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatekit.errors import GatekitError, Location, did_you_mean
from runners.arrays import Integers
from runners.digests import sequence_sha256, text_sha256

_REGISTER = "probing_datasets_MASTER.csv.zst"
_KIND = "Binary Classification"


@dataclass(frozen=True)
class LabelledTexts:
    """Distinct texts of one dataset with their labels."""

    name: str
    texts: tuple[str, ...]
    """Stripped."""
    labels: tuple[int, ...]
    """0 or 1: the place of the file's label in sorted order, as sae-probes codes it."""
    sha256: str
    """Over text digests and labels in order, and over the split where the file says it."""
    test: tuple[bool, ...] | None = None
    """Of each text, whether the file puts it on the test side; None where the file says nothing."""

    @property
    def digests(self) -> tuple[str, ...]:
        """Of every text."""
        return tuple(text_sha256(text) for text in self.texts)


@dataclass(frozen=True)
class Split:
    """Row numbers, in an order that owes nothing to the file's."""

    train: Integers
    test: Integers


def registered_datasets(folder: Path) -> tuple[str, ...]:
    """Return the names of the datasets that sae-probes registers for probing, in its order.

    Args:
        folder: the package's data folder (`runners.subjects.text_corpus.sae_probes_folder`).
    """
    import pandas as pd

    register = pd.read_csv(folder / _REGISTER, compression="zstd", dtype=str, keep_default_na=False)
    saved = register.loc[register["Data type"] == _KIND, "Dataset save name"]
    return tuple(Path(name).name.removesuffix(".csv") for name in saved)


def shifted_datasets(folder: Path) -> tuple[str, ...]:
    """Return the names of the registered datasets that have a shifted test set, in the register's order."""
    return tuple(name for name in registered_datasets(folder) if _path(folder, name, shifted=True).is_file())


def read_labelled(
    folder: Path, name: str, shifted: bool = False, rows: int | None = None, seed: int = 0
) -> LabelledTexts:
    """Read the distinct texts of one dataset, in an order that depends on seed and texts alone.

    Args:
        folder: the package's data folder.
        name: of a registered dataset.
        shifted: read its shifted test set instead.
        rows: at most this many, as many of either class; all distinct texts where None. A smaller number takes a
            subset of what a larger one takes.
        seed: of the order, and so of what is taken.

    Raises:
        GatekitError: `dataset.unknown` or `dataset.labels`: there is no such file, or it has not two labels.
    """
    return distinct_texts(name, _rows(folder, name, shifted), rows, seed)


def distinct_texts(name: str, pairs: Iterable[tuple[str, int]], rows: int | None, seed: int) -> LabelledTexts:
    """Return every text once, in an order that depends on seed and texts alone; none that has both labels.

    Args:
        name: of the dataset.
        pairs: text and label, 0 or 1, of every row of a file.
        rows: as of `read_labelled`.
        seed: as of `read_labelled`.
    """
    found: dict[str, tuple[str, int]] = {}
    twofold: set[str] = set()
    for text, label in pairs:
        digest = text_sha256(text)
        if text.strip() and found.setdefault(digest, (text.strip(), label))[1] != label:
            twofold.add(digest)
    order = sorted(found.keys() - twofold, key=lambda digest: _place(seed, digest))
    if rows is not None:
        each = min(rows // 2, *(sum(found[digest][1] == label for digest in order) for label in (0, 1)))
        taken = {digest for label in (0, 1) for digest in [d for d in order if found[d][1] == label][:each]}
        order = [digest for digest in order if digest in taken]
    return _labelled(name, [found[digest] for digest in order])


def read_as_filed(folder: Path, name: str) -> LabelledTexts:
    """Read every row of a registered dataset in the file's order, repeated texts and all, as sae-probes takes them.

    Raises:
        GatekitError: as `read_labelled`.
    """
    return _labelled(name, [(text.strip(), label) for text, label in _rows(folder, name, shifted=False)])


def split(labelled: LabelledTexts, test_fraction: float, seed: int) -> Split:
    """Divide the rows into training and test, class by class; which side a text is on depends on seed and class alone.

    Args:
        labelled: distinct texts, so that no text is on both sides.
        test_fraction: of each class, rounded up; of no meaning where the file says how it is split.
        seed: of the split; another one than the rows were drawn with gives no other rows.

    Raises:
        GatekitError: `dataset.too_small`: a side has fewer than two rows of a class.
    """
    labels = np.asarray(labelled.labels)
    order = sorted(range(len(labels)), key=lambda row: _place(seed, "split " + text_sha256(labelled.texts[row])))
    test: list[int] = []
    for label in (0, 1):
        members = [row for row in order if labels[row] == label]
        if labelled.test is None:
            there = members[: int(np.ceil(test_fraction * len(members)))]
        else:
            there = [row for row in members if labelled.test[row]]
        if min(len(there), len(members) - len(there)) < 2:
            sides = "" if labelled.test is None else f", {len(there)} of them to test on"
            message = f"'{labelled.name}' has {len(members)} texts of class {label}{sides}"
            raise GatekitError("dataset.too_small", message)
        test += there
    left = set(test)
    return Split(
        train=np.array([row for row in order if row not in left]), test=np.array([row for row in order if row in left])
    )


def _rows(folder: Path, name: str, shifted: bool) -> list[tuple[str, int]]:
    """Return text and label of every row of a file."""
    import pandas as pd

    path = _path(folder, name, shifted)
    if not path.is_file() or name not in registered_datasets(folder):
        known = shifted_datasets(folder) if shifted else registered_datasets(folder)
        raise GatekitError(
            "dataset.unknown",
            f"sae-probes registers no {'shifted ' if shifted else ''}dataset '{name}'",
            remedy=did_you_mean(name, known),
        )
    frame = pd.read_csv(path, compression="zstd", dtype=str, keep_default_na=False)
    classes = sorted(set(frame["target"]))
    if len(classes) != 2:
        raise GatekitError("dataset.labels", f"'{name}' has the labels {classes} and not two", Location(str(path)))
    return [(text, classes.index(target)) for text, target in zip(frame["prompt"], frame["target"], strict=True)]


def _labelled(name: str, rows: Sequence[tuple[str, int]]) -> LabelledTexts:
    return LabelledTexts(
        name=name,
        texts=tuple(text for text, _ in rows),
        labels=tuple(label for _, label in rows),
        sha256=sequence_sha256(f"{text_sha256(text)} {label}" for text, label in rows),
    )


def _place(seed: int, what: str) -> bytes:
    """Return where something stands in the seed's order: adding or removing a text moves no other."""
    return hashlib.sha256(f"{seed}|{what}".encode()).digest()


def _path(folder: Path, name: str, shifted: bool) -> Path:
    return folder / ("OOD data" if shifted else "cleaned_data") / f"{name}{'_OOD' if shifted else ''}.csv.zst"
