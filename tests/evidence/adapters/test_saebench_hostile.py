"""What SAEBench files must not be able to do: pass a sentinel, a hole or a wrong type as a number."""

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

DATA = Path(__file__).parents[2] / "data" / "saebench"
NAME = "tiny_topk_seed11_custom_sae_eval_results.json"
ORIGINALS = {kind: (DATA / kind / NAME).read_bytes() for kind in ("core", "sparse_probing", "sae_probes")}


def run(path: Path, kind: str) -> dict[str, bytes]:
    return import_summaries("saebench", [str(path)], ImportOptions(k=None if kind == "core" else 5))


def refusal(folder: Path, kind: str, change: Callable[[Any], Any]) -> GatekitError:
    value = json.loads(ORIGINALS[kind])
    change(value)
    path = folder / "result.json"
    path.write_text(json.dumps(value))
    with pytest.raises(GatekitError) as refused:
        run(path, kind)
    assert refused.value.location is not None
    assert refused.value.location.path == str(path)
    return refused.value


CORE = ("eval_result_metrics",)
CORE_METRICS = [
    ("model_performance_preservation", "ce_loss_score"),
    ("model_behavior_preservation", "kl_div_score"),
    ("reconstruction_quality", "cossim"),
    ("reconstruction_quality", "mse"),
    ("sparsity", "l0"),
    ("misc_metrics", "frac_alive"),
]


@pytest.mark.parametrize("sentinel", [-1, -1.0, None])
@pytest.mark.parametrize(("category", "metric"), CORE_METRICS)
def test_minus_one_is_not_a_score(tmp_path: Path, category: str, metric: str, sentinel: float | None) -> None:
    error = refusal(tmp_path, "core", lambda v: v["eval_result_metrics"][category].update({metric: sentinel}))
    assert error.error_id in ("adapter.not_measured", "adapter.saebench_schema")
    assert error.location is not None
    assert error.location.pointer == f"/eval_result_metrics/{category}/{metric}"


@pytest.mark.parametrize("value", [True, "0.9", [], {}, float("inf"), float("nan"), 1e400])
@pytest.mark.parametrize(("category", "metric"), CORE_METRICS)
def test_a_metric_that_is_not_a_finite_number_is_refused(
    tmp_path: Path, category: str, metric: str, value: Any
) -> None:
    error = refusal(tmp_path, "core", lambda v: v["eval_result_metrics"][category].update({metric: value}))
    assert error.error_id in ("adapter.type", "json.nonfinite", "adapter.saebench_schema")
    assert error.location is not None
    assert error.location.pointer == f"/eval_result_metrics/{category}/{metric}"


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("sparse_probing", "sae_top_5_test_accuracy"),
        ("sparse_probing", "llm_test_accuracy"),
        ("sae_probes", "sae_top_5_test_auc"),
        ("sae_probes", "llm_test_f1"),
    ],
)
@pytest.mark.parametrize("value", [-1, True, "0.9", 1.5, []])
def test_a_probe_score_is_a_number_between_0_and_1(tmp_path: Path, kind: str, metric: str, value: Any) -> None:
    error = refusal(tmp_path, kind, lambda v: v["eval_result_details"][1].update({metric: value}))
    expected = {
        -1: "adapter.not_measured",
        1.5: "adapter.range",
    }.get(value if not isinstance(value, bool | list | str) else 0, "adapter.type")
    assert error.error_id in (expected, "adapter.saebench_schema")
    assert error.location is not None
    assert error.location.pointer == f"/eval_result_details/1/{metric}"


def test_the_probe_on_all_latents_may_have_been_skipped(tmp_path: Path) -> None:
    """`sae_test_accuracy` is -1 with lower_vram_usage; it is not imported, so it refuses nothing."""
    value = json.loads(ORIGINALS["sparse_probing"])
    value["eval_result_metrics"]["sae"]["sae_test_accuracy"] = -1.0
    for detail in value["eval_result_details"]:
        detail["sae_test_accuracy"] = -1.0
    path = tmp_path / NAME
    path.write_text(json.dumps(value))
    (data,) = run(path, "sparse_probing").values()
    (original,) = run(DATA / "sparse_probing" / NAME, "sparse_probing").values()
    assert json.loads(data)["measurements"] == json.loads(original)["measurements"]


