"""The committed plans are sound: every variant of every configuration is one that its runner reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.console_script import gatekit
from cycles.workplace import CYCLE, cycle, workplace

from gatekit.cycles.reading import read_cycle
from gatekit.cycles.registering import WRITTEN, with_measurements
from gatekit.errors import UsageError
from gatekit.evidence.schemas import check
from gatekit.evidence.strict_yaml import read_yaml
from gatekit.kinds import INSTALLED
from gatekit.policy import read_policies
from gatekit.policy.model import thresholds
from gatekit.registration.plans import parse_plan, read_plans
from gatekit.registration.writing import Announced

ROOT = Path(__file__).parents[2]
PLANS = sorted(path.name for path in (ROOT / "cycles").glob("*.yaml"))


@pytest.mark.parametrize("name", PLANS)
def test_a_committed_plan_is_sound_and_lint_warns_of_nothing(name: str) -> None:
    done = gatekit("cycle", "lint", "--strict", f"cycles/{name}", cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"cycles/{name}: sound")


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_follows_the_published_schema(name: str) -> None:
    check("cycle", read_yaml(ROOT / "cycles" / name).plain(), name)


def test_the_small_programme_has_the_stages_and_the_rules_of_the_large_one() -> None:
    small = read_cycle(str(ROOT / "cycles" / "cycle-4-small.yaml"))
    large = read_cycle(str(ROOT / "cycles" / "cycle-4.yaml"))
    # Beside them one model that predicts, which is trained in half a minute.
    assert set(small.stages) == (set(large.stages) - {"matched"}) | {"causal"}
    for name, stage in small.stages.items():
        if name == "causal":
            continue
        assert [type(rule) for rule in stage.stops] == [type(rule) for rule in large.stages[name].stops]


def test_the_release_programme_announces_what_the_release_policy_reads_for_a_claim_that_is_pending() -> None:
    announced, errors = read_plans(str(ROOT / "cycles"))
    assert ([one.id for one in announced], errors) == (["release"], [])
    (registry,) = [one for one in read_yaml(ROOT / "claims.yaml").plain()["claims"] if one["id"] == announced[0].claim]
    (policy,), _ = read_policies([str(ROOT / "policies" / "release.yaml")], INSTALLED)
    assert (registry["status"], registry["policy"]) == ("pending", policy.id)
    assert sorted(registry["gates"]) == sorted(gate.name for gate in policy.gates)
    read = {rule.kind for gate in policy.gates for rule in thresholds(gate.rule)}
    assert {one.kind for one in announced[0].measurements} == read


def test_a_plan_with_a_claim_announces_all_that_its_full_tasks_record(tmp_path: Path) -> None:
    plan = (ROOT / "cycles" / "cycle-4-small.yaml").read_text(encoding="utf-8")
    path = tmp_path / "claimed.yaml"
    named = plan.replace("id: cycle-4-small\n", "id: claimed\nclaim: minilm-agreement\n")
    path.write_text(named, encoding="utf-8")
    unsaid = gatekit("cycle", "lint", str(path), cwd=ROOT).stderr
    assert "names a claim, and does not say what its tasks will record" in unsaid
    done = gatekit("cycle", "register", str(path), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "announces 30 measurements with looks after 3 and 5 seeds" in done.stdout
    announced = parse_plan(path.read_bytes(), str(path))
    assert announced is not None
    assert (announced.seeds, announced.looks) == ((0, 1, 2, 3, 4), (3, 5))
    # What the alignment leaves is measured outside: of its own candidate, and by the digest of what leaves it.
    trained = {one.candidate: one.config for one in announced.measurements if one.kind == "consistency"}
    for kind in ("saebench", "cebench"):
        left = [one for one in announced.measurements if one.saes_of is not None and one.kind == kind]
        assert {one.candidate: one.saes_of for one in left} == trained
    assert len(trained) == 2
    again = gatekit("cycle", "register", str(path), "--out", "-", cwd=ROOT)
    assert again.stdout == path.read_text(encoding="utf-8")
    assert gatekit("cycle", "lint", str(path), cwd=ROOT).returncode == 0


@pytest.mark.parametrize("name", [name for name in PLANS if name != "release.yaml"])
def test_no_plan_compares_saes_from_files_with_those_that_its_base_trains(name: str, tmp_path: Path) -> None:
    plan = (ROOT / "cycles" / name).read_text(encoding="utf-8")
    other = tmp_path / name
    renamed = plan.replace("\nid: cycle", "\nid: other")
    other.write_text(renamed.replace("base: aligned}", "base: incumbent}"), encoding="utf-8")
    done = gatekit("cycle", "lint", str(other), cwd=ROOT)
    told = [line for line in done.stderr.splitlines() if "[cycle.never_stops]" in line]
    assert len(told) == plan.count("base: aligned}")
    for line in told:
        assert "this rule can never stop anything: it compares" in line
        assert "of SAEs from files with those that 'incumbent' trains, by another protocol" in line


def test_a_configuration_of_saes_that_another_stage_leaves_is_read_before_there_are_any(tmp_path: Path) -> None:
    plan = (ROOT / "cycles" / "cycle-4-small.yaml").read_text(encoding="utf-8").replace("id: cycle", "id: other")
    path = tmp_path / "cycle.yaml"
    for change, said in {
        "set: {texts.train_tokens: 8192, sae.k: 3}": "'sae' stands beside 'saes', whose files say it; leave it out",
        "set: {texts.train_tokens: 0}": "'texts' has no 'train_tokens' to train the control on",
    }.items():
        path.write_text(plan.replace("set: {texts.train_tokens: 8192}", change), encoding="utf-8")
        done = gatekit("cycle", "lint", str(path), cwd=ROOT)
        assert (done.returncode, said in done.stderr) == (4, True), done.stderr
    path.write_text(plan.replace("run: cebench", "run: transcoder"), encoding="utf-8")
    done = gatekit("cycle", "lint", str(path), cwd=ROOT)
    assert done.returncode == 4


def test_a_plan_that_announces_something_else_than_its_tasks_record_is_told(tmp_path: Path) -> None:
    folder = workplace(tmp_path, CYCLE.replace("description:", "claim: agree\ndescription:"))
    assert cycle(folder, "register", "small").returncode == 0
    path = folder / "cycles" / "small.yaml"
    assert (cycle(folder, "lint").returncode, "# Written by" in path.read_text(encoding="utf-8")) == (0, True)
    (folder / "config.json").write_text('{"r2": 0.5}', encoding="utf-8")
    done = cycle(folder, "lint")
    assert done.returncode == 4
    assert "cycles/small.yaml:14:5: no full task would record what is announced here" in done.stderr
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("finish:", "# The end.\nfinish:"), encoding="utf-8")
    assert cycle(folder, "register", "small").returncode == 0
    assert cycle(folder, "lint").returncode == 0
    assert path.read_text(encoding="utf-8").count("measurements:") == 1


def test_a_plan_without_a_claim_announces_nothing(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    without = cycle(folder, "register", "small")
    assert without.returncode == 64
    assert "names no claim that would be registered" in without.stderr
    path = folder / "cycles" / "small.yaml"
    path.write_text(f"{CYCLE}measurements: [{{kind: ood, protocol: x}}]\n", encoding="utf-8")
    done = cycle(folder, "lint")
    assert done.returncode == 4
    assert "cycles/small.yaml:11:15: `measurements` announce evidence for a claim" in done.stderr


def test_measurements_between_other_keys_are_replaced_and_all_else_stays() -> None:
    text = "id: a\n# one\nmeasurements:\n  - {kind: ood, protocol: x} # two\n\n# of seeds\nseeds: {full: [1, 2]}\n"
    made = with_measurements(text.encode(), "a.yaml", [Announced("ood", None, "y", None, "z")]).decode()
    block = f'{WRITTEN}\nmeasurements:\n  - kind: ood # z\n    protocol: "y"\n'
    assert made == f"id: a\n# one\n{block}\n# of seeds\nseeds: {{full: [1, 2]}}\n"


def test_a_plan_on_one_line_is_not_added_to() -> None:
    with pytest.raises(UsageError, match="cannot be added to"):
        with_measurements(b"{id: a}\n", "a.yaml", [Announced("ood", None, "y", None, "z")])
