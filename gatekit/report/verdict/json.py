"""The verdict as JSON that follows `schemas/verdict.schema.json`: keys sorted, numbers finite, text complete.

The same verdict always gives the same bytes. Text is pure ASCII, so nothing in it can steer a terminal.
"""

from __future__ import annotations

from typing import Any

from gatekit.gates.verdict import (
    BoundedEstimate,
    EvidenceUsed,
    GateResult,
    PolicyResult,
    RuleResult,
    ThresholdResult,
    Verdict,
    WaiverUsed,
)
from gatekit.report.json_values import error_value, location_value, text, text_or_null, time, tool, written

SCHEMA = "gatekit.verdict/1"


def render(verdict: Verdict) -> str:
    """Return the JSON document, ending in a line feed.

    Raises:
        ValueError: a number is not finite. The gate never computes one, so this is a fault of gatekit.
    """
    return written(document(verdict))


def document(verdict: Verdict) -> dict[str, Any]:
    """Return what `render` writes, as plain dicts and lists."""
    return {
        "schema": SCHEMA,
        "tool": tool(verdict.version),
        "now": time(verdict.now),
        "verdict": verdict.word,
        "code": int(verdict.code),
        "advisory": verdict.advisory,
        "exit_code": int(verdict.exit_code),
        "policies": list(map(_policy, verdict.policies)),
        "evidence": [
            {
                "path": text(read.path),
                "sha256": read.sha256,
                "kind": text(read.kind),
                "status": text(read.status),
                "subject": text(read.subject),
                "standing": text(read.standing),
            }
            for read in verdict.evidence
        ],
        "errors": list(map(error_value, verdict.errors)),
    }


def _policy(policy: PolicyResult) -> dict[str, Any]:
    return {
        "path": text(policy.path),
        "id": text(policy.id),
        "sha256": policy.sha256,
        "legacy": policy.legacy,
        "purpose": policy.purpose,
        "subject": text_or_null(policy.subject),
        "evidence": [text(path) for path in policy.evidence],
        "code": int(policy.code),
        "notes": [text(note) for note in policy.notes],
        "gates": [_gate(gate) for gate in policy.gates],
    }


def _gate(gate: GateResult) -> dict[str, Any]:
    return {
        "name": text(gate.name),
        "description": text_or_null(gate.description),
        "outcome": gate.outcome.value,
        "required": gate.required,
        "level": gate.level,
        "enforced": gate.enforced,
        "waiver": None if gate.waiver is None else _waiver(gate.waiver),
        "location": location_value(gate.location),
        "result": _rule(gate.result),
    }


def _waiver(waiver: WaiverUsed) -> dict[str, Any]:
    return {
        "owner": text(waiver.owner),
        "reason": text(waiver.reason),
        "expires": waiver.expires.isoformat(),
        "location": location_value(waiver.location),
    }


def _rule(rule: RuleResult) -> dict[str, Any]:
    shared = {
        "outcome": rule.outcome.value,
        "why": rule.why.value,
        "reason": text(rule.reason),
        "location": location_value(rule.location),
    }
    if not isinstance(rule, ThresholdResult):
        return {
            "type": "combined",
            **shared,
            "operator": rule.operator,
            "children": [_rule(child) for child in rule.children],
        }
    return {
        "type": "threshold",
        **shared,
        "operator": rule.effect.form,
        "effect": text(rule.effect.name),
        "asks": rule.effect.asks,
        "kind": text(rule.effect.kind),
        "measure": text(rule.effect.measure),
        "unit": text(rule.effect.unit),
        "low": rule.effect.low,
        "high": rule.effect.high,
        "bound": rule.bound,
        "self_reported": rule.self_reported,
        "measured": None if rule.measured is None else _measured(rule.measured),
        "evidence": _evidence(rule.evidence),
        "notes": list(map(text, rule.notes)),
        "against_base": rule.effect.against_base,
        "base_evidence": _evidence(rule.base_evidence),
    }


def _measured(measured: BoundedEstimate) -> dict[str, Any]:
    return {
        "estimate": measured.estimate,
        "lower": measured.lower,
        "upper": measured.upper,
        "standard_error": measured.standard_error,
        "df": measured.df,
        "confidence": measured.confidence,
        "n_seeds": measured.n_seeds,
        "n_observations": measured.n_observations,
        "method": text(measured.method),
        "margin": measured.margin,
        "detectable": measured.detectable,
    }


def _evidence(evidence: EvidenceUsed | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    return {
        "path": text(evidence.path),
        "sha256": evidence.sha256,
        "subject": text(evidence.subject),
        "protocol": text(evidence.protocol),
    }