@pytest.mark.parametrize("kind", ["sparse_probing", "sae_probes"])
def test_a_planned_data_set_without_a_result_is_refused(tmp_path: Path, kind: str) -> None:
    error = refusal(tmp_path, kind, lambda v: v["eval_result_details"].pop())
    assert error.error_id == "adapter.incomplete"


@pytest.mark.parametrize("kind", ["sparse_probing", "sae_probes"])
def test_a_result_of_an_unplanned_data_set_is_refused_as_stale(tmp_path: Path, kind: str) -> None:
    error = refusal(tmp_path, kind, lambda v: v["eval_config"]["dataset_names"].pop())
    assert error.error_id == "adapter.unplanned"


@pytest.mark.parametrize("kind", ["sparse_probing", "sae_probes"])
def test_a_data_set_that_is_there_twice_is_refused(tmp_path: Path, kind: str) -> None:
    error = refusal(tmp_path, kind, lambda v: v["eval_result_details"].append(v["eval_result_details"][0]))
    assert error.error_id == "adapter.duplicate"
    error = refusal(tmp_path, kind, lambda v: v["eval_config"]["dataset_names"].append("local click_bait"))
    assert error.error_id == "adapter.incomplete"


def test_names_that_differ_only_in_what_a_label_cannot_hold_are_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "sae_probes", lambda v: v["eval_config"]["dataset_names"].extend(["x y", "x_y"]))
    assert error.error_id == "adapter.duplicate"


def test_a_baseline_for_some_data_sets_only_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "sae_probes", lambda v: v["eval_result_details"][0].update(llm_test_auc=None))
    assert error.error_id == "adapter.incomplete"


def test_a_mean_that_its_data_sets_contradict_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "sae_probes", lambda v: v["eval_result_metrics"]["sae"].update(sae_top_5_test_auc=0.99))
    assert error.error_id == "adapter.contradiction"


@pytest.mark.parametrize("eval_type", ["tpp", "scr", "coer", 7, None])
def test_an_eval_that_is_not_imported_is_refused_by_name(tmp_path: Path, eval_type: Any) -> None:
    error = refusal(tmp_path, "core", lambda v: v.update(eval_type_id=eval_type))
    assert error.error_id in ("adapter.shape", "adapter.type")


@pytest.mark.parametrize("text", ["[]", "3", '"core"', "null", "[[]]", "[1]", '[{"k": 1}]', "{}", "", "[{}]"])
def test_a_file_of_another_shape_is_refused_and_never_a_traceback(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(GatekitError):
        import_summaries("saebench", [f"11={path}"], ImportOptions())


@pytest.mark.parametrize(
    ("key", "value", "error_id"),
    [
        ("test_auc", True, "adapter.type"),
        ("test_auc", "0.5", "adapter.type"),
        ("test_auc", -1, "adapter.not_measured"),
        ("k", "5", "adapter.type"),
        ("dataset", "other", "adapter.contradiction"),
        ("hook_name", "blocks.0.hook_resid_post", "adapter.contradiction"),
    ],
)
def test_a_raw_entry_that_lies_is_refused(tmp_path: Path, key: str, value: Any, error_id: str) -> None:
    source = next((DATA / "raw" / "seed11").glob("105_*"))
    entries = json.loads(source.read_text())
    entries[-1][key] = value
    path = tmp_path / "x.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(GatekitError) as refused:
        import_summaries("saebench", [f"11={path}"], ImportOptions(k=5, finished="2026-11-21T08:41:30Z"))
    assert refused.value.error_id == error_id


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, width=32)
    | st.text(max_size=8),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=4), children, max_size=2),
    max_leaves=4,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    if isinstance(value, dict):
        for key in value:
            found += places(value[key], (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:2]):
            found += places(item, (*at, index))
    return found


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_change_to_a_file_is_imported_or_refused_and_nothing_else(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kind = data.draw(st.sampled_from(sorted(ORIGINALS)))
    value = copy.deepcopy(json.loads(ORIGINALS[kind]))
    place = data.draw(st.sampled_from(places(value)))
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
        run(path, kind)
    except GatekitError as error:
        assert error.location is not None or error.error_id == "usage"
