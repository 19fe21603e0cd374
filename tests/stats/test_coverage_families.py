"""The simulated families, at few repetitions: the shipped bound holds where that over independent datasets does not."""

from __future__ import annotations

import numpy as np

from benchmarks.coverage_families import CASES, OF_SAE_PROBES, tables
from gatekit.stats import crossed


def test_the_families_of_sae_probes_are_its_113_datasets() -> None:
    assert (sum(OF_SAE_PROBES), len(OF_SAE_PROBES)) == (113, 39)


def test_families_hold_the_promise_that_independent_datasets_break() -> None:
    case = next(case for case in CASES if case.name.endswith("39 families, ICC .84"))
    values, labels = tables(case, 5, 300, np.random.default_rng(3))
    seeds, levels = [seed for seed in range(5) for _ in labels], list(range(len(labels))) * 5
    held = {"families": 0, "independent": 0}
    for table in values.reshape(300, -1).tolist():
        for name, families in (("families", labels * 5), ("independent", None)):
            held[name] += crossed(seeds, levels, table, 0.95, ("seed", "level"), families=families).lower <= 0.0
    assert held["families"] >= 0.92 * 300
    # 93.5 % of 300 is 280; by luck alone 272 or fewer come in under 2 %.
    assert held["independent"] <= 272
