"""A cycle of the base that names a claim is a registration of what its tasks record, also of SAEs that they leave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import gatekit
from registration.histories import CONFIG, MEASURE, MEASURED, NOW, commit, git, repository
from registration.histories import evidence as trained
from registration.histories import text as registration_file

from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.config_digest import config_without_saes_sha256, config_without_seeds_sha256
from gatekit.registration.plans import parse_plan

PLAN = "cycles/demo.yaml"
FIVE, EIGHT = range(5), range(8)
GOOD = [0.80, 0.81, 0.82, 0.79, 0.80, 0.81, 0.83, 0.80]
EARLY = "2026-02-01T00:00:00Z"
POLICY = """\
schema: gatekit.policy/1
id: small
registered: required
defaults: {min_seeds: 5}
gates:
  reconstruction: {from: random_model, measure: r2, at_least: 0.5}
"""
OUTSIDE = "  outside: {from: saebench, measure: r2, at_least: 0.5}\n"
PROBING = {"probing": {"ks": [1, 2]}}
GIVEN = {"threads": 1, **PROBING, "saes": {"format": "sae_lens", "seeds": {"0": "seed_0"}}}
SOURCE = config_without_seeds_sha256(CONFIG)
TRAINED = f"""\
measurements:
  - kind: random_model
    config_without_seeds: {SOURCE}
"""
LEFT = f"""\
  - kind: saebench
    saes_of: {SOURCE}
    config_without_saes: {config_without_saes_sha256(GIVEN)}
"""


def plan(measurements: str = TRAINED, claim: str = "claim: agree\n", seeds: str = "[0, 1, 2, 3, 4, 5, 6, 7]") -> str:
    return f"""\
schema: gatekit.cycle/1
id: demo
description: Do they reconstruct?
{claim}seeds: {{pilot: [0, 1, 2, 3, 4], full: {seeds}}}
budget: {{device_hours: 2}}
stages:
  first:
    run: fakelab
    config: config.json
    phases: [pilot, full]
    needs: {{gpus: 1}}
    stop: [{{failed_runs: {{more_than: 0.2, of_at_least: 5}}}}]
