"""The `selection` section of a policy: read, refused with its place, compared between two versions."""

from __future__ import annotations

import importlib.metadata
import json
import re
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import builders
import jsonschema
import pytest
from candidates import pools
from candidates.other_mode import OtherSettings

from gatekit.errors import GatekitError
from gatekit.evidence.schemas import schema
from gatekit.evidence.times import parse_time
from gatekit.policy import diff_policy, lint, parse_policy
from gatekit.policy.diff import Change
from gatekit.policy.mode_selection import ModeSelection
from gatekit.policy.model import Selection
from gatekit.policy.selection import SELECTION_KEYS

NOW = parse_time(builders.NOW)
GATES = {"g": {"from": "random_model", "measure": "r2", "at_least": 0.5}}
SCORE = {"from": "saebench", "measure": "auc_delta", "worst": -0.2, "best": 0.1}
GOOD = {"scores": [SCORE], "eligibility": ["g"]}
LEGACY = {
    "method": "husai",
    "weights": {"saebench": 0.5, "cebench": 0.5, "train_ev": 0.1},
    "uncertainty": "lcb",
    "min_seeds_per_group": 3,
    "require_both": True,
}


def document(selection: Any, **top: Any) -> dict[str, Any]:
    return {"schema": "gatekit.policy/1", "id": "p", "gates": GATES, "selection": selection, **top}


def refusal(selection: Any, **top: Any) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        parse_policy(json.dumps(document(selection, **top)).encode(), "p.yaml")
    assert caught.value.location is not None
    assert caught.value.location.line == 1
    return caught.value


def test_defaults_are_bounds_equal_weights_tenths_and_the_scored_measures() -> None:
    selection = parse_policy(json.dumps(document(GOOD)).encode(), "p.yaml").selection
    assert isinstance(selection, Selection)
    (score,) = selection.scores
    assert (score.weight, score.value.point, score.value.confidence, score.value.min_seeds) == (1.0, False, 0.95, 5)
    assert selection.pareto == (score.value,)
    assert (selection.ties, selection.select_seeds, selection.confirm_seeds) == ((), None, None)
    assert (selection.may_differ, selection.weight_grid) == ((), 10)


CASES: list[tuple[Any, bool, dict[str, Any]]] = [
    (GOOD, True, {}),
    ({**GOOD, "scores": [{**SCORE, "use": "point", "weight": 2, "protocol": "saebench/1"}]}, True, {}),
    ({**GOOD, "pareto": [{"from": "random_model", "measure": "l0"}]}, True, {}),
    ({**GOOD, "ties": [{"from": "random_model", "measure": "l0", "use": "point"}]}, True, {}),
    ({**GOOD, "seeds": {"select": [0, 1], "confirm": [2, 3]}}, True, {}),
    ({**GOOD, "may_differ": ["learning_rate"], "weight_grid": 20}, True, {}),
    (LEGACY, True, {"legacy": True}),
    ({"scores": [SCORE]}, False, {}),
    ({"eligibility": ["g"]}, False, {}),
    ({**GOOD, "scores": []}, False, {}),
    ({**GOOD, "eligibility": []}, False, {}),
    ({**GOOD, "eligibility": ["g", "g"]}, False, {}),
    ({**GOOD, "extra": 1}, False, {}),
    ({**GOOD, "scores": [{**SCORE, "weight": 0}]}, False, {}),
    ({**GOOD, "scores": [{**SCORE, "weight": -1}]}, False, {}),
    ({**GOOD, "scores": [{**SCORE, "use": "mean"}]}, False, {}),
    ({**GOOD, "scores": [{**SCORE, "worst": True}]}, False, {}),
    ({**GOOD, "scores": [{**SCORE, "from": "Nothing"}]}, False, {}),
    ({**GOOD, "scores": [{k: v for k, v in SCORE.items() if k != "best"}]}, False, {}),
    ({**GOOD, "pareto": []}, False, {}),
    ({**GOOD, "ties": [{**SCORE}]}, False, {}),
    ({**GOOD, "seeds": {"select": [0, 1]}}, False, {}),
    ({**GOOD, "seeds": {"select": [0, 0], "confirm": [1]}}, False, {}),
    ({**GOOD, "seeds": {"select": [-1], "confirm": [1]}}, False, {}),
    ({**GOOD, "weight_grid": 0}, False, {}),
    ({**LEGACY, "scores": [SCORE]}, False, {"legacy": True}),
    ({k: v for k, v in LEGACY.items() if k != "weights"}, False, {"legacy": True}),
    ({**LEGACY, "method": "other"}, False, {"legacy": True}),
    ([], False, {}),
]


