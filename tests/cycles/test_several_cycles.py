"""Cycles beside each other: which one waits for which, and what two may not share."""

from __future__ import annotations

from pathlib import Path

from cycles.workplace import CYCLE, cycle, workplace


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
