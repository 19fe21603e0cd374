"""What made the reference's gate pass (or stop with a traceback) is refused here, with file and JSON pointer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError
from gatekit.evidence.adapters import ImportOptions, import_summaries

HUSAI = Path(__file__).parents[2] / "data" / "husai"
CYCLE4 = "cycle4_followups_run_20260215T190004Z"
FRONTIER = str(HUSAI / "cycle3_queue_final/frontier_multiseed_results_run_20260214T202538Z.json")
FILES = {
    "policy": f"{CYCLE4}/release_gate/release_policy.json",
    "candidate": f"{CYCLE4}/selector/selected_candidate.json",
    "ood": f"{CYCLE4}/ood/ood_stress_summary.json",
    "sweep": f"{CYCLE4}/transcoder_sweep/results.json",
    "stress": "cycle3_queue_final/transcoder_stress_summary_run_20260214T224242Z.json",
    "saebench": "phase4b_architecture_frontier_external/run_20260213T173707Z_topk_saebench_summary.json",
    "frontier": "phase4b_architecture_frontier_external/run_20260213T173707Z_results.json",
    "assignment": "cycle5_external_push_run_20260215T232351Z/assignment/run_20260216T001059Z_results.json",
    "baseline": "phase4e_cebench_matched200/cebench_matched200_results.json",
}
ORIGINALS = {name: (HUSAI / path).read_bytes() for name, path in FILES.items()}


def options(name: str) -> ImportOptions:
    return ImportOptions(
        context=(FRONTIER,) if name == "candidate" else (),
        finished="2026-02-16T01:48:20Z" if name in ("candidate", "baseline") else None,
    )


def refusal(folder: Path, name: str, change: Callable[[Any], Any]) -> GatekitError:
    value = json.loads(ORIGINALS[name])
    change(value)
    path = folder / Path(FILES[name]).name
    path.write_text(json.dumps(value))
    with pytest.raises(GatekitError) as refused:
        import_summaries("husai", [str(path)], options(name))
    assert refused.value.location is not None
    assert refused.value.location.path == str(path)
    return refused.value


def put(value: Any, pointer: str, new: Any) -> None:
    *steps, last = pointer.strip("/").split("/")
    for step in steps:
        value = value[int(step) if isinstance(value, list) else step]
    value[last] = new


METRICS = [
    ("policy", "/metrics/trained_random_delta"),
    ("policy", "/metrics/trained_random_delta_lcb"),
    ("candidate", "/metrics/saebench_delta_mean"),
    ("candidate", "/metrics/saebench_delta_ci95_low"),
    ("candidate", "/metrics/cebench_interpretability_max_mean"),
    ("candidate", "/metrics/saebench_delta_n"),
    ("ood", "/ood_drop"),
    ("ood", "/id_result/summary/summary/best_by_auc/test_auc"),
    ("sweep", "/best_condition/delta"),
    ("stress", "/transcoder_delta"),
    ("stress", "/sae/summary/mean"),
    ("saebench", "/summary/best_minus_llm_auc"),
    ("saebench", "/summary/llm_metrics/llm_test_auc"),
    ("frontier", "/records/0/saebench/summary/best_minus_llm_auc"),
    ("frontier", "/records/0/cebench/custom_metrics/interpretability_score_mean_max"),
    ("frontier", "/records/0/train_metrics/l0"),
    ("baseline", "/interpretability_score_mean/max"),
]


@pytest.mark.parametrize("new", [True, False, "0.1", [0.1], {"value": 0.1}])
@pytest.mark.parametrize(("name", "pointer"), METRICS)
def test_a_metric_of_the_wrong_type_is_refused_at_its_place(tmp_path: Path, name: str, pointer: str, new: Any) -> None:
    error = refusal(tmp_path, name, lambda v: put(v, pointer, new))
    # The best cell of the sweep is a copy of a record, so a change to one of the two is a contradiction first.
    assert error.error_id == ("adapter.contradiction" if name == "sweep" else "adapter.type")
    if name != "sweep":
        assert error.location is not None
        assert error.location.pointer == pointer


@pytest.mark.parametrize("new", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize(("name", "pointer"), METRICS)
def test_infinity_and_nan_are_refused_at_their_place(tmp_path: Path, name: str, pointer: str, new: float) -> None:
    error = refusal(tmp_path, name, lambda v: put(v, pointer, new))
    assert error.error_id == "json.nonfinite"
    assert error.location is not None
    assert error.location.pointer == pointer


@pytest.mark.parametrize(("name", "pointer"), METRICS)
def test_a_metric_that_is_missing_is_refused_and_no_other_field_is_tried(
    tmp_path: Path, name: str, pointer: str
) -> None:
    def remove(value: Any) -> None:
        *steps, last = pointer.strip("/").split("/")
        for step in steps:
            value = value[int(step) if isinstance(value, list) else step]
        del value[last]

    error = refusal(tmp_path, name, remove)
    assert error.error_id in ("adapter.missing", "adapter.contradiction", "adapter.shape")


@pytest.mark.parametrize("text", ["[]", "[[]]", "3", "null", "true", '"x"', "{}", "", "{", '{"metrics": 1}', "[{}]"])
def test_a_file_of_no_known_shape_is_refused_and_never_a_traceback(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(GatekitError) as refused:
        import_summaries("husai", [str(path)], ImportOptions())
    assert refused.value.location is not None
    assert refused.value.location.path == str(path)


def test_an_ood_drop_that_its_runs_contradict_is_refused(tmp_path: Path) -> None:
    """The reference let -5 pass, and a relative drop stand in for a missing absolute one."""
    assert refusal(tmp_path, "ood", lambda v: v.update(ood_drop=-5)).error_id == "adapter.contradiction"
    assert refusal(tmp_path, "ood", lambda v: v.update(ood_drop=None)).error_id == "adapter.type"


def test_an_ood_result_of_another_checkpoint_is_refused(tmp_path: Path) -> None:
    """RP3 was decided on another SAE's probes."""
    other = "results/experiments/x/checkpoints/relu_seed42/sae_final.pt"
    error = refusal(tmp_path, "ood", lambda v: put(v, "/ood_result/summary/config/checkpoint", other))
    assert error.error_id == "adapter.contradiction"


