"""Every bound that `gatekit check` gives for committed evidence, computed again from the formulas by numpy and scipy.

Nothing here uses gatekit's own arithmetic or reading: the files are read as JSON, and the command is asked as anybody
asks it, for each measure of each file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acceptance.console_script import gatekit
from numpy.typing import NDArray
from scipy import optimize, stats

ROOT = Path(__file__).parents[2]
FILES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("minilm", "controls")
    for path in (ROOT / "evidence" / folder).rglob("*.json")
)
RATIOS = {"relative_drop": "auc_drop", "relative_drop_capped": "auc_drop_capped"}
"""Of ood: a mean drop over the mean of id_auc - 0.5."""
JOHNSON_FROM = 10

Values = NDArray[np.float64]
Bounds = tuple[float, float, float]
"""Estimate, lower, upper."""


def per_seed(values: Values, c: float) -> Bounds:
    """Student 1908."""
    margin = stats.t.ppf(c, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return values.mean(), values.mean() - margin, values.mean() + margin


def per_seed_pair(values: Values, first: Values, second: Values, c: float) -> Bounds:
    """Arvesen 1969: the jackknife that leaves out one seed at a time."""
    seeds = np.unique(np.r_[first, second])
    without = np.array([values[(first != seed) & (second != seed)].mean() for seed in seeds])
    variance = (len(seeds) - 1) / len(seeds) * ((without - without.mean()) ** 2).sum()
    margin = stats.t.ppf(c, len(seeds) - 1) * math.sqrt(variance)
    return values.mean(), values.mean() - margin, values.mean() + margin


def margins_over_levels(deviations: Values, labels: NDArray[Any], c: float) -> tuple[float, float]:
    """Liang and Zeger 1986 over families, each with Johnson's (1978) shift on either side: (below, above)."""
    groups, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    count, several = len(groups), len(deviations)
    parts = np.bincount(inverse, weights=deviations) / several
    variance = count / (count - 1) * (parts**2).sum()
    t = stats.t.ppf(c, several**2 / (sizes**2).sum() - 1)
    shift = 0.0
    if count >= JOHNSON_FROM:
        third = count**2 / ((count - 1) * (count - 2)) * (parts**3).sum()
        shift = third * (1 + 2 * t**2) / (6 * variance)
    return t * math.sqrt(variance) + max(-shift, 0.0), t * math.sqrt(variance) + max(shift, 0.0)


def crossed(table: Values, families: NDArray[Any], c: float) -> Bounds:
    """Banerjee 1960 over seeds and levels: of levels as they are and in families the larger margin."""
    seeds, levels = table.shape
    mean = table.mean()
    over_seeds = stats.t.ppf(c, seeds - 1) ** 2 * ((table.mean(1) - mean) ** 2).sum() / (seeds - 1) / seeds
    deviations = table.mean(0) - mean
    both = [margins_over_levels(deviations, labels, c) for labels in (np.arange(levels), families)]
    below, above = (math.sqrt(over_seeds + max(sides) ** 2) for sides in zip(*both, strict=True))
    return mean, mean - below, mean + above


def bounds(document: dict[str, Any], name: str, c: float, values: Values | None = None) -> Bounds:
    """The bounds of one measure, or of other values of its observations."""
    measured = document["measurements"][name]
    columns = {key: np.array(column) for key, column in measured["columns"].items()}
    if values is None:
        values = columns["candidate"] - columns.get("baseline", 0.0)
    match measured["design"]:
        case "per_seed":
            found = per_seed(values, c)
        case "per_seed_pair":
            found = per_seed_pair(values, columns["seed_a"], columns["seed_b"], c)
        case design:
            level, plural = ("dataset", "datasets") if design == "per_seed_dataset" else ("row", "rows")
            names, place = np.unique(columns[level].astype(str), return_inverse=True)
            seeds, which = np.unique(columns["seed"], return_inverse=True)
            table = np.full((len(seeds), len(names)), np.nan)
            table[which, place] = values
            stated = document["protocol"].get("families", {}).get(plural, {})
            family = {str(member): label for label, members in stated.items() for member in members}
            found = crossed(table, np.array([family.get(one, f"alone {one}") for one in names]), c)
    models = measured.get("baseline_models")
    if models is None:
        return found
    means = np.array(models["values"]).mean(axis=1)
    margin = stats.t.ppf(c, len(means) - 1) * means.std(ddof=1) / math.sqrt(len(means))
    estimate, lower, upper = found
    return estimate, estimate - math.hypot(estimate - lower, margin), estimate + math.hypot(upper - estimate, margin)


def ratio(document: dict[str, Any], drop: str, c: float) -> Bounds:
    """Fieller 1954: where the design's bound of drop - r * advantage is 0."""
    lost, had = (np.array(document["measurements"][name]["columns"]["candidate"]) for name in (drop, "id_auc"))
    had = had - 0.5
    estimate = lost.mean() / had.mean()

    def crossing(side: int, low: float, high: float) -> float:
        function: Callable[[float], float] = lambda r: bounds(document, drop, c, lost - r * had)[side]  # noqa: E731
        return float(optimize.brentq(function, low, high, xtol=1e-14))

    return estimate, crossing(1, estimate - 10, estimate), crossing(2, estimate, estimate + 10)


def policy(document: dict[str, Any], names: Sequence[str]) -> str:
    """One gate per measure, on the side that it may be asked for; none has to pass."""
    gates = ""
    for name in names:
        measured = document["measurements"].get(name, {"direction": "lower"})
        asks = "at_most" if measured["direction"] == "lower" else "at_least"
        gates += f"  {name}: {{from: {document['kind']}, measure: {name}, {asks}: 0.5}}\n"
    return f"schema: gatekit.policy/1\nid: all\none_subject: false\ndefaults: {{min_seeds: 2}}\ngates:\n{gates}"


@pytest.mark.parametrize("path", FILES)
def test_every_bound_of_committed_evidence_is_what_numpy_and_scipy_compute(path: str, tmp_path: Path) -> None:
    document = json.loads((ROOT / path).read_text(encoding="utf-8"))
    names = [name for name, measured in document["measurements"].items() if measured["design"] != "reported"]
    names += [name for name, drop in RATIOS.items() if drop in document["measurements"] and name not in names]
    (tmp_path / "policy.yaml").write_text(policy(document, names), encoding="utf-8")
    now = document["producer"]["finished"]
    given = ("--policy", "policy.yaml", "--evidence", str(ROOT / path), "--now", now)
    gatekit("check", *given, "--output", "json=verdict.json", cwd=tmp_path)
    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["errors"] == []
    gates = {gate["name"]: gate["result"]["measured"] for gate in verdict["policies"][0]["gates"]}
    assert gates.keys() == set(names)
    for name, measured in gates.items():
        c = measured["confidence"]
        expected = ratio(document, RATIOS[name], c) if name in RATIOS else bounds(document, name, c)
        found = [measured["estimate"], measured["lower"], measured["upper"]]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), (name, measured["method"])
