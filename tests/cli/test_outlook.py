"""What `gatekit explain` says would change an outcome, against counts made with scipy and numpy."""

from __future__ import annotations

import math
from pathlib import Path

import builders
import numpy as np
import pytest
from scipy import stats

from gatekit.cli.inputs import the_time
from gatekit.evidence import read_summary
from gatekit.evidence.summary import Summary
from gatekit.gates.bounds import interval
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import Outcome, ThresholdResult, Why
from gatekit.policy import Threshold, parse_policy
from gatekit.report.explanation.outlook import outlook, spread


def judged(
    folder: Path, rule: str, document: dict[str, object] | None, defaults: str = "{min_seeds: 5, max_age: 30d}"
) -> tuple[Threshold, ThresholdResult, Summary | None]:
    text = f"schema: gatekit.policy/1\nid: p\ndefaults: {defaults}\ngates:\n  g: {rule}\n"
    policy = parse_policy(text.encode(), "p.yaml")
    summaries = []
    if document is not None:
        path = builders.write(folder, {"e.json": document}) / "e.json"
        summaries = [read_summary(str(path))]
    verdict = evaluate([policy], summaries, the_time(builders.NOW))
    assert not verdict.errors
    rule_of_gate, result = policy.gates[0].rule, verdict.policies[0].gates[0].result
    assert isinstance(rule_of_gate, Threshold)
    assert isinstance(result, ThresholdResult)
    return rule_of_gate, result, summaries[0] if summaries else None


def said(folder: Path, rule: str, document: dict[str, object] | None, **more: str) -> str:
    threshold, result, summary = judged(folder, rule, document, **more)
    measurement = None if summary is None else summary.measurements.get(threshold.measure.name)
    return " ".join(outlook(threshold, result, measurement))


R2 = [0.52, 0.42, 0.60, 0.46, 0.58]
"""Mean 0.516, standard deviation 0.0767."""


def test_seeds_of_a_weak_estimate_are_those_at_which_the_t_bound_meets_the_threshold(tmp_path: Path) -> None:
    text = said(
        tmp_path,
        "{from: random_model, measure: r2, at_least: 0.5}",
        builders.summary("random_model", {"r2": R2}),
    )
    distance, sd = np.mean(R2) - 0.5, np.std(R2, ddof=1)
    expected = next(n for n in range(6, 1000) if stats.t.ppf(0.95, n - 1) * sd / math.sqrt(n) <= distance)
    assert f"from about {expected} seeds on, {expected - 5} more" in text


def test_seeds_for_probability_0_8_are_those_of_the_noncentral_t(tmp_path: Path) -> None:
    text = said(
        tmp_path,
        "{from: random_model, measure: r2, at_least: 0.5}",
        builders.summary("random_model", {"r2": R2}),
    )
    effect = (np.mean(R2) - 0.5) / np.std(R2, ddof=1)
    expected = next(
        n for n in range(2, 1000) if stats.nct.sf(stats.t.ppf(0.95, n - 1), n - 1, effect * math.sqrt(n)) >= 0.8
    )
    assert f"takes {expected} seeds" in text


def test_an_upper_threshold_is_counted_like_a_lower_one(tmp_path: Path) -> None:
    dead = [0.18, 0.10, 0.28, 0.14, 0.22]
    text = said(
        tmp_path,
        "{from: random_model, measure: dead_fraction, at_most: 0.2}",
        builders.summary("random_model", {"dead_fraction": dead}),
    )
    distance, sd = 0.2 - np.mean(dead), np.std(dead, ddof=1)
    expected = next(n for n in range(6, 1000) if stats.t.ppf(0.95, n - 1) * sd / math.sqrt(n) <= distance)
    assert f"from about {expected} seeds on" in text


def test_a_choice_among_candidates_is_paid_for(tmp_path: Path) -> None:
    text = said(
        tmp_path,
        "{from: random_model, measure: r2, at_least: 0.5, selected_from: 10}",
        builders.summary("random_model", {"r2": R2}),
    )
    distance, sd = np.mean(R2) - 0.5, np.std(R2, ddof=1)
    expected = next(n for n in range(6, 1000) if stats.t.ppf(0.995, n - 1) * sd / math.sqrt(n) <= distance)
    assert f"from about {expected} seeds on" in text