finish: {{check: policies/small.yaml}}
{measurements}"""


def outside(seeds: Sequence[int], of: str = "pythia-70m") -> dict[str, Any]:
    """What was measured of SAEs from files."""
    stated = {**GIVEN, "seeds": list(seeds)}
    one = trained(seeds, GOOD[: len(seeds)])["producer"]
    changes = {**one, "config": stated, "config_sha256": sha256_of(stated)}
    subject = builders.subject(seeds)
    subject["checkpoints"] = builders.subject(seeds, model=of)["checkpoints"]
    return builders.summary("saebench", {"r2": GOOD[: len(seeds)]}, seeds=seeds, of=subject, producer_changes=changes)


def base(tmp_path: Path, cycle: str | None, policy: str = POLICY, **more: str) -> Path:
    files = {"policies/small.yaml": policy, "measure.txt": MEASURE, **({PLAN: cycle} if cycle is not None else {})}
    return repository(tmp_path / "lab", {**files, **{name.replace("__", "/"): text for name, text in more.items()}})


def judged(folder: Path, changes: Mapping[str, str | None]) -> tuple[int, Any]:
    git(folder, "checkout", "-q", "-b", "feature")
    commit(folder, changes, "2026-03-04T00:00:00Z")
    arguments = ("--base", "main", "--head", "feature", "--now", NOW, "--output", "json=../report.json")
    done = gatekit("pr", *arguments, cwd=folder)
    assert done.returncode != 70, done.stderr
    return done.returncode, json.loads((folder.parent / "report.json").read_text())


def checked(folder: Path) -> tuple[int, Any]:
    done = gatekit("check", "--now", NOW, "--output", "json=../report.json", cwd=folder)
    return done.returncode, json.loads((folder.parent / "report.json").read_text())


def with_evidence(folder: Path, **documents: Any) -> Path:
    files = {f"evidence/{name}.json": json.dumps(document) for name, document in documents.items()}
    commit(folder, files, "2026-03-03T00:00:00Z")
    return folder


def results(report: Any) -> list[Any]:
    return [gate["result"] for one in report["policies"] for gate in one["gates"]]


@pytest.mark.parametrize(("seeds", "confidence"), [(FIVE, 0.986832), (EIGHT, 0.963168)], ids=["pilot", "full"])
def test_evidence_of_a_cycle_of_the_base_is_at_a_look(tmp_path: Path, seeds: range, confidence: float) -> None:
    folder = with_evidence(base(tmp_path, plan()), a=trained(seeds, GOOD[: len(seeds)]))
    code, report = checked(folder)
    assert code == 0
    # Lan and DeMets' O'Brien-Fleming shares by the formula of docs/registration.md: a(5/8) = 0.013168.
    assert results(report)[0]["measured"]["confidence"] == pytest.approx(confidence, abs=1e-6)


def test_seeds_that_are_no_look_of_the_cycle_are_inconclusive(tmp_path: Path) -> None:
    folder = with_evidence(base(tmp_path, plan()), a=trained([0, 1, 2, 3, 5], GOOD[:5]))
    code, report = checked(folder)
    assert (code, results(report)[0]["why"]) == (3, "not_as_registered")


def test_a_cycle_that_came_after_its_evidence_registers_none(tmp_path: Path) -> None:
    folder = with_evidence(base(tmp_path, None), a=trained(FIVE, GOOD[:5]))
    commit(folder, {PLAN: plan()}, "2026-03-04T00:00:00Z")
    assert (checked(folder)[0], results(checked(folder)[1])[0]["why"]) == (3, "exploratory")


def test_a_cycle_that_only_the_head_has_registers_nothing(tmp_path: Path) -> None:
    claimed = {"claims.yaml": CLAIMS, "README.md": README}
    folder = base(tmp_path, None, **claimed)
    added = {PLAN: plan(), "evidence/a.json": json.dumps(trained(FIVE, GOOD[:5])), "claims.yaml": SUPPORTED}
    code, report = judged(folder, added)
    assert (code, results(report["judged"])[0]["why"]) == (3, "exploratory")
    assert any(note.startswith(f"{PLAN} added: it holds for runs that start after") for note in report["notes"])


README = "<!-- gatekit:claim agree -->They reconstruct.<!-- /gatekit:claim -->\n"
CLAIM = {"id": "agree", "sentence": "They reconstruct.", "policy": "small", "gates": ["reconstruction"]}
CLAIMS, SUPPORTED = (
    json.dumps({"schema": "gatekit.claims/1", "rules": {"documents": ["README.md"]}, "claims": [{**CLAIM, **more}]})
    for more in ({"status": "pending"}, {"status": "supported"})
)


def test_evidence_of_a_cycle_of_the_base_carries_a_claim(tmp_path: Path) -> None:
    folder = base(tmp_path, plan(), **{"claims.yaml": CLAIMS, "README.md": README})
    measured = json.dumps(trained(FIVE, GOOD[:5]))
    assert judged(folder, {"evidence/a.json": measured, "claims.yaml": SUPPORTED})[0] == 0


CHANGES = {
    "seeds": plan(seeds="[0, 1, 2, 3, 4, 5, 6, 7, 8]"),
    "a stop rule": plan().replace("0.2", "0.9"),
    "the end": plan().replace("finish: {check: policies/small.yaml}\n", ""),
    "a setting": plan().replace("config.json", "other.json"),
    "what is recorded": plan().replace(SOURCE, "ab" * 32),
    "the claim": plan().replace("claim: agree", "claim: other"),
    "no claim": plan(measurements="", claim=""),
    "no plan": None,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_cycle_that_has_begun_is_changed_only_with_approval(tmp_path: Path, change: str | None) -> None:
    folder = with_evidence(base(tmp_path, plan()), a=trained(FIVE, GOOD[:5]))
    code, report = judged(folder, {PLAN: change})
    assert (code, [one["path"] for one in report["trust"]]) == (5, [PLAN])
    assert "although evidence/a.json has begun to measure it" in report["trust"][0]["what"]


def test_the_words_the_budget_and_the_needs_of_a_begun_cycle_may_change(tmp_path: Path) -> None:
    folder = with_evidence(base(tmp_path, plan()), a=trained(FIVE, GOOD[:5]))
    changed = plan().replace("Do they reconstruct?", "Do they?").replace("device_hours: 2", "device_hours: 3")
    changed = "# Of spring.\n" + changed.replace("{gpus: 1}", "{gpus: 2, wall: 2h}")
    assert judged(folder, {PLAN: changed})[0] == 0


def test_a_cycle_that_nobody_has_begun_may_change(tmp_path: Path) -> None:
    shown = POLICY.replace("registered: required\n", "")
    folder = with_evidence(base(tmp_path, plan(), shown), a=trained(FIVE, GOOD[:5], sae={"k": 64}))
    code, report = judged(folder, {PLAN: CHANGES["a stop rule"]})
    assert (code, report["trust"]) == (0, [])


def test_a_cycle_in_a_folder_below_is_none(tmp_path: Path) -> None:
    folder = base(tmp_path, None, cycles__old__demo=plan())
    git(folder, "mv", "cycles/old/demo", "cycles/old/demo.yaml")
    commit(with_evidence(folder, a=trained(FIVE, GOOD[:5])), {}, "2026-03-03T00:00:00Z")
    assert results(checked(folder)[1])[0]["why"] == "exploratory"


@pytest.mark.parametrize(
    ("cycle", "code"),
    [(plan(measurements=""), 4), (plan(measurements="", claim=""), 0), ("id: [not, a plan\n", 0)],
    ids=["a claim without measurements", "no claim", "another tool's file"],
)
def test_a_cycle_with_a_claim_says_what_it_will_record(tmp_path: Path, cycle: str, code: int) -> None:
    shown = POLICY.replace("registered: required\n", "")
    folder = with_evidence(base(tmp_path, cycle, shown), a=trained(FIVE, GOOD[:5]))
    done = gatekit("check", "--now", NOW, cwd=folder)
    assert done.returncode == code
    assert ("cycles/demo.yaml:4:8: cycle 'demo' names a claim" in done.stdout) == (code == 4)
    assert judged(folder, {"x.txt": "x"})[0] == code


def test_a_key_that_is_written_with_an_escape_is_the_claim_all_the_same(tmp_path: Path) -> None:
    hidden = plan(claim='"\\x63laim": agree\n')
    assert parse_plan(hidden.encode(), PLAN) is not None
    assert parse_plan(plan(claim="").encode(), PLAN) is None


def test_a_cycle_and_a_file_of_registrations_cannot_announce_the_same_seeds(tmp_path: Path) -> None:
    there = {"registrations/demo.yaml": registration_file("[8]", EIGHT).replace("id: demo", "id: other")}
    folder = with_evidence(base(tmp_path, plan(), **there), a=trained(FIVE, GOOD[:5]))
    code, report = checked(folder)
    assert (code, [error["id"] for error in report["errors"]]) == (4, ["registration.overlap"])


@pytest.mark.parametrize("seeds", ["[0, 1, 2, 3, 4, 5, 6, 7]", "[0, 1, 2, 3, 4, 9]"], ids=["all seeds", "some"])
def test_a_change_adds_no_second_cycle_that_announces_seeds_of_the_first(tmp_path: Path, seeds: str) -> None:
    claimed = {"claims.yaml": CLAIMS, "README.md": README}
    other = plan(seeds=seeds).replace("id: demo", "id: other")
    code, report = judged(base(tmp_path, plan(), **claimed), {"cycles/other.yaml": other})
    assert (code, [error["id"] for error in report["errors"]]) == (4, ["registration.overlap"])


def test_a_second_cycle_on_new_seeds_announces_them(tmp_path: Path) -> None:
    claimed = {"claims.yaml": CLAIMS, "README.md": README}
    new = plan(seeds="[10, 11, 12, 13, 14, 15]").replace("id: demo", "id: other")
    new = new.replace("pilot: [0, 1, 2, 3, 4]", "pilot: [10, 11, 12, 13, 14]")
    code, report = judged(base(tmp_path, plan(), **claimed), {"cycles/other.yaml": new})
    assert (code, report["errors"]) == (0, [])


def test_what_was_measured_of_saes_that_a_registered_run_left_is_registered(tmp_path: Path) -> None:
    cycle = base(tmp_path, plan(TRAINED + LEFT), POLICY + OUTSIDE)
    folder = with_evidence(cycle, a=trained(FIVE, GOOD[:5]), b=outside(FIVE))
    code, report = checked(folder)
    assert (code, [one["outcome"] for one in results(report)]) == (0, ["pass", "pass"])


def test_other_saes_than_those_that_a_registered_run_left_are_not_registered(tmp_path: Path) -> None:
    several = f"{POLICY}{OUTSIDE}".replace("id: small", "id: small\none_subject: false")
    cycle = base(tmp_path, plan(TRAINED + LEFT), several)
    folder = with_evidence(cycle, a=trained(FIVE, GOOD[:5]), b=outside(FIVE, of="better"))
    code, report = checked(folder)
    assert (code, results(report)[1]["why"]) == (3, "exploratory")
    assert "are none that evidence registered by cycles/demo.yaml left" in results(report)[1]["reason"]


def test_saes_that_were_there_before_the_cycle_are_not_registered(tmp_path: Path) -> None:
    cycle = base(tmp_path, plan(TRAINED + LEFT), POLICY + OUTSIDE)
    folder = with_evidence(cycle, a=trained(FIVE, GOOD[:5], started=EARLY), b=outside(FIVE))
    code, report = checked(folder)
    assert (code, [one["why"] for one in results(report)]) == (3, ["exploratory", "exploratory"])
    assert "evidence/a.json started at 2026-02-01T00:00:00Z, before cycles/demo.yaml" in results(report)[1]["reason"]


def test_what_is_measured_of_saes_has_one_digest_whether_they_are_trained_or_given() -> None:
    texts = {"source": "files", "train_tokens": 500, "held_out_tokens": 20}
    trains = {**PROBING, "texts": texts, "sae": {"k": 3}, "training": {"steps": 2}, "saes": None, "seeds": [1, 2]}
    given = {
        **PROBING,
        "texts": {**texts, "train_tokens": 0},
        "sae": {"label": "topk", "stated": {"format": "sae_lens"}},
        "training": None,
        "saes": {"seeds": {"1": "x"}},
    }
    assert config_without_saes_sha256(trains) == config_without_saes_sha256(given)
    other = {**given, "texts": {**texts, "held_out_tokens": 21}}
    assert config_without_saes_sha256(other) != config_without_saes_sha256(given)
    assert MEASURED > EARLY


SHOWN = POLICY.replace("registered: required\n", "")
OTHER_LEFT = LEFT.replace(config_without_saes_sha256(GIVEN), config_without_saes_sha256({**GIVEN, "threads": 2}))


@pytest.mark.parametrize(("others", "confidence"), [("", 0.95), (OTHER_LEFT + "    candidate: b\n", 0.975)])
def test_what_was_measured_by_hand_of_other_saes_pays_for_what_the_cycle_compares(
    tmp_path: Path, others: str, confidence: float
) -> None:
    several = f"{SHOWN}{OUTSIDE}".replace("id: small", "id: small\none_subject: false")
    left = LEFT + "    candidate: a\n" if others else LEFT
    cycle = base(tmp_path, plan(TRAINED + left + others), several)
    folder = with_evidence(cycle, a=trained(FIVE, GOOD[:5]), b=outside(FIVE, of="better"))
    _, report = checked(folder)
    assert results(report)[1]["measured"]["confidence"] == pytest.approx(confidence)


@pytest.mark.parametrize(("candidates", "confidence"), [("", 0.95), ("candidates: [a, b, c, d]\n", 1 - 0.05 / 4)])
def test_what_was_measured_before_the_registration_pays_for_what_it_compares(
    tmp_path: Path, candidates: str, confidence: float
) -> None:
    registered = registration_file("[5]", FIVE, candidates)
    folder = base(tmp_path, None, SHOWN)
    commit(folder, {"registrations/agree.yaml": registered}, "2026-02-15T00:00:00Z")
    with_evidence(folder, a=trained(FIVE, GOOD[:5], started=EARLY))
    code, report = checked(folder)
    assert (code, results(report)[0]["measured"]["confidence"]) == (0, pytest.approx(confidence))