@pytest.mark.parametrize(("selection", "good", "top"), CASES)
def test_schema_and_loader_agree(selection: Any, good: bool, top: dict[str, Any]) -> None:
    value = document(selection, **top)
    assert jsonschema.Draft202012Validator(schema("policy")).is_valid(value) is good
    if good:
        assert parse_policy(json.dumps(value).encode(), "p.yaml").selection is not None
    else:
        refusal(selection, **top)


@pytest.mark.parametrize(
    ("selection", "top", "error_id", "words"),
    [
        ({**GOOD, "eligibility": ["h"]}, {}, "policy.unknown_gate", "eligibility names no gate: 'h'"),
        ({**GOOD, "scores": [{**SCORE, "measure": "auc_dleta"}]}, {}, "policy.unknown_measure", "did you mean"),
        ({**GOOD, "scores": [SCORE, SCORE]}, {}, "policy.repeated_measure", "saebench.auc_delta twice"),
        ({**GOOD, "seeds": {"select": [1, 2], "confirm": [2]}}, {}, "policy.seeds_overlap", "seed 2 would confirm"),
        ({**GOOD, "paretto": []}, {}, "policy.unknown_key", "did you mean 'pareto'?"),
        (LEGACY, {}, "policy.legacy_selection", "who else is compared decides the order"),
        (GOOD, {"legacy": True}, "policy.legacy_selection", "a legacy policy selects by `method` alone"),
    ],
)
def test_a_refusal_says_what_and_where(selection: Any, top: dict[str, Any], error_id: str, words: str) -> None:
    error = refusal(selection, **top)
    assert error.error_id == error_id
    assert words in str(error)


def linted(text: str) -> list[tuple[str, str]]:
    return [(error.error_id, str(error.location)) for error in lint(pools.policy(text), NOW)]


def test_lint_accepts_a_sound_selection() -> None:
    assert linted(pools.POLICY) == []


@pytest.mark.parametrize(
    ("old", "new", "error_id", "key"),
    [
        ("worst: -0.2", "worst: -2.0", "policy.out_of_range", "worst"),
        ("best: 0.0, weight", "best: 1.5, weight", "policy.out_of_range", "best"),
        ("worst: -0.2, best: 0.0", "worst: 0.0, best: -0.2", "policy.scale_direction", "best"),
        ("worst: -0.2, best: 0.0", "worst: 0.0, best: 0.0", "policy.scale_direction", "best"),
    ],
)
def test_lint_names_the_line_and_column_of_a_bad_scale(old: str, new: str, error_id: str, key: str) -> None:
    text = pools.POLICY.replace(old, new)
    number, line = next((n, row) for n, row in enumerate(text.splitlines(), 1) if new in row)
    column = line.index(f"{key}: ") + len(f"{key}: ") + 1
    assert linted(text) == [(error_id, f"policies/choose.yaml:{number}:{column}")]


def test_lint_refuses_a_scale_that_rewards_the_worse_of_a_measure_where_lower_is_better() -> None:
    text = pools.POLICY.replace("measure: r2, worst: 0.5, best: 1.0", "measure: l0, worst: 0.0, best: 64.0")
    assert [error_id for error_id, _ in linted(text)] == ["policy.scale_direction"]


def test_lint_refuses_eligibility_that_compares_with_a_base_branch() -> None:
    text = pools.POLICY.replace(
        "alive: {from: random_model, measure: dead_fraction, at_most: 0.2}",
        "alive: {from: random_model, measure: dead_fraction, not_worse_than: {base: 0.1}}",
    )
    assert [error_id for error_id, _ in linted(text)] == ["policy.eligibility_base"]


def test_lint_refuses_a_grid_of_more_weightings_than_can_be_tried() -> None:
    names = ("auc", "auc_delta", "accuracy", "accuracy_delta", "f1", "f1_delta")
    scores = "".join(f"    - {{from: saebench, measure: {name}, worst: 0.0, best: 0.9}}\n" for name in names)
    head = pools.POLICY[: pools.POLICY.index("    - {from: saebench, measure: auc_delta, worst")]
    assert [error_id for error_id, _ in linted(head + scores + "  weight_grid: 100\n")] == ["policy.weight_grid"]


