"""Labelled texts with a shifted counterpart: where a probe is fitted, where it is tested, and where it is tested again.

| kind | in distribution | shifted |
|---|---|---|
| shifted | a registered dataset | its shifted test set in sae-probes: translations, misspelt names, invented people |
| longer | the shorter half of a registered dataset's texts | the longer half |

Halves are taken class by class, so the shift moves the length of texts and not the share of the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatekit.errors import GatekitError
from runners.digests import sequence_sha256, text_sha256
from runners.subjects.labelled_texts import LabelledTexts, Split, read_labelled, shifted_datasets, split

DAMAGED = {
    "90_glue_qnli": "its shifted file has sentences without their questions, 78 of 300 rows as texts of both labels"
}
"""Shifted sets that measure something else than a shift; taken where they are named, and not with all."""

LEAST_OF_A_CLASS = 10


@dataclass(frozen=True)
class ShiftedTexts:
    """One dataset and its shifted counterpart; no text is in two of the three parts."""

    name: str
    """Kind and dataset."""
    inside: LabelledTexts
    """In distribution."""
    split: Split
    """Rows of `inside` to fit on and to test on."""
    shifted: LabelledTexts
    left_out: int
    """Shifted texts that were dropped because the dataset itself has them."""

    @property
    def parts(self) -> dict[str, tuple[str, int]]:
        """Digest over texts and labels, and number of texts, of each part by name."""
        fit, test = (subset(self.inside, rows.tolist()) for rows in (self.split.train, self.split.test))
        named = {"fit": fit, "test": test, "shifted": self.shifted}
        return {name: (part.sha256, len(part.texts)) for name, part in named.items()}

    @property
    def sha256(self) -> str:
        """Over texts and labels of every part."""
        return sequence_sha256(f"{name} {digest}" for name, (digest, _) in self.parts.items())


def datasets_with_shift(folder: Path) -> tuple[str, ...]:
    """Return the registered datasets whose shifted set measures a shift, in the register's order."""
    return tuple(name for name in shifted_datasets(folder) if name not in DAMAGED)


def read_shifted(folder: Path, name: str, rows: int, test_fraction: float, seed: int) -> ShiftedTexts:
    """Read a dataset and the shifted test set that sae-probes carries for it.

    Args:
        folder: the data folder of sae-probes.
        name: of a registered dataset with a shifted set.
        rows: of the dataset, at most, as many of either class; the shifted set is taken whole.
        test_fraction: of these rows.
        seed: of the rows and of the split.

    Raises:
        GatekitError: `dataset.unknown`, or `dataset.too_small`.
    """
    shifted = read_labelled(folder, name, shifted=True, seed=seed)
    inside = read_labelled(folder, name, rows=rows, seed=seed)
    known = set(read_labelled(folder, name).digests)
    apart = subset(shifted, [row for row, digest in enumerate(shifted.digests) if digest not in known])
    return checked_shift("shifted", inside, apart, test_fraction, seed, len(shifted.texts) - len(apart.texts))


def read_longer(folder: Path, name: str, rows: int, test_fraction: float, seed: int) -> ShiftedTexts:
    """Divide a dataset by the length of its texts in characters, class by class, and call the longer half shifted.

    Args:
        folder: the data folder of sae-probes.
        name: of a registered dataset.
        rows: of either half, at most, as many of either class.
        test_fraction: of the shorter half's rows.
        seed: of the rows and of the split.

    Raises:
        GatekitError: `dataset.unknown`, or `dataset.too_small`.
    """
    whole = read_labelled(folder, name, seed=seed)
    halves: tuple[list[int], list[int]] = ([], [])
    for label in (0, 1):
        members = [row for row, each in enumerate(whole.labels) if each == label]
        # Equally long texts are told apart by their digest, so that the order of the file decides nothing.
        members.sort(key=lambda row: (len(whole.texts[row]), text_sha256(whole.texts[row])))
        middle = len(members) // 2
        for half, part in zip(halves, (members[:middle], members[middle:]), strict=True):
            half += sorted(part)[: rows // 2]
    inside, longer = (subset(whole, sorted(half)) for half in halves)
    return checked_shift("longer", inside, longer, test_fraction, seed, 0)


def subset(labelled: LabelledTexts, rows: Sequence[int]) -> LabelledTexts:
    """Return some of the texts, by row number, without the file's own split."""
    texts, labels = tuple(labelled.texts[row] for row in rows), tuple(labelled.labels[row] for row in rows)
    digest = sequence_sha256(f"{text_sha256(text)} {label}" for text, label in zip(texts, labels, strict=True))
    return LabelledTexts(labelled.name, texts, labels, digest)


def checked_shift(
    kind: str, inside: LabelledTexts, shifted: LabelledTexts, test_fraction: float, seed: int, left_out: int
) -> ShiftedTexts:
    """Return the parts of a shift that are large enough and share no text.

    Raises:
        GatekitError: `dataset.too_small`, `benchmark.leak`.
    """
    least = min(int(np.sum(np.asarray(shifted.labels) == label)) for label in (0, 1))
    if least < LEAST_OF_A_CLASS:
        raise GatekitError("dataset.too_small", f"the shifted texts of '{inside.name}' have {least} of a class")
    if set(inside.digests) & set(shifted.digests):
        raise GatekitError("benchmark.leak", f"texts of '{inside.name}' are both in distribution and shifted")
    return ShiftedTexts(f"{kind}:{inside.name}", inside, split(inside, test_fraction, seed), shifted, left_out)
