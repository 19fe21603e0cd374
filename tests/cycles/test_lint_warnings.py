"""`gatekit cycle lint` tells a stop rule that can never stop anything, and what nobody judges."""

from __future__ import annotations

from pathlib import Path

import pytest
from cycles.branched import BRANCHED, CHOOSE, STOP
from cycles.workplace import CYCLE, cycle, workplace

MISSING = "  outside: {from: saebench, measure: auc, at_least: 0.5}\n"
ANY = """\
schema: gatekit.policy/1
id: stop
defaults: {min_seeds: 3}
gates:
  one:
    any_of:
      - {from: random_model, measure: r2, at_least: 0.9}
      - {from: KIND, measure: MEASURE, at_least: 0.9}
"""


def lint(folder: Path, plan: str, *arguments: str, **policies: str) -> tuple[int, list[str]]:
    files = {f"policies__{name}.yaml": text for name, text in {"stop": STOP, "choose": CHOOSE, **policies}.items()}
    done = cycle(workplace(folder, plan, None, **files), "lint", "small", *arguments)
    return done.returncode, [line for line in done.stderr.splitlines() if "small.yaml:" in line]


def rule(text: str) -> str:
    return BRANCHED.replace("RULE", text).replace("among: [new]", "among: [old, new]")


OF_A_POLICY = "{policy: policies/stop.yaml}"
AGAINST_A_BASE = STOP.replace("at_least: 0.0", "not_worse_than: {base: 0.0}")
OTHER_KIND = STOP.replace("random_model", "ood").replace("pw_mcc_above_control, at_least", "auc_drop, at_most")
OPEN = ANY.replace("KIND", "saebench").replace("MEASURE", "auc")
CLOSED = ANY.replace("KIND", "random_model").replace("MEASURE", "pw_mcc_above_control")
MORE_SEEDS = STOP.replace("min_seeds: 3", "min_seeds: 5")
MEASURED = "{from: random_model, measure: pw_mcc_above_control"
RANK = CHOOSE.replace("id: choose", "id: rank")
OTHER_SCORE = RANK.replace(f"{MEASURED}, worst: -1.0", "{from: saebench, measure: auc, worst: 0.0")
OTHER_AXIS = RANK.replace(f"    - {MEASURED}}}", "    - {from: saebench, measure: auc}")
UNRANKED = "ranks by saebench, which is not measured"

NEVER = {
    "another kind": (OF_A_POLICY, {"stop": OTHER_KIND}, "it needs ood, which"),
    "an alternative that stays open": (OF_A_POLICY, {"stop": OPEN}, "it needs saebench, which"),
    "more seeds than the pilot has": (OF_A_POLICY, {"stop": MORE_SEEDS}, "needs 5 seeds, and the pilot has 3"),
    "no base": (OF_A_POLICY, {"stop": AGAINST_A_BASE}, "is compared with a base, and the rule names none"),
    "more runs than there are": (
        "{failed_runs: {more_than: 0.2, of_at_least: 9}}",
        {},
        "'new' has 8 runs, fewer than 9",
    ),
    "a score that nobody measures": ("{keep_best: 1, policy: policies/rank.yaml}", {"rank": OTHER_SCORE}, UNRANKED),
    "an axis that nobody measures": ("{pareto: policies/rank.yaml, base: old}", {"rank": OTHER_AXIS}, UNRANKED),
}


@pytest.mark.parametrize(("text", "policies", "why"), NEVER.values(), ids=NEVER)
def test_a_rule_that_can_never_stop_anything_is_told(
    tmp_path: Path, text: str, policies: dict[str, str], why: str
) -> None:
    code, said = lint(tmp_path, rule(text), **policies)
    assert (code, len(said)) == (0, 1), said
    assert said[0].startswith("cycles/small.yaml:21:")
    assert "warning: this rule can never stop anything: " in said[0]
    assert why in said[0]


MAY = {
    "a rule of a measured kind": (OF_A_POLICY, {}),
    "alternatives that are all measured": (OF_A_POLICY, {"stop": CLOSED}),
    "one gate of two": (OF_A_POLICY, {"stop": STOP + MISSING}),
    "a base": ("{policy: policies/stop.yaml, base: old}", {"stop": AGAINST_A_BASE}),
    "as many runs as there are": ("{failed_runs: {more_than: 0.2, of_at_least: 8}}", {}),
    "the best one": ("{keep_best: 1, policy: policies/choose.yaml}", {}),
    "a front": ("{pareto: policies/choose.yaml, base: old}", {}),
}


@pytest.mark.parametrize(("text", "policies"), MAY.values(), ids=MAY)
def test_a_rule_that_may_stop_something_is_not_told(tmp_path: Path, text: str, policies: dict[str, str]) -> None:
    assert lint(tmp_path, rule(text), "--strict", **policies) == (0, [])


def test_a_default_rule_is_told_only_where_it_serves_no_stage(tmp_path: Path) -> None:
    plan = rule("{policy: policies/stop.yaml}").replace(
        "stages:", "defaults: {stop: [{failed_runs: {more_than: 0.2, of_at_least: 8}}]}\nstages:"
    )
    assert lint(tmp_path, plan) == (0, [])
    code, said = lint(tmp_path, plan.replace("of_at_least: 8", "of_at_least: 9"))
    assert (code, len(said)) == (0, 1)
    assert said[0].startswith("cycles/small.yaml:5:33: warning: this rule can never stop anything: 'old' has 2 runs")


def test_a_stage_that_nobody_judges_is_told(tmp_path: Path) -> None:
    plan = BRANCHED.replace("RULE", "{policy: policies/stop.yaml}")
    code, said = lint(tmp_path, plan)
    assert (code, len(said)) == (0, 1)
    assert said[0].startswith("cycles/small.yaml:6:3: warning: nobody judges what 'old' measures")
    assert lint(tmp_path, plan, "--strict")[0] == 4
    record = plan.replace("delta: 0.1}\n", "delta: 0.1}\n    record: the choice of last year\n")
    assert lint(tmp_path, record, "--strict") == (0, [])
    based = "policies/stop.yaml, base: old}"
    assert lint(tmp_path, plan.replace("policies/stop.yaml}", based))[1] == []
    code, said = lint(tmp_path, record.replace("policies/stop.yaml}", based))
    assert (code, len(said)) == (0, 1)
    assert said[0].startswith("cycles/small.yaml:6:3: warning: 'old' is called a record, and a rule, the selection")


def test_a_plan_whose_end_judges_nothing_is_told(tmp_path: Path) -> None:
    code, said = lint(tmp_path, CYCLE.replace("finish: {check: policies/gate.yaml}\n", ""))
    assert (code, len(said)) == (0, 1)
    assert "nothing is judged at the end, so `run` ends in 3" in said[0]


def test_a_folder_without_a_plan_is_not_sound(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    (folder / "empty").mkdir()
    (folder / "small").mkdir()
    done = cycle(folder, "lint", "empty")
    assert (done.returncode, "there is no plan in empty" in done.stderr) == (64, True)
    # A folder of a cycle's name is not the cycle.
    assert "cycles/small.yaml: sound" in cycle(folder, "lint", "small").stdout