@pytest.mark.parametrize("side", ["id_result", "ood_result"])
def test_a_return_code_is_not_ignored(tmp_path: Path, side: str) -> None:
    error = refusal(tmp_path, "ood", lambda v: put(v, f"/{side}/returncode", 1))
    assert error.error_id == "adapter.failed_run"


def test_a_failed_benchmark_of_the_candidate_is_not_ignored(tmp_path: Path) -> None:
    error = refusal(tmp_path, "candidate", lambda v: put(v, "/returncodes/cebench", 1))
    assert error.error_id == "adapter.failed_run"


def test_one_seed_listed_three_times_is_not_three_seeds(tmp_path: Path) -> None:
    def repeat(value: Any) -> None:
        value["seed_candidates"] = [value["seed_candidates"][0]] * 3
        value["seed_count"] = 3

    assert refusal(tmp_path, "candidate", repeat).error_id == "adapter.contradiction"


def test_a_bound_that_is_not_the_stated_formula_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "candidate", lambda v: put(v, "/metrics/saebench_delta_ci95_low", 0.01))
    assert error.error_id == "adapter.contradiction"


def test_a_number_of_seeds_that_the_group_does_not_have_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "candidate", lambda v: put(v, "/metrics/saebench_delta_n", 50))
    assert error.error_id == "adapter.contradiction"


def test_one_seed_has_no_bound_whatever_the_file_says(tmp_path: Path) -> None:
    value = json.loads(ORIGINALS["candidate"])
    member = next(m for m in value["seed_candidates"] if m["seed"] == 123)
    value["seed_candidates"], value["seed_count"] = [member], 1
    for metric in ("saebench_delta", "cebench_interp_delta_vs_baseline", "cebench_interpretability_max"):
        value["metrics"][f"{metric}_n"] = 1
        value["metrics"][f"{metric}_ci95_low"] = value["metrics"][f"{metric}_mean"] = member["metrics"][metric]
    path = tmp_path / "selected_candidate.json"
    path.write_text(json.dumps(value))
    for data in import_summaries("husai", [str(path)], options("candidate")).values():
        for measurement in json.loads(data)["measurements"].values():
            assert measurement["reported"]["lower"] is None
            assert measurement["reported"]["n_seeds"] == 1


