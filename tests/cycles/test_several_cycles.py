"""Cycles beside each other: which one waits for which, and what two may not share."""

from __future__ import annotations

from pathlib import Path

from cycles.workplace import CYCLE, cycle, first_worker, start, workplace


def test_a_cycle_starts_after_the_one_that_it_follows_has_finished(tmp_path: Path) -> None:
    second = CYCLE.replace("id: small", "id: second\nafter_cycle: small")
    folder = workplace(tmp_path, CYCLE, None, **{"cycles__second.yaml": second})
    done = cycle(folder, "run", "second")
    assert done.returncode == 3
    assert "'second' starts after 'small', which was not begun" in done.stderr
    assert cycle(folder, "run", "small").returncode == 0
    assert cycle(folder, "run", "second").returncode == 0


def test_a_cycle_that_waits_says_whether_anybody_drives_the_other(tmp_path: Path) -> None:
    second = CYCLE.replace("id: small", "id: second\nafter_cycle: small")
    folder = workplace(tmp_path, CYCLE, {"until": "go"}, **{"cycles__second.yaml": second})
    first = start(folder, "run", "small")
    first_worker(first.pid)
    assert f"which process {first.pid} on" in cycle(folder, "run", "second").stderr
    first.kill()
    first.communicate()
    said = cycle(folder, "run", "second").stderr
    assert "'second' starts after 'small', which has not finished, and nobody drives it" in said


def test_a_cycle_that_is_waited_for_is_here_and_waits_for_nobody_in_turn(tmp_path: Path) -> None:
    first = CYCLE.replace("id: small", "id: small\nafter_cycle: third")
    second = CYCLE.replace("id: small", "id: second\nafter_cycle: small")
    third = CYCLE.replace("id: small", "id: third\nafter_cycle: second")
    folder = workplace(tmp_path, first, None, **{"cycles__second.yaml": second})
    for command in (("lint", "small"), ("run", "small", "--wait")):
        done = cycle(folder, *command)
        assert done.returncode == 4
        assert "cycles/small.yaml:2:5: 'small' starts after 'third': no cycle 'third'" in done.stderr
    (folder / "cycles/third.yaml").write_text(third)
    for command in (("lint", "third"), ("run", "third", "--wait")):
        done = cycle(folder, *command)
        assert done.returncode == 4
        assert "third.yaml:2:5: no cycle could be the first: third after second after small after third" in done.stderr


def test_two_plans_of_one_id_are_refused(tmp_path: Path) -> None:
    folder = workplace(tmp_path, CYCLE, None, **{"cycles__twin.yaml": CYCLE})
    done = cycle(folder, "run", "small")
    assert done.returncode == 4
    assert "id 'small' is also that of cycles/twin.yaml" in done.stderr


def test_a_plan_that_announces_what_another_one_does_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    first = CYCLE.replace("description:", "claim: agree\ndescription:")
    # Other words, another order and one seed more: the same kind by the same configuration, of the same seeds.
    second = (
        first.replace("id: small", "id: twin").replace("claim: agree", "claim: other").replace("  first:", "  own:")
    )
    folder = workplace(tmp_path, first, None, **{"cycles__twin.yaml": second.replace("3, 4]", "3, 4, 5]")})
    assert cycle(folder, "register", "small").returncode == 0
    assert cycle(folder, "lint", "small").returncode == 0
    assert cycle(folder, "register", "twin").returncode == 4
    # As somebody who did not run the command would write it.
    announced = (folder / "cycles/small.yaml").read_text().partition("measurements:")[2]
    with (folder / "cycles/twin.yaml").open("a") as file:
        file.write(f"measurements:{announced}")
    for command in ("lint", "run"):
        done = cycle(folder, command, "twin")
        assert done.returncode == 4
        assert "cycles/twin.yaml:13:5: seed 0 of random_model by configuration" in done.stderr
        assert "is also registered by cycles/small.yaml: two sets of looks" in done.stderr
    assert not (folder / "runs").exists()


def test_a_plan_that_announces_what_a_file_of_registrations_does_is_refused(tmp_path: Path) -> None:
    folder = workplace(tmp_path, CYCLE.replace("description:", "claim: agree\ndescription:"))
    assert cycle(folder, "register", "small").returncode == 0
    announced = (folder / "cycles/small.yaml").read_text().partition("measurements:")[2]
    told = f"schema: gatekit.registration/1\nid: other\nclaim: agree\nseeds: [4, 5]\nmeasurements:{announced}"
    (folder / "registrations").mkdir()
    (folder / "registrations/other.yaml").write_text(told)
    done = cycle(folder, "lint", "small")
    assert done.returncode == 4
    assert "seed 4 of random_model by configuration" in done.stderr
    assert "is also registered by registrations/other.yaml" in done.stderr
