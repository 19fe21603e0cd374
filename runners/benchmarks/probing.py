"""Probes as sae-probes trains them, on arrays and splits that are handed in (Kantamneni et al. 2025, arXiv 2502.16681).

Which k is reported is decided by the validation AUC inside the training rows. The best k by test AUC would be a
selection on what the gate judges: over four probe sizes of equal merit it adds about one standard error.

What a probe's AUC establishes: that so many latents separate the classes of this dataset linearly. What it does not:
that they stand for what the labels name, or that no other latents do.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from runners.arrays import Floats
from runners.subjects.labelled_texts import Split


@dataclass(frozen=True)
class Probe:
    """One probe, trained and tested."""

    k: int
    """Latents that it reads; for a dense probe the width of the activations."""
    validation_auc: float
    auc: float
    """On the test rows, as all that follow."""
    accuracy: float
    f1: float
    latents: tuple[int, ...] = ()
    """Which ones, the most different first; empty for a dense probe."""


def sparse_probes(
    latents: Floats, labels: Sequence[int], split: Split, ks: Sequence[int], penalty: str, seed: int
) -> list[Probe]:
    """Train one logistic regression for each k on the k latents whose class means differ most.

    Args:
        latents: (rows, d_sae) float32.
        labels: 0 or 1 per row.
        split: row numbers of both sides; everything but the last four numbers of a probe comes from the training side.
        ks: numbers of latents.
        penalty: `l1` or `l2`.
        seed: of the solver and of the order of rows.
    """
    with quiet():
        from sae_probes.run_sae_evals import get_sorted_indices, mean_act_normalization

        y = np.asarray(labels)
        training = torch.from_numpy(latents[split.train])
        # Ranked once, on training rows alone: the latents of a smaller k are the first ones of a larger k.
        order = get_sorted_indices(training, torch.from_numpy(y[split.train]), mean_act_normalization).tolist()
    return [
        _fitted(latents[:, order[:k]], y, split, penalty, seed, k=k, latents=tuple(order[:k])) for k in sorted(set(ks))
    ]


def dense_probe(activations: Floats, labels: Sequence[int], split: Split, seed: int) -> Probe:
    """Train a logistic regression on all of the model's activations, (rows, d_model) float32: sae-probes' baseline."""
    # The penalty is l2 whatever the sparse probes use, so that every configuration has the same baseline.
    return _fitted(activations, np.asarray(labels), split, "l2", seed, k=activations.shape[1], latents=())


def chosen(probes: Sequence[Probe]) -> Probe:
    """Return the probe with the largest validation AUC, the one of fewest latents where several have it."""
    # Of equal AUCs -k decides, and not the order in which the probes come.
    return max(probes, key=lambda probe: (probe.validation_auc, -probe.k))


def outcome(candidate: float, baseline: float) -> float:
    """Return 1 for a win of the candidate, 0 for a loss, and one half for a tie."""
    return 0.5 if candidate == baseline else float(candidate > baseline)


def _fitted(
    features: Floats, y: Floats, split: Split, penalty: str, seed: int, *, k: int, latents: tuple[int, ...]
) -> Probe:
    with quiet():
        from sae_probes.utils_training import find_best_reg

        # The strength of the penalty is chosen inside the training rows; the test rows are only scored.
        found = find_best_reg(
            X_train=features[split.train],
            y_train=y[split.train],
            X_test=features[split.test],
            y_test=y[split.test],
            penalty=penalty,
            seed=seed,
        ).metrics
    return Probe(k, found.val_auc, found.test_auc, found.test_acc, found.test_f1, latents)


@contextmanager
def quiet() -> Iterator[None]:
    """Run the block on one thread and without warnings.

    On one thread products of this size are quickest, and they always add in the same order. The warnings are about
    solvers that stop at their 1,000th step, which is part of how sae-probes trains, and about how sae-probes states the
    penalty, which only sae-probes can change.
    """
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        yield
