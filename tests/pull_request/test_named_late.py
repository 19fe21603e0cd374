"""A claim that names a gate after it was measured pays for the gates that failed beside it."""

from __future__ import annotations

from pathlib import Path

from pull_request.change import CLAIMS, FILE, README, judged, random_model, with_status

from gatekit.claims.named_gates import chosen_among
from gatekit.claims.registry import parse_registry
from gatekit.pull_request.verdict import PullRequestVerdict

NEW = """\
  - id: similar
    sentence: The SAEs find similar latents.
    status: {}
    policy: demo
    gates: [random_model]
    evidence: [evidence/minilm]
"""
TEXT = "\n<!-- gatekit:claim similar -->The SAEs find similar latents.<!-- /gatekit:claim -->\n"
# Its lower bound is 0.10026 at confidence 0.95 and 0.09995 at 0.975.
NARROW = random_model(above=0.1013, dead=0.4)
NOBODYS = CLAIMS.partition("  - id: agree")[0] + "  - id: ood" + CLAIMS.partition("  - id: ood")[2]
ONLY_OOD = "# Seeds\n\n<!-- gatekit:claim ood -->They read text of another domain as well.<!-- /gatekit:claim -->\n"
NAMED = {"claims.yaml": NOBODYS + NEW.format("supported"), "README.md": ONLY_OOD + TEXT}
BEFORE = {"claims.yaml": NOBODYS, "README.md": ONLY_OOD, FILE: NARROW}
PENDING = {"claims.yaml": NOBODYS + NEW.format("pending"), "README.md": ONLY_OOD + TEXT}


def said(verdict: PullRequestVerdict) -> list[str]:
    return [finding.message for finding in verdict.blocking if finding.claim == "similar"]


def test_a_claim_that_is_written_after_its_gate_passed_and_another_failed_pays_for_two(tmp_path: Path) -> None:
    (message,) = said(judged(tmp_path, NAMED, BEFORE))
    assert "gate 'random_model' of policy 'demo' fails" in message
    assert "(named after it was measured, beside 1 gate that fails: judged as one of 2 alternatives)" in message


def test_so_does_one_that_was_pending_when_its_evidence_was_there(tmp_path: Path) -> None:
    assert len(said(judged(tmp_path, {"claims.yaml": NAMED["claims.yaml"]}, {**BEFORE, **PENDING}))) == 1


def test_one_that_was_pending_before_its_saes_were_measured_does_not(tmp_path: Path) -> None:
    change = {"claims.yaml": NAMED["claims.yaml"], FILE: NARROW}
    assert said(judged(tmp_path, change, {**BEFORE, **PENDING, FILE: None})) == []


def test_nor_does_one_whose_gate_another_supported_claim_names(tmp_path: Path) -> None:
    claims, readme = with_status("alive", "pending"), README.replace("+0.2100", "+0.1013")
    change = {"claims.yaml": claims + NEW.format("supported"), "README.md": readme + TEXT}
    assert said(judged(tmp_path, change, {FILE: NARROW, "claims.yaml": claims, "README.md": readme})) == []


def test_gates_that_pass_as_well_cost_nothing(tmp_path: Path) -> None:
    assert said(judged(tmp_path, NAMED, {**BEFORE, FILE: random_model(above=0.1013)})) == []


def test_it_is_the_gate_and_those_that_fail_beside_it(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {"docs/notes.md": "Other notes.\n"}, {FILE: NARROW})
    assert verdict.judged is not None
    gates = verdict.judged.policies[0].gates
    assert {gate.name: gate.outcome.value for gate in gates} == {
        "random_model": "pass",
        "alive": "fail",
        "ood": "inconclusive",
    }
    claims = parse_registry(CLAIMS.encode(), "claims.yaml").claims
    assert [chosen_among(claim, gates) for claim in claims] == [2, 1, 2]