TABLE = np.array([[0.04, 0.12, 0.02], [0.05, 0.13, 0.01], [0.04, 0.14, 0.03], [0.06, 0.12, 0.02], [0.05, 0.13, 0.02]])
"""Five seeds that agree, three datasets that do not; mean 0.0653."""


def test_datasets_that_differ_cannot_be_replaced_by_seeds(tmp_path: Path) -> None:
    text = said(
        tmp_path,
        "{from: ood, measure: auc_drop, at_most: 0.1}",
        builders.summary("ood", {"auc_drop": TABLE.ravel().tolist()}),
    )
    distance = 0.1 - TABLE.mean()
    seeds, datasets = TABLE.mean(axis=1).var(ddof=1) / 5, TABLE.mean(axis=0).var(ddof=1)

    def half_width(n: int) -> float:
        return math.sqrt(stats.t.ppf(0.95, 4) ** 2 * seeds + stats.t.ppf(0.95, n - 1) ** 2 * datasets / n)

    expected = next(n for n in range(4, 1000) if half_width(n) <= distance)
    assert "More seeds alone do not help" in text
    assert f"from about {expected} datasets on, {expected - 3} more than now" in text


def test_a_claim_about_these_datasets_only_needs_seeds_only(tmp_path: Path) -> None:
    rule = "{from: ood, measure: auc_drop, at_most: 0.067, generalize_over: [seed]}"
    text = said(tmp_path, rule, builders.summary("ood", {"auc_drop": TABLE.ravel().tolist()}))
    distance, sd = 0.067 - TABLE.mean(), TABLE.mean(axis=1).std(ddof=1)
    expected = next(n for n in range(6, 1000) if stats.t.ppf(0.95, n - 1) * sd / math.sqrt(n) <= distance)
    assert f"from about {expected} seeds on" in text


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("r2", {"r2": R2}),
        ("pw_mcc", {"pw_mcc": [0.5, 0.52, 0.48, 0.55, 0.47, 0.5, 0.53, 0.49, 0.51, 0.52]}),
    ],
)
def test_the_spread_at_the_seeds_measured_is_the_gates_own_half_width(
    tmp_path: Path, name: str, values: dict[str, list[float]]
) -> None:
    rule, result, summary = judged(
        tmp_path, f"{{from: random_model, measure: {name}, at_least: 0.1}}", builders.summary("random_model", values)
    )
    assert summary is not None
    assert result.measured is not None
    assert result.measured.lower is not None
    bounds = interval(summary.measurements[name], 0.95, rule.generalize_over)
    found = spread(summary.measurements[name], bounds, rule.generalize_over)
    assert found.half_width(5, 0) == pytest.approx(result.measured.estimate - result.measured.lower, rel=1e-12)


def test_the_spread_of_a_crossed_design_is_the_gates_own_half_width(tmp_path: Path) -> None:
    document = builders.summary("ood", {"auc_drop": TABLE.ravel().tolist()})
    rule, result, summary = judged(tmp_path, "{from: ood, measure: auc_drop, at_most: 0.1}", document)
    assert summary is not None
    assert result.measured is not None
    assert result.measured.upper is not None
    bounds = interval(summary.measurements["auc_drop"], 0.95, rule.generalize_over)
    found = spread(summary.measurements["auc_drop"], bounds, rule.generalize_over)
    assert found.half_width(5, 3) == pytest.approx(result.measured.upper - result.measured.estimate, rel=1e-12)


def test_an_estimate_on_the_wrong_side_is_said_to_be_beyond_any_number_of_seeds(tmp_path: Path) -> None:
    text = said(
        tmp_path, "{from: random_model, measure: r2, at_least: 0.9}", builders.summary("random_model", {"r2": R2})
    )
    assert "No number of seeds changes this while the estimate stays at 0.5160" in text
    assert "by 0.3840" in text
    assert "Even the upper bound" in text


