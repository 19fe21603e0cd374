"""A cycle through the installed command: to its end, through any death, and to its stops."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cycles.workplace import CYCLE, cycle, evidence, records, start, workplace

from gatekit.cycles.graph import graph_of
from gatekit.cycles.reading import parse_cycle
from gatekit.cycles.state import state_of
from gatekit.errors import GatekitError

BRANCHED = """\
schema: gatekit.cycle/1
id: small
description: Four variants, of which bad ones end with their pilot
seeds: {pilot: [0, 1, 2], full: [0, 1, 2, 3, 4]}
stages:
  old:
    run: fakelab
    config: config.json
    phases: [pilot, full]
    set: {k: 8, delta: 0.1}
  new:
    run: fakelab
    config: config.json
    phases: [pilot, full]
    branches:
      good: {k: 16, delta: 0.2}
      fine: {k: 32, delta: 0.15}
      poor: {k: 64, delta: 0.12}
      bad: {k: 128, delta: -0.2}
    stop:
      - RULE
finish:
  select: {policy: policies/choose.yaml, among: [new]}
  check: policies/choose.yaml
"""

STOP = """\
schema: gatekit.policy/1
id: stop
defaults: {min_seeds: 3, max_age: 30d}
gates:
  above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
"""

CHOOSE = """\
schema: gatekit.policy/1
id: choose
defaults: {min_seeds: 3, max_age: 30d}
gates:
  above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
  r2: {from: random_model, measure: r2, at_least: 0.5}
selection:
  eligibility: [r2]
  scores:
    - {from: random_model, measure: pw_mcc_above_control, worst: -1.0, best: 1.0, weight: 1}
  pareto:
    - {from: random_model, measure: pw_mcc_above_control}
