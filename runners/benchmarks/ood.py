"""How much of a probe's quality is lost on shifted texts.

A probe is fitted on rows of one distribution, its k chosen there, and tested twice: on other rows of that distribution
and on shifted ones. The dense baseline is treated alike on the very same rows; no number is averaged over datasets
before it is subtracted.

What a drop establishes: how much worse these latents separate the classes after this shift. What it does not: whose
fault that is. A shifted set may be harder for any probe, which is why the dense probe's own drop stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runners.arrays import Floats
from runners.benchmarks.probing import Probe, chosen, dense_probe, sparse_probes
from runners.subjects.labelled_texts import Split
from runners.subjects.shifted_texts import ShiftedTexts


@dataclass(frozen=True)
class ShiftedProbe:
    """One probe, tested twice."""

    k: int
    latents: tuple[int, ...]
    """Empty for a dense probe."""
    validation_auc: float
    """Inside the rows that were fitted on."""
    id_auc: float
    ood_auc: float

    @property
    def drop(self) -> float:
        """AUC in distribution minus AUC out of it."""
        return self.id_auc - self.ood_auc


def probe_latents(
    inside: Floats, shifted: Floats, texts: ShiftedTexts, ks: Sequence[int], penalty: str, seed: int
) -> ShiftedProbe:
    """Fit sparse probes in distribution, choose k by validation inside the fitted rows, and test that one twice.

    Args:
        inside: (rows in distribution, d_sae) float32.
        shifted: (shifted rows, d_sae) float32.
        texts: labels and split of both.
        ks: numbers of latents to choose from.
        penalty: `l1` or `l2`.
        seed: of the solver.
    """
    features, labels, ours, theirs = _joined(inside, shifted, texts)
    tested = chosen(sparse_probes(features, labels, ours, ks, penalty, seed))
    # k is settled before the shifted rows are looked at; only the probe with this k meets them.
    (again,) = sparse_probes(features, labels, theirs, [tested.k], penalty, seed)
    return _twice(tested, again)


def probe_activations(inside: Floats, shifted: Floats, texts: ShiftedTexts, seed: int) -> ShiftedProbe:
    """Fit the dense probe in distribution and test it twice; arguments as for `probe_latents`, d_model wide."""
    features, labels, ours, theirs = _joined(inside, shifted, texts)
    return _twice(dense_probe(features, labels, ours, seed), dense_probe(features, labels, theirs, seed))


def _joined(inside: Floats, shifted: Floats, texts: ShiftedTexts) -> tuple[Floats, list[int], Split, Split]:
    """Return all rows, their labels, and the two splits: the same rows to fit on, and either side to test on."""
    # Shifted rows are appended, so their numbers begin where those in distribution end.
    beyond = np.arange(len(inside), len(inside) + len(shifted))
    labels = [*texts.inside.labels, *texts.shifted.labels]
    return np.concatenate([inside, shifted]), labels, texts.split, Split(train=texts.split.train, test=beyond)


def _twice(tested: Probe, again: Probe) -> ShiftedProbe:
    # Equal rows and one seed fit equal probes; were they not, the two AUCs would be of two probes.
    if (tested.validation_auc, tested.latents) != (again.validation_auc, again.latents):
        raise RuntimeError("fitted twice on the same rows, the probe came out differently")
    return ShiftedProbe(tested.k, tested.latents, tested.validation_auc, tested.auc, again.auc)
