"""What a bound over datasets or rows says of families, and how differences to the base keep them."""

from __future__ import annotations

import builders
import numpy as np
import pytest
from judging import HEAD, NOW, read, verdict
from scipy import stats

from gatekit.evidence.families import others_than
from gatekit.gates.evaluate import evaluate
from gatekit.policy import parse_policy

NOTE = "datasets counted as independent: the evidence names no families"
FAMILIES = {"texts": ["agnews", "imdb"], "more": ["newsgroups", "dataset_3"], "mail": ["dataset_4", "dataset_5"]}
CELLS = [0.80 + 0.01 * (seed % 3) + 0.03 * (place // 2) + 0.002 * place for seed in range(5) for place in range(6)]


def auc(families: object = None, values: list[float] | None = None) -> builders.Json:
    changes = {} if families is None else {"families": {"datasets": families}}
    return builders.summary("saebench", {"auc": values or CELLS}, protocol_changes=changes)


def judged(document: builders.Json, more: str = "", base: builders.Json | None = None):
    rule = "at_least: 0.5" if base is None else "not_worse_than: {base: 0.5}"
    policy = parse_policy((HEAD + f"gates:\n  g: {{from: saebench, measure: auc, {rule}{more}}}\n").encode(), "p.yaml")
    others = None if base is None else read({"base.json": base})[0]
    summaries, errors = read({"a.json": document})
    found = evaluate([policy], summaries, NOW, errors, base=others)
    return found.policies[0].gates[0].result


def test_evidence_without_families_says_that_datasets_are_counted_as_independent() -> None:
    assert NOTE in judged(auc()).notes
    assert judged(auc()).measured.method == "two-way t over 5 seeds and 6 datasets"


def test_rows_without_families_say_so_too() -> None:
    rows = builders.summary("cebench", {"contrastive": builders.around(4.0, 0.2, 20)})
    found = verdict("g: {from: cebench, measure: contrastive, at_least: 1}", {"a.json": rows})
    assert "rows counted as independent: the evidence names no families" in found.policies[0].gates[0].result.notes


@pytest.mark.parametrize("more", [", generalize_over: [seed]", ", bound: point"])
def test_a_rule_that_speaks_of_no_other_dataset_says_nothing_of_families(more: str) -> None:
    assert NOTE not in judged(auc(), more).notes


def test_families_widen_the_bound_to_that_of_the_cluster_formula() -> None:
    found = judged(auc(FAMILIES))
    table = np.array(CELLS).reshape(5, 6)
    sums = (table.mean(axis=0) - table.mean()).reshape(3, 2).sum(axis=1)
    of_families = stats.t.ppf(0.95, 36 / 12 - 1) * np.sqrt(3 / 2 * (sums**2).sum() / 36)
    of_seeds = stats.t.ppf(0.95, 4) * stats.sem(table.mean(axis=1))
    assert found.measured.lower == pytest.approx(table.mean() - np.hypot(of_families, of_seeds), rel=1e-9)
    assert found.measured.lower < judged(auc()).measured.lower
    assert found.measured.method == "two-way t over 5 seeds and 6 datasets in 3 families"
    assert found.notes == ()


def test_one_family_is_inconclusive_with_words_where_the_rule_speaks_of_other_datasets() -> None:
    one = {"all": [name for members in FAMILIES.values() for name in members]}
    found = judged(auc(one))
    assert str(found.outcome) == "inconclusive"
    assert found.reason == "auc has no bound: 6 datasets in 1 family, no bound for other datasets"
    assert str(judged(auc(one), ", generalize_over: [seed]").outcome) == "pass"


def test_a_difference_to_the_base_keeps_the_families_of_either_side() -> None:
    other = [value - 0.01 * (place % 6 // 2) for place, value in enumerate(CELLS)]
    both = judged(auc(FAMILIES, other), base=auc(FAMILIES))
    assert both.measured.method == "two-way t over 5 seeds and 6 datasets in 3 families"
    # A head that names them no more, or a base of the time before, makes nothing independent.
    assert judged(auc(None, other), base=auc(FAMILIES)).measured == both.measured
    assert judged(auc(FAMILIES, other), base=auc()).measured == both.measured


def test_other_families_than_the_base_have_no_bound() -> None:
    finer = {name: [name] for members in FAMILIES.values() for name in members}
    found = judged(auc(finer), base=auc(FAMILIES))
    assert str(found.outcome) == "inconclusive"
    assert "other seeds, datasets or families" in found.reason


CHOSEN = {"candidates": 20, "seeds": [10, 11]}
DATASET = {"name": "reuters", "sha256": builders.digest("reuters"), "rows": 1000}


def paid(selection: builders.Json, more: str = "", kind: str = "saebench") -> float:
    cells = {"auc": CELLS} if kind == "saebench" else {"r2": builders.around(0.8, 0.01, 5)}
    document = builders.summary(kind, cells, protocol_changes={"selection": selection})
    measure = next(iter(cells))
    found = verdict(f"g: {{from: {kind}, measure: {measure}, at_least: 0.1{more}}}", {"a.json": document})
    return found.policies[0].gates[0].result.measured.confidence


def test_a_choice_on_other_seeds_but_the_same_datasets_pays_where_the_bound_speaks_of_other_datasets() -> None:
    assert paid(CHOSEN) == pytest.approx(1 - 0.05 / 20)
    assert paid(CHOSEN, ", generalize_over: [seed]") == 0.95
    assert paid(CHOSEN, kind="random_model") == 0.95


@pytest.mark.parametrize(
    ("datasets", "confidence"),
    [
        ([DATASET], 0.95),
        ([DATASET, {**DATASET, "name": "agnews"}], 0.9975),
        ([{**DATASET, "sha256": builders.digest("agnews")}], 0.9975),
        ([], 0.9975),
    ],
)
def test_a_choice_on_other_seeds_and_other_datasets_is_free(datasets: list[builders.Json], confidence: float) -> None:
    assert paid({**CHOSEN, "datasets": datasets}) == pytest.approx(confidence)


def test_a_near_copy_is_not_another_dataset() -> None:
    measured = [{"name": "115_nyc_borough_Brooklyn", "sha256": builders.digest("b"), "rows": 1}]
    assert not others_than([{"name": "114_nyc_borough_Manhattan", "sha256": builders.digest("a"), "rows": 1}], measured)
    assert others_than([DATASET], measured)
