"""The verdict as SARIF 2.1.0, for code scanning: a rule per gate, a result at its line of the policy.

The level says what a result does to the merge: `error` blocks it, `warning` comes from a gate of level warn, `note`
from one that is not required. A waived result keeps its level and is suppressed, with the waiver's words. Passing gates
give rules but no results, because code scanning shows every result as an alert.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import GateResult, Outcome, PolicyResult, Verdict
from gatekit.report import inert
from gatekit.report.verdict.wording import explanation, gate_marks, headline, outcome_words

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

FINGERPRINT = "gatekit/v1"
"""Stays the same when lines move, so that an alert stays one alert."""

NOWHERE = Location("policies")
"""Code scanning refuses a whole file for one result without a place."""


def render(verdict: Verdict) -> str:
    """Return the SARIF log, ending in a line feed."""
    results = [result for policy in verdict.policies for gate in policy.gates for result in _gate(policy, gate)]
    results += [_error(error) for error in verdict.errors]
    blocking = any(result["level"] == "error" and "suppressions" not in result for result in results)
    if verdict.code is not ExitCode.PASS and not blocking:
        results.append(_result("gatekit/verdict", "error", headline(verdict), _fallback(verdict), [verdict.word]))
    rules = {_rule_id(policy, gate): _rule(policy, gate) for policy in verdict.policies for gate in policy.gates}
    for result in results:
        rules.setdefault(result["ruleId"], {"id": result["ruleId"]})
    order = {name: index for index, name in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = order[result["ruleId"]]
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "gatekit", "version": _text(verdict.version), "rules": list(rules.values())}
                },
                # An unfinished evaluation is not a clean one, however few results it has.
                "invocations": [
                    {
                        "executionSuccessful": verdict.code
                        not in (ExitCode.REFUSED, ExitCode.USAGE, ExitCode.INTERNAL),
                        "exitCode": int(verdict.exit_code),
                        "exitCodeDescription": _text(headline(verdict)),
                    }
                ],
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    # See json_report: `##[` anywhere in a line is a command to GitHub's runner, and in JSON `#` stands in strings only.
    return json.dumps(log, allow_nan=False, indent=2, sort_keys=True).replace("##[", "#\\u0023[") + "\n"


def _rule_id(policy: PolicyResult, gate: GateResult) -> str:
    return f"{_text(policy.id)}/{_text(gate.name)}"


def _rule(policy: PolicyResult, gate: GateResult) -> dict[str, Any]:
    return {
        "id": _rule_id(policy, gate),
        "name": _text(gate.name),
        "shortDescription": {"text": _text(gate.description or f"gate {gate.name} of policy {policy.id}")},
        "defaultConfiguration": {"level": _level(gate)},
    }


def _level(gate: GateResult) -> str:
    if not gate.required:
        return "note"
    return "warning" if gate.level == "warn" else "error"


def _gate(policy: PolicyResult, gate: GateResult) -> Iterator[dict[str, Any]]:
    if gate.outcome is Outcome.PASS:
        return
    # A message is one line: its first sentence is the alert's title.
    marks = "".join(f" ({mark})" for mark in gate_marks(gate))
    message = f"Gate {gate.name}: {outcome_words(gate)}: {explanation(gate.result)}{marks}"
    result = _result(_rule_id(policy, gate), _level(gate), message, gate.location, [policy.id, gate.name])
    if gate.waiver is not None:
        waiver = gate.waiver
        words = f"waived until {waiver.expires.isoformat()} by {waiver.owner}: {waiver.reason}"
        # SARIF: external means that the suppression stands elsewhere than in the code that the result is about.
        suppression = {"kind": "external", "justification": _text(words), "location": _location(waiver.location)}
        result["suppressions"] = [suppression]
    yield result


def _error(error: GatekitError) -> dict[str, Any]:
    message = error.message if error.remedy is None else f"{error.message}; {error.remedy}"
    place = error.location or NOWHERE
    result = _result(_text(error.error_id), "error", message, place, [error.error_id, _uri(place.path), error.message])
    if error.location is not None and error.location.pointer is not None:
        result["locations"][0]["logicalLocations"] = [{"fullyQualifiedName": _text(error.location.pointer)}]
    return result


def _result(rule: str, level: str, message: str, location: Location, identity: list[str]) -> dict[str, Any]:
    return {
        "ruleId": rule,
        "level": level,
        # Brackets would be a link: SARIF reads `[text](target)` in plain messages too.
        "message": {"text": _text(message).replace("[", "\\[").replace("]", "\\]")},
        "locations": [_location(location)],
        "partialFingerprints": {FINGERPRINT: _digest(identity)},
    }


def _location(location: Location) -> dict[str, Any]:
    region: dict[str, int] = {"startLine": location.line or 1}
    if location.line is not None and location.column is not None:
        region["startColumn"] = location.column
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(location.path)}, "region": region}}


def _fallback(verdict: Verdict) -> Location:
    return Location(verdict.policies[0].path) if verdict.policies else NOWHERE


def _uri(path: str) -> str:
    """Return a relative URI; of a path that leaves the repository only the file's name, as no machine's paths leak."""
    posix = PurePosixPath(_text(path.replace("\\", "/")))
    inside = not posix.is_absolute() and ".." not in posix.parts and not (posix.parts and ":" in posix.parts[0])
    return quote((str(posix) if inside and posix.name else posix.name) or NOWHERE.path)


def _digest(identity: list[str]) -> str:
    text = json.dumps(identity)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _text(text: str) -> str:
    """Return text without hidden characters; `::` needs no breaking, as every line of the log starts with JSON."""
    return inert.terminal(text, 1000)
