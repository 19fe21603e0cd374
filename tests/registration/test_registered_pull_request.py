"""`gatekit pr` reads registrations from the base, sees what was looked at before, and guards what has begun."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import gatekit
from registration.histories import CONFIG, MEASURE, NOW, POLICY, commit, evidence, failed, git, repository, text

from gatekit.evidence.config_digest import config_without_seeds_sha256

FIVE, TEN = range(5), range(10)
GOOD = [0.80, 0.81, 0.82, 0.79, 0.80, 0.81, 0.83, 0.80, 0.79, 0.81, 0.80, 0.82, 0.81, 0.80, 0.79]
PATH = "registrations/demo.yaml"
SHOWN = POLICY.replace("registered: required\n", "")
SEVERAL = POLICY.replace("defaults:", "one_subject: false\ndefaults:")
README = "<!-- gatekit:claim agree -->They reconstruct.<!-- /gatekit:claim -->\n"
CLAIM = {
    "id": "agree",
    "sentence": "They reconstruct.",
    "status": "pending",
    "policy": "small",
    "gates": ["reconstruction"],
}


def claims(status: str) -> str:
    rules = {"documents": ["README.md"]}
    return json.dumps({"schema": "gatekit.claims/1", "rules": rules, "claims": [{**CLAIM, "status": status}]})


def base(tmp_path: Path, policy: str = POLICY, registration: str | None = None, **evidence_files: Any) -> Path:
    files = {
        "policies/small.yaml": policy,
        "claims.yaml": claims("pending"),
        "README.md": README,
        "measure.txt": MEASURE,
    }
    if registration is not None:
        files[PATH] = registration
    folder = repository(tmp_path / "lab", files)
    if evidence_files:
        commit(folder, _files(evidence_files), "2026-03-03T00:00:00Z")
    return folder


def _files(documents: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        f"evidence/{name}.json": None if document is None else json.dumps(document)
        for name, document in documents.items()
    }


def judged(folder: Path, changes: Mapping[str, str | None], time: str = "2026-03-04T00:00:00Z") -> tuple[int, Any]:
    git(folder, "checkout", "-q", "-b", "feature")
    commit(folder, changes, time)
    done = gatekit(
        "pr", "--base", "main", "--head", "feature", "--now", NOW, "--output", "json=../report.json", cwd=folder
    )
    assert done.returncode != 70, done.stderr
    report = json.loads((folder.parent / "report.json").read_text())
    return done.returncode, report


def rule(report: Any) -> Any:
    return report["judged"]["policies"][0]["gates"][0]["result"]


SUPPORTED = {"claims.yaml": claims("supported")}


def test_a_pull_request_that_only_adds_one_passes(tmp_path: Path) -> None:
    code, report = judged(base(tmp_path), {PATH: text()})
    assert (code, report["trust"]) == (0, [])
    assert any(note.startswith(f"{PATH} added") for note in report["notes"])


def test_evidence_at_a_look_carries_a_claim(tmp_path: Path) -> None:
    folder = base(tmp_path, registration=text())
    code, report = judged(folder, {**SUPPORTED, **_files({"a": evidence(FIVE, GOOD[:5])})})
    assert (code, rule(report)["measured"]["confidence"]) == (0, pytest.approx(0.999313105))


def test_evidence_beside_its_own_registration_is_exploratory(tmp_path: Path) -> None:
    # Near twin of the one above: said after it was measured.
    code, report = judged(base(tmp_path), {**SUPPORTED, PATH: text(), **_files({"a": evidence(FIVE, GOOD[:5])})})
    assert (code, rule(report)["why"]) == (3, "exploratory")


@pytest.mark.parametrize("change", [text("[4, 5, 10, 15]"), text("[15]"), None], ids=["more", "fewer", "removed"])
@pytest.mark.parametrize("measured", [evidence(FIVE, GOOD[:5]), failed(FIVE)], ids=["measured", "failed"])
def test_one_that_has_begun_is_changed_only_with_approval(tmp_path: Path, change: str | None, measured: Any) -> None:
    code, report = judged(base(tmp_path, registration=text(), a=measured), {PATH: change})
    assert (code, [one["path"] for one in report["trust"]]) == (5, [PATH])
    assert "although evidence/a.json has begun to measure it" in report["trust"][0]["what"]


def test_evidence_that_comes_with_the_change_has_begun_it(tmp_path: Path) -> None:
    folder = base(tmp_path, registration=text())
    code, _ = judged(folder, {PATH: text("[6, 15]"), **_files({"a": evidence(range(6), GOOD[:6])})})
    assert code == 5


@pytest.mark.parametrize("change", [text("[4, 5, 10, 15]"), None], ids=["changed", "removed"])
def test_one_that_nobody_has_begun_may_change_and_it_is_shown(tmp_path: Path, change: str | None) -> None:
    folder = base(tmp_path, registration=text(), a=evidence(FIVE, GOOD[:5], sae={"k": 64}))
    code, report = judged(folder, {PATH: change})
    assert (code, report["trust"]) == (0, [])
    assert any(note.endswith("nothing of it was measured yet") for note in report["notes"])


def test_a_comment_in_one_that_has_begun_is_no_change(tmp_path: Path) -> None:
    folder = base(tmp_path, registration=text(), a=evidence(FIVE, GOOD[:5]))
    assert judged(folder, {PATH: text() + "# as agreed\n"})[0] == 0


def test_seeds_of_one_that_has_begun_cannot_be_registered_again_under_another_name(tmp_path: Path) -> None:
    folder = base(tmp_path, registration=text(), a=evidence(FIVE, GOOD[:5]))
    code, report = judged(folder, {"registrations/new.yaml": text("[15]").replace("id: demo", "id: new")})
    assert (code, report["errors"][0]["id"]) == (4, "registration.overlap")


def test_one_that_cannot_be_read_is_refused_with_its_place(tmp_path: Path) -> None:
    code, report = judged(base(tmp_path), {PATH: text("[15, 5]")})
    assert (code, report["errors"][0]["location"]["line"]) == (4, 7)


def test_seeds_that_were_picked_are_inconclusive(tmp_path: Path) -> None:
    folder = base(tmp_path, registration=text())
    code, report = judged(folder, {**SUPPORTED, **_files({"a": evidence([0, 1, 2, 4, 5], GOOD[:5])})})
    assert (code, rule(report)["why"]) == (3, "not_as_registered")
    assert "seed 3 is missing" in rule(report)["reason"]


def test_losers_whose_evidence_is_deleted_are_paid_for(tmp_path: Path) -> None:
    registered = text("[5]", FIVE, "candidates: [a, b, c, d]\n")
    folder = base(tmp_path, SEVERAL, registered, loser=evidence(FIVE, GOOD[5:10], sae={"k": 64}))
    kept = {"a": evidence(FIVE, GOOD[:5]), "loser": None}
    code, report = judged(folder, {**SUPPORTED, **_files(kept)})
    assert (code, rule(report)["measured"]["confidence"]) == (0, pytest.approx(1 - 0.05 / 4))


def test_a_failed_run_of_registered_seeds_that_is_deleted_counts_all_the_same(tmp_path: Path) -> None:
    folder = base(tmp_path, registration=text(), b=failed(TEN))
    code, report = judged(folder, {**SUPPORTED, **_files({"a": evidence(FIVE, GOOD[:5]), "b": None})})
    assert (code, rule(report)["why"]) == (5, "not_as_registered")  # to forget it needs approval, too
    assert "the run of seeds 5, 6, 7, 8, 9 in evidence/b.json" in rule(report)["reason"]


def test_an_unregistered_extension_pays_for_each_step(tmp_path: Path) -> None:
    folder = base(tmp_path, SHOWN, a=evidence(FIVE, GOOD[:5]))
    _, report = judged(folder, {**SUPPORTED, **_files({"a": evidence(range(8), GOOD[:8])})})
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - 0.05 / 4)


def test_an_extension_that_is_merged_step_by_step_pays_for_all_of_them(tmp_path: Path) -> None:
    folder = base(tmp_path, SHOWN, a=evidence(FIVE, GOOD[:5]))
    for count in (6, 7, 8):
        commit(folder, _files({"a": evidence(range(count), GOOD[:count])}), "2026-03-03T01:00:00Z")
    _, report = judged(folder, SUPPORTED)
    assert rule(report)["measured"]["confidence"] == pytest.approx(1 - 0.05 / (3 * 4))


def again(seeds: range, values: Sequence[float], **config: Any) -> dict[str, Any]:
    """The same seeds' numbers, measured a day later on other SAEs."""
    document = evidence(seeds, values, "2026-03-03T06:00:00Z", **config)
    for one in document["subject"]["checkpoints"]:
        one["sha256"] = builders.digest(f"again {one['seed']}")
    return document


