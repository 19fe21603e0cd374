"""The same rows at several hooks, side by side: what an SAE over several layers reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from runners.arrays import Floats, Integers
from runners.digests import sequence_sha256
from runners.subjects.activation_store import ActivationStore
from runners.subjects.labelled_texts import LabelledTexts
from runners.subjects.text_store import TextStore

HOOKS_SEPARATOR = "+"
"""Joins the names of several hooks into the name of a summary's hook."""


@dataclass(frozen=True)
class LayeredStore:
    """Stores of one set of tokens, one per hook."""

    stores: tuple[ActivationStore, ...]

    @property
    def sha256(self) -> str:
        """Over the stores' digests in order of hooks."""
        return sequence_sha256(store.sha256 for store in self.stores)

    @property
    def rows(self) -> int:
        """Tokens."""
        return self.stores[0].rows

    @property
    def d_model(self) -> int:
        """Width of one layer."""
        return self.stores[0].d_model

    @property
    def layers(self) -> int:
        """Number of hooks."""
        return len(self.stores)

    def read(self) -> Floats:
        """Read all rows into memory, (rows, layers, d_model) float16."""
        return np.stack([store.read() for store in self.stores], axis=1)


@dataclass(frozen=True)
class LayeredTextStore:
    """A labelled dataset at several hooks; offered as `TextStore` is."""

    labelled: LabelledTexts
    store: LayeredStore
    starts: Integers

    def rows(self) -> Floats:
        """Read all rows into memory, (rows, layers, d_model) float16."""
        return self.store.read()

    def texts(self) -> Iterator[Floats]:
        """Yield each text's rows, (its rows, layers, d_model) float16."""
        rows = self.rows()
        for start, stop in zip(self.starts[:-1], self.starts[1:], strict=True):
            yield rows[start:stop]


def side_by_side(stores: Sequence[TextStore]) -> TextStore | LayeredTextStore:
    """Return one store as it is, and several as layers; all must be of the same texts."""
    first, *others = stores
    if not others:
        return first
    if any(each.labelled.sha256 != first.labelled.sha256 for each in others):
        raise ValueError("layers of different texts")
    return LayeredTextStore(first.labelled, LayeredStore(tuple(each.store for each in stores)), first.starts)
