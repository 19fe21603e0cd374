"""The verdict on a pull request as JSON that follows `schemas/pull_request.schema.json`, and holds all of it."""

from __future__ import annotations

from typing import Any

from gatekit.claims.claim_change import ClaimChange, SideBySide
from gatekit.claims.finding import Finding
from gatekit.claims.slots import ContextNumber
from gatekit.gates.following import decisive_bounds
from gatekit.gates.verdict import Outcome, ThresholdResult
from gatekit.policy import PolicyDiff
from gatekit.policy.diff import Detail
from gatekit.pull_request.continuity_claims import SubjectChange
from gatekit.pull_request.moves import Move
from gatekit.pull_request.trust_root import TrustChange
from gatekit.pull_request.verdict import ClaimGate, EvidenceChange, Flip, PullRequestVerdict
from gatekit.report.json_values import error_value, location_or_null, text, text_or_null, time, tool, written
from gatekit.report.verdict import json as json_report

SCHEMA = "gatekit.pull_request/1"


def render(verdict: PullRequestVerdict) -> str:
    """Return the JSON document, ending in a line feed.

    Raises:
        ValueError: a number is not finite. The gate never computes one, so this is a fault of gatekit.
    """
    return written(document(verdict))


def document(verdict: PullRequestVerdict) -> dict[str, Any]:
    """Return what `render` writes, as plain dicts and lists."""
    return {
        "schema": SCHEMA,
        "tool": tool(verdict.version),
        "now": time(verdict.now),
        "verdict": verdict.word,
        "code": int(verdict.code),
        "exit_code": int(verdict.code),
        "because": text(verdict.because),
        "base": verdict.base,
        "base_name": text(verdict.base_name),
        "head": verdict.head,
        "root": text(verdict.root),
        "result": verdict.result,
        "notes": list(map(text, verdict.notes)),
        "registered": verdict.registered,
        "claims": list(map(_claim, verdict.claims)),
        "claim_gates": list(map(_claim_gate, verdict.claim_gates)),
        "policy_changes": list(map(_policy, verdict.policies)),
        "flips": list(map(_flip, verdict.flips)),
        "trust": list(map(_trust, verdict.trust)),
        "approval": text(verdict.approval),
        "approved_by": text_or_null(verdict.approved_by),
        "evidence": list(map(_evidence, verdict.evidence)),
        "moved": list(map(_move, verdict.moved)),
        "subjects": list(map(_subject, verdict.subjects)),
        "gates": {
            "failed": list(map(text, verdict.gates(Outcome.FAIL))),
            "inconclusive": list(map(text, verdict.gates(Outcome.INCONCLUSIVE))),
        },
        "loosened": list(map(text, verdict.loosened)),
        "blocking": list(map(_finding, verdict.blocking)),
        "advisory": list(map(_finding, verdict.advisory)),
        "remarks": list(map(_finding, verdict.remarks)),
        "context": list(map(_context, verdict.context)),
        "judged": None if verdict.judged is None else json_report.document(verdict.judged),
        "preview": None if verdict.preview is None else json_report.document(verdict.preview),
        "errors": list(map(error_value, verdict.errors)),
    }


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "policy": text(flip.policy),
        "gate": text(flip.gate),
        "before": None if flip.before is None else flip.before.value,
        "after": None if flip.after is None else flip.after.value,
    }


def _context(number: ContextNumber) -> dict[str, Any]:
    return {
        "claim": text(number.claim),
        "shows": text(number.shows),
        "printed": text(number.printed),
        "location": location_or_null(number.location),
    }


def _trust(change: TrustChange) -> dict[str, Any]:
    return {"path": text(change.path), "what": text(change.what)}


def _evidence(change: EvidenceChange) -> dict[str, Any]:
    return {"path": text(change.path), "change": change.change, "reason": text_or_null(change.reason)}


def _move(move: Move) -> dict[str, Any]:
    return {
        "policy": text(move.policy),
        "gate": text(move.gate),
        "rule": text(move.rule),
        "asks": text(move.after.effect.asks),
        "before": _numbers(move.before),
        "after": _numbers(move.after),
    }


def _numbers(rule: ThresholdResult) -> dict[str, Any]:
    return {
        "outcome": rule.outcome.value,
        "estimate": None if rule.measured is None else rule.measured.estimate,
        "compared": list(decisive_bounds(rule)),
    }


def _subject(change: SubjectChange) -> dict[str, Any]:
    return {
        "path": text(change.path),
        "fate": change.fate,
        "what": text(change.what),
        "claims": list(map(text, change.claims)),
        "needs_approval": change.needs_approval,
    }


def _claim(change: ClaimChange) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "claim": text_or_null(change.claim),
        "message": text(change.message),
        "location": location_or_null(change.location),
        "makes_blocking": [text(claim) for claim in change.makes_blocking],
        "side_by_side": None if change.sides is None else _sides(change.sides),
    }


def _sides(sides: SideBySide) -> dict[str, Any]:
    return {"what": sides.what, "base": text(sides.base), "head": text(sides.head)}


def _claim_gate(gate: ClaimGate) -> dict[str, Any]:
    return {
        "claim": text(gate.claim),
        "policy": text(gate.policy),
        "gate": text(gate.gate),
        "outcome": None if gate.outcome is None else gate.outcome.value,
        "blocking": gate.blocking,
    }


def _policy(diff: PolicyDiff) -> dict[str, Any]:
    return {
        "policy": text(diff.policy),
        "change": diff.change.value,
        "needs_approval": diff.needs_approval,
        "gates": [
            {"gate": text(gate.name), "change": gate.change.value, "details": list(map(_detail, gate.details))}
            for gate in diff.gates
        ],
        "settings": list(map(_detail, diff.settings)),
        "waivers": list(map(_detail, diff.waivers)),
    }


def _detail(detail: Detail) -> dict[str, Any]:
    return {"change": detail.change.value, "what": text(detail.what)}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": text(finding.error_id),
        "message": text(finding.message),
        "location": location_or_null(finding.location),
        "remedy": text_or_null(finding.remedy),
        "exit_code": int(finding.code),
        "claim": text_or_null(finding.claim),
        "gate": text_or_null(finding.gate),
    }
