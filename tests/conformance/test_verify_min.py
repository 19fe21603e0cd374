"""The independent verifier agrees with every case it covers, and with gatekit on random evidence."""

from __future__ import annotations

import copy
import json
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conformance import verify_min
from conformance.cases import NOW, Case, find_cases, fixture, lay_out
from conformance.process import run
from conformance.verify_input import find
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from gatekit.stats import crossed

CASES = [case for case in find_cases() if case.command == ["check"] and not case.is_pull_request]

ABSTAINS = ("signing/", "policy/signed_by_")
"""Signatures are not its business."""


def verdict(case: Case, folder: Path) -> bool:
    lay_out(case.files(), folder)
    policies, evidence = find(folder / "policies", ".yaml", ".yml"), find(folder / "evidence", ".json")
    return verify_min.passes(policies, evidence, verify_min.time(case.now or ""))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verifier_agrees(case: Case, tmp_path: Path) -> None:
    try:
        assert verdict(case, tmp_path) is (case.said["exit"] == 0)
    except verify_min.Abstain:
        assert case.name.startswith(ABSTAINS), f"abstains from {case.name}"


MEASURES = {
    # kind, measure: where its values lie
    ("random_model", "r2"): (-1.0, 1.0),
    ("random_model", "r2_above_control"): (-1.0, 1.0),
    ("random_model", "pw_mcc"): (-1.0, 1.0),
    ("random_model", "pw_mcc_above_control"): (-1.0, 1.0),
    ("ood", "auc_drop"): (-1.0, 1.0),
    ("saebench", "auc_delta"): (0.0, 1.0),
    ("cebench", "interpretability_delta"): (0.0, 1.0),
}
DESIGNS = {"r2": "per_seed", "pw": "per_seed_pair", "au": "per_seed_dataset", "in": "per_seed_row"}
UNITS = {
    "r2": "fraction of variance",
    "pw_mcc": "cosine",
    "auc_drop": "AUC",
    "auc_delta": "AUC",
    "interpretability_delta": "standard deviations",
}
RANGES = {"r2": [-1000000, 1], "in": [0, 10000], "auc_delta": [0, 1]}
TEMPLATES = {
    name.split("/")[-1].removesuffix(".json"): json.loads(data)
    for name, data in fixture("release").items()
    if name.startswith("evidence/") and isinstance(data, bytes)
}


@st.composite
def evidence(draw: st.DrawFn) -> dict[str, Any]:
    """One summary per kind, of 2 to 6 seeds and 1 to 4 datasets or rows."""
    seeds = list(range(draw(st.integers(2, 6))))
    control_seeds = list(range(100, 100 + draw(st.integers(2, 6))))
    levels = list(range(draw(st.integers(1, 4))))
    width = draw(st.sampled_from([0.0, 0.01, 0.2, 0.5]))
    candidates = draw(st.sampled_from([1, 1, 8]))
    columns: dict[str, list[float]] = {}

    def values(count: int, low: float, high: float) -> list[float]:
        centre = draw(st.floats(low + 0.5, high - 0.5) if high - low > 1 else st.just(0.5))
        around = st.floats(max(low, centre - width), min(high, centre + width))
        return [round(value, 4) for value in draw(st.lists(around, min_size=count, max_size=count))]

    documents = {}
    for (kind, name), (low, high) in MEASURES.items():
        document = documents.setdefault(kind, copy.deepcopy(TEMPLATES[kind]))
        if len(document["protocol"]["seeds"]) != len(seeds) or "drawn" not in columns:
            document["protocol"]["seeds"] = seeds
            document["protocol"]["selection"] = {"candidates": candidates, "seeds": seeds[:1]}
            document["subject"]["checkpoints"] = [{"seed": s, "sha256": f"{s:064x}"} for s in seeds]
            measured_on = [{"name": f"d{i}", "sha256": f"{i + 1:064x}", "rows": 10} for i in levels]
            document["protocol"]["datasets"] = measured_on
        measurements = document["measurements"]
        if "done" not in document:
            measurements.clear()
            document["done"] = True
        design = DESIGNS[name[:2]]
        keys = keyed(design, seeds, levels)
        count = len(next(iter(keys.values())))
        alone = name.partition("_above")[0]
        # What is measured alone and beside its control is one quantity.
        candidate = columns.setdefault(alone, values(count, low, high))
        measurement: dict[str, Any] = {
            "unit": UNITS.get(name) or UNITS[alone],
            "direction": "lower" if name == "auc_drop" else "higher",
            "range": RANGES.get(name) or RANGES.get(name[:2]) or [-1, 1],
            "design": design,
            "columns": {**keys, "candidate": candidate},
        }
        if "above" in name or "delta" in name:
            if design in verify_min.LEVELS or draw(st.booleans()):
                measurement["columns"]["baseline"] = values(count, low, high)
                assume(measurement["columns"]["baseline"] != candidate)
            else:
                group = keyed(design, control_seeds, [])
                size = len(next(iter(group.values())))
                measurement["baseline_columns"] = {**group, "value": values(size, low, high)}
        measurements[name] = measurement
    for document in documents.values():
        document.pop("done", None)
    return documents