BAD = [value - 0.5 for value in GOOD]


@pytest.mark.parametrize("supported", [False, True])
def test_a_registered_look_that_is_taken_again_on_other_saes_needs_approval(tmp_path: Path, supported: bool) -> None:
    folder = base(tmp_path, registration=text(), a=evidence(FIVE, BAD[:5]))
    if supported:
        commit(folder, SUPPORTED, "2026-03-03T01:00:00Z")
    code, report = judged(folder, {**SUPPORTED, **_files({"a": again(FIVE, GOOD[:5])})})
    assert (code, [one["path"] for one in report["trust"]]) == (5, ["evidence/a.json"])
    assert "5 seeds retrained; the old ones failed reconstruction" in report["trust"][0]["what"]


def test_so_does_one_that_was_taken_twice_while_the_claim_was_pending(tmp_path: Path) -> None:
    folder = base(tmp_path, registration=text(), a=evidence(FIVE, BAD[:5]))
    commit(folder, _files({"a": again(FIVE, GOOD[:5])}), "2026-03-03T12:00:00Z")
    code, report = judged(folder, SUPPORTED)
    assert code == 5
    assert "the SAEs of an earlier evidence/a.json failed reconstruction" in report["trust"][0]["what"]


def test_the_next_registered_look_may_be_taken_on_saes_that_were_trained_again(tmp_path: Path) -> None:
    folder = base(tmp_path, registration=text(), a=evidence(FIVE, BAD[:5]))
    assert judged(folder, {**SUPPORTED, **_files({"a": again(TEN, GOOD[:10])})})[0] == 0


