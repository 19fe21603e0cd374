"""`gatekit check` judges registered evidence at its look, and names what is not as registered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import gatekit
from registration.histories import (
    NOW,
    POLICY,
    REGISTERED,
    commit,
    evidence,
    failed,
    git,
    repository,
    text,
    write,
)
from scipy.stats import norm

# A run that failed has no checkpoints, and so is about another subject than the one that went well.
SEVERAL = POLICY.replace("defaults:", "one_subject: false\ndefaults:")
SHOWN = POLICY.replace("registered: required\n", "")
FIVE, TEN = range(5), range(10)
GOOD = [0.80, 0.81, 0.82, 0.79, 0.80, 0.81, 0.83, 0.80, 0.79, 0.81, 0.80, 0.82, 0.81, 0.80, 0.79]
PATH = "registrations/demo.yaml"


def checked(folder: Path, documents: Mapping[str, Any], *more: str) -> tuple[int, dict[str, Any], str]:
    """Return the exit code, the JSON report and what the terminal showed."""
    write(folder, documents)
    done = gatekit("check", "--verbose", "--now", NOW, "--output", "json=report.json", *more, cwd=folder)
    return done.returncode, json.loads((folder / "report.json").read_text()), done.stdout + done.stderr


def lab(tmp_path: Path, registration: str | None = None, policy: str = POLICY, time: str = REGISTERED) -> Path:
    return repository(tmp_path / "lab", {"policies/small.yaml": policy, PATH: registration or text()}, time)


def rule(report: dict[str, Any]) -> dict[str, Any]:
    return report["policies"][0]["gates"][0]["result"]


def test_evidence_at_a_look_is_judged_at_that_looks_share(tmp_path: Path) -> None:
    code, report, said = checked(lab(tmp_path), {"a.json": evidence(FIVE, GOOD[:5])})
    # Lan and DeMets' function at one third, by scipy.
    spent = 2 * norm.sf(norm.isf(0.025) / (1 / 3) ** 0.5)
    assert (code, rule(report)["measured"]["confidence"]) == (0, pytest.approx(1 - spent, abs=1e-12))
    assert report["evidence"][0]["standing"] == "registered"
    assert f"look 1 of 3 of {PATH}, 5 of 15 seeds: bounded at 0.999313" in " ".join(said.split())
    assert "exploratory" not in said


def test_the_last_look_has_what_the_others_left(tmp_path: Path) -> None:
    _, report, _ = checked(lab(tmp_path), {"a.json": evidence(range(15), GOOD)})
    before = 2 * norm.sf(norm.isf(0.025) / (2 / 3) ** 0.5)
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - (0.05 - before), abs=1e-12)


def test_one_look_is_judged_at_the_gates_own_confidence(tmp_path: Path) -> None:
    _, report, _ = checked(lab(tmp_path, text("[5]", FIVE)), {"a.json": evidence(FIVE, GOOD[:5])})
    assert rule(report)["measured"]["confidence"] == 0.95


def test_registered_candidates_are_paid_for_although_only_one_has_evidence(tmp_path: Path) -> None:
    named = lab(tmp_path, text("[5]", FIVE, "candidates: [a, b, c, d]\n"))
    _, report, said = checked(named, {"a.json": evidence(FIVE, GOOD[:5])})
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - 0.05 / 4)
    assert "best of 4 candidates" in " ".join(said.split())


def test_two_registrations_of_one_claim_are_two_tries(tmp_path: Path) -> None:
    folder = lab(tmp_path, text("[5]", FIVE))
    commit(folder, {"registrations/b.yaml": text("[5]", FIVE, digest="cd" * 32).replace("id: demo", "id: b")})
    _, report, _ = checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - 0.05 / 2)


UNSOUND = {
    "no_look": ({"a.json": evidence(range(6), GOOD[:6])}, "not_as_registered", "seeds 6, 7, 8, 9 are missing"),
    "a_seed_dropped": (
        {"a.json": evidence([0, 1, 2, 4, 5], GOOD[:5])},
        "not_as_registered",
        "which is no look of registrations/demo.yaml (looks after 5, 10, 15 seeds): seed 3 is missing",
    ),
    "other_seeds": (
        {"a.json": evidence([0, 1, 2, 3, 99], GOOD[:5])},
        "not_as_registered",
        "seed 99 is not registered",
    ),
    "other_settings": (
        {"a.json": evidence(FIVE, GOOD[:5], sae={"k": 64})},
        "exploratory",
        "registrations/demo.yaml registers random_model by configuration",
    ),
    "before": (
        {"a.json": evidence(FIVE, GOOD[:5], started="2026-02-27T00:00:00Z")},
        "exploratory",
        "started at 2026-02-27T00:00:00Z, before registrations/demo.yaml was on the base (2026-03-01T00:00:00Z)",
    ),
    "a_later_look_failed": (
        {"a.json": evidence(FIVE, GOOD[:5]), "b.json": failed(TEN)},
        "not_as_registered",
        "the run of seeds 5, 6, 7, 8, 9 in evidence/b.json, which registrations/demo.yaml registers, failed: out of",
    ),
    "a_later_look_skipped": (
        {"a.json": evidence(FIVE, GOOD[:5]), "b.json": failed(TEN, "no time", "skipped")},
        "not_as_registered",
        "was skipped: no time",
    ),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_what_is_not_as_registered_is_inconclusive_and_named(tmp_path: Path, name: str) -> None:
    documents, why, words = UNSOUND[name]
    code, report, said = checked(lab(tmp_path, policy=SEVERAL), documents)
    assert (code, rule(report)["why"], rule(report)["measured"]) == (3, why, None)
    assert words in rule(report)["reason"], rule(report)["reason"]
    assert words.split()[-1] in said


def test_evidence_that_was_announced_otherwise_is_exploratory_and_one_note_says_so(tmp_path: Path) -> None:
    both = text().replace("\nseeds:", '\n  - {kind: ood, protocol: "ood/1"}\nseeds:')
    measured = evidence(FIVE, GOOD[:5], sae={"k": 64})
    code, report, said = checked(lab(tmp_path, both, SHOWN), {"a.json": measured})
    assert code == 0
    announced = "exploratory: no registration announced this evidence before it was measured"
    (note,) = (one for one in report["policies"][0]["notes"] if one.startswith("exploratory"))
    assert note.startswith(f"{announced}; registrations/demo.yaml registers random_model by configuration ")
    assert said.count("exploratory") == 1


def test_a_registered_run_that_is_missing_is_named(tmp_path: Path) -> None:
    both = text().replace("\nseeds:", '\n  - {kind: ood, protocol: "ood/1"}\nseeds:')
    code, report, _ = checked(lab(tmp_path, both), {"a.json": evidence(FIVE, GOOD[:5])})
    assert (code, rule(report)["why"]) == (3, "not_as_registered")
    assert "also registers ood by protocol ood/1, of which seeds 0, 1, 2, 3, 4 are missing" in rule(report)["reason"]


def test_a_failed_run_that_was_made_again_counts_no_more(tmp_path: Path) -> None:
    code, _, said = checked(lab(tmp_path, policy=SEVERAL), {"a.json": evidence(TEN, GOOD[:10]), "b.json": failed(FIVE)})
    assert code == 0, said


@pytest.mark.parametrize("name", ["other_settings", "before"])
def test_where_registrations_are_only_shown_other_evidence_is_called_exploratory(tmp_path: Path, name: str) -> None:
    documents, _, words = UNSOUND[name]
    code, report, said = checked(lab(tmp_path, policy=SHOWN), documents, "--output", "html=-", "--output", "markdown=-")
    # What the registration measures pays for its look, registered in time or not.
    paid = 1 - 2 * norm.sf(norm.isf(0.025) / (1 / 3) ** 0.5) if name == "before" else 0.95
    assert (code, rule(report)["measured"]["confidence"]) == (0, pytest.approx(paid, abs=1e-12))
    assert any(note.startswith("exploratory: ") and words in note for note in report["policies"][0]["notes"])
    assert said.count("exploratory") >= 3
    assert report["evidence"][0]["standing"] == "exploratory"


@pytest.mark.parametrize("name", ["no_look", "a_seed_dropped", "a_later_look_failed"])
def test_where_they_are_only_shown_registered_seeds_are_held_to_their_looks_all_the_same(
    tmp_path: Path, name: str
) -> None:
    shown = SEVERAL.replace("registered: required\n", "")
    code, report, _ = checked(lab(tmp_path, policy=shown), UNSOUND[name][0])
    assert (code, rule(report)["why"]) == (3, "not_as_registered")


def test_without_a_commit_nothing_says_that_the_registration_came_first(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", {"policies/small.yaml": POLICY})
    (folder / "registrations").mkdir()
    (folder / PATH).write_text(text())
    code, report, _ = checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})
    assert (code, rule(report)["why"]) == (3, "exploratory")
    assert f"nothing says when {PATH} was made: it is in no commit" in rule(report)["reason"]


def dated_by_a_commit(folder: Path, file: str) -> Path:
    return repository(folder, {"policies/small.yaml": SHOWN, PATH: file})


def in_no_commit(folder: Path, file: str) -> Path:
    repository(folder, {"policies/small.yaml": SHOWN})
    (folder / "registrations").mkdir()
    (folder / PATH).write_text(file)
    return folder


def cut_off(folder: Path, file: str) -> Path:
    whole = dated_by_a_commit(folder.parent / "whole", file)
    git(folder.parent, "clone", "-q", "--depth", "1", whole.as_uri(), folder.name)
    return folder


def without_git(folder: Path, file: str) -> Path:
    shutil.rmtree(dated_by_a_commit(folder, file) / ".git")
    return folder


@pytest.mark.parametrize(
    ("where", "pays_for"), [(dated_by_a_commit, 4), (in_no_commit, 4), (cut_off, 4), (without_git, 1)]
)
def test_candidates_are_paid_for_wherever_git_could_date_their_registration_and_does_not(
    tmp_path: Path, where: Callable[[Path, str], Path], pays_for: int
) -> None:
    folder = where(tmp_path / "lab", text("[5]", FIVE, "candidates: [a, b, c, d]\n"))
    code, report, _ = checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})
    assert (code, rule(report)["measured"]["confidence"]) == (0, pytest.approx(1 - 0.05 / pays_for))
    assert report["evidence"][0]["standing"] == ("registered" if where is dated_by_a_commit else "exploratory")


@pytest.mark.parametrize(("where", "code"), [(dated_by_a_commit, 3), (in_no_commit, 3), (cut_off, 3), (without_git, 0)])
def test_a_seed_of_a_registration_that_git_does_not_date_is_not_left_out_either(
    tmp_path: Path, where: Callable[[Path, str], Path], code: int
) -> None:
    folder = where(tmp_path / "lab", text("[6]", range(6)))
    assert checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})[0] == code


@pytest.mark.parametrize(("count", "look"), [(5, 1), (6, 2), (10, 2), (12, 3)])
def test_what_was_measured_before_its_registration_pays_as_at_the_look_that_has_so_many_seeds(
    tmp_path: Path, count: int, look: int
) -> None:
    early = evidence(range(count), GOOD[:count], started="2026-02-27T00:00:00Z")
    _, report, said = checked(lab(tmp_path, text(more="spending: equal\n"), SHOWN), {"a.json": early})
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - 0.05 / 3)
    assert f"not registered in time, and judged as at look {look} of 3 of {PATH}" in " ".join(said.split())


def test_the_same_measurement_under_another_claim_is_another_try(tmp_path: Path) -> None:
    folder = lab(tmp_path, text("[5]", FIVE))
    for number in (1, 2, 3):
        again = text("[5]", range(5 * number, 5 * number + 5)).replace("id: demo", f"id: again-{number}")
        commit(folder, {f"registrations/{number}.yaml": again.replace("claim: agree", f"claim: other-{number}")})
    _, report, _ = checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - 0.05 / 4)


def test_another_measurement_under_another_claim_is_none(tmp_path: Path) -> None:
    folder = lab(tmp_path, text("[5]", FIVE))
    other = text("[5]", FIVE, digest="cd" * 32).replace("id: demo", "id: b").replace("claim: agree", "claim: other")
    commit(folder, {"registrations/b.yaml": other})
    _, report, _ = checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})
    assert rule(report)["measured"]["confidence"] == pytest.approx(0.95)


def test_a_registration_that_was_changed_counts_from_its_change_on(tmp_path: Path) -> None:
    folder = lab(tmp_path, text("[10, 15]"))
    commit(folder, {PATH: text()}, "2026-03-03T00:00:00Z")
    code, report, _ = checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})
    assert (code, "(2026-03-03T00:00:00Z)" in rule(report)["reason"]) == (3, True)


def test_a_comment_added_later_changes_nothing(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    commit(folder, {PATH: text() + "# agreed in the lab meeting\n"}, "2026-03-03T00:00:00Z")
    assert checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})[0] == 0


def test_one_that_was_removed_and_brought_back_counts_from_its_return(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    commit(folder, {PATH: None}, "2026-03-01T10:00:00Z")
    commit(folder, {PATH: text()}, "2026-03-03T00:00:00Z")
    assert checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})[0] == 3


def test_it_counts_from_the_merge_and_not_from_its_branch(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", {"policies/small.yaml": POLICY}, "2026-02-01T00:00:00Z")
    git(folder, "checkout", "-q", "-b", "plan")
    commit(folder, {PATH: text()}, "2026-02-02T00:00:00Z")
    git(folder, "checkout", "-q", "main")
    commit(folder, {"README.md": "a lab"}, "2026-02-03T00:00:00Z")
    git(folder, "merge", "-q", "--no-ff", "-m", "merged", "plan", time="2026-03-03T00:00:00Z")
    code, report, _ = checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})
    assert (code, "(2026-03-03T00:00:00Z)" in rule(report)["reason"]) == (3, True)


def test_a_commit_that_is_backdated_below_its_parent_counts_from_the_parent(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", {"policies/small.yaml": POLICY}, "2026-03-03T00:00:00Z")
    commit(folder, {PATH: text()}, "2026-02-01T00:00:00Z")
    code, report, _ = checked(folder, {"a.json": evidence(FIVE, GOOD[:5])})
    assert (code, "(2026-03-03T00:00:00Z)" in rule(report)["reason"]) == (3, True)


def test_a_registration_that_cannot_be_read_refuses_the_verdict(tmp_path: Path) -> None:
    code, _, said = checked(lab(tmp_path, text("[15, 5]")), {"a.json": evidence(FIVE, GOOD[:5])})
    assert (code, f"{PATH}:7:13: looks must increase" in " ".join(said.split())) == (4, True)


def again(seeds: range, values: list[float]) -> dict[str, Any]:
    """The same seeds' numbers, measured an hour later on other SAEs."""
    document = evidence(seeds, values, "2026-03-02T07:00:00Z")
    for one in document["subject"]["checkpoints"]:
        one["sha256"] = builders.digest(f"again {one['seed']}")
    return document


