"""A claim that was withdrawn in an earlier change and comes back is held to the bar that it had."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import repositories

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.pull_request import claim_history
from gatekit.pull_request.judging import judge_pull_request
from gatekit.pull_request.verdict import PullRequestVerdict
from gatekit.repo import Repository, between
from tests.pull_request.change import BASE, CLAIMS, FILE, NOW, README, with_status

OOD = CLAIMS[CLAIMS.index("  - id: ood") :]
OOD_BLOCK = "<!-- gatekit:claim ood -->They read text of another domain as well.<!-- /gatekit:claim -->\n"
WITHOUT = {"claims.yaml": CLAIMS.replace(OOD, ""), "README.md": README.replace(OOD_BLOCK, "")}
WITH = {"claims.yaml": CLAIMS, "README.md": README}


OTHER = "  - id: wide\n    sentence: Dictionaries are wide.\n    status: pending\n    policy: demo\n    gates: [ood]\n"
OTHER_BLOCK = "\n<!-- gatekit:claim wide -->Dictionaries are wide.<!-- /gatekit:claim -->\n"
ADDED: dict[str, repositories.Content] = {
    "claims.yaml": CLAIMS.replace(OOD, "") + OTHER,
    "README.md": README.replace(OOD_BLOCK, "") + OTHER_BLOCK,
}


def with_gate(gate: str) -> dict[str, repositories.Content]:
    return {"claims.yaml": CLAIMS.replace(OOD, OOD.replace("gates: [ood]", f"gates: [{gate}]")), "README.md": README}


def judged(
    folder: Path, base: list[dict[str, repositories.Content]], head: dict[str, repositories.Content]
) -> PullRequestVerdict:
    """The verdict on a change after so many commits of the base, the first of them on top of BASE."""
    builder = repositories.Builder(folder / "repo")
    tip = builder.commit("main", BASE)
    for change in base:
        tip = builder.commit("main", change)
    builder.commit("feature", head, parents=[tip])
    with Repository.open(builder.save()) as repository:
        return judge_pull_request(repository, between(repository, "main", "feature"), NOW)


def test_under_its_own_id_with_another_gate_it_needs_approval(tmp_path: Path) -> None:
    verdict = judged(tmp_path, [WITHOUT], with_gate("alive"))
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    (change,) = verdict.trust
    assert change.path == "claim ood"
    assert "which was withdrawn earlier" in change.what


@pytest.mark.parametrize("gates", ["ood", "ood, alive"])
def test_with_the_gates_that_it_had_or_more_it_needs_none(tmp_path: Path, gates: str) -> None:
    assert judged(tmp_path, [WITHOUT], with_gate(gates)).code is ExitCode.PASS


def test_it_counts_as_it_last_stood(tmp_path: Path) -> None:
    history = [with_gate("alive"), WITHOUT]
    assert judged(tmp_path / "same", history, with_gate("alive")).code is ExitCode.PASS
    assert judged(tmp_path / "other", history, with_gate("ood")).code is ExitCode.APPROVAL_NEEDED


def test_a_version_that_nobody_can_read_is_passed_over(tmp_path: Path) -> None:
    history: list[dict[str, repositories.Content]] = [WITHOUT, {"claims.yaml": "claims: ["}, WITHOUT]
    assert judged(tmp_path, history, with_gate("alive")).code is ExitCode.APPROVAL_NEEDED


def test_it_counts_however_long_ago_it_was_withdrawn(tmp_path: Path) -> None:
    sentence = "Few of their latents are dead."
    later: list[dict[str, repositories.Content]] = [
        {"claims.yaml": CLAIMS.replace(OOD, "").replace(sentence, f"Few of their latents are dead in run {number}.")}
        for number in range(120)
    ]
    verdict = judged(tmp_path, [WITHOUT, *later, WITHOUT], with_gate("alive"))
    assert verdict.code is ExitCode.APPROVAL_NEEDED


def reworded(new: str) -> dict[str, repositories.Content]:
    old = "They read text of another domain as well."
    return {"claims.yaml": CLAIMS.replace(old, new), "README.md": README.replace(old, new)}


@pytest.mark.parametrize(("gate", "code"), [("alive", ExitCode.APPROVAL_NEEDED), ("ood", ExitCode.PASS)])
def test_a_sentence_that_was_reworded_away_keeps_its_bar(tmp_path: Path, gate: str, code: ExitCode) -> None:
    other = "Their decoders are sparse, too."
    again = OOD.replace("id: ood", "id: domains").replace("gates: [ood]", f"gates: [{gate}]")
    head: dict[str, repositories.Content] = {
        "claims.yaml": CLAIMS.replace("They read text of another domain as well.", other) + again,
        "README.md": README.replace("They read text of another domain as well.", other)
        + "\n"
        + OOD_BLOCK.replace("claim ood", "claim domains"),
    }
    assert judged(tmp_path, [reworded(other)], head).code is code


def test_a_typo_that_was_mended_is_no_other_claim(tmp_path: Path) -> None:
    history = [reworded("They read texts of another domain as well."), with_gate("alive")]
    new: dict[str, repositories.Content] = {"claims.yaml": CLAIMS.replace(OOD, OOD.replace("[ood]", "[alive]")) + OTHER}
    assert judged(tmp_path, history, {**new, "README.md": README + OTHER_BLOCK}).code is ExitCode.PASS


@pytest.mark.parametrize(
    "item",
    [
        '  - {id: ood, sentence: "They read text of another\\x20domain as well.", status: pending, policy: demo, '
        "gates: [ood]}\n",
        OOD.replace("\n", "\r\n"),
        OOD.replace("  - id: ood", "  -\n    id: ood"),
        OOD.replace("another domain", "another\n      domain"),
        f"{OOD}# the end\nvalues:\n  - {{name: a, file: e.json, measure: m, statistic: estimate, format: .1f}}\n",
    ],
)
def test_a_registry_in_any_layout_of_yaml_counts(tmp_path: Path, item: str) -> None:
    history: list[dict[str, repositories.Content]] = [{"claims.yaml": CLAIMS.replace(OOD, item)}, WITHOUT]
    builder = repositories.Builder(tmp_path / "repo")
    tip = builder.commit("main", {**BASE, **history[0]})
    tip = builder.commit("main", WITHOUT, parents=[tip])
    builder.commit("feature", with_gate("alive"), parents=[tip])
    with Repository.open(builder.save()) as repository:
        verdict = judge_pull_request(repository, between(repository, "main", "feature"), NOW)
    assert verdict.code is ExitCode.APPROVAL_NEEDED


@pytest.mark.parametrize(
    ("name", "most", "said"),
    [
        ("MOST_REVISIONS", 1, "more than 1 versions"),
        ("MOST_HISTORY", 100, "more than 100 bytes"),
        ("MOST_PARSED", 100, "more than 100 bytes of different claims"),
    ],
)
def test_where_history_goes_on_beyond_a_limit_what_is_new_needs_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: int, said: str
) -> None:
    monkeypatch.setattr(claim_history, name, most)
    verdict = judged(tmp_path / "new", [WITHOUT], ADDED)
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    assert said in verdict.trust[0].what
    more: dict[str, repositories.Content] = {
        "claims.yaml": CLAIMS.replace(OOD, "").replace("gates: [alive]", "gates: [alive, random_model]")
    }
    assert judged(tmp_path / "moved", [WITHOUT], more).code is ExitCode.PASS


def test_what_is_new_and_was_never_said_needs_no_approval(tmp_path: Path) -> None:
    assert judged(tmp_path, [WITHOUT], ADDED).code is ExitCode.PASS


def test_history_that_is_not_in_the_clone_is_an_error_and_no_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Repository.blobs

    def partial(self: Repository, oids: Iterable[str], limit: int = 1 << 24) -> dict[str, bytes]:
        found = whole(self, oids, limit)
        if CLAIMS.encode() in found.values():
            raise GatekitError("repo.missing_object", "not here", exit_code=ExitCode.INCONCLUSIVE)
        return found

    monkeypatch.setattr(Repository, "blobs", partial)
    with pytest.raises(GatekitError) as caught:
        judged(tmp_path, [WITHOUT], ADDED)
    assert caught.value.error_id == "repo.missing_object"


def test_a_claim_that_stands_is_none_that_was_withdrawn(tmp_path: Path) -> None:
    assert judged(tmp_path, [WITHOUT, WITH], {"docs/notes.md": "More.\n"}).code is ExitCode.PASS


SLOT = f"{{file: {FILE}, measure: pw_mcc_above_control, statistic: candidate, context: true}}"
CONTEXT = CLAIMS.replace("[evidence/minilm]\n", f"[evidence/minilm]\n    slots: [{SLOT}]\n", 1)
RAW_MEAN = README.replace("estimate +.4f -->+0.2100", "candidate +.4f -->+0.6200")


@pytest.mark.parametrize("status", ["pending", "not_supported"])
@pytest.mark.parametrize("at_once", [True, False])
def test_context_that_came_while_the_claim_was_not_supported_is_nothing_that_people_agreed_to(
    tmp_path: Path, status: str, at_once: bool
) -> None:
    history: list[dict[str, repositories.Content]] = [] if at_once else [{"claims.yaml": with_status("agree", status)}]
    history.append({"claims.yaml": with_status("agree", status, CONTEXT), "README.md": RAW_MEAN})
    verdict = judged(tmp_path, history, {"claims.yaml": CONTEXT})
    assert (verdict.code, [change.path for change in verdict.trust]) == (ExitCode.APPROVAL_NEEDED, ["claim agree"])
    assert "shows as context, which no gate judges, what it did not" in verdict.trust[0].what


def test_a_claim_that_becomes_supported_again_with_the_context_that_it_had_needs_no_approval(tmp_path: Path) -> None:
    history: list[dict[str, repositories.Content]] = [{"claims.yaml": CONTEXT, "README.md": RAW_MEAN}]
    history.append({"claims.yaml": with_status("agree", "pending", CONTEXT)})
    assert judged(tmp_path, history, {"claims.yaml": CONTEXT}).code is ExitCode.PASS