def test_a_wrong_side_that_the_other_bound_does_not_confirm_is_said_to_be_open(tmp_path: Path) -> None:
    text = said(
        tmp_path, "{from: random_model, measure: r2, at_least: 0.53}", builders.summary("random_model", {"r2": R2})
    )
    assert "the truth may still meet the threshold" in text


def test_an_estimate_exactly_at_the_threshold_needs_more_than_seeds(tmp_path: Path) -> None:
    document = builders.summary("random_model", {"r2": [0.25, 0.75, 0.25, 0.75, 0.5]})
    text = said(tmp_path, "{from: random_model, measure: r2, at_least: 0.5}", document)
    assert "no number of seeds" in text


def test_a_pass_says_how_far_the_estimate_could_fall(tmp_path: Path) -> None:
    threshold, result, summary = judged(
        tmp_path, "{from: random_model, measure: r2, at_least: 0.4}", builders.summary("random_model", {"r2": R2})
    )
    assert summary is not None
    lower = np.mean(R2) - stats.t.ppf(0.95, 4) * np.std(R2, ddof=1) / math.sqrt(5)
    text = " ".join(outlook(threshold, result, summary.measurements["r2"]))
    assert result.outcome is Outcome.PASS
    assert f"clears the threshold by {lower - 0.4:.5f}"[:36] in text
    assert f"fall from 0.5160 to {np.mean(R2) - (lower - 0.4):.4f}" in text


@pytest.mark.parametrize(
    ("rule", "document", "why", "remedy"),
    [
        ("{from: ood, measure: auc_drop, at_most: 0.1}", None, Why.MISSING, "gatekit run ood"),
        (
            "{from: ood, measure: auc_drop, at_most: 0.1}",
            builders.summary("ood", {}, status="failed", reason="out of memory"),
            Why.RUN_FAILED,
            "measure again",
        ),
        (
            "{from: random_model, measure: r2, at_least: 0.5}",
            builders.summary("random_model", {"r2": [0.8] * 2}, seeds=(0, 1)),
            Why.TOO_FEW_SEEDS,
            "5 in all",
        ),
        (
            "{from: random_model, measure: pw_mcc_above_control, at_least: 0, min_random_models: 3}",
            builders.summary("random_model", {"pw_mcc_above_control": (builders.around(0.6, 0.1, 10), [0.3] * 10)}),
            Why.TOO_FEW_MODELS,
            "`random_model_seeds` of the runner, 3 in all",
        ),
        (
            "{from: random_model, measure: r2, at_least: 0.5}",
            builders.summary("random_model", {"r2": R2}, finished="2025-03-01T00:00:00Z"),
            Why.STALE,
            "Measure again",
        ),
        (
            "{from: saebench, measure: auc, at_least: 0.5}",
            builders.summary("saebench", {"auc": builders.reported(0.7, n_seeds=5)}),
            Why.SELF_REPORTED,
            "allow_reported: true",
        ),
        (
            "{from: saebench, measure: auc, at_least: 0.5, allow_reported: true}",
            builders.summary("saebench", {"auc": builders.reported(0.7, n_seeds=5)}),
            Why.NO_BOUND,
            "Have the tool report a bound",
        ),
    ],
)
def test_what_was_not_judged_says_what_is_missing(
    tmp_path: Path, rule: str, document: dict[str, object] | None, why: Why, remedy: str
) -> None:
    threshold, result, _ = judged(tmp_path, rule, document)
    assert result.why is why
    assert remedy in " ".join(outlook(threshold, result, None))


def test_every_reason_for_being_inconclusive_has_a_remedy_of_its_own(tmp_path: Path) -> None:
    threshold, result, _ = judged(tmp_path, "{from: ood, measure: auc_drop, at_most: 0.1}", None)
    from dataclasses import replace

    undecided = [why for why in Why if why not in (Why.MEASURED, Why.COMBINED)]
    texts = {" ".join(outlook(threshold, replace(result, why=why), None)) for why in undecided}
    assert "Measure it." not in texts
    assert len(texts) == len(undecided)