def test_another_registered_candidate_in_its_place_takes_a_look_of_its_own(tmp_path: Path) -> None:
    both = text("[5]", FIVE, "candidates: [a, b]\n").replace("}\nseeds", ", candidate: a}\n  - OTHER\nseeds")
    digest = config_without_seeds_sha256({**CONFIG, "steps": 2})
    other = f"{{kind: random_model, config_without_seeds: {digest}, candidate: b}}"
    folder = base(tmp_path, registration=both.replace("OTHER", other), a=evidence(FIVE, BAD[:5]))
    assert judged(folder, {**SUPPORTED, **_files({"a": again(FIVE, GOOD[:5], steps=2)})})[0] == 0


def test_new_seeds_extend_nothing(tmp_path: Path) -> None:
    folder = base(tmp_path, SHOWN, a=evidence(FIVE, GOOD[:5]))
    _, report = judged(folder, {**SUPPORTED, **_files({"a": evidence(range(20, 28), GOOD[:8])})})
    assert rule(report)["measured"]["confidence"] == 0.95


def test_policies_that_ask_no_more_for_registrations_need_approval(tmp_path: Path) -> None:
    assert judged(base(tmp_path), {"policies/small.yaml": SHOWN})[0] == 5


def test_policies_that_now_ask_for_registrations_only_ask_for_more(tmp_path: Path) -> None:
    assert judged(base(tmp_path, SHOWN), {"policies/small.yaml": POLICY})[0] == 0
