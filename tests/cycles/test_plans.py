"""The committed plans are sound: every variant of every configuration is one that its runner reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.console_script import gatekit

from gatekit.cycles.reading import read_cycle
from gatekit.evidence.schemas import check
from gatekit.evidence.strict_yaml import read_yaml

ROOT = Path(__file__).parents[2]
PLANS = sorted(path.name for path in (ROOT / "cycles").glob("*.yaml"))


def test_every_committed_plan_is_sound() -> None:
    done = gatekit("cycle", "lint", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [f"cycles/{name}" for name in PLANS]


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_follows_the_published_schema(name: str) -> None:
    check("cycle", read_yaml(ROOT / "cycles" / name).plain(), name)


def test_the_small_programme_has_the_stages_and_the_rules_of_the_large_one() -> None:
    small = read_cycle(str(ROOT / "cycles" / "cycle-4-small.yaml"))
    large = read_cycle(str(ROOT / "cycles" / "cycle-4.yaml"))
    assert set(small.stages) == set(large.stages) - {"route"}
    for name, stage in small.stages.items():
        assert [type(rule) for rule in stage.stops] == [type(rule) for rule in large.stages[name].stops]


def test_a_plan_with_a_claim_is_registered_with_its_phases_as_looks(tmp_path: Path) -> None:
    plan = (ROOT / "cycles" / "cycle-4-small.yaml").read_text(encoding="utf-8")
    path = tmp_path / "claimed.yaml"
    path.write_text(plan.replace("description:", "claim: minilm-agreement\ndescription:", 1), encoding="utf-8")
    done = gatekit("cycle", "register", str(path), "--out", "-", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "seeds: [0, 1, 2, 3, 4]\nlooks: [3, 5]\n" in done.stdout
    assert "full/objective_outside/weak/saebench is not announced" in done.stderr
    without = gatekit("cycle", "register", "cycle-4", "--out", "-", cwd=ROOT)
    assert without.returncode == 64
    assert "names no claim that would be registered" in without.stderr
