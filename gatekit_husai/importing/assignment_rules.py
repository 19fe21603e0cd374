"""The formulas of HUSAI's assignment sweep, as far as its records hold what goes in: bounds, scores, front, ranking.

They are here to check what a record states. None of them is a bound or a choice that this gate would make: the
resampling takes pairs of seeds for independent, and the scores depend on who else is in the sweep.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Metrics = Mapping[str, float | None]

SCORED = ("internal_lcb", "ev_neg_drop", "saebench_delta", "cebench_delta")
"""What a lambda is scored by; more is better in each."""

TRAINED_SEED, RANDOM_SEED = 13, 29
"""Of the two bootstraps behind the internal bound."""

MOST_DRAWS = 20_000_000
"""Resampled values at once, 160 MB of doubles; HUSAI draws 10,000 times as many as there are pairs."""


def interval(values: Sequence[float], resamples: int, seed: int) -> tuple[float, float]:
    """Return the ends of a 95 % percentile bootstrap of the mean.

    Args:
        values: one per pair of seeds.
        resamples: how often as many are drawn, with replacement.
        seed: of NumPy's default generator.
    """
    import numpy as np

    drawn = np.random.default_rng(seed).choice(np.asarray(values, dtype=float), size=(resamples, len(values)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def joint_scores(rows: Sequence[Metrics], weights: Mapping[str, float]) -> list[float]:
    """Return each row's weighted sum of metrics, each scaled to [0, 1] over the rows; a missing one adds nothing."""
    scores = [0.0] * len(rows)
    for name in SCORED:
        known = [value for row in rows if (value := row[name]) is not None]
        for index, row in enumerate(rows):
            value = row[name]
            if value is not None:
                low, high = min(known), max(known)
                scores[index] += weights[name] * (0.5 if low == high else (value - low) / (high - low))
    return scores


def on_the_front(rows: Sequence[Metrics]) -> list[bool]:
    """Return for each row whether no other is at least as good in all metrics that both have, and better in one."""
    return [not any(_dominates(other, row) for other in rows) for row in rows]


def _dominates(one: Metrics, other: Metrics) -> bool:
    both = [(a, b) for name in SCORED if (a := one[name]) is not None and (b := other[name]) is not None]
    return all(a >= b for a, b in both) and any(a > b for a, b in both)


def ranking(rows: Sequence[Metrics], scores: Sequence[float], front: Sequence[bool]) -> list[int]:
    """Return the places of the rows, the best first: those on the front, then by score, bound and benchmarks."""

    def key(index: int) -> tuple[bool, float, float, float, float]:
        bound, saebench, cebench = (
            -math.inf if (value := rows[index][name]) is None else value
            for name in ("internal_lcb", "saebench_delta", "cebench_delta")
        )
        return front[index], scores[index], bound, saebench, cebench

    return sorted(range(len(rows)), key=key, reverse=True)


def acceptance(metrics: Metrics, limits: Metrics, require_external: bool) -> dict[str, bool]:
    """Return HUSAI's four gates on the first of the ranking, and all of them together.

    Args:
        metrics: the row's, `ev_drop` too.
        limits: `min_internal_lcb`, `max_ev_drop`, `min_saebench_delta`, `min_cebench_delta`.
        require_external: whether a benchmark that was not run fails its gate.
    """

    def reaches(name: str, missing: bool) -> bool:
        value, least = metrics[name], limits[f"min_{name}"]
        return missing if value is None or least is None else value >= least

    drop, most = metrics["ev_drop"], limits["max_ev_drop"]
    gates = {
        "gate_internal_lcb": reaches("internal_lcb", False),
        "gate_ev_drop": drop is not None and most is not None and drop <= most,
        "gate_saebench": reaches("saebench_delta", not require_external),
        "gate_cebench": reaches("cebench_delta", not require_external),
    }
    return {**gates, "pass_all": all(gates.values())}
