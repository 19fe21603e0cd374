"""What lint and the plan command say of a cycle before anything is started."""

from __future__ import annotations

from pathlib import Path

from cycles.branched import STOP, branched
from cycles.workplace import CYCLE, cycle, workplace


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


def test_a_path_that_leads_nowhere_is_told_with_the_stage_or_the_file_that_was_meant(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml, base: odl}")
    assert "there is no 'odl'; did you mean 'old'? [cycle.missing]" in cycle(folder, "lint").stderr
    folder = workplace(tmp_path / "file", CYCLE.replace("policies/gate", "policies/gates"))
    assert "there is no 'policies/gates.yaml'; did you mean 'policies/gate.yaml'?" in cycle(folder, "lint").stderr


def test_a_stop_policy_cannot_be_the_one_that_judges_a_cycle(tmp_path: Path) -> None:
    stop = STOP.replace("id: stop", "id: stop\npurpose: stop")
    plan = CYCLE.replace("policies/gate.yaml", "policies/stop.yaml")
    done = cycle(workplace(tmp_path, plan, None, **{"policies__stop.yaml": stop}), "lint")
    assert done.returncode == 4
    assert "policies/stop.yaml is a stop policy, which lets nothing pass" in done.stderr


def test_a_plan_that_compares_branches_and_chooses_none_of_them_is_refused(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{keep_best: 1, policy: policies/choose.yaml}")
    plan = (folder / "cycles/small.yaml").read_text()
    (folder / "cycles/small.yaml").write_text(
        plan.replace("  select: {policy: policies/choose.yaml, among: [new]}\n", "")
    )
    done = cycle(folder, "lint")
    assert done.returncode == 4
    assert "'new' compares 4 branches, and nothing pays for the choice; add finish.select" in done.stderr


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