"""


FEWER = "".join(line for line in BRANCHED.splitlines(keepends=True) if not line.lstrip().startswith(("fine:", "poor:")))
"""Two variants: enough where it does not matter which one is chosen."""


def branched(folder: Path, rule: str, plan: str = BRANCHED) -> Path:
    files = {"policies__stop.yaml": STOP, "policies__choose.yaml": CHOOSE}
    return workplace(folder, plan.replace("RULE", rule), None, **files)


def states(folder: Path) -> dict[str, dict[str, int]]:
    done = cycle(folder, "status", "small", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout)["stages"]
    return found


def test_a_cycle_is_run_to_its_end_and_exits_as_its_final_policy_judges(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    done = cycle(folder, "run", "small")
    assert done.returncode == 0, done.stderr
    assert set(evidence(folder)) == {
        "pilot/first/all/fakelab/random_model.json",
        "full/first/all/fakelab/random_model.json",
    }
    assert json.loads((folder / "runs/small/verdict.json").read_text())["verdict"] == "pass"
    assert json.loads((folder / "runs/small/monitor.json").read_text())["code"] == 0
    again = cycle(folder, "run", "small")
    assert again.returncode == 0
    assert [one["task"] for one in records(folder) if one["event"] == "started"] == [
        "pilot/first/all/fakelab",
        "full/first/all/fakelab",
    ]


@pytest.mark.parametrize("service", ["wandb", "tensorboard"])
def test_the_curves_of_a_cycle_are_named_by_their_tasks_and_sorted_together(tmp_path: Path, service: str) -> None:
    folder = workplace(tmp_path)
    done = cycle(folder, "run", "small", "--track", service)
    assert done.returncode == 0, done.stderr
    for phase in ("pilot", "full"):
        (place,) = (folder / f"runs/small/artifacts/{phase}/first/all/fakelab").iterdir()
        assert place.name == f"{phase}.first.all.fakelab"  # what a runner calls its run
        told = json.loads((place / "tracked.json").read_text())
        sorted_by = ("small", "first", f"{phase},all") if service == "wandb" else (None, None, None)
        assert tuple(told.values()) == (service, *sorted_by)


def test_a_cycle_that_judges_nothing_does_not_pass(tmp_path: Path) -> None:
    folder = workplace(tmp_path, CYCLE.replace("finish: {check: policies/gate.yaml}\n", ""))
    done = cycle(folder, "run", "small")
    assert done.returncode == 3, done.stderr
    assert len(evidence(folder)) == 2
    assert "nothing was judged, so nothing passes: cycles/small.yaml has no finish.check" in done.stderr
    assert "finished with exit code 3" in done.stderr.splitlines()[-1]


def test_a_blocked_verdict_is_the_exit_code_of_the_cycle(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"delta": -0.2})
    assert cycle(folder, "run", "small").returncode == 2


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


def test_what_fails_inside_is_tried_again_and_what_is_refused_is_not(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"fail_first": 2})
    assert cycle(folder, "run", "small").returncode == 0
    assert [one["code"] for one in records(folder) if one["event"] == "ended"] == [70, 70, 0, 70, 70, 0]
    refused = workplace(tmp_path / "refused", config={"fail": 4})
    done = cycle(refused, "run", "small")
    assert done.returncode == 3
    assert [one["code"] for one in records(refused) if one["event"] == "ended"] == [4]
    assert "pilot/first/all/fakelab: it ended with exit code 4" in done.stderr
    assert states(refused)["first"] == {"failed": 1, "not_run": 1}


def test_what_failed_for_good_is_tried_again_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"fail_first": 4})
    assert cycle(folder, "run", "small").returncode == 3
    assert states(folder)["first"] == {"failed": 1, "not_run": 1}
    assert cycle(folder, "run", "small").returncode == 3  # not by itself
    # The pilot is done at its fifth attempt; the full runs then fail for good, and are asked for again.
    assert cycle(folder, "run", "small", "--retry-failed").returncode == 3
    done = cycle(folder, "run", "small", "--retry-failed")
    assert done.returncode == 0, done.stderr
    assert states(folder)["first"] == {"done": 2}


def test_a_driver_killed_at_any_moment_is_gone_on_with_and_the_evidence_is_equal(tmp_path: Path) -> None:
    plan = BRANCHED.replace("RULE", "{policy: policies/stop.yaml}")
    files = {"policies__stop.yaml": STOP, "policies__choose.yaml": CHOOSE}
    calm = workplace(tmp_path / "calm", plan, {"sleep": 0.1}, **files)
    assert cycle(calm, "run", "small", "--slots", "2").returncode == 0
    rough = workplace(tmp_path / "rough", plan, {"sleep": 0.1}, **files)
    chance = random.Random(5)
    for _ in range(6):
        driver = start(rough, "run", "small", "--slots", "2")
        time.sleep(chance.uniform(0.6, 2.2))
        driver.kill()
        driver.communicate()
    done = cycle(rough, "run", "small", "--slots", "2")
    assert done.returncode == 0, done.stderr
    assert evidence(rough) == evidence(calm)


def test_no_worker_outlives_a_killed_driver(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"sleep": 30})
    driver = start(folder, "run", "small")
    worker = _worker(driver.pid)
    driver.kill()
    driver.communicate()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"until": "killed"})
    driver = start(folder, "run", "small")
    os.kill(_worker(driver.pid), signal.SIGKILL)
    (folder / "killed").touch()
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 0, output
    assert "it ended with signal SIGKILL" in output


def test_a_request_to_stop_ends_the_driver_gently_and_resume_goes_on(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"until": "go"})
    driver = start(folder, "run", "small")
    _worker(driver.pid)
    held = cycle(folder, "run", "small")
    assert held.returncode == 3
    assert f"the cycle 'small' is driven by process {driver.pid} on" in held.stderr
    assert cycle(folder, "stop", "small").returncode == 0
    (folder / "go").touch()
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 3
    assert "stopped as asked" in output
    assert cycle(folder, "run", "small").returncode == 64
    assert cycle(folder, "resume", "small").returncode == 0
    assert cycle(folder, "stop", "small").returncode == 64


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_workers_and_driver_and_is_in_the_ledger(tmp_path: Path, number: int, code: int) -> None:
    folder = workplace(tmp_path, config={"sleep": 30})
    driver = start(folder, "run", "small")
    worker = _worker(driver.pid)
    os.kill(driver.pid, number)
    driver.communicate(timeout=60)
    assert driver.returncode == code
    assert not Path(f"/proc/{worker}").exists()
    assert records(folder)[-1]["event"] == "halted"


def test_where_a_budget_is_spent_nothing_new_starts(tmp_path: Path) -> None:
    plan = CYCLE.replace("stages:", "budget: {device_hours: 0.0001}\nstages:")
    folder = workplace(tmp_path, plan, {"sleep": 0.5})
    done = cycle(folder, "run", "small")
    assert done.returncode == 3
    assert "the budget of 0.0001 device hours is spent" in done.stderr
    assert states(folder)["first"] == {"done": 1, "waiting": 1}


def test_the_monitor_of_a_halted_cycle_says_why_and_waits_for_nothing(tmp_path: Path) -> None:
    plan = CYCLE.replace("stages:", "budget: {device_hours: 0.0001}\nstages:")
    folder = workplace(tmp_path, plan, {"sleep": 0.5})
    cycle(folder, "run", "small")
    seen = json.loads((folder / "runs" / "small" / "monitor.json").read_text())
    reason = "the budget of 0.0001 device hours is spent"
    assert (seen["standing"], seen["halted"], seen["holder"]) == ("halted", reason, None)
    assert "* standing: halted&#58;" in (folder / "runs" / "small" / "monitor.md").read_text()
    assert "refresh" not in (folder / "runs" / "small" / "monitor.html").read_text()


def test_a_task_does_not_start_without_the_disk_that_it_needs(tmp_path: Path) -> None:
    folder = workplace(tmp_path, CYCLE.replace("    phases:", "    needs: {disk: 900000TiB}\n    phases:"))
    done = cycle(folder, "run", "small")
    assert done.returncode == 3
    assert "of disk are free at runs/small, and 921600000.0 GiB are needed" in done.stderr


def test_a_task_that_takes_longer_than_it_may_is_ended_and_has_failed(tmp_path: Path) -> None:
    folder = workplace(tmp_path, CYCLE.replace("    phases:", "    needs: {wall: 1s}\n    phases:"), {"sleep": 30})
    done = cycle(folder, "run", "small")
    assert done.returncode == 3
    assert "it took longer than 0:00:01" in done.stderr


def test_a_summary_that_changed_or_is_gone_is_measured_again(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    before = evidence(folder)
    (folder / "runs/small/evidence/full/first/all/fakelab/random_model.json").write_text("{}")
    shutil.rmtree(folder / "runs/small/evidence/pilot")
    done = cycle(folder, "run", "small")
    assert done.returncode == 0, done.stderr
    assert evidence(folder) == before


def test_a_plan_that_changed_since_it_was_begun_is_refused(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    words = CYCLE.replace("Two stages by", "# a comment\ndescription: 'Stages by").replace("nothing", "nothing'")
    words = words.replace("description: # a comment\n", "# a comment\n")
    (folder / "cycles/small.yaml").write_text(words)
    assert cycle(folder, "run", "small").returncode == 0  # other words, the same measurements
    (folder / "cycles/small.yaml").write_text(CYCLE.replace("3, 4]", "3, 5]"))
    done = cycle(folder, "run", "small")
    assert done.returncode == 4
    assert "the plan of 'small', or a file that it names, has changed since it was begun in runs/small" in done.stderr
    (folder / "cycles/small.yaml").write_text(words)
    gate = folder / "policies/gate.yaml"
    gate.write_text(gate.read_text().replace("at_least: 0.5", "at_least: 0.1"))
    assert cycle(folder, "run", "small").returncode == 4


def test_a_torn_record_is_passed_over_and_swallows_nothing(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    ledger = folder / "runs/small/ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-30] + b'{"event": "st')
    done = cycle(folder, "run", "small")
    assert done.returncode == 0
    assert records_readable(ledger)[-1]["event"] == "finished"


@pytest.mark.parametrize("lost", ['"name": ', '"outcome": ', '"policy": ', '"standing": '])
def test_a_damaged_record_of_a_decision_is_one_line_and_not_a_page_that_breaks(lost: str) -> None:
    plan = parse_cycle(BRANCHED.replace("RULE", "{policy: policies/stop.yaml}").encode(), "cycles/small.yaml")
    found = {
        **{"rule": "policy", "policy": "a.yaml", "gates": [{"name": "a", "outcome": "pass", "why": ""}]},
        "candidates": [{"branch": "bad", "rank": 1, "on_front": True, "standing": "ranked", "reasons": []}],
    }
    record = {"event": "decided", "time": "2026-03-02T00:00:00.000Z", "decision": "decide/new/bad", "stopped": {}}
    text = json.dumps({**record, "judged": [found]})
    assert state_of(graph_of(plan), [json.loads(text)], 2).decided
    with pytest.raises(GatekitError, match=r"record 1 \('decided'\) is none that a cycle writes") as refused:
        state_of(graph_of(plan), [json.loads(text.replace(lost, lost.replace('"', '"x', 1)))], 2)
    assert refused.value.error_id == "ledger.record"


def records_readable(path: Path) -> list[dict[str, object]]:
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def test_a_cycle_starts_after_the_one_that_it_follows_has_finished(tmp_path: Path) -> None:
    second = CYCLE.replace("id: small", "id: second\nafter_cycle: small")
    folder = workplace(tmp_path, CYCLE, None, **{"cycles__second.yaml": second})
    done = cycle(folder, "run", "second")
    assert done.returncode == 3
    assert "'second' starts after 'small', which was not begun" in done.stderr
    assert cycle(folder, "run", "small").returncode == 0
    assert cycle(folder, "run", "second").returncode == 0


def test_two_plans_of_one_id_are_refused(tmp_path: Path) -> None:
    folder = workplace(tmp_path, CYCLE, None, **{"cycles__twin.yaml": CYCLE})
    done = cycle(folder, "run", "small")
    assert done.returncode == 4
    assert "id 'small' is also that of cycles/twin.yaml" in done.stderr


def test_two_slots_give_the_evidence_of_one_and_shared_pieces_are_made_once(tmp_path: Path) -> None:
    plan = FEWER.replace("RULE", "{policy: policies/stop.yaml}")
    files = {"policies__stop.yaml": STOP, "policies__choose.yaml": CHOOSE}
    one = workplace(tmp_path / "one", plan, {"pieces": 2}, **files)
    two = workplace(tmp_path / "two", plan, {"pieces": 2}, **files)
    assert cycle(one, "run", "small", "--cache", "cache").returncode == 0
    assert cycle(two, "run", "small", "--cache", "cache", "--slots", "2", "--pieces").returncode == 0
    assert evidence(one) == evidence(two)
    made = (two / "cache/made.log").read_text().split()
    assert len(made) == len(set(made)) == 6
    assert any(record["event"] == "piece_ended" for record in records(two))


def test_a_process_is_given_several_pieces_where_there_are_many_more_than_slots(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"pieces": 40})
    assert cycle(folder, "run", "small", "--cache", "cache", "--slots", "2", "--pieces").returncode == 0
    made = (folder / "cache/made.log").read_text().split()
    assert len(made) == len(set(made)) == 40
    sizes = [int(line) for line in (folder / "cache/processes.log").read_text().split()]
    assert sum(sizes) == 40
    assert max(sizes) == 5
    noted = [key for one in records(folder) if one["event"] == "piece_ended" for key in one["pieces"]]
    assert sorted(noted) == sorted(made)


def test_the_pieces_of_a_batch_that_failed_are_made_one_by_one(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"pieces": 16, "fail_piece": 1})
    assert cycle(folder, "run", "small", "--cache", "cache", "--slots", "1", "--pieces").returncode == 0
    failed = [one["pieces"] for one in records(folder) if one["event"] == "piece_ended" and one["code"] != 0]
    # The batch, and then the piece alone: at first and after its two retries.
    assert [len(keys) for keys in failed] == [4, 1, 1, 1]
    assert len({keys[0] for keys in failed[1:]}) == 1


UNSOUND = {
    "a path": '{"key": "../../../beside/it", "after": []',
    "a name that no file can have": '{"key": "x" * 300, "after": []',
    "no text": '{"key": [1], "after": 3',
    "what nobody makes": '{"key": key, "after": ["nowhere"]',
    "itself": '{"key": key, "after": [key]',
}


@pytest.mark.parametrize("unit", UNSOUND.values(), ids=UNSOUND)
def test_a_task_whose_pieces_cannot_be_made_ahead_is_run_whole(tmp_path: Path, unit: str) -> None:
    folder = workplace(tmp_path / "in" / "it", config={"pieces": 2})
    runner = folder / "lab/fakelab.py"
    text = runner.read_text()
    runner.write_text(text.replace('{"key": key, "after": []', unit))
    assert runner.read_text() != text
    done = cycle(folder, "run", "small", "--cache", "cache", "--pieces")
    assert done.returncode == 0, done.stderr
    assert not any(one["event"] == "piece_ended" for one in records(folder))
    assert len((folder / "cache/made.log").read_text().split()) == 2
    assert [path.name for path in tmp_path.rglob("*beside*")] == []


def test_lint_lets_the_runner_read_every_variant(tmp_path: Path) -> None:
    varied = CYCLE.replace("    phases:", "    vary: {r2: [0.1, 0.2], r3: [1, 2]}\n    phases:")
    folder = workplace(tmp_path, varied.replace("{check: policies/gate.yaml}", "{}"))
    done = cycle(folder, "lint")
    assert done.returncode == 4
    assert "cycles/small.yaml:6:3: pilot/first/r2=0.1+r3=1/fakelab: --set r3: unknown key" in done.stderr
    missing = workplace(tmp_path / "missing", CYCLE.replace("config.json", "conf.json"))
    assert "cycles/small.yaml:8:13: there is no 'conf.json'" in cycle(missing, "lint").stderr
    runner = workplace(tmp_path / "runner", CYCLE.replace("run: fakelab", "run: fakelib"))
    assert "no runner 'fakelib'; did you mean 'fakelab'?" in cycle(runner, "lint").stderr


def test_the_plan_says_what_is_done_and_what_the_rest_is_expected_to_take(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"sleep": 1})
    assert "2 of them have no earlier run" in cycle(folder, "plan", "small").stdout
    assert cycle(folder, "run", "small").returncode == 0
    second = CYCLE.replace("id: small", "id: second")
    (folder / "cycles/second.yaml").write_text(second)
    said = cycle(folder, "plan", "second").stdout
    assert "  2 tasks: 0 done, 2 waiting\n  expected: " in said
    assert "no earlier run" not in said
    first = cycle(folder, "run", "second", "--dry-run")
    assert first.stdout.startswith("pilot/first/all/fakelab: gatekit run fakelab --config config.json --set")
    assert not (folder / "runs/second").exists()


def test_the_page_refreshes_itself_until_the_end_and_loads_nothing(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}", FEWER)
    assert cycle(folder, "run", "small").returncode == 0
    page = (folder / "runs/small/monitor.html").read_text()
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
    assert "refresh" not in page
    assert "<script" not in page
    assert "new/bad" in page
    running = workplace(tmp_path / "running", config={"sleep": 30})
    driver = start(running, "run", "small")
    _worker(driver.pid)
    shown = running / "runs/small/monitor.html"
    deadline = time.monotonic() + 20
    while not shown.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert '<meta http-equiv="refresh" content="10"/>' in shown.read_text()
    os.kill(driver.pid, signal.SIGTERM)
    driver.communicate()


def test_the_record_holds_the_verdicts_numbers_bound_to_their_evidence(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}", FEWER)
    plan = folder / "cycles/small.yaml"
    plan.write_text(plan.read_text().replace("delta: 0.1}\n", "delta: 0.1}\n    record: the *old* choice\n"))
    assert cycle(folder, "report", "small").returncode == 64
    assert cycle(folder, "run", "small").returncode == 0
    assert cycle(folder, "report", "small").returncode == 0
    brief = (folder / "runs/small/ADVISOR_BRIEF.md").read_text()
    assert "Verdict: pass." in brief
    assert "`new/bad`" in brief
    assert "## What was measured and not judged\n\n* `old`: the &#42;old&#42; choice\n" in brief
    marker = "random_model.json pw_mcc_above_control estimate +.4f -->+0.2000<!-- /gatekit:value -->"
    assert marker in (folder / "runs/small/EXECUTIVE_SUMMARY.md").read_text()
    assert (
        "| `new` | `bad` | full | `fakelab` | stopped | - | 0 |"
        in (folder / "runs/small/EXPERIMENT_LOG.md").read_text()
    )


def _worker(driver: int) -> int:
    """Return the process of the first runner that a driver has started."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = Path(f"/proc/{driver}/task/{driver}/children")
        for child in children.read_text().split() if children.exists() else ():
            try:
                if b"fakelab" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
            except OSError:
                continue
        time.sleep(0.02)
    raise AssertionError("the driver started no runner")


