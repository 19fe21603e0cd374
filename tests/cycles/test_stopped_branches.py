"""Which branches of a running cycle end with their pilot, what is said of them, and what goes on."""

from __future__ import annotations

import json
from pathlib import Path

from cycles.branched import CHOOSE, branched, states
from cycles.workplace import cycle


def test_a_branch_whose_pilot_is_shown_to_fail_a_stop_policy_ends_there_with_the_reason(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}")
    done = cycle(folder, "run", "small")
    assert done.returncode == 0, done.stderr
    assert states(folder)["new"] == {"done": 7, "stopped": 1}
    said = cycle(folder, "status", "small").stdout
    assert "new/bad: policies/stop.yaml: above: random_model.pw_mcc_above_control >= 0" in said
    assert not (folder / "runs/small/evidence/full/new/bad").exists()
    # Who is selected pays for all four, also for the one that was stopped.
    assert json.loads((folder / "runs/small/selected/candidate.json").read_text())["selection"]["candidates"] == 4


def test_the_best_branches_go_on_and_the_others_say_their_rank(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{keep_best: 2, policy: policies/choose.yaml}")
    assert cycle(folder, "run", "small").returncode == 0
    said = json.loads(cycle(folder, "status", "small", "--json").stdout)
    assert {one["branch"]: one["reason"] for one in said["stopped"]} == {
        "new/poor": "policies/choose.yaml ranks it 3 of 4; the best 2 go on",
        "new/bad": "policies/choose.yaml ranks it 4 of 4; the best 2 go on",
    }


def test_a_pilot_is_ranked_by_a_policy_that_asks_a_release_for_more_seeds(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{keep_best: 2, policy: policies/choose.yaml}")
    asks_five = CHOOSE.replace("min_seeds: 3", "min_seeds: 5").replace("id: choose", "id: rank")
    set_apart = asks_five.replace("  pareto:", "  seeds: {select: [7], confirm: [8]}\n  pareto:")
    (folder / "policies/rank.yaml").write_text(set_apart)
    plan, rule = (folder / "cycles/small.yaml").read_text(), "policy: policies/choose.yaml}\nfinish"
    (folder / "cycles/small.yaml").write_text(plan.replace(rule, "policy: policies/rank.yaml}\nfinish"))
    assert cycle(folder, "run", "small").returncode == 0
    assert states(folder)["new"] == {"done": 6, "stopped": 2}


def test_a_stage_is_stopped_where_the_base_dominates_every_branch(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{pareto: policies/choose.yaml, base: old}")
    text = (folder / "cycles/small.yaml").read_text().replace("k: 8, delta: 0.1", "k: 8, delta: 0.5")
    (folder / "cycles/small.yaml").write_text(text)
    cycle(folder, "run", "small")
    assert states(folder)["new"] == {"done": 4, "stopped": 4}


def test_one_branch_on_the_front_lets_the_stage_go_on(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{pareto: policies/choose.yaml, base: old}")
    assert cycle(folder, "run", "small").returncode == 0
    assert states(folder)["new"] == {"done": 8}


def test_a_stage_is_stopped_where_more_than_its_share_of_runs_failed(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{failed_runs: {more_than: 0.2, of_at_least: 2}}")
    text = (folder / "cycles/small.yaml").read_text().replace("k: 16, ", "k: 16, fail: 4, ")
    (folder / "cycles/small.yaml").write_text(text)
    assert cycle(folder, "run", "small").returncode == 3
    said = json.loads(cycle(folder, "status", "small", "--json").stdout)
    assert {"branch": "new", "reason": "1 of 2 runs failed, more than 20 %"} in said["stopped"]
    assert said["stages"]["new"] == {"done": 1, "failed": 1, "stopped": 5, "not_run": 1}