def test_a_benchmark_that_the_group_does_not_have_is_left_out(tmp_path: Path) -> None:
    """Layer 1 had no CE-Bench baseline; null is not zero."""
    value = json.loads(ORIGINALS["candidate"])
    for metric in ("cebench_interp_delta_vs_baseline", "cebench_interpretability_max"):
        value["metrics"][f"{metric}_mean"] = None
    path = tmp_path / "selected_candidate.json"
    path.write_text(json.dumps(value))
    (data,) = import_summaries("husai", [str(path)], options("candidate")).values()
    assert json.loads(data)["kind"] == "saebench"


def test_a_member_that_scored_otherwise_in_its_results_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "candidate", lambda v: put(v, "/seed_candidates/0/metrics/saebench_delta", 0.5))
    assert error.error_id == "adapter.contradiction"


def test_a_best_cell_that_is_no_cell_of_the_sweep_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "sweep", lambda v: put(v, "/best_condition/condition_id", "made-up"))
    assert error.error_id == "adapter.contradiction"


def test_a_data_set_count_that_the_list_contradicts_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "saebench", lambda v: put(v, "/config/dataset_count", 113))
    assert error.error_id == "adapter.contradiction"


def test_an_error_in_the_place_of_a_result_is_refused(tmp_path: Path) -> None:
    """The reference wrote {"error": ...} and ended with status 0."""
    error = refusal(tmp_path, "saebench", lambda v: v.update(summary={"error": "no results"}))
    assert error.error_id == "adapter.failed_run"


def test_a_baseline_scored_on_other_rows_is_refused(tmp_path: Path) -> None:
    """The 500-row pilot was subtracted from the baseline's 5000 rows."""
    value = json.loads(Path(FRONTIER).read_text())
    value["records"][0]["cebench"]["matched_baseline_payload"]["total_rows"] = 5000
    path = tmp_path / "results.json"
    path.write_text(json.dumps(value))
    with pytest.raises(GatekitError, match="scored on other rows than these 200") as refused:
        import_summaries("husai", [str(path)], ImportOptions())
    assert refused.value.error_id == "adapter.baseline"


def test_seeds_of_different_widths_do_not_share_a_mean(tmp_path: Path) -> None:
    """The reference merged runs of different hyper-parameters into one group by name."""
    value = json.loads(Path(FRONTIER).read_text())
    value["records"][1]["saebench"]["sae_meta"]["d_sae"] = 2048
    path = tmp_path / "results.json"
    path.write_text(json.dumps(value))
    with pytest.raises(GatekitError, match=r"differs from .* in d_sae") as refused:
        import_summaries("husai", [str(path)], ImportOptions())
    assert refused.value.error_id == "adapter.mixed"


@pytest.mark.parametrize("text", ["evil\u001b[2J", "a b", "", "x" * 200, "::error::", "\u202e"])
def test_a_name_that_a_terminal_should_not_see_is_refused(tmp_path: Path, text: str) -> None:
    error = refusal(tmp_path, "saebench", lambda v: put(v, "/config/model_name", text))
    assert error.error_id == "adapter.name"
    assert "\u001b" not in str(error)
    assert "\u202e" not in str(error)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    if isinstance(value, dict):
        for key in value:
            found += places(value[key], (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:2]):
            found += places(item, (*at, index))
    return found


PLACES = {name: places(json.loads(data)) for name, data in ORIGINALS.items()}
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, width=32)
    | st.text(max_size=8),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=4), children, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_change_to_a_file_is_imported_or_refused_and_nothing_else(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = data.draw(st.sampled_from(sorted(ORIGINALS)))
    value = copy.deepcopy(json.loads(ORIGINALS[name]))
    place = data.draw(st.sampled_from(PLACES[name]))
    holder = value
    for step in place[:-1]:
        holder = holder[step]
    if data.draw(st.booleans()):
        holder[place[-1]] = data.draw(JUNK)
    else:
        del holder[place[-1]]
    path = tmp_path_factory.mktemp("junk") / "x.json"
    path.write_text(json.dumps(value))
    try:
        import_summaries("husai", [str(path)], options(name))
    except GatekitError as error:
        assert error.location is not None or error.error_id == "usage"


def test_a_file_of_records_without_any_is_refused_by_its_name(tmp_path: Path) -> None:
    value = json.loads(ORIGINALS["frontier"])
    value["records"] = []
    path = tmp_path / "x.json"
    path.write_text(json.dumps(value))
    with pytest.raises(GatekitError, match="found no measurement here") as caught:
        import_summaries("husai", [str(path)], options("frontier"))
    assert caught.value.location is not None and caught.value.location.path == str(path)
