"""An assignment sweep is imported when all that it states follows from its own pairs and records, else refused."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import gatekit

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.adapters import ImportOptions, import_summaries
from gatekit_husai.importing import assignment_rules as rules

HUSAI = Path(__file__).parents[2] / "data" / "husai"
CYCLE5 = HUSAI / "cycle5_external_push_run_20260215T232351Z" / "assignment"
NARROW = CYCLE5 / "run_20260216T001059Z_results.json"
WIDE = CYCLE5 / "run_20260216T005618Z_results.json"
WITHOUT_BENCHMARKS = HUSAI / "cycle4_followups_run_20260215T190004Z" / "assignment_v3" / "results.json"
SWEEPS = (WITHOUT_BENCHMARKS, NARROW, WIDE)
GATES = ("gate_internal_lcb", "gate_ev_drop", "gate_saebench", "gate_cebench", "pass_all")

Change = Callable[[Any], object]


@cache
def text(path: Path) -> str:
    """A recorded file; the earliest one says NaN for what was not measured, where later ones say null."""
    return re.sub(r"\bNaN\b", "null", path.read_text())


def sweep(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text(path))
    return content


def imported(path: Path, **options: Any) -> dict[tuple[str, float], dict[str, Any]]:
    """Kind and lambda -> summary."""
    found = [json.loads(data) for data in import_summaries("husai", [str(path)], ImportOptions(**options)).values()]
    summaries = {(one["kind"], one["producer"]["config"]["lambda_consistency"]): one for one in found}
    assert len(summaries) == len(found)
    return summaries


@pytest.mark.parametrize("path", SWEEPS, ids=["cycle4", "narrow", "wide"])
def test_recorded_bounds_scores_front_ranking_and_gates_are_computed_again(path: Path) -> None:
    recorded = sweep(path)
    records = recorded["records"]
    rows = [record["selection_metrics"] for record in records]
    for record in records:
        ends = {}
        for name, seed in (("trained", 13), ("random", 29)):
            ends[name] = rules.interval(record[f"{name}_pairwise_pwmcc_values"], 10_000, seed)
            stated = record[f"{name}_pwmcc"]
            assert ends[name] == pytest.approx((stated["ci95_low"], stated["ci95_high"]), rel=1e-12)
        bound = ends["trained"][0] - ends["random"][1]
        assert bound == pytest.approx(record["delta_pwmcc_ci_low_conservative"], rel=1e-12)
    scores = rules.joint_scores(rows, recorded["config"]["weights"])
    assert scores == pytest.approx([record["selection"]["joint_score"] for record in records], rel=1e-12)
    front = rules.on_the_front(rows)
    assert front == [record["selection"]["is_pareto"] for record in records]
    order = [records[index]["lambda_consistency"] for index in rules.ranking(rows, scores, front)]
    assert order == [record["lambda_consistency"] for record in recorded["ranked"]]
    stated = recorded["acceptance"]
    gates = rules.acceptance(recorded["selected"]["selection_metrics"], stated, stated["require_external"])
    assert gates == {name: stated[name] for name in GATES}


def test_a_metric_that_is_missing_or_the_same_everywhere_is_scored_as_there() -> None:
    rows = [
        {"internal_lcb": 0.1, "ev_neg_drop": 0.0, "saebench_delta": None, "cebench_delta": -2.0},
        {"internal_lcb": 0.3, "ev_neg_drop": 0.0, "saebench_delta": 0.5, "cebench_delta": -3.0},
    ]
    weights = {"internal_lcb": 0.4, "ev_neg_drop": 0.2, "saebench_delta": 0.3, "cebench_delta": 0.1}
    assert rules.joint_scores(rows, weights) == pytest.approx([0.2 * 0.5 + 0.1, 0.4 + 0.2 * 0.5 + 0.3 * 0.5])
    assert rules.on_the_front(rows) == [True, True]
    rows[1]["cebench_delta"] = -2.0
    assert rules.on_the_front(rows) == [False, True]


def test_a_benchmark_that_was_not_run_passes_unless_it_is_required() -> None:
    metrics = {"internal_lcb": 0.0, "ev_drop": 0.05, "saebench_delta": None, "cebench_delta": None}
    limits = {"min_internal_lcb": 0.0, "max_ev_drop": 0.05, "min_saebench_delta": 0.0, "min_cebench_delta": 0.0}
    assert rules.acceptance(metrics, limits, require_external=False)["pass_all"]
    required = rules.acceptance(metrics, limits, require_external=True)
    assert [name for name, passes in required.items() if not passes] == ["gate_saebench", "gate_cebench", "pass_all"]


@pytest.mark.parametrize("path", [NARROW, WIDE], ids=["narrow", "wide"])
def test_each_lambda_is_imported_with_its_bound_its_drop_and_its_benchmarks(path: Path) -> None:
    recorded = sweep(path)
    found = imported(path)
    assert len(found) == 3 * len(recorded["records"])
    for record in recorded["records"]:
        strength = record["lambda_consistency"]
        own = found["husai_assignment", strength]["measurements"]
        agreement = own["mmcs_above_gaussian"]["reported"]
        assert agreement["estimate"] == record["delta_pwmcc"]
        assert agreement["lower"] == record["delta_pwmcc_ci_low_conservative"]
        assert (agreement["confidence"], agreement["n_seeds"]) == (0.95, 5)
        drop = own["explained_variance_drop"]["reported"]["estimate"]
        assert drop == record["selection_metrics"]["ev_drop"]
        saebench = found["saebench", strength]["measurements"]["auc_delta"]["reported"]["estimate"]
        assert saebench == record["selection_metrics"]["saebench_delta"]
        cebench = found["cebench", strength]["measurements"]["interpretability_delta"]["reported"]["estimate"]
        assert cebench == record["selection_metrics"]["cebench_delta"]


def test_a_summary_says_which_sae_it_is_and_what_it_was_chosen_from() -> None:
    found = imported(NARROW)
    own, saebench = found["husai_assignment", 0.05], found["saebench", 0.05]
    assert own["subject"]["model"] == {"name": "pythia-70m-deduped", "digest": None}
    assert (own["subject"]["d_model"], own["subject"]["d_sae"], own["subject"]["k"]) == (512, 1024, 32)
    assert own["protocol"]["seeds"] == [42, 123, 456, 789, 1011]
    assert own["protocol"]["selection"] == {"candidates": 6, "seeds": [42, 123, 456, 789, 1011]}
    assert own["producer"]["finished"].startswith("2026-02-16T00:56:09")
    assert own["producer"]["config"]["sweep_best_lambda"] == 0.05
    assert own["producer"]["config"]["sweep_pass_all"] is False
    (checkpoint,) = saebench["subject"]["checkpoints"]
    assert checkpoint["seed"] == 123
    # One of four seeds at each of six lambdas.
    assert saebench["protocol"]["selection"] == {"candidates": 24, "seeds": [123]}


def test_a_sweep_on_another_model_needs_to_be_told_which(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text(WITHOUT_BENCHMARKS))
    with pytest.raises(GatekitError, match="does not record the model") as refused:
        imported(path)
    assert refused.value.error_id == "adapter.subject"
    subject = {
        "model": {"name": "modular-addition-113", "digest": None},
        "hook": "blocks.1.hook_resid_post",
        "d_model": 128,
        "architecture": "topk",
        "d_sae": 128,
        "k": 32,
        "checkpoints": [],
    }
    (tmp_path / "subject.json").write_text(json.dumps(subject))
    found = imported(path, subject=str(tmp_path / "subject.json"))
    assert list(found) == [("husai_assignment", strength) for strength in (0.0, 0.05, 0.1, 0.2, 0.3)]
    assert found["husai_assignment", 0.3]["producer"]["config"]["sweep_best_lambda"] == 0.3
    (tmp_path / "subject.json").write_text(json.dumps({**subject, "d_sae": 256}))
    with pytest.raises(GatekitError, match="the subject's d_sae is 256, not 128"):
        imported(path, subject=str(tmp_path / "subject.json"))


def test_a_subject_for_a_sweep_that_names_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="identifies its own subject"):
        imported(NARROW, subject=str(tmp_path / "subject.json"))


def changed(folder: Path, *changes: Change, everywhere: bool = True) -> Path:
    """The narrow sweep with changes in its records, and in their copies unless these shall differ."""
    content = sweep(NARROW)
    for record in content["records"]:
        if record["lambda_consistency"] == 0.05:
            for change in changes:
                change(record)
            by_lambda = {record["lambda_consistency"]: record}
    if everywhere:
        for name in ("pareto_front", "ranked"):
            content[name] = [by_lambda.get(one["lambda_consistency"], one) for one in content[name]]
        content["selected"] = content["ranked"][0]
    path = folder / "results.json"
    path.write_text(json.dumps(content))
    return path


def put(pointer: str, new: Any) -> Change:
    def change(value: Any) -> None:
        *steps, last = pointer.strip("/").split("/")
        for step in steps:
            value = value[int(step) if isinstance(value, list) else step]
        value[int(last) if isinstance(value, list) else last] = new

    return change


@pytest.mark.parametrize(
    ("pointer", "new", "at"),
    [
        ("/trained_pairwise_pwmcc_values/0", 0.5, "/trained_pwmcc/mean"),
        ("/random_pairwise_pwmcc_values/0", 0.5, "/random_pwmcc/mean"),
        ("/trained_pwmcc/ci95_low", 0.99, "/trained_pwmcc/ci95_low"),
        ("/random_pwmcc/ci95_high", 0.1, "/random_pwmcc/ci95_high"),
        ("/delta_pwmcc", 0.9, "/delta_pwmcc"),
        ("/delta_pwmcc_ci_low_conservative", 0.9, "/delta_pwmcc_ci_low_conservative"),
        ("/selection_metrics/internal_lcb", 0.9, "/selection_metrics/internal_lcb"),
        ("/selection_metrics/saebench_delta", 0.2, "/selection_metrics/saebench_delta"),
        ("/selection_metrics/cebench_delta", 1.0, "/selection_metrics/cebench_delta"),
        ("/selection_metrics/ev_neg_drop", 0.0, "/selection_metrics/ev_neg_drop"),
        ("/per_seed_metrics/1/explained_variance", 0.9, "/explained_variance/mean"),
        ("/per_seed_metrics/1/seed", 42, "/per_seed_metrics"),
        ("/n_models", 4, "/n_models"),
        ("/selected_checkpoint", "results/x/sae_seed123.pt", "/selected_checkpoint"),
        ("/external_eval/checkpoint", "results/x/sae_seed123.pt", "/external_eval/checkpoint"),
        ("/selection/joint_score", 1.0, "/selection/joint_score"),
        ("/selection/is_pareto", False, "/selection/is_pareto"),
        ("/selection/weights/internal_lcb", 1.0, "/selection/weights"),
    ],
)
def test_a_number_that_the_record_does_not_give_is_refused_at_its_place(
    tmp_path: Path, pointer: str, new: Any, at: str
) -> None:
    with pytest.raises(GatekitError) as refused:
        imported(changed(tmp_path, put(pointer, new)))
    assert refused.value.error_id == "adapter.contradiction"
    assert refused.value.location is not None
    assert refused.value.location.pointer == f"/records/1{at}"


def test_a_result_that_the_record_holds_and_its_metrics_leave_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatekitError, match="expected a number, found null") as refused:
        imported(changed(tmp_path, put("/selection_metrics/cebench_delta", None)))
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/records/1/selection_metrics/cebench_delta"


def test_a_metric_of_a_benchmark_that_the_record_does_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatekitError, match="the record has no such result") as refused:
        imported(changed(tmp_path, put("/external_eval/saebench", None)))
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/records/1/selection_metrics/saebench_delta"


def test_a_drop_is_measured_from_lambda_0(tmp_path: Path) -> None:
    both = (put("/selection_metrics/ev_drop", 0.01), put("/selection_metrics/ev_neg_drop", -0.01))
    with pytest.raises(GatekitError, match="the variance at lambda 0 minus that at this one") as refused:
        imported(changed(tmp_path, *both))
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/records/1/selection_metrics/ev_drop"


def test_a_copy_that_differs_from_its_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatekitError, match=r"the record at results\.json#/records/1 belongs here") as refused:
        imported(changed(tmp_path, put("/runtime_sec", 1.0), everywhere=False))
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/pareto_front/1"


@pytest.mark.parametrize(
    ("pointer", "new", "at"),
    [
        ("/acceptance/gate_ev_drop", True, "/acceptance/gate_ev_drop"),
        ("/acceptance/pass_all", True, "/acceptance/pass_all"),
        ("/acceptance/max_ev_drop", 0.5, "/acceptance/gate_ev_drop"),
        ("/acceptance/best_lambda", 0.1, "/acceptance/best_lambda"),
        ("/acceptance/best_checkpoint", "results/x/y.pt", "/acceptance/best_checkpoint"),
        ("/ranked", [], "/ranked"),
        ("/selected/runtime_sec", 1.0, "/selected"),
        ("/config/model_name", "gpt2", "/config/activation_source/activation_cache_dir"),
        ("/config/hook_name", "blocks.1.hook_resid_pre", "/config/activation_source/activation_glob"),
    ],
)
def test_an_acceptance_or_subject_that_the_sweep_contradicts_is_refused(
    tmp_path: Path, pointer: str, new: Any, at: str
) -> None:
    content = sweep(NARROW)
    put(pointer, new)(content)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    with pytest.raises(GatekitError) as refused:
        imported(path)
    assert refused.value.error_id == "adapter.contradiction"
    assert refused.value.location is not None
    assert refused.value.location.pointer == at


def test_more_resamples_than_can_be_drawn_are_refused_before_they_are(tmp_path: Path) -> None:
    content = sweep(NARROW)
    content["config"]["bootstrap_samples"] = 2_000_001
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    with pytest.raises(GatekitError, match="2000001 resamples of 10 pairs") as refused:
        imported(path)
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/config/bootstrap_samples"


def test_a_benchmark_that_failed_is_a_failed_summary_and_one_that_was_not_run_is_none(tmp_path: Path) -> None:
    content = sweep(NARROW)
    # The last of the ranking, so that nothing else moves: its SAEBench failed and its CE-Bench was left out.
    first = content["records"][0]
    first["external_eval"] |= {"saebench": None, "saebench_returncode": 1, "cebench": None, "cebench_returncode": None}
    first["selection_metrics"] |= dict.fromkeys(
        ("saebench_delta", "cebench_delta", "cebench_interpretability_max"), None
    )
    rows = [record["selection_metrics"] for record in content["records"]]
    scores = rules.joint_scores(rows, content["config"]["weights"])
    front = rules.on_the_front(rows)
    for record, score, is_on_it in zip(content["records"], scores, front, strict=True):
        record["selection"] |= {"joint_score": score, "is_pareto": is_on_it}
    content["pareto_front"] = [record for record in content["records"] if record["selection"]["is_pareto"]]
    content["ranked"] = [content["records"][index] for index in rules.ranking(rows, scores, front)]
    content["selected"] = copy.deepcopy(content["ranked"][0])
    assert math.isclose(content["selected"]["lambda_consistency"], 0.05)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    found = imported(path)
    assert found["saebench", 0.0]["status"] == "failed"
    assert found["saebench", 0.0]["reason"] == "the benchmark ended with return code 1"
    assert ("cebench", 0.0) not in found
    assert ("cebench", 0.05) in found


POLICY = """\
schema: gatekit.policy/1
id: assignment
defaults: {confidence: 0.95, min_seeds: 1, allow_reported: true}
gates:
  agreement: {from: husai_assignment, measure: mmcs_above_gaussian, at_least: 0.0, bound: point}
  price: {from: husai_assignment, measure: explained_variance_drop, at_most: 0.05, bound: point}
"""


def test_a_policy_gates_a_sweep_as_its_own_acceptance_did(tmp_path: Path) -> None:
    assert gatekit("import", "husai", str(NARROW), cwd=tmp_path).returncode == 0
    (tmp_path / "policy.yaml").write_text(POLICY)
    summary = next((tmp_path / "evidence").glob("husai_assignment-*lambda_0-05-*"))
    done = gatekit("check", "policy.yaml", "--evidence", str(summary), "--output", "json=verdict.json", cwd=tmp_path)
    (judged,) = json.loads((tmp_path / "verdict.json").read_text())["policies"]
    assert {gate["name"]: gate["outcome"] for gate in judged["gates"]} == {"agreement": "pass", "price": "fail"}
    assert done.returncode == 2
