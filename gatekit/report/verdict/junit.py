"""The verdict as JUnit XML: one test suite per policy, one test case per gate.

A gate that fails is a failure, one that could not be judged an error; a waived, warned or optional gate that does not
pass is skipped, with the reason. A verdict that is not a pass is never all green.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Literal

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS, CombinedResult, GateResult, Outcome, PolicyResult, RuleResult, Verdict
from gatekit.report.inert import xml
from gatekit.report.verdict.wording import (
    OPERATORS,
    OUTCOMES,
    cells,
    explanation,
    gate_marks,
    headline,
    outcome_words,
    rule_marks,
)

LONGEST = 20_000
"""Characters of one case's details."""


@dataclass(frozen=True)
class _Case:
    """One test case; all text still raw."""

    name: str
    suite: str
    result: Literal["passed", "failure", "error", "skipped"]
    type: str
    message: str
    details: str
    file: str | None = None
    line: int | None = None


def render(verdict: Verdict) -> str:
    """Return the XML document, ending in a line feed."""
    suites = [
        (_suite_name(policy), _properties(policy), [_gate(policy, gate) for gate in policy.gates])
        for policy in verdict.policies
    ]
    own = [_error(error) for error in verdict.errors]
    cases = [case for _, _, found in suites for case in found] + own
    if verdict.code is not ExitCode.PASS and not any(case.result in ("failure", "error") for case in cases):
        own.append(_Case("verdict", "gatekit", "error", verdict.word, headline(verdict), headline(verdict)))
    if own:
        suites.append(("gatekit", {}, own))
    everything = [case for _, _, found in suites for case in found]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="gatekit" {_counts(everything)}>',
        *(line for suite in suites for line in _suite(*suite, verdict)),
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


STOP_RULE = "purpose stop: its passes are weaker, they say only that the evidence does not refute"
"""What a policy is marked by that says when work is given up: its bounds are optimistic."""


def _suite_name(policy: PolicyResult) -> str:
    """Return what readers show of a suite: properties are often hidden, so a weaker pass has it in its name."""
    return f"{policy.id} ({STOP_RULE})" if policy.purpose == "stop" else policy.id


def _properties(policy: PolicyResult) -> dict[str, str]:
    properties = {"path": policy.path, "sha256": policy.sha256, "verdict": WORDS[policy.code]}
    if policy.purpose == "stop":
        properties |= {"purpose": policy.purpose, "weaker": STOP_RULE}
    if policy.subject is not None:
        properties["subject"] = policy.subject
    if policy.notes:
        properties["notes"] = "; ".join(policy.notes)
    return properties


def _suite(name: str, properties: dict[str, str], cases: Sequence[_Case], verdict: Verdict) -> Iterator[str]:
    # The format has no place for a time zone: UTC.
    time = verdict.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    yield f'  <testsuite name="{xml(name)}" {_counts(cases)} timestamp="{time}">'
    yield "    <properties>"
    stated = {
        "gatekit.version": verdict.version,
        "gatekit.verdict": verdict.word,
        "gatekit.exit_code": str(int(verdict.exit_code)),
        "gatekit.advisory": str(verdict.advisory).lower(),
        **{f"policy.{key}": value for key, value in properties.items()},
    }
    for key, value in stated.items():
        yield f'      <property name="{key}" value="{xml(value)}"/>'
    yield "    </properties>"
    for case in cases:
        yield from _case(case)
    yield "  </testsuite>"


def _counts(cases: Sequence[_Case]) -> str:
    def count(result: str) -> int:
        return sum(case.result == result for case in cases)

    return (
        f'tests="{len(cases)}" failures="{count("failure")}" errors="{count("error")}" '
        f'skipped="{count("skipped")}" time="0"'
    )


def _case(case: _Case) -> Iterator[str]:
    place = "" if case.file is None else f' file="{xml(case.file)}"'
    place += "" if case.line is None else f' line="{case.line}"'
    yield f'    <testcase name="{xml(case.name)}" classname="{xml(case.suite)}"{place} time="0">'
    if case.result in ("failure", "error"):
        yield f'      <{case.result} type="{xml(case.type)}" message="{xml(case.message)}">'
        yield f"{xml(case.details, LONGEST)}</{case.result}>"
    else:
        if case.result == "skipped":
            yield f'      <skipped message="{xml(case.message)}"/>'
        yield f"      <system-out>{xml(case.details, LONGEST)}</system-out>"
    yield "    </testcase>"


def _gate(policy: PolicyResult, gate: GateResult) -> _Case:
    result: Literal["passed", "failure", "error", "skipped"] = "passed"
    message = ""
    if gate.outcome is not Outcome.PASS:
        message = explanation(gate.result)
        result = "failure" if gate.outcome is Outcome.FAIL else "error"
        if not gate.enforced:
            result = "skipped"
            message = "; ".join([*gate_marks(gate), f"{outcome_words(gate)}: {message}"])
    return _Case(
        name=gate.name,
        suite=policy.id,
        result=result,
        type=gate.result.why.value,
        message=message,
        details="\n".join(_details(gate)),
        file=gate.location.path,
        line=gate.location.line,
    )


def _details(gate: GateResult) -> Iterator[str]:
    if gate.description is not None:
        yield gate.description
    yield from gate_marks(gate)
    yield from _rule(gate.result, "")


def _rule(rule: RuleResult, indent: str) -> Iterator[str]:
    if isinstance(rule, CombinedResult):
        yield f"{indent}{OPERATORS[rule.operator]}: {OUTCOMES[rule.outcome]}: {rule.reason}"
        for child in rule.children:
            yield from _rule(child, indent + "  ")
        return
    row = cells(rule)
    yield (
        f"{indent}{rule.effect.name}: {OUTCOMES[rule.outcome]}: estimate {row.estimate}, bound {row.bound}, "
        f"threshold {row.threshold}, margin {row.margin}, n {row.n}"
    )
    for sentence in [rule.reason, *rule_marks(rule)]:
        yield f"{indent}  {sentence}"


def _error(error: GatekitError) -> _Case:
    place = error.location
    name, details, file, line = error.error_id, str(error), None, None
    if place is not None:
        name, file, line = f"{error.error_id} at {place}", place.path, place.line
        details = "\n".join(filter(None, [details, place.source_line]))
    return _Case(
        name=name,
        suite="gatekit",
        result="error",
        type=error.error_id,
        message=error.message if error.remedy is None else f"{error.message}; {error.remedy}",
        details=details,
        file=file,
        line=line,
    )
