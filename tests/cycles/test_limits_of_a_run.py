"""What a plan allows: budgets, disk and time, and what is said where they are spent."""

from __future__ import annotations

import json
from pathlib import Path

from cycles.branched import states
from cycles.workplace import CYCLE, cycle, workplace


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
    assert f"* standing: halted: {reason}\n" in (folder / "runs" / "small" / "monitor.md").read_text()
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
