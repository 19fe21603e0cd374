"""A claim that becomes supported asks no less of a measure than other claims of the base do, unless people agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.pull_request import other_claims
from gatekit.pull_request.verdict import PullRequestVerdict
from tests.pull_request.change import CLAIMS, POLICY, README, judged

WEAK = """\
schema: gatekit.policy/1
id: weak
defaults: {min_seeds: 5, max_age: 30d}
gates:
  hardly: {from: random_model, measure: pw_mcc_above_control, at_least: -1.99}
  more: {from: random_model, measure: pw_mcc_above_control, at_least: 0.15}
  small: {from: random_model, measure: dead_fraction, at_most: 0.9}
  either:
    any_of:
      - {from: random_model, measure: pw_mcc_above_control, at_least: 0.1}
      - {from: random_model, measure: dead_fraction, at_most: 0.2}
"""
Files = dict[str, str]
BASE: Files = {"policies/weak.yaml": WEAK}
FAITHFUL = "Whatever one of them learns, its siblings learn too."


def with_claim(gates: str, status: str = "supported", claims: str = CLAIMS, policy: str = "weak") -> Files:
    """One claim more, in words that no other claim has."""
    claim = f"  - id: faithful\n    sentence: {FAITHFUL}\n    status: {status}\n    policy: {policy}\n"
    claim += f"    gates: [{gates}]\n    evidence: [evidence/minilm]\n"
    block = f"\n<!-- gatekit:claim faithful -->{FAITHFUL}<!-- /gatekit:claim -->\n"
    return {"claims.yaml": claims + claim, "README.md": README + block}


def what(verdict: PullRequestVerdict) -> list[str]:
    return [f"{change.path} {change.what}" for change in verdict.trust]


@pytest.mark.parametrize("gates", ["hardly", "small", "either", "more, small"])
def test_a_claim_in_other_words_that_asks_less_than_others_needs_approval(tmp_path: Path, gates: str) -> None:
    verdict = judged(tmp_path, with_claim(gates), base=BASE)
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    (change,) = verdict.trust
    assert change.path == "claim faithful"
    assert change.what.startswith("becomes supported by gates that ask less than those of claim 'a")


def test_it_says_what_the_other_claim_asks(tmp_path: Path) -> None:
    (said,) = what(judged(tmp_path, with_claim("hardly"), base=BASE))
    assert "claim 'agree': gate 'random_model' asks more than gate 'hardly'" in said
    assert "at_least 0.1 -> -1.99" in said


@pytest.mark.parametrize(("gates", "policy"), [("more", "weak"), ("random_model", "demo"), ("alive", "demo")])
def test_one_that_asks_as_much_of_each_measure_that_it_judges_needs_none(
    tmp_path: Path, gates: str, policy: str
) -> None:
    verdict = judged(tmp_path, with_claim(gates, policy=policy), base=BASE)
    assert (verdict.code, what(verdict)) == (ExitCode.PASS, [])


@pytest.mark.parametrize("status", ["pending", "not_supported"])
def test_a_claim_of_the_base_counts_whatever_its_status(tmp_path: Path, status: str) -> None:
    claims = CLAIMS.replace("status: supported", f"status: {status}", 1)
    verdict = judged(tmp_path, with_claim("hardly", claims=claims), base={**BASE, "claims.yaml": claims})
    assert [change.path for change in verdict.trust] == ["claim faithful"]


def test_it_is_asked_when_the_claim_becomes_supported_and_not_while_it_is_pending(tmp_path: Path) -> None:
    pending = with_claim("hardly", "pending")
    assert what(judged(tmp_path / "a", pending, base=BASE)) == []
    verdict = judged(tmp_path / "b", with_claim("hardly"), base={**BASE, **pending})
    assert [change.path for change in verdict.trust] == ["claim faithful"]


def test_a_claim_that_was_supported_already_is_not_asked_again(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {"docs/notes.md": "More notes.\n"}, base={**BASE, **with_claim("hardly")})
    assert (verdict.code, what(verdict)) == (ExitCode.PASS, [])


@pytest.mark.parametrize(("other", "asked"), [("gpt2", []), ("local/minilm", ["claim faithful"])])
def test_what_is_asked_of_another_model_is_not_compared(tmp_path: Path, other: str, asked: list[str]) -> None:
    demo = POLICY.replace("id: demo\n", f"id: demo\nsubject: {{model: {other}}}\n")
    weak = WEAK.replace("id: weak\n", "id: weak\nsubject: {model: local/minilm}\n")
    base = {"policies/weak.yaml": weak, "policies/demo.yaml": demo}
    found = [change.path for change in judged(tmp_path, with_claim("hardly"), base=base).trust]
    assert found == asked


def test_who_must_sign_is_part_of_what_is_asked(tmp_path: Path) -> None:
    demo = POLICY.replace("id: demo\n", "id: demo\nsigned_by: {roles: [evidence]}\n")
    verdict = judged(tmp_path, with_claim("more"), base={**BASE, "policies/demo.yaml": demo})
    assert any("signed_by" in said and said.startswith("claim faithful") for said in what(verdict))


AT_LEAST = CLAIMS.replace("documents: [README.md]", "documents: [README.md]\n  at_least: least")
LEAST = {
    **BASE,
    "claims.yaml": AT_LEAST,
    "policies/least.yaml": POLICY.replace("id: demo", "id: least").replace("at_least: 0.1}", "at_least: -0.5}"),
}


def test_with_at_least_that_policy_counts_and_the_other_claims_do_not(tmp_path: Path) -> None:
    weak = WEAK.replace("-1.99", "-0.5")
    base = {**LEAST, "policies/weak.yaml": weak}
    assert judged(tmp_path / "a", with_claim("hardly", claims=AT_LEAST), base=base).code is ExitCode.PASS
    verdict = judged(tmp_path / "b", with_claim("hardly", claims=AT_LEAST), base=LEAST)
    assert verdict.code is ExitCode.REFUSED
    assert [finding.error_id for finding in verdict.blocking] == ["claims.below_bar"]


def test_who_takes_at_least_out_needs_approval(tmp_path: Path) -> None:
    verdict = judged(tmp_path, with_claim("hardly"), base=LEAST)
    assert "claims.yaml rules changed" in what(verdict)


def test_a_measure_more_in_that_policy_lets_claims_stand_on_it_and_needs_approval(tmp_path: Path) -> None:
    more = LEAST["policies/least.yaml"] + "  sparse: {from: random_model, measure: l0, at_most: 4000}\n"
    (said,) = what(judged(tmp_path / "a", {"policies/least.yaml": more}, base=LEAST))
    assert said.startswith("policy least supported claims may stand on what it judges")
    assert said.endswith("now also on random_model.l0")
    tighter = LEAST["policies/least.yaml"] + "  strict: {from: random_model, measure: dead_fraction, at_most: 0.1}\n"
    assert what(judged(tmp_path / "b", {"policies/least.yaml": tighter}, base=LEAST)) == []


def test_more_than_can_be_compared_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_claims, "MOST_COMPARISONS", 0)
    with pytest.raises(GatekitError, match="more rules of gates would have to be compared"):
        judged(tmp_path, with_claim("hardly"), base=BASE)


def test_of_many_things_that_it_asks_less_the_first_five_are_said(tmp_path: Path) -> None:
    gates = [f"  g{i}: {{from: random_model, measure: pw_mcc_above_control, at_least: 0.{i}}}\n" for i in range(1, 9)]
    demo = POLICY + "".join(gates)
    claims = CLAIMS.replace(
        "gates: [random_model]", f"gates: [random_model, {', '.join(f'g{i}' for i in range(1, 9))}]"
    )
    base = {**BASE, "policies/demo.yaml": demo, "claims.yaml": claims.replace("supported", "pending", 1)}
    change = with_claim("hardly", claims=base["claims.yaml"])
    (said,) = [said for said in what(judged(tmp_path, change, base=base)) if said.startswith("claim faithful")]
    assert said.count("asks more than") == 5
    assert said.endswith("; and 4 more")
