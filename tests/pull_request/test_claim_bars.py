"""The bar of a claim is the base's: lowering it needs approval, whatever the claim is called and its status says."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatekit.claims import predecessors
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.pull_request import claim_bars
from gatekit.pull_request.verdict import PullRequestVerdict
from tests.pull_request.change import CLAIMS, FILE, POLICY, README, judged, withdrawn

TRIVIAL = "  trivial: {from: random_model, measure: pw_mcc_above_control, at_least: -1.99}\n"
STRICT = "  strict: {from: random_model, measure: pw_mcc_above_control, at_least: 0.15}\n"
TOO_MANY = r"claims\.yaml:\d+:\d+: more rules of gates would have to be compared than 0"
BARE = {"claims.yaml": None, "README.md": "# Seeds\n", "policies/demo.yaml": POLICY.rpartition("  ood:")[0]}
ALL = CLAIMS[: CLAIMS.index("  - id: ood")].replace("    evidence: [evidence/minilm]\n", "")
GATES = {"policies/demo.yaml": POLICY + TRIVIAL + STRICT}


def moved(name: str, to: str, claims: str = CLAIMS) -> dict[str, str]:
    """The registry with another list of gates of a claim."""
    before, mark, rest = claims.partition(f"  - id: {name}\n")
    start, key, tail = rest.partition("gates: [")
    return {"claims.yaml": before + mark + start + key + to + tail[tail.index("]") :]}


def lowered(verdict: PullRequestVerdict) -> list[str]:
    """What is moved to a lower bar."""
    return [change.path for change in verdict.trust]


@pytest.mark.parametrize("status", ["supported", "pending", "not_supported"])
def test_moving_a_claim_to_a_gate_that_can_hardly_fail_needs_approval_whatever_its_status(
    tmp_path: Path, status: str
) -> None:
    base = {**GATES, "claims.yaml": CLAIMS.replace("status: supported", f"status: {status}", 1)}
    verdict = judged(tmp_path, moved("agree", "trivial", base["claims.yaml"]), base=base)
    assert (verdict.code, lowered(verdict)) == (ExitCode.APPROVAL_NEEDED, ["claim agree"])
    assert "pw_mcc_above_control at_least 0.1 -> -1.99" in verdict.trust[0].what


@pytest.mark.parametrize("gates", ["strict", "strict, alive", "random_model, alive", "alive, random_model, strict"])
def test_moving_it_to_gates_that_ask_as_much_needs_none(tmp_path: Path, gates: str) -> None:
    claims = CLAIMS.replace("status: supported", "status: pending", 1)
    verdict = judged(tmp_path, moved("agree", gates, claims), base={**GATES, "claims.yaml": claims})
    assert lowered(verdict) == []


def test_the_bases_definition_of_a_gate_counts_not_the_changes(tmp_path: Path) -> None:
    # The change tightens the gate that it moves the claim to: until it is merged, the base's still judges.
    tight = POLICY + TRIVIAL.replace("-1.99", "0.5") + STRICT
    verdict = judged(tmp_path, {**moved("agree", "trivial"), "policies/demo.yaml": tight}, base=GATES)
    assert lowered(verdict) == ["claim agree"]


def test_a_gate_that_only_the_change_has_is_compared_as_a_rule_and_judges_nothing_yet(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {**moved("ood", "domain"), "policies/demo.yaml": POLICY + TRIVIAL})
    assert "claim ood" in lowered(verdict)
    again = POLICY + "  domain: {from: ood, measure: auc_drop, at_most: 0.05}\n"
    verdict = judged(tmp_path / "again", {**moved("ood", "domain"), "policies/demo.yaml": again})
    assert lowered(verdict) == []


def test_a_claim_whose_gate_the_base_does_not_have_cannot_be_compared(tmp_path: Path) -> None:
    base = moved("ood", "domain")
    verdict = judged(tmp_path, {"claims.yaml": CLAIMS}, base=base)
    assert lowered(verdict) == ["claim ood"]
    assert "does not say how strict" in verdict.trust[0].what


@pytest.mark.parametrize(
    "sentence",
    [
        "They read text of another domain as well.",
        "they read texts of another domain, too",
        "These SAEs read the text of another domain.",
        "They reads textss of anothre domain as well.",
    ],
)
def test_a_withdrawn_claim_that_comes_back_under_another_id_keeps_its_bar(tmp_path: Path, sentence: str) -> None:
    renamed = CLAIMS.replace("id: ood", "id: domains").replace("They read text of another domain as well.", sentence)
    readme = README.replace("claim ood", "claim domains").replace("They read text of another domain as well.", sentence)
    change = {**moved("domains", "alive", renamed), "README.md": readme}
    verdict = judged(tmp_path, change)
    assert (verdict.code in (4, 5), lowered(verdict)) == (True, ["claim domains"])
    assert "takes the place of claim 'ood'" in verdict.trust[0].what
    assert lowered(judged(tmp_path / "same", {"claims.yaml": renamed, "README.md": readme})) == []


def test_withdrawing_a_claim_and_adding_one_about_something_else_needs_no_approval(tmp_path: Path) -> None:
    change = withdrawn("ood")
    sentence = "Hardly a feature never fires."
    more = f"  - id: r\n    sentence: {sentence}\n    status: pending\n    policy: demo\n    gates: [alive]\n"
    change["claims.yaml"] = str(change["claims.yaml"]) + more
    change["README.md"] = f"{change['README.md']}\n<!-- gatekit:claim r -->{sentence}<!-- /gatekit:claim -->\n"
    assert lowered(judged(tmp_path, change)) == []


def test_more_withdrawn_and_new_claims_than_can_be_compared_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predecessors, "MOST_PAIRS", 0)
    assert lowered(judged(tmp_path, withdrawn("ood"))) == []
    renamed = CLAIMS.replace("id: ood", "id: domains")
    with pytest.raises(GatekitError, match=r"claims\.yaml: 1 claims are withdrawn or reworded and 1 added"):
        judged(tmp_path / "more", {"claims.yaml": renamed})


def test_more_rules_than_can_be_compared_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_bars, "MOST_COMPARISONS", 0)
    assert lowered(judged(tmp_path, moved("agree", "random_model, strict"), base=GATES)) == []
    with pytest.raises(GatekitError, match=TOO_MANY):
        judged(tmp_path / "moved", moved("agree", "strict"), base=GATES)


class TestFirstRegistry:
    def test_one_that_needs_every_required_gate_needs_no_approval(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"claims.yaml": ALL, "README.md": README}, base=BARE)
        assert lowered(verdict) == []
        verdict = judged(tmp_path / "folder", {"claims.yaml": CLAIMS, "README.md": README}, base=BARE)
        assert lowered(verdict) == []

    @pytest.mark.parametrize("claim", ["agree", "alive"])
    def test_one_that_needs_fewer_or_none_does(self, tmp_path: Path, claim: str) -> None:
        before, mark, rest = CLAIMS.partition(f"  - id: {claim}\n")
        fewer = before + mark + rest.replace("status: supported", "status: pending", 1)
        verdict = judged(tmp_path, {"README.md": README, "claims.yaml": fewer}, base=BARE)
        assert lowered(verdict) == ["claims.yaml"]
        assert "the first registry asks for less than the base" in verdict.trust[0].what

    def test_a_policy_of_which_no_gate_counts_never_passed_and_a_registry_does_not_change_that(
        self, tmp_path: Path
    ) -> None:
        base = {**BARE, "policies/demo.yaml": POLICY.replace("}\n", ", level: warn}\n")}
        base["policies/demo.yaml"] = base["policies/demo.yaml"].replace("30d, level: warn", "30d")
        verdict = judged(tmp_path, {"claims.yaml": CLAIMS, "README.md": README}, base=base)
        assert "has no gate that could pass" in verdict.trust[0].what


def with_slot(statistic: str, context: bool = False) -> str:
    """The registry with what the number of `agree` shows."""
    slot = f"{{file: {FILE}, measure: pw_mcc_above_control, statistic: {statistic}, format: +.4f"
    slot += ", context: true}" if context else "}"
    return CLAIMS.replace("[evidence/minilm]\n", f"[evidence/minilm]\n    slots: [{slot}]\n", 1)


RAW_MEAN = README.replace("estimate +.4f -->+0.2100", "candidate +.4f -->+0.6200")


@pytest.mark.parametrize("base", [CLAIMS, with_slot("estimate")])
def test_a_number_that_no_gate_judges_in_place_of_one_that_was_judged_needs_approval(tmp_path: Path, base: str) -> None:
    change = {"claims.yaml": with_slot("candidate", context=True), "README.md": RAW_MEAN}
    verdict = judged(tmp_path, change, base={"claims.yaml": base})
    assert (verdict.code, lowered(verdict)) == (ExitCode.APPROVAL_NEEDED, ["claim agree"])
    assert "candidate" in verdict.trust[0].what


def test_context_that_the_claim_showed_before_needs_none(tmp_path: Path) -> None:
    base = {"claims.yaml": with_slot("candidate", context=True), "README.md": RAW_MEAN}
    reworded = {
        "claims.yaml": base["claims.yaml"].replace("Five SAEs", "All five SAEs"),
        "README.md": RAW_MEAN.replace("Five SAEs", "All five SAEs"),
    }
    assert lowered(judged(tmp_path, reworded, base=base)) == []
