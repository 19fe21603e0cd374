"""What becomes of a pull request: each change on a real repository, judged from its objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import builders
import pytest
import repositories
from repositories import Symlink

from gatekit.evidence import source_entry
from gatekit.evidence.source_digest import tokens
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import Outcome
from gatekit.pull_request.verdict import Flip, PullRequestVerdict
from tests.pull_request.change import (
    BASE,
    CLAIMS,
    CODE,
    FILE,
    OOD_FILE,
    POLICY,
    README,
    judged,
    ood,
    pending,
    random_model,
    sources,
    with_status,
    withdrawn,
)

APPROVED = ("gatekit-approved-{head}",)
LOOSE = POLICY.replace("at_least: 0.1", "at_least: 0.0")
TIGHT = POLICY.replace("at_least: 0.1", "at_least: 0.2")
FAILING = random_model(above=0.01)
SUPPORTED = {"claims.yaml": with_status("ood", "supported")}


def ids(verdict: PullRequestVerdict) -> list[str]:
    return [finding.error_id for finding in verdict.blocking]


def error_ids(verdict: PullRequestVerdict) -> list[str]:
    return [error.error_id for error in verdict.errors]


class TestNothingIsAsserted:
    def test_a_typo_in_a_document_passes_although_a_gate_of_the_policy_is_inconclusive(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"README.md": README.replace("# Seeds", "# The seeds")})
        assert verdict.code is ExitCode.PASS
        assert verdict.judged is not None and verdict.judged.code is ExitCode.INCONCLUSIVE
        assert (verdict.claims, verdict.blocking, verdict.trust) == ((), (), ())

    def test_a_change_of_unrelated_code_makes_nothing_stale(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"runners/other.py": "x = 1\n", "docs/notes.md": None})
        assert (verdict.code, verdict.evidence) == (ExitCode.PASS, ())

    def test_a_wrong_number_that_was_there_before_is_shown_and_blocks_nobody(self, tmp_path: Path) -> None:
        wrong = {"README.md": README.replace("+0.2100", "+0.9000")}
        verdict = judged(tmp_path, {"docs/notes.md": "More.\n"}, base=wrong)
        assert verdict.code is ExitCode.PASS
        assert [finding.error_id for finding in verdict.advisory] == ["claims.number"]

    def test_it_still_is_when_it_moves_to_another_line(self, tmp_path: Path) -> None:
        wrong = README.replace("+0.2100", "+0.9000")
        verdict = judged(tmp_path, {"README.md": "Intro.\n\n" + wrong}, base={"README.md": wrong})
        assert verdict.code is ExitCode.PASS

    def test_a_gate_that_failed_before_is_advisory(self, tmp_path: Path) -> None:
        base = {FILE: FAILING, "README.md": README.replace("+0.2100", "+0.0100")}
        verdict = judged(tmp_path, {"docs/notes.md": "More.\n"}, base=base)
        assert verdict.code is ExitCode.PASS
        assert [finding.error_id for finding in verdict.advisory] == ["claims.gate_fails"]
        assert verdict.gates(Outcome.FAIL) == ()
        assert verdict.gates(Outcome.FAIL, blocking=False) == ("demo/random_model",)


class TestClaims:
    def test_a_strengthened_claim_with_passing_evidence_passes(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {**SUPPORTED, OOD_FILE: ood()})
        assert verdict.code is ExitCode.PASS
        assert [(change.kind, change.claim) for change in verdict.claims] == [("strengthened", "ood")]
        assert [(g.name, g.outcome) for g in verdict.claim_gates if g.blocking] == [("demo/ood", Outcome.PASS)]

    def test_with_failing_evidence_it_is_blocked(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {**SUPPORTED, OOD_FILE: ood(drop=0.3)})
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.gate_fails"])
        assert verdict.gates(Outcome.FAIL) == ("demo/ood",)

    def test_without_evidence_it_is_inconclusive(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, SUPPORTED)
        assert (verdict.code, ids(verdict)) == (ExitCode.INCONCLUSIVE, ["claims.gate_inconclusive"])
        assert verdict.gates(Outcome.INCONCLUSIVE) == ("demo/ood",)

    @pytest.mark.parametrize(
        ("evidence", "code"),
        [
            ({OOD_FILE: ood()}, ExitCode.PASS),
            ({OOD_FILE: ood(drop=0.3)}, ExitCode.BLOCKED),
            ({}, ExitCode.INCONCLUSIVE),
        ],
        ids=["passing", "failing", "none"],
    )
    def test_an_added_claim_needs_its_evidence(
        self, tmp_path: Path, evidence: Mapping[str, str], code: ExitCode
    ) -> None:
        added = {"claims.yaml": with_status("ood", "supported"), "README.md": README, **evidence}
        verdict = judged(tmp_path, added, base=withdrawn("ood"))
        assert [(change.kind, change.claim) for change in verdict.claims] == [("added", "ood")]
        assert verdict.code is code

    def test_an_added_claim_that_is_pending_needs_none(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"claims.yaml": CLAIMS, "README.md": README}, base=withdrawn("ood"))
        assert verdict.code is ExitCode.PASS

    def test_a_claim_whose_gate_is_dropped_asserts_itself_anew(self, tmp_path: Path) -> None:
        both = CLAIMS.replace("gates: [random_model]", "gates: [random_model, alive]")
        base = {"claims.yaml": both, FILE: FAILING, "README.md": README.replace("+0.2100", "+0.0100")}
        verdict = judged(tmp_path, {"claims.yaml": CLAIMS}, base=base, labels=APPROVED)
        assert [change.kind for change in verdict.claims] == ["strengthened"]
        assert (verdict.code, verdict.gates(Outcome.FAIL)) == (ExitCode.BLOCKED, ("demo/random_model",))

    def test_another_sentence_of_a_claim_whose_gate_fails_is_blocked(self, tmp_path: Path) -> None:
        failing = {FILE: FAILING, "README.md": README.replace("+0.2100", "+0.0100")}
        change = {
            "claims.yaml": CLAIMS.replace("agree more", "agree far more"),
            "README.md": README.replace("+0.2100", "+0.0100").replace("agree more", "agree far more"),
        }
        verdict = judged(tmp_path, change, base=failing)
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.gate_fails"])

    def test_a_withdrawn_claim_passes_whatever_the_evidence_says(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {**withdrawn("agree"), FILE: FAILING})
        assert verdict.code is ExitCode.PASS
        assert ("removed", "agree") in [(change.kind, change.claim) for change in verdict.claims]

    def test_so_does_a_weakened_one_whose_numbers_are_the_evidences(self, tmp_path: Path) -> None:
        readme = {"README.md": README.replace("+0.2100", "+0.0100")}
        verdict = judged(tmp_path, {**pending("agree"), **readme, FILE: FAILING})
        assert verdict.code is ExitCode.PASS
        assert "weakened" in [change.kind for change in verdict.claims]

    def test_a_registered_sentence_that_stands_otherwise_is_refused(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"README.md": README.replace("are dead", "are alive")})
        assert (verdict.code, ids(verdict)) == (ExitCode.REFUSED, ["claims.sentence"])

    def test_a_claim_that_is_bound_nowhere_any_more_is_refused(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"README.md": withdrawn("alive")["README.md"]})
        assert (verdict.code, ids(verdict)) == (ExitCode.REFUSED, ["claims.unbound"])

    def test_a_deleted_registry_needs_approval(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"claims.yaml": None})
        assert verdict.code is ExitCode.APPROVAL_NEEDED

    def test_a_malformed_registry_is_refused(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"claims.yaml": CLAIMS.replace("status: pending", "status: perhaps")})
        assert verdict.code is ExitCode.REFUSED
        assert any(error_id.startswith("claims.") for error_id in error_ids(verdict))


class TestNumbers:
    def test_a_number_edited_by_hand_is_blocked_where_it_stands(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"README.md": README.replace("+0.2100", "+0.9000")})
        assert verdict.code is ExitCode.BLOCKED
        assert [str(finding).split(";")[0] for finding in verdict.blocking] == [
            "README.md:5:92: says +0.9000, evidence says +0.2100"
        ]

    def test_a_second_copy_of_a_number_that_is_wrong_already_is_blocked(self, tmp_path: Path) -> None:
        number = f"<!-- gatekit:value {FILE} dead_fraction estimate .2f -->0.01<!-- /gatekit:value -->\n"
        verdict = judged(
            tmp_path, {"README.md": README + number + "\nAgain:\n\n" + number}, base={"README.md": README + number}
        )
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.number"])
        (old,), (new,) = verdict.advisory, verdict.blocking
        assert old.location is not None and new.location is not None
        assert (old.location.line, new.location.line) == (11, 15)

    def test_a_number_outside_every_claim_is_held_to_the_evidence(self, tmp_path: Path) -> None:
        number = f"\n<!-- gatekit:value {FILE} dead_fraction estimate .2f -->0.01<!-- /gatekit:value -->\n"
        verdict = judged(tmp_path, {"README.md": README + number})
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.number"])

    def test_a_number_taken_out_of_its_binding_asserts_its_claims(self, tmp_path: Path) -> None:
        number = f"\n<!-- gatekit:value {FILE} dead_fraction estimate .2f -->0.05<!-- /gatekit:value -->\n"
        failing = {"README.md": README.replace("+0.2100", "+0.0100") + number, FILE: FAILING}
        verdict = judged(tmp_path, {"README.md": README.replace("+0.2100", "+0.0100") + "\n0.05\n"}, base=failing)
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.gate_fails"])

    def test_honest_new_evidence_with_its_number_passes(self, tmp_path: Path) -> None:
        change = {FILE: random_model(above=0.25), "README.md": README.replace("+0.2100", "+0.2500")}
        verdict = judged(tmp_path, change)
        assert verdict.code is ExitCode.PASS
        assert [(change.kind, change.makes_blocking) for change in verdict.claims] == [("number_changed", ("agree",))]
        assert [(change.path, change.change) for change in verdict.evidence] == [(FILE, "changed")]

    def test_new_evidence_without_its_number_is_blocked(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {FILE: random_model(above=0.25)})
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.number"])


class TestProse:
    STRICT = CLAIMS.replace("unregistered_numbers: warn", "unregistered_numbers: error")
    PROSE = "\nSeeds agree by 12.5 % more.\n"

    def test_a_new_number_that_nothing_is_bound_to_is_worth_a_look(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"README.md": README + self.PROSE})
        assert verdict.code is ExitCode.PASS
        assert [(f.error_id, f.location.line) for f in verdict.remarks if f.location] == [
            ("claims.unregistered_number", 12)
        ]

    def test_it_is_blocked_where_the_registry_makes_it_an_error(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"README.md": README + self.PROSE}, base={"claims.yaml": self.STRICT})
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.unregistered_number"])

    def test_the_bases_rules_decide_and_not_the_changes_own(self, tmp_path: Path) -> None:
        change = {"README.md": README + self.PROSE, "claims.yaml": CLAIMS}
        verdict = judged(tmp_path, change, base={"claims.yaml": self.STRICT})
        assert verdict.code is ExitCode.APPROVAL_NEEDED
        assert ids(verdict) == ["claims.unregistered_number"]

    def test_one_that_was_there_before_blocks_nobody_even_where_it_moves(self, tmp_path: Path) -> None:
        base = {"claims.yaml": self.STRICT, "README.md": README + self.PROSE}
        verdict = judged(tmp_path, {"README.md": self.PROSE + README}, base=base)
        assert (verdict.code, ids(verdict)) == (ExitCode.PASS, [])
        assert [finding.error_id for finding in verdict.advisory] == ["claims.unregistered_number"]

    def test_a_second_copy_of_it_is_new(self, tmp_path: Path) -> None:
        base = {"claims.yaml": self.STRICT, "README.md": README + self.PROSE}
        verdict = judged(tmp_path, {"README.md": README + self.PROSE * 2}, base=base)
        assert (verdict.code, len(verdict.blocking)) == (ExitCode.BLOCKED, 1)

    def test_claim_language_is_looked_for_as_the_rules_say(self, tmp_path: Path) -> None:
        change = {"README.md": README + "\nState of the art.\n"}
        assert judged(tmp_path / "off", change).remarks == ()
        strict = {"claims.yaml": CLAIMS.replace('claim_language: "off"', "claim_language: error")}
        verdict = judged(tmp_path / "on", change, base=strict)
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.claim_language"])


class TestEvidence:
    def test_evidence_that_turns_the_gate_of_a_supported_claim_is_blocked(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {FILE: random_model(dead=0.5)})
        assert (verdict.code, ids(verdict)) == (ExitCode.BLOCKED, ["claims.gate_fails"])
        assert verdict.gates(Outcome.FAIL) == ("demo/alive",)
        assert [gate.claim for gate in verdict.claim_gates if gate.blocking] == ["alive"]

    def test_evidence_that_fails_a_gate_of_a_pending_claim_passes(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {OOD_FILE: ood(drop=0.3)})
        assert verdict.code is ExitCode.PASS

    def test_measured_code_that_changes_makes_supported_claims_inconclusive(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"runners/measure.py": "def measure():\n    return 2\n"})
        assert verdict.code is ExitCode.INCONCLUSIVE
        assert ids(verdict) == ["claims.gate_inconclusive"] * 2
        assert [(change.path, change.change, change.reason) for change in verdict.evidence] == [
            (FILE, "stale", "measured runners/measure.py, which has changed")
        ]

    def test_a_comment_in_measured_code_makes_nothing_stale(self, tmp_path: Path) -> None:
        code = CODE["runners/measure.py"]
        base = {FILE: random_model(about=[source_entry("runners/measure.py", code.encode())])}
        verdict = judged(tmp_path, {"runners/measure.py": f"# What it measures.\n{code}"}, base=base)
        assert (verdict.code, verdict.evidence) == (ExitCode.PASS, ())

    def test_code_that_changes_its_syntax_tree_or_cannot_be_parsed_is_stale(self, tmp_path: Path) -> None:
        entry = source_entry("runners/measure.py", CODE["runners/measure.py"].encode())
        for name, code in (("other", "def measure():\n    return 2\n"), ("broken", "def measure(:\n")):
            verdict = judged(tmp_path / name, {"runners/measure.py": code}, base={FILE: random_model(about=[entry])})
            assert verdict.code is ExitCode.INCONCLUSIVE
            assert [(change.path, change.change) for change in verdict.evidence] == [(FILE, "stale")]

    def test_code_beyond_what_is_parsed_is_stale(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        entry = source_entry("runners/measure.py", CODE["runners/measure.py"].encode())
        assert judged(tmp_path / "within", {}, base={FILE: random_model(about=[entry])}).code is ExitCode.PASS
        monkeypatch.setattr("gatekit.pull_request.side.LARGEST_SOURCES", 10)
        verdict = judged(tmp_path / "beyond", {"docs/notes.md": "x\n"}, base={FILE: random_model(about=[entry])})
        assert [finding.error_id for finding in verdict.advisory] == ["claims.gate_inconclusive"] * 2

    def test_words_of_code_beyond_what_is_parsed_are_stale(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = CODE["runners/measure.py"].encode()
        entry = source_entry("runners/measure.py", code)
        monkeypatch.setattr("gatekit.pull_request.side.MOST_TOKENS", tokens(code, 1000))
        assert judged(tmp_path / "within", {}, base={FILE: random_model(about=[entry])}).code is ExitCode.PASS
        monkeypatch.setattr("gatekit.pull_request.side.MOST_TOKENS", tokens(code, 1000) - 1)
        verdict = judged(tmp_path / "beyond", {"docs/notes.md": "x\n"}, base={FILE: random_model(about=[entry])})
        assert [finding.error_id for finding in verdict.advisory] == ["claims.gate_inconclusive"] * 2

    def test_data_beyond_what_is_hashed_is_stale(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        code = CODE["runners/measure.py"].encode()
        entry = {"path": "runners/measure.py", "sha256": sha256(code).hexdigest(), "by": "bytes"}
        monkeypatch.setattr("gatekit.pull_request.side.LARGEST_HASHED", len(code))
        assert judged(tmp_path / "within", {}, base={FILE: random_model(about=[entry])}).code is ExitCode.PASS
        monkeypatch.setattr("gatekit.pull_request.side.LARGEST_HASHED", len(code) - 1)
        verdict = judged(tmp_path / "beyond", {"docs/notes.md": "x\n"}, base={FILE: random_model(about=[entry])})
        assert [finding.error_id for finding in verdict.advisory] == ["claims.gate_inconclusive"] * 2
        assert "which is too large" in str([finding.message for finding in verdict.advisory])

    def test_evidence_of_the_older_rule_is_stale(self, tmp_path: Path) -> None:
        old = [{key: source[key] for key in ("path", "sha256")} for source in sources("runners/measure.py")]
        verdict = judged(tmp_path, {FILE: random_model(about=old)})
        assert verdict.code is ExitCode.INCONCLUSIVE
        assert "measured under an older rule" in str([change.reason for change in verdict.evidence])

    def test_more_code_that_changes_while_evidence_is_stale_already_blocks_nobody(self, tmp_path: Path) -> None:
        both = [*sources("runners/measure.py"), *sources("runners/domain.py")]
        base = {FILE: random_model(about=both), "runners/measure.py": "pass\n"}
        verdict = judged(tmp_path, {"runners/domain.py": "pass\n"}, base=base)
        assert verdict.code is ExitCode.PASS
        assert [finding.error_id for finding in verdict.advisory] == ["claims.gate_inconclusive"] * 2

    def test_evidence_that_fails_where_it_was_stale_is_blocked(self, tmp_path: Path) -> None:
        base = {"runners/measure.py": "pass\n"}
        verdict = judged(tmp_path, {**CODE, FILE: random_model(dead=0.5)}, base=base)
        assert (verdict.code, verdict.gates(Outcome.FAIL)) == (ExitCode.BLOCKED, ("demo/alive",))

    def test_code_that_is_measured_again_in_the_same_change_passes(self, tmp_path: Path) -> None:
        code = "def measure():\n    return 2\n"
        old, new = builders.digest(CODE["runners/measure.py"]), builders.digest(code)
        verdict = judged(tmp_path, {"runners/measure.py": code, FILE: random_model().replace(old, new)})
        assert verdict.code is ExitCode.PASS

    def test_code_that_only_a_pending_claim_depends_on_passes(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"runners/domain.py": "\n"}, base={OOD_FILE: ood()})
        assert verdict.code is ExitCode.PASS
        assert [(change.path, change.change) for change in verdict.evidence] == [(OOD_FILE, "stale")]

    def test_deleting_what_a_claim_stands_on_is_inconclusive(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {FILE: None})
        assert verdict.code is ExitCode.INCONCLUSIVE
        assert set(ids(verdict)) == {"claims.no_evidence", "claims.gate_inconclusive"}
        assert [(change.path, change.change) for change in verdict.evidence] == [(FILE, "deleted")]

    def test_it_is_so_too_where_the_claim_was_inconclusive_before(self, tmp_path: Path) -> None:
        stale = {"runners/measure.py": "def measure():\n    return 2\n"}
        verdict = judged(tmp_path, {FILE: None}, base=stale)
        assert verdict.code is ExitCode.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("text", "error_id"),
        [
            ("{", "json.syntax"),
            ("{}", "summary.not_a_summary"),
            (random_model().replace("gatekit.summary/1", "gatekit.summary/2"), "summary.newer_schema"),
            (random_model().replace('"range": [0.0, 1.0]', '"range": [0.0, 2.0]'), None),
        ],
        ids=["syntax", "empty", "version", "range"],
    )
    def test_malformed_evidence_is_refused(self, tmp_path: Path, text: str, error_id: str | None) -> None:
        verdict = judged(tmp_path, {"evidence/new.json": text})
        assert verdict.code is ExitCode.REFUSED
        assert error_id is None or error_ids(verdict) == [error_id]

    def test_evidence_that_contradicts_the_bases_is_refused(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"evidence/minilm/again.json": random_model(above=0.5)})
        assert verdict.code is ExitCode.REFUSED
        assert "summary.contradiction" in error_ids(verdict)

    def test_evidence_from_the_future_is_refused_once(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {FILE: random_model(finished="2026-03-09T12:00:00Z")})
        assert (verdict.code, error_ids(verdict)) == (ExitCode.REFUSED, ["summary.future"])
        assert verdict.blocking == ()

    @pytest.mark.parametrize("target", ["../README.md", "/etc/passwd", "minilm/random_model.json"])
    def test_evidence_that_is_a_link_is_refused(self, tmp_path: Path, target: str) -> None:
        verdict = judged(tmp_path, {"evidence/linked.json": Symlink(target)})
        assert (verdict.code, error_ids(verdict)) == (ExitCode.REFUSED, ["repo.mode"])

    @pytest.mark.parametrize("path", ["policies/demo.yaml", "claims.yaml", "evidence", "schemas"])
    def test_so_is_anything_else_that_the_gate_reads(self, tmp_path: Path, path: str) -> None:
        verdict = judged(tmp_path, {path: None, "README.md": README}, base={"x": "y"})
        assert verdict.code is not ExitCode.REFUSED
        verdict = judged(tmp_path / "linked", {**dict.fromkeys(BASE), "README.md": README, path: Symlink("elsewhere")})
        assert verdict.code is ExitCode.REFUSED
        assert "repo.mode" in error_ids(verdict)


class TestPolicy:
    def test_a_loosened_policy_needs_approval_and_the_bases_still_judges(self, tmp_path: Path) -> None:
        change = {"policies/demo.yaml": LOOSE, FILE: random_model(above=0.05)}
        change["README.md"] = README.replace("+0.2100", "+0.0500")
        verdict = judged(tmp_path, change)
        assert verdict.code is ExitCode.APPROVAL_NEEDED
        assert verdict.loosened == ("demo/random_model",)
        assert verdict.flips == (Flip("demo", "random_model", Outcome.FAIL, Outcome.PASS),)
        assert ids(verdict) == ["claims.gate_fails"]

    def test_approved_it_is_judged_by_the_bases_policy(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"policies/demo.yaml": LOOSE}, labels=APPROVED)
        assert (verdict.code, verdict.approved_by) == (ExitCode.PASS, f"gatekit-approved-{verdict.head[:7]}")
        change = {"policies/demo.yaml": LOOSE, FILE: random_model(above=0.05)}
        change["README.md"] = README.replace("+0.2100", "+0.0500")
        verdict = judged(tmp_path / "fails", change, labels=APPROVED)
        assert verdict.code is ExitCode.BLOCKED

    def test_a_label_of_another_name_approves_nothing(self, tmp_path: Path) -> None:
        verdict = judged(
            tmp_path,
            {"policies/demo.yaml": LOOSE},
            labels=["Gatekit-Approved-{head}", "approved-{head}", "gatekit-approved"],
        )
        assert (verdict.code, verdict.approved_by) == (ExitCode.APPROVAL_NEEDED, None)

    def test_a_tightened_policy_passes_and_its_outcomes_are_a_preview(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"policies/demo.yaml": TIGHT.replace("0.2}", "0.22}", 1)})
        assert verdict.code is ExitCode.PASS
        assert verdict.flips == (Flip("demo", "random_model", Outcome.PASS, Outcome.FAIL),)
        assert verdict.approved_by is None

    def test_an_added_gate_passes(self, tmp_path: Path) -> None:
        more = POLICY + "  r2: {from: random_model, measure: r2, at_least: 0.5}\n"
        verdict = judged(tmp_path, {"policies/demo.yaml": more})
        assert (verdict.code, verdict.trust) == (ExitCode.PASS, ())

    def test_a_removed_gate_needs_approval(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"policies/demo.yaml": POLICY.rpartition("  ood:")[0]})
        assert verdict.code is ExitCode.APPROVAL_NEEDED

    def test_a_deleted_policy_needs_approval(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"policies": None})
        assert (verdict.code, verdict.loosened) == (
            ExitCode.APPROVAL_NEEDED,
            ("demo/random_model", "demo/alive", "demo/ood"),
        )
        assert verdict.judged is not None

    def test_a_moved_policy_is_the_same_policy(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"policies/demo.yaml": None, "policies/release.yml": POLICY})
        assert (verdict.code, verdict.policies) == (ExitCode.PASS, ())

    def test_one_that_is_moved_where_the_gate_does_not_look_is_removed(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"policies/demo.yaml": None, "old/demo.yaml": POLICY})
        assert verdict.code is ExitCode.APPROVAL_NEEDED
        hidden = judged(tmp_path / "hidden", {"policies/demo.yaml": None, "policies/.demo.yaml": POLICY})
        assert hidden.code is ExitCode.APPROVAL_NEEDED

    def test_a_waiver_needs_approval(self, tmp_path: Path) -> None:
        waiver = 'waivers:\n  - {gate: ood, owner: alice, reason: not measured yet, expires: "2026-12-31"}\n'
        verdict = judged(tmp_path, {"policies/demo.yaml": POLICY + waiver})
        assert verdict.code is ExitCode.APPROVAL_NEEDED

    def test_removing_a_waiver_that_has_expired_passes(self, tmp_path: Path) -> None:
        waiver = 'waivers:\n  - {gate: ood, owner: alice, reason: not measured yet, expires: "2026-01-31"}\n'
        base = {"policies/demo.yaml": POLICY + waiver}
        verdict = judged(tmp_path, {"policies/demo.yaml": POLICY}, base=base)
        assert verdict.code is ExitCode.PASS
        other = judged(tmp_path / "other", {"docs/notes.md": "More.\n"}, base=base)
        assert (other.code, error_ids(other)) == (ExitCode.REFUSED, ["policy.waiver_expired"])

    def test_a_threshold_that_no_evidence_of_this_shape_could_reach_is_refused_and_can_be_mended(
        self, tmp_path: Path
    ) -> None:
        # The largest z-score of 16 latents is 15 / 4 = 3.75.
        subject = builders.subject() | {"d_sae": 16, "k": 4}
        observations = {"interpretability": builders.around(3.0, 0.2, 20)}
        changes = {"sources": sources("runners/domain.py")}
        measured = builders.summary("cebench", observations, of=subject, producer_changes=changes)
        reachable = POLICY + "  cebench: {from: cebench, measure: interpretability, at_least: 2.0}\n"
        beyond = reachable.replace("at_least: 2.0", "at_least: 4.0")
        base = {"evidence/cebench.json": json.dumps(measured), "policies/demo.yaml": reachable}
        base |= {FILE: None, "claims.yaml": None}
        verdict = judged(tmp_path, {"policies/demo.yaml": beyond}, base=base)
        assert (verdict.code, error_ids(verdict)) == (ExitCode.REFUSED, ["policy.infeasible"])
        base["policies/demo.yaml"] = beyond
        mended = judged(tmp_path / "mended", {"policies/demo.yaml": reachable}, base=base, labels=APPROVED)
        assert mended.code is ExitCode.PASS

    @pytest.mark.parametrize(
        ("text", "error_id"),
        [
            (POLICY + "\tx: 1\n", "yaml.syntax"),
            (POLICY.replace("at_least", "at_leest"), "policy.unknown_key"),
            (POLICY.replace("at_least: 0.1", "at_least: 3.0"), "policy.out_of_range"),
            (POLICY.replace("at_most: 0.2", "at_least: 0.2"), "policy.direction"),
        ],
    )
    def test_a_malformed_policy_is_refused(self, tmp_path: Path, text: str, error_id: str) -> None:
        verdict = judged(tmp_path, {"policies/demo.yaml": text})
        assert (verdict.code, error_ids(verdict)) == (ExitCode.REFUSED, [error_id])

    def test_two_policies_of_one_id_are_refused(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"policies/a.yaml": LOOSE})
        assert (verdict.code, error_ids(verdict)) == (ExitCode.REFUSED, ["policy.duplicate_id"])

    def test_a_new_policy_alone_passes(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"policies/mine.yaml": POLICY.replace("id: demo", "id: mine")})
        assert (verdict.code, verdict.trust) == (ExitCode.PASS, ())

    def test_a_claim_that_a_new_policy_judges_needs_approval(self, tmp_path: Path) -> None:
        mine = LOOSE.replace("id: demo", "id: mine").replace("at_most: 0.1}", "at_most: 0.9}")
        ood_claim = with_status("ood", "supported").rpartition("policy: demo")
        change = {
            "policies/mine.yaml": mine,
            "claims.yaml": "policy: mine".join((ood_claim[0], ood_claim[2])),
            OOD_FILE: ood(drop=0.3),
        }
        verdict = judged(tmp_path, change)
        assert verdict.code is ExitCode.APPROVAL_NEEDED
        assert [trust.path for trust in verdict.trust] == ["claim ood", "policy mine"]
        assert judged(tmp_path / "approved", change, labels=APPROVED).code is ExitCode.PASS

    def test_a_base_without_policies_needs_approval(self, tmp_path: Path) -> None:
        base = {"policies": None, "claims.yaml": None}
        verdict = judged(tmp_path, {"policies/demo.yaml": POLICY, "claims.yaml": CLAIMS}, base=base)
        assert verdict.code is ExitCode.APPROVAL_NEEDED
        change = {"policies/demo.yaml": POLICY, "claims.yaml": CLAIMS}
        assert judged(tmp_path / "approved", change, base=base, labels=APPROVED).code is ExitCode.PASS

    def test_without_any_policy_nothing_is_judged_and_that_is_no_pass(self, tmp_path: Path) -> None:
        base = {"policies": None, "claims.yaml": None}
        verdict = judged(tmp_path, {"docs/notes.md": "More.\n"}, base=base, labels=APPROVED)
        assert (verdict.code, verdict.judged) == (ExitCode.INCONCLUSIVE, None)


class TestWhatJudges:
    @pytest.mark.parametrize(
        "path",
        [
            "schemas/summary.schema.json",
            "schemas/new.schema.json",
            "trust/keys.yaml",
            ".github/workflows/gate.yml",
            ".github/CODEOWNERS",
            "CODEOWNERS",
            "action.yml",
            "requirements/gate.lock",
        ],
    )
    def test_a_change_needs_approval(self, tmp_path: Path, path: str) -> None:
        verdict = judged(tmp_path, {path: "changed\n"})
        assert verdict.code is ExitCode.APPROVAL_NEEDED
        assert [trust.path for trust in verdict.trust] == [path]
        approved = judged(tmp_path / "approved", {path: "changed\n"}, labels=APPROVED)
        assert (approved.code, approved.approved_by) == (ExitCode.PASS, f"gatekit-approved-{approved.head[:7]}")

    def test_so_does_deleting_it(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"schemas": None})
        assert (verdict.code, verdict.trust[0].what) == (ExitCode.APPROVAL_NEEDED, "deleted")

    def test_so_does_making_it_executable(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"schemas/summary.schema.json": repositories.Executable("{}\n")})
        assert verdict.code is ExitCode.APPROVAL_NEEDED

    def test_so_do_the_rules_of_the_registry(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"claims.yaml": CLAIMS.replace("unregistered_numbers: warn", "")})
        assert verdict.code is ExitCode.PASS  # warn is the default
        off = CLAIMS.replace("unregistered_numbers: warn", 'unregistered_numbers: "off"')
        verdict = judged(tmp_path / "off", {"claims.yaml": off})
        assert (verdict.code, verdict.trust[0].what) == (ExitCode.APPROVAL_NEEDED, "rules changed")

    def test_approval_excuses_no_finding(self, tmp_path: Path) -> None:
        change = {"action.yml": "x\n", "README.md": README.replace("+0.2100", "+0.9000")}
        assert judged(tmp_path, change).code is ExitCode.APPROVAL_NEEDED
        assert judged(tmp_path / "approved", change, labels=APPROVED).code is ExitCode.BLOCKED


class TestBaseAdvanced:
    def test_the_merge_of_both_is_judged(self, tmp_path: Path) -> None:
        code = {"runners/measure.py": "def measure():\n    return 2\n"}
        number = f"\n<!-- gatekit:value {FILE} dead_fraction estimate .2f -->0.05<!-- /gatekit:value -->\n"
        verdict = judged(tmp_path, {"README.md": README + number}, main=code)
        assert verdict.code is ExitCode.INCONCLUSIVE  # a number on evidence that has become stale meanwhile
        alone = judged(tmp_path / "alone", {"README.md": README + number})
        assert alone.code is ExitCode.PASS

    def test_a_policy_that_the_base_tightened_meanwhile_judges(self, tmp_path: Path) -> None:
        change = {FILE: random_model(above=0.15), "README.md": README.replace("+0.2100", "+0.1500")}
        assert judged(tmp_path, change).code is ExitCode.PASS
        verdict = judged(tmp_path / "later", change, main={"policies/demo.yaml": TIGHT})
        assert (verdict.code, verdict.policies) == (ExitCode.BLOCKED, ())

    def test_what_the_base_changed_itself_is_no_change_of_the_pull_request(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"docs/notes.md": "More.\n"}, main={"action.yml": "x\n", **pending("agree")})
        assert (verdict.code, verdict.trust, verdict.claims) == (ExitCode.PASS, (), ())


class TestNotWorseThan:
    POLICY = POLICY.replace("at_least: 0.1}", "not_worse_than: {base: 0.02}}")

    @pytest.mark.parametrize(
        ("above", "code"), [(0.21, ExitCode.PASS), (0.20, ExitCode.PASS), (0.12, ExitCode.BLOCKED)]
    )
    def test_a_claim_is_held_to_the_bases_evidence(self, tmp_path: Path, above: float, code: ExitCode) -> None:
        change = {FILE: random_model(above=above), "README.md": README.replace("+0.2100", f"{above:+.4f}")}
        verdict = judged(tmp_path, {**change, "docs/x.md": "x"}, base={"policies/demo.yaml": self.POLICY})
        assert verdict.code is code

    def test_a_base_without_the_evidence_is_no_pass_for_a_new_claim(self, tmp_path: Path) -> None:
        base = {"policies/demo.yaml": self.POLICY, FILE: None, **withdrawn("agree"), "claims.yaml": None}
        base |= {"README.md": "# Seeds\n"}
        change = {"claims.yaml": CLAIMS, "README.md": README, FILE: random_model()}
        verdict = judged(tmp_path, change, base=base, labels=APPROVED)  # a first registry that asks for less
        assert verdict.code is ExitCode.INCONCLUSIVE
        assert verdict.gates(Outcome.INCONCLUSIVE) == ("demo/random_model",)


def test_the_same_change_gives_the_same_verdict(tmp_path: Path) -> None:
    change = {FILE: random_model(dead=0.5), "action.yml": "x\n"}
    assert judged(tmp_path / "a", change).blocking == judged(tmp_path / "b", change).blocking


class TestPoliciesInSubfolders:
    """`gatekit check` reads them; so a pull request is judged by them."""

    TEAM = "policies/team/x.yaml"
    TEXT = POLICY.replace("id: demo", "id: team")

    def test_one_of_the_base_judges(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, {"docs/notes.md": "More.\n"}, base={self.TEAM: self.TEXT})
        assert verdict.judged is not None
        assert [policy.id for policy in verdict.judged.policies] == ["demo", "team"]

    def test_loosening_one_needs_approval(self, tmp_path: Path) -> None:
        loose = self.TEXT.replace("at_least: 0.1", "at_least: 0.0")
        assert judged(tmp_path, {self.TEAM: loose}, base={self.TEAM: self.TEXT}).code is ExitCode.APPROVAL_NEEDED

    def test_deleting_one_needs_approval(self, tmp_path: Path) -> None:
        assert judged(tmp_path, {self.TEAM: None}, base={self.TEAM: self.TEXT}).code is ExitCode.APPROVAL_NEEDED

    def test_adding_one_needs_none(self, tmp_path: Path) -> None:
        assert judged(tmp_path, {self.TEAM: self.TEXT}).code is ExitCode.PASS

    def test_moving_one_between_folders_changes_nothing(self, tmp_path: Path) -> None:
        base = {self.TEAM: self.TEXT}
        for place in ("policies/x.yaml", "policies/a/b/x.yml"):
            folder = tmp_path / place.replace("/", "-")
            verdict = judged(folder, {self.TEAM: None, place: self.TEXT}, base=base)
            assert (verdict.code, verdict.trust) == (ExitCode.PASS, ())

    def test_moving_one_and_loosening_it_needs_approval(self, tmp_path: Path) -> None:
        loose = POLICY.replace("at_least: 0.1", "at_least: 0.0")
        verdict = judged(tmp_path, {"policies/demo.yaml": None, "policies/team/demo.yaml": loose})
        assert verdict.code is ExitCode.APPROVAL_NEEDED

    def test_one_that_cannot_be_read_is_refused(self, tmp_path: Path) -> None:
        assert judged(tmp_path, {self.TEAM: "id: [\n"}).code is ExitCode.REFUSED

    def test_one_with_the_id_of_another_is_refused(self, tmp_path: Path) -> None:
        assert "policy.duplicate_id" in error_ids(judged(tmp_path, {self.TEAM: POLICY}))
