"""A cycle through the installed command, from its first task to the exit code that its end gives it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cycles.branched import CHOOSE, FEWER, branched
from cycles.workplace import CYCLE, cycle, evidence, records, workplace


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
    done = cycle(folder, "run", "small")
    assert done.returncode == 2
    assert "check: " not in done.stderr  # the verdict says why


def test_evidence_from_before_the_clock_went_back_is_refused_and_the_log_is_named_that_says_so(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    runner = folder / "lab/fakelab.py"
    later = runner.read_text().replace("now = datetime.now(UTC)", "now = datetime.now(UTC) + timedelta(hours=2)")
    runner.write_text(later.replace("import UTC, datetime", "import UTC, datetime, timedelta"))
    done = cycle(folder, "run", "small")
    assert done.returncode == 4
    assert "check: refused: " in done.stderr
    assert "runs/small/logs/finish/check.log has what it wrote" in done.stderr
    assert "which is in the future" in (folder / "runs/small/logs/finish/check.log").read_text()


def test_the_claims_are_audited_also_where_nothing_was_selected(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}", FEWER)
    plan = (folder / "cycles/small.yaml").read_text().replace("  check: ", "  claims: true\n  check: ")
    (folder / "cycles/small.yaml").write_text(plan)
    (folder / "policies/choose.yaml").write_text(CHOOSE.replace("at_least: 0.5", "at_least: 0.95"))
    done = cycle(folder, "run", "small")
    assert "select: blocked: " in done.stderr
    assert "claims: exit code 64: " in done.stderr
    assert "runs/small/logs/finish/claims.log has what it wrote" in done.stderr
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