def test_a_stop_policy_cannot_be_the_one_that_judges_a_cycle(tmp_path: Path) -> None:
    stop = STOP.replace("id: stop", "id: stop\npurpose: stop")
    plan = CYCLE.replace("policies/gate.yaml", "policies/stop.yaml")
    done = cycle(workplace(tmp_path, plan, None, **{"policies__stop.yaml": stop}), "lint")
    assert done.returncode == 4
    assert "policies/stop.yaml is a stop policy, which lets nothing pass" in done.stderr


def test_the_claims_are_audited_also_where_nothing_was_selected(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}", FEWER)
    plan = (folder / "cycles/small.yaml").read_text().replace("  check: ", "  claims: true\n  check: ")
    (folder / "cycles/small.yaml").write_text(plan)
    (folder / "policies/choose.yaml").write_text(CHOOSE.replace("at_least: 0.5", "at_least: 0.95"))
    cycle(folder, "run", "small")
    steps = {one["step"]: one["code"] for one in records(folder) if one["event"] == "step_ended"}
    assert steps["select"] == 2
    assert "claims" in steps


def test_a_cycle_in_which_every_run_failed_is_inconclusive_whatever_evidence_lies_elsewhere(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={})
    assert cycle(folder, "run", "small").returncode == 0
    (folder / "runs/small/evidence").rename(folder / "evidence")
    # The last one has nothing to be judged by; the audit ends in 64 where there is no registry.
    for end, code in (("{check: policies/gate.yaml}", 3), ("{claims: true}", 64), ("{}", 3)):
        shutil.rmtree(folder / "runs", ignore_errors=True)
        (folder / "cycles/small.yaml").write_text(CYCLE.replace("{check: policies/gate.yaml}", end))
        (folder / "config.json").write_text('{"fail": 4}')
        done = cycle(folder, "run", "small")
        assert done.returncode == code, done.stderr
        assert not (folder / "runs/small/verdict.json").exists()
        assert "was planned and is not measured, so nothing passes" in done.stderr


def test_branches_that_failed_after_their_pilot_are_paid_for_and_keep_the_cycle_from_passing(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}")
    plan = (folder / "cycles/small.yaml").read_text()
    broken = plan.replace("phases: [pilot, full]\n    branches", "phases: {pilot: {}, full: {fail: 4}}\n    branches")
    (folder / "cycles/small.yaml").write_text(broken.replace("good: {k: 16, ", "good: {k: 16, fail: 0, "))
    done = cycle(folder, "run", "small")
    assert done.returncode == 3, done.stderr
    assert "full/new/fine/fakelab was planned and is not measured" in done.stderr


def test_a_plan_that_compares_branches_and_chooses_none_of_them_is_refused(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{keep_best: 1, policy: policies/choose.yaml}")
    plan = (folder / "cycles/small.yaml").read_text()
    (folder / "cycles/small.yaml").write_text(
        plan.replace("  select: {policy: policies/choose.yaml, among: [new]}\n", "")
    )
    done = cycle(folder, "lint")
    assert done.returncode == 4
    assert "'new' compares 4 branches, and nothing pays for the choice; add finish.select" in done.stderr