def test_a_registered_look_that_is_taken_again_beside_the_first_is_inconclusive(tmp_path: Path) -> None:
    several = POLICY.replace("defaults:", "evidence: [evidence/b.json]\ndefaults:")
    folder = repository(tmp_path / "lab", {"policies/small.yaml": several, PATH: text()})
    both = {"a.json": evidence(FIVE, GOOD[:5]), "b.json": again(FIVE, GOOD[5:10])}
    code, report, _ = checked(folder, both)
    assert (code, rule(report)["why"]) == (3, "not_as_registered")
    expected = (
        f"evidence/b.json takes look 1 of {PATH} again: evidence/a.json measured other SAEs of the same seeds before"
    )
    assert rule(report)["reason"] == expected


def test_the_next_look_beside_it_may_have_other_saes(tmp_path: Path) -> None:
    several = POLICY.replace("defaults:", "evidence: [evidence/b.json]\ndefaults:")
    folder = repository(tmp_path / "lab", {"policies/small.yaml": several, PATH: text()})
    both = {"a.json": evidence(FIVE, GOOD[:5]), "b.json": again(range(10), GOOD[:10])}
    assert checked(folder, both)[0] == 0


def test_a_registered_look_that_the_base_took_on_other_saes_pays_for_the_choice(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", {"policies/small.yaml": POLICY, PATH: text()})
    write(folder, {"../base/a.json": evidence(FIVE, GOOD[:5])})
    _, report, _ = checked(folder, {"a.json": again(FIVE, GOOD[5:10])}, "--base-evidence", "base")
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - 0.05 / (6 * 252))
    _, report, _ = checked(folder, {"a.json": again(range(10), GOOD[:10])}, "--base-evidence", "base")
    assert rule(report)["measured"]["confidence"] == pytest.approx(0.98431, abs=1e-5)


def test_an_unregistered_extension_of_the_bases_evidence_pays_for_each_step(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", {"policies/small.yaml": SHOWN})
    write(folder, {"../base/a.json": evidence(FIVE, GOOD[:5])})
    _, report, said = checked(folder, {"a.json": evidence(range(8), GOOD[:8])}, "--base-evidence", "base")
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - 0.05 / 4)
    assert "an unregistered extension from 5 to 8 seeds of the same subject" in " ".join(said.split())