def keyed(design: str, seeds: list[int], levels: list[int]) -> dict[str, list[Any]]:
    if design == "per_seed":
        return {"seed": list(seeds)}
    if design == "per_seed_pair":
        pairs = list(combinations(seeds, 2))
        return {"seed_a": [a for a, _ in pairs], "seed_b": [b for _, b in pairs]}
    named = [f"d{level}" for level in levels] if design == "per_seed_dataset" else levels
    level = verify_min.LEVELS[design]
    return {"seed": [seed for seed in seeds for _ in levels], level: [name for _ in seeds for name in named]}


@st.composite
def policies(draw: st.DrawFn) -> str:
    """A policy with a gate of random thresholds on each measure."""
    lines = ["schema: gatekit.policy/1", "id: p", "gates:"]
    for index in range(12):
        rules = []
        for _ in range(draw(st.integers(1, 2))):
            kind, name = draw(st.sampled_from(sorted(MEASURES)))
            limit = round(draw(st.floats(-0.6, 0.9)), 2)
            rule = f"from: {kind}, measure: {name}, {'at_most' if name == 'auc_drop' else 'at_least'}: {limit}"
            if draw(st.booleans()) and draw(st.booleans()):
                rule = f"from: {kind}, measure: {name}, between: [{limit - 0.3:.2f}, {limit + 0.1:.2f}]"
            rule += f", min_seeds: {draw(st.integers(1, 5))}"
            rule += f", confidence: {draw(st.sampled_from([0.9, 0.95, 0.99]))}"
            if draw(st.integers(0, 5)) == 0:
                rule += ", bound: point"
            if draw(st.booleans()):
                rule += f", generalize_over: [{draw(st.sampled_from(['seed', 'dataset, row', 'seed, dataset, row']))}]"
            rules.append("{" + rule + "}")
        lines.append(f"  g{index}: {{{draw(st.sampled_from(['all_of', 'any_of']))}: [{', '.join(rules)}]}}")
    return "\n".join(lines) + "\n"


@settings(deadline=None, max_examples=40)
@given(evidence(), policies())
def test_a_gate_passes_for_gatekit_only_where_it_passes_for_the_verifier(
    documents: dict[str, Any], policy: str
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = {f"evidence/{kind}.json": json.dumps(document).encode() for kind, document in documents.items()}
        lay_out({**files, "policies/p.yaml": policy.encode()}, folder)
        done = run(["check", "--now", NOW, "--output", "json=r.json"], folder)
        assert (folder / "r.json").exists(), done.text
        report = json.loads((folder / "r.json").read_bytes())
        assert report["errors"] == []
        theirs = {gate["name"]: gate["outcome"] for gate in report["policies"][0]["gates"]}
        now = verify_min.time(NOW)
        loaded = verify_min.read_policy(folder / "policies" / "p.yaml", now)
        paths = find(folder / "evidence", ".json")
        summaries = [verify_min.read_summary(path, now) for path in paths]
        ours = verify_min.outcomes(loaded, summaries, now)
        assert {gate for gate in theirs if theirs[gate] == "pass"} <= {gate for gate in ours if ours[gate] == "pass"}
        assert theirs == ours
        assert verify_min.passes([folder / "policies" / "p.yaml"], paths, now) is (done.code == 0)
    for outcome in set(theirs.values()):
        event(outcome)


@pytest.mark.parametrize("families", [None, {f"f{i}": [f"d{i}", f"d{i + 12}"] for i in range(12)}])
def test_the_verifier_agrees_on_the_skewness_of_many_datasets(families: Any) -> None:
    names = [f"d{i}" for i in range(24)]
    effects = [0.01 * (i % 5) - 0.4 * (i in (3, 15)) for i in range(24)]
    keys = [(seed, name) for seed in range(3) for name in names]
    values = [effects[names.index(name)] + 0.003 * ((seed * 7 + names.index(name)) % 4) for seed, name in keys]
    columns = {"seed": [seed for seed, _ in keys], "dataset": [name for _, name in keys], "candidate": values}
    labels = None if families is None else [next(f for f, own in families.items() if name in own) for _, name in keys]
    ours = crossed(columns["seed"], columns["dataset"], values, 0.95, ("seed", "level"), families=labels)
    theirs = verify_min.ends({"design": "per_seed_dataset", "columns": columns}, None, 0.95, (), families)
    assert "Johnson" in ours.method
    assert theirs == (pytest.approx(ours.estimate), pytest.approx(ours.lower), pytest.approx(ours.upper))
