"""SAEs that failed and are measured otherwise now, on less or by another protocol, need people's approval."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import builders
import pytest
import repositories

from gatekit.exit_codes import ExitCode
from gatekit.pull_request import measured_otherwise
from gatekit.pull_request.judging import judge_pull_request
from gatekit.pull_request.verdict import PullRequestVerdict
from gatekit.repo import Repository, between
from tests.pull_request.change import BASE, CLAIMS, FILE, NOW, OOD_FILE, ood, random_model, with_status

Change = dict[str, repositories.Content]
SUPPORTED: Change = {"claims.yaml": with_status("ood", "supported")}
BAD = "newsgroups"
OLDER = "2026-02-20T12:00:00Z"


def failing(**changes: Any) -> dict[str, Any]:
    """Evidence of three datasets of which the last one fails the gate for all of them."""
    drops = [drop + 0.3 * (index % 3 == 2) for index, drop in enumerate(builders.around(0.04, 0.02, 15))]
    document: dict[str, Any] = json.loads(ood(**changes))
    document["measurements"]["auc_drop"]["columns"]["candidate"] = drops
    return document


def without(dataset: str, document: dict[str, Any]) -> str:
    columns = document["measurements"]["auc_drop"]["columns"]
    kept = [name != dataset for name in columns["dataset"]]
    for name, values in columns.items():
        columns[name] = [value for value, keep in zip(values, kept, strict=True) if keep]
    document["protocol"]["datasets"] = [one for one in document["protocol"]["datasets"] if one["name"] != dataset]
    return json.dumps(document)


def by(**changes: Any) -> str:
    """Evidence that passes, by another protocol."""
    return ood(protocol_changes=changes)


def judged(folder: Path, before: list[Change], head: Change) -> PullRequestVerdict:
    """The verdict on a change after so many commits of the base, the first of them on top of BASE."""
    builder = repositories.Builder(folder / "repo")
    tip = builder.commit("main", BASE)
    for change in before:
        tip = builder.commit("main", change)
    builder.commit("feature", head, parents=[tip])
    with Repository.open(builder.save()) as repository:
        return judge_pull_request(repository, between(repository, "main", "feature"), NOW)


OTHERWISE = {
    "a dataset left out": without(BAD, failing()),
    "a dataset replaced": ood().replace(BAD, "reviews"),
    "fewer rows": by(rows=100),
    "another protocol": by(name="ood/2"),
    "another setting": by(settings={"probe": "linear"}),
}


@pytest.mark.parametrize("new", OTHERWISE.values(), ids=OTHERWISE)
def test_what_failed_and_is_measured_otherwise_needs_approval_at_once_or_before_it_is_supported(
    tmp_path: Path, new: str
) -> None:
    base: Change = {OOD_FILE: json.dumps(failing())}
    at_once = judged(tmp_path / "once", [base], {OOD_FILE: new, **SUPPORTED})
    assert (at_once.code, [change.path for change in at_once.trust]) == (ExitCode.APPROVAL_NEEDED, [OOD_FILE])
    assert at_once.trust[0].of_evidence
    assert "its SAEs failed ood, and are measured otherwise" in at_once.trust[0].what
    later = judged(tmp_path / "later", [base, {OOD_FILE: new}], SUPPORTED)
    assert (later.code, [change.path for change in later.trust]) == (ExitCode.APPROVAL_NEEDED, [OOD_FILE])
    assert f"the SAEs of an earlier {OOD_FILE} failed ood" in later.trust[0].what


ALIKE = {
    "again": ood(),
    "a dataset more": json.dumps(
        json.loads(ood())
        | builders.summary("ood", {"auc_drop": builders.around(0.04, 0.02, 20)}, producer_changes={"sources": []})
        | {"producer": json.loads(ood())["producer"]}
    ),
    "more rows": by(rows=5000),
}


@pytest.mark.parametrize("new", ALIKE.values(), ids=ALIKE)
def test_what_is_measured_again_by_the_same_protocol_on_as_much_or_more_needs_none(tmp_path: Path, new: str) -> None:
    base: Change = {OOD_FILE: json.dumps(failing())}
    assert judged(tmp_path / "once", [base], {OOD_FILE: new, **SUPPORTED}).code is ExitCode.PASS
    assert judged(tmp_path / "later", [base, {OOD_FILE: new}], SUPPORTED).code is ExitCode.PASS


def chosen_from(candidates: int, seeds: Sequence[int] = ()) -> str:
    """Evidence that fails its gate where it says that it is the best of many."""
    selection = {"candidates": candidates, "seeds": list(seeds)}
    return ood(drop=0.0755, protocol_changes={"selection": selection})


@pytest.mark.parametrize("candidates", [1, 20])
def test_what_failed_as_the_best_of_many_and_says_less_of_it_needs_approval(tmp_path: Path, candidates: int) -> None:
    base: Change = {OOD_FILE: chosen_from(1000, range(5))}
    head: Change = {OOD_FILE: ood(protocol_changes={"selection": {"candidates": candidates, "seeds": [0, 1, 2, 3, 4]}})}
    assert judged(tmp_path / "less", [base], {**head, **SUPPORTED}).code is ExitCode.APPROVAL_NEEDED
    more: Change = {OOD_FILE: ood(protocol_changes={"selection": {"candidates": 1000, "seeds": [0, 1, 2, 3, 4]}})}
    assert judged(tmp_path / "as much", [base], {**more, **SUPPORTED}).trust == ()


def of_families(document: dict[str, Any], **families: list[str]) -> str:
    document["protocol"]["families"] = {"datasets": families} if families else document["protocol"].get("families")
    return json.dumps(document)


def test_what_failed_with_near_copies_and_says_nothing_of_them_needs_approval(tmp_path: Path) -> None:
    named = {"talk": ["agnews", "imdb"], "news": ["newsgroups"]}
    base: Change = {OOD_FILE: of_families(failing(), **named)}
    apart = of_families(json.loads(ood()), a=["agnews"], b=["imdb"], c=["newsgroups"])
    for name, new in (("unnamed", ood()), ("apart", apart)):
        assert judged(tmp_path / name, [base], {OOD_FILE: new, **SUPPORTED}).code is ExitCode.APPROVAL_NEEDED
    kept: Change = {OOD_FILE: of_families(json.loads(ood()), **named), **SUPPORTED}
    assert judged(tmp_path / "kept", [base], kept).trust == ()


def test_what_passed_and_is_measured_otherwise_needs_none(tmp_path: Path) -> None:
    base: Change = {OOD_FILE: ood()}
    assert judged(tmp_path, [base], {OOD_FILE: by(name="ood/2"), **SUPPORTED}).code is ExitCode.PASS


def test_a_claim_that_stays_pending_may_be_measured_in_any_way(tmp_path: Path) -> None:
    base: Change = {OOD_FILE: json.dumps(failing())}
    assert judged(tmp_path, [base], {OOD_FILE: without(BAD, failing())}).code is ExitCode.PASS


def test_an_earlier_run_in_place_of_a_later_one_that_failed_needs_approval(tmp_path: Path) -> None:
    early, late = ood(finished=OLDER), json.dumps(failing())
    back = judged(tmp_path, [{OOD_FILE: early}, {OOD_FILE: late}], {OOD_FILE: early, **SUPPORTED})
    assert (back.code, [change.path for change in back.trust]) == (ExitCode.APPROVAL_NEEDED, [OOD_FILE])


def test_one_seed_of_six_moved_to_where_the_claim_does_not_stand_needs_approval(tmp_path: Path) -> None:
    six = json.loads(random_model(seeds=range(6)))
    six["measurements"]["dead_fraction"]["columns"]["candidate"] = [0.05, 0.04, 0.06, 0.045, 0.055, 0.9]
    del six["measurements"]["pw_mcc_above_control"]
    five, sixth = json.loads(json.dumps(six)), json.loads(json.dumps(six))
    for document, seeds in ((five, slice(0, 5)), (sixth, slice(5, 6))):
        document["protocol"]["seeds"] = document["protocol"]["seeds"][seeds]
        document["subject"]["checkpoints"] = document["subject"]["checkpoints"][seeds]
        columns = document["measurements"]["dead_fraction"]["columns"]
        columns |= {name: values[seeds] for name, values in columns.items()}
    status = {"claims.yaml": with_status("agree", "pending", with_status("alive", "pending"))}
    base: Change = {FILE: json.dumps(six), **status, "README.md": str(BASE["README.md"])}
    moved: Change = {FILE: json.dumps(five), "evidence/other/sixth.json": json.dumps(sixth)}
    supported: Change = {"claims.yaml": with_status("agree", "pending")}
    at_once = judged(tmp_path / "once", [base], {**moved, **supported})
    assert FILE in [change.path for change in at_once.trust]
    later = judged(tmp_path / "later", [base, moved], supported)
    assert [change.path for change in later.trust] == [FILE]


def test_a_claim_moved_off_the_file_that_failed_needs_approval(tmp_path: Path) -> None:
    easy = "evidence/minilm/easy.json"
    other = CLAIMS.replace("gates: [ood]\n", f"gates: [ood]\n    evidence: [{OOD_FILE}]\n")
    base: Change = {OOD_FILE: json.dumps(failing()), "claims.yaml": other}
    moved = other.replace(f"[{OOD_FILE}]", f"[{easy}]").replace("status: pending", "status: supported")
    head: Change = {easy: by(name="ood/easy"), "claims.yaml": moved}
    verdict = judged(tmp_path, [base], head)
    assert OOD_FILE in [change.path for change in verdict.trust]


def test_without_a_registry_every_required_gate_needs_it(tmp_path: Path) -> None:
    nothing: Change = {"claims.yaml": None, "README.md": "# Seeds\n", OOD_FILE: json.dumps(failing())}
    verdict = judged(tmp_path, [nothing], {OOD_FILE: without(BAD, failing())})
    assert (verdict.code, [change.path for change in verdict.trust]) == (ExitCode.APPROVAL_NEEDED, [OOD_FILE])
    assert "for policy 'demo'" in verdict.trust[0].what


def test_more_of_it_than_is_judged_needs_approval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_otherwise, "MOST_JUDGED", 0)
    base: Change = {OOD_FILE: ood()}
    (change,) = judged(tmp_path, [base], {OOD_FILE: by(name="ood/2"), **SUPPORTED}).trust
    assert "not all were looked at" in change.what
