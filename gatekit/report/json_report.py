"""The verdict as JSON that follows `schemas/verdict.schema.json`: keys sorted, numbers finite, text complete.

The same verdict always gives the same bytes. Text is pure ASCII, so nothing in it can steer a terminal.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.gates.verdict import (
    EvidenceUsed,
    GateResult,
    Measured,
    PolicyResult,
    RuleResult,
    ThresholdResult,
    Verdict,
    WaiverUsed,
)

SCHEMA = "gatekit.verdict/1"

MAX_TEXT = 4096
"""Characters; the schema's bound. Longer text ends in `...`."""


def render(verdict: Verdict) -> str:
    """Return the JSON document, ending in a line feed.

    Raises:
        ValueError: a number is not finite. The gate never computes one, so this is a fault of gatekit.
    """
    text = json.dumps(document(verdict), allow_nan=False, ensure_ascii=True, indent=2, sort_keys=True)
    # `##[` anywhere in a printed line is a command to GitHub's runner. In JSON `#` stands in strings only, where the
    # escape means the same character.
    return text.replace("##[", "#\\u0023[") + "\n"


def document(verdict: Verdict) -> dict[str, Any]:
    """Return what `render` writes, as plain dicts and lists."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "gatekit", "version": _text(verdict.version)},
        "now": verdict.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "verdict": verdict.word,
        "code": int(verdict.code),
        "advisory": verdict.advisory,
        "exit_code": int(verdict.exit_code),
        "policies": [_policy(policy) for policy in verdict.policies],
        "evidence": [
            {
                "path": _text(read.path),
                "sha256": read.sha256,
                "kind": _text(read.kind),
                "status": _text(read.status),
                "subject": _text(read.subject),
            }
            for read in verdict.evidence
        ],
        "errors": [_error(error) for error in verdict.errors],
    }


def _policy(policy: PolicyResult) -> dict[str, Any]:
    return {
        "path": _text(policy.path),
        "id": _text(policy.id),
        "sha256": policy.sha256,
        "legacy": policy.legacy,
        "subject": _text_or_null(policy.subject),
        "code": int(policy.code),
        "notes": [_text(note) for note in policy.notes],
        "gates": [_gate(gate) for gate in policy.gates],
    }


def _gate(gate: GateResult) -> dict[str, Any]:
    return {
        "name": _text(gate.name),
        "description": _text_or_null(gate.description),
        "outcome": gate.outcome.value,
        "required": gate.required,
        "level": gate.level,
        "enforced": gate.enforced,
        "waiver": None if gate.waiver is None else _waiver(gate.waiver),
        "location": _location(gate.location),
        "result": _rule(gate.result),
    }


def _waiver(waiver: WaiverUsed) -> dict[str, Any]:
    return {
        "owner": _text(waiver.owner),
        "reason": _text(waiver.reason),
        "expires": waiver.expires.isoformat(),
        "location": _location(waiver.location),
    }


def _rule(rule: RuleResult) -> dict[str, Any]:
    shared = {
        "outcome": rule.outcome.value,
        "why": rule.why.value,
        "reason": _text(rule.reason),
        "operator": rule.operator,
        "location": _location(rule.location),
    }
    if not isinstance(rule, ThresholdResult):
        return {"type": "combined", **shared, "children": [_rule(child) for child in rule.children]}
    return {
        "type": "threshold",
        **shared,
        "kind": _text(rule.kind),
        "measure": _text(rule.measure),
        "unit": _text(rule.unit),
        "low": rule.low,
        "high": rule.high,
        "bound": rule.bound,
        "self_reported": rule.self_reported,
        "measured": None if rule.measured is None else _measured(rule.measured),
        "evidence": None if rule.evidence is None else _evidence(rule.evidence),
        "notes": [_text(note) for note in rule.notes],
        "against_base": rule.against_base,
        "base_evidence": None if rule.base_evidence is None else _evidence(rule.base_evidence),
    }


def _measured(measured: Measured) -> dict[str, Any]:
    return {
        "estimate": measured.estimate,
        "lower": measured.lower,
        "upper": measured.upper,
        "standard_error": measured.standard_error,
        "df": measured.df,
        "confidence": measured.confidence,
        "n_seeds": measured.n_seeds,
        "n_observations": measured.n_observations,
        "method": _text(measured.method),
        "margin": measured.margin,
        "detectable": measured.detectable,
    }


def _evidence(evidence: EvidenceUsed) -> dict[str, Any]:
    return {
        "path": _text(evidence.path),
        "sha256": evidence.sha256,
        "subject": _text(evidence.subject),
        "protocol": _text(evidence.protocol),
    }


def _error(error: GatekitError) -> dict[str, Any]:
    return {
        "id": _text(error.error_id),
        "message": _text(error.message),
        "location": None if error.location is None else _location(error.location),
        "remedy": _text_or_null(error.remedy),
        "exit_code": int(error.exit_code),
    }


def _location(location: Location) -> dict[str, Any]:
    return {
        "path": _text(location.path),
        "line": location.line,
        "column": location.column,
        "pointer": _text_or_null(location.pointer),
        "source_line": _text_or_null(location.source_line),
    }


def _text_or_null(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _text(text: str) -> str:
    # A file name that is not UTF-8 reaches Python as lone surrogates, which no strict JSON reader accepts.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."