def changed(old: str, new: str) -> tuple[Change, list[str]]:
    after = pools.POLICY.replace(old, new)
    assert after != pools.POLICY
    diff = diff_policy(pools.policy(), pools.policy(after))
    return diff.change, [detail.what for detail in diff.settings]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("weight: 2", "weight: 3", "selection scores"),
        ("worst: -0.2", "worst: -0.3", "selection scores"),
        ("best: 1.0}", "best: 1.0, use: point}", "selection scores"),
        ("[health, alive]", "[health]", "selection eligibility"),
        ("[health, alive]", "[health, alive, external]", "selection eligibility"),
        ("selection:\n", "selection:\n  weight_grid: 5\n", "selection weight_grid"),
        ("selection:\n", "selection:\n  may_differ: [steps]\n", "selection may_differ"),
        ("selection:\n", "selection:\n  seeds: {select: [0], confirm: [1]}\n", "selection seeds select"),
        ("selection:\n", "selection:\n  ties: [{from: random_model, measure: l0}]\n", "selection ties"),
        ("selection:\n", "selection:\n  pareto: [{from: random_model, measure: l0}]\n", "selection pareto"),
        ("confidence: 0.95", "confidence: 0.99", "selection scores"),
    ],
)
def test_any_change_of_what_selects_needs_approval(old: str, new: str, what: str) -> None:
    change, details = changed(old, new)
    assert change is Change.INCOMPARABLE
    assert any(detail.startswith(what) for detail in details)


def test_a_selection_that_comes_or_goes_needs_approval() -> None:
    bare = pools.POLICY[: pools.POLICY.index("selection:")]
    assert diff_policy(pools.policy(bare), pools.policy()).change is Change.INCOMPARABLE
    assert diff_policy(pools.policy(), pools.policy(bare)).change is Change.INCOMPARABLE


def test_moving_a_selection_within_the_file_changes_nothing() -> None:
    lines = pools.POLICY.replace("selection:\n", "\n\nselection:\n")
    assert diff_policy(pools.policy(), pools.policy(lines)).change is Change.UNCHANGED


def test_a_change_of_a_legacy_selection_needs_approval() -> None:
    one, other = (
        parse_policy(json.dumps(document({**LEGACY, "min_seeds_per_group": n}, legacy=True)).encode(), "p.yaml")
        for n in (3, 4)
    )
    assert isinstance(one.selection, ModeSelection)
    assert diff_policy(one, other).change is Change.INCOMPARABLE
    assert diff_policy(one, one).change is Change.UNCHANGED


def test_a_method_that_no_package_brings_is_one_error_at_its_place() -> None:
    with pytest.raises(GatekitError) as caught:
        parse_policy(json.dumps(document({**LEGACY, "method": "unheard_of"}, legacy=True)).encode(), "p.yaml")
    assert caught.value.error_id == "policy.mode"
    assert "no policy mode 'unheard_of'" in str(caught.value)
    assert str(caught.value).startswith("p.yaml:1:")


def test_a_package_whose_mode_cannot_be_used_is_one_error_at_the_line_that_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("broken", "candidates.no_such_module:MODE", "gatekit.policy_modes")
    points = EntryPoints([point])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **kwargs: points.select(**kwargs))
    error = refusal({"method": "broken"}, legacy=True)
    assert error.error_id == "policy.mode"
    assert "has no module 'candidates.no_such_module'" in error.message


def test_a_mode_of_another_package_is_found_by_its_method_as_ours_is(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("best_name", "candidates.other_mode:MODE", "gatekit.policy_modes")
    points = EntryPoints([point])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **kwargs: points.select(**kwargs))
    policy = parse_policy(json.dumps(document({"method": "best_name", "prefix": "a"}, legacy=True)).encode(), "p.yaml")
    assert policy.selection == ModeSelection("best_name", OtherSettings("a"))
    with pytest.raises(GatekitError, match="unknown key 'suffix' in a selection by 'best_name'"):
        parse_policy(json.dumps(document({"method": "best_name", "suffix": "a"}, legacy=True)).encode(), "p.yaml")


def test_the_example_of_the_page_is_a_sound_selection() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "selection.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    gates = pools.POLICY[: pools.POLICY.index("selection:")]
    assert linted(gates + example) == []
    assert set(re.findall(r"^\| `(\w+)` \|.*\| .* \|$", page, re.MULTILINE)) >= set(SELECTION_KEYS)
