"""What a finished gate said, read back from its JSON report, and whether a success may be believed.

A step succeeds only when the process exited 0, the report that it wrote says `pass`, and the report is about the commit
that this run is about. An exit code alone is what a killed, replaced or half-finished process can also have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import JsonLimits, read_json
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS
from gatekit.github.annotations import Annotation, Level
from gatekit.github.event import EVENTS, read_event
from gatekit.report.badge import GateCount
from gatekit.report.verdict.wording import number

NO_GATES = GateCount(0, 0)
OUTCOMES = ("pass", "fail", "inconclusive")
REPORT_LIMITS = JsonLimits(size=32 << 20, values=2_000_000)

OF_CHECK = "gatekit.verdict/1"
OF_PR = "gatekit.pull_request/1"

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class MovedThreshold:
    """One threshold that says something else after the merge than on the base."""

    name: str
    """Policy, gate and rule."""
    asks: str
    before: tuple[str, str, str]
    """Outcome, estimate and bound, as people read them."""
    after: tuple[str, str, str]


@dataclass(frozen=True)
class Judgement:
    """A report in the words that a workflow needs."""

    word: str
    """One of `WORDS`."""
    exit_code: int
    head: str | None
    """The commit that was judged; None for a report of `gatekit check`, which reads files."""
    failed: tuple[str, ...]
    """Names of gates."""
    inconclusive: tuple[str, ...]
    loosened: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    because: str | None = None
    """The reason in one line."""
    base: str | None = None
    """The commit whose policies judged; None for a report of `gatekit check`."""
    moved: tuple[MovedThreshold, ...] = ()
    gates: GateCount = NO_GATES
    """Of its policies, or of those that judged the change."""
    root: str = ""
    """Folder of the project in its repository, where the report says it."""


def read_report(path: Path) -> Judgement:
    """Read a report of `gatekit check` or `gatekit pr`.

    Raises:
        GatekitError: the file is no such report; `report.invalid` or an error of the strict reader.
    """
    document = read_json(path, REPORT_LIMITS)
    if not isinstance(document.value, dict):
        raise _invalid(path, "it is not an object", "")
    return _judgement(_Report(path, document.value))


def expected_heads(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the commits that a report of this run may be about: the one that GitHub tests, and the change's last.

    Raises:
        GatekitError: the event file is not one that GitHub wrote.
    """
    event = read_event(environment) if environment.get("GITHUB_EVENT_NAME") in EVENTS else None
    found = {environment.get("GITHUB_SHA", ""), event.head_sha if event is not None else ""}
    return frozenset(sha for sha in found if _SHA.fullmatch(sha))


def believed(code: int, report: Judgement | None, heads: frozenset[str] | None) -> tuple[int, str | None]:
    """Return the exit code to end with and, where it is not the process's own, why.

    Args:
        code: what the gate's process exited with.
        report: what it wrote, None when it wrote nothing that can be read.
        heads: commits that the report may be about; None when the gate reads files, which are about no commit.
    """
    if code not in set(ExitCode):
        return ExitCode.INTERNAL, f"the gate ended with {code}, which is none of its exit codes"
    if report is None:
        if code in (ExitCode.PASS, ExitCode.BLOCKED, ExitCode.APPROVAL_NEEDED):
            return ExitCode.INTERNAL, f"the gate exited {code} but left no report"
        return code, None
    if code in (ExitCode.USAGE, ExitCode.INTERNAL):
        return code, None
    if report.exit_code != code or WORDS[ExitCode(code)] != report.word:
        return ExitCode.INTERNAL, f"the gate exited {code} but its report says '{report.word}' ({report.exit_code})"
    if code == ExitCode.PASS and heads is not None and report.head not in heads:
        return ExitCode.INTERNAL, f"the report is about {report.head}, not about the commit of this run"
    return code, None


@dataclass(frozen=True)
class _Report:
    """A JSON object with typed access; whatever is of another type makes the whole report invalid."""

    path: Path
    value: dict[str, Any]
    pointer: str = ""

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        value = self.value.get(key, default)
        if value is None and default is None and key not in self.value:
            raise _invalid(self.path, f"'{key}' is missing", self.pointer)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _invalid(self.path, f"'{key}' is no {kind.__name__}", f"{self.pointer}/{key}")
        return value

    def within(self, key: str) -> _Report:
        return _Report(self.path, self.get(key, dict), f"{self.pointer}/{key}")

    def each(self, key: str) -> Iterator[_Report]:
        for index, item in enumerate(self.get(key, list, [])):
            if not isinstance(item, dict):
                raise _invalid(self.path, "it is no object", f"{self.pointer}/{key}/{index}")
            yield _Report(self.path, item, f"{self.pointer}/{key}/{index}")

    def names(self, key: str) -> tuple[str, ...]:
        found = self.get(key, list)
        for index, item in enumerate(found):
            if not isinstance(item, str):
                raise _invalid(self.path, "it is no name", f"{self.pointer}/{key}/{index}")
        return tuple(found)


def _judgement(report: _Report) -> Judgement:
    word, code = report.get("verdict", str), report.get("exit_code", int)
    if word not in WORDS.values():
        raise _invalid(report.path, "'verdict' is no verdict", "/verdict")
    loosened: tuple[str, ...] = ()
    moved: tuple[MovedThreshold, ...] = ()
    schema = report.get("schema", str)
    if schema not in (OF_CHECK, OF_PR):
        raise _invalid(report.path, f"'schema' is neither {OF_CHECK} nor {OF_PR}", "/schema")
    if schema == OF_CHECK:
        gates = list(_gates(report))
        failed = tuple(name for name, outcome, _ in gates if outcome == "fail")
        inconclusive = tuple(name for name, outcome, _ in gates if outcome == "inconclusive")
        head = base = None
        remarks = [remark for _, _, remark in gates if remark]
    else:
        named = report.within("gates")
        failed, inconclusive = named.names("failed"), named.names("inconclusive")
        moved = tuple(map(_moved, report.each("moved")))
        head, base, loosened = report.get("head", str), report.get("base", str, "") or None, report.names("loosened")
        remarks = [
            *(_remark(finding) for finding in report.each("blocking")),
            *_trust(report),
            *(_remark(finding, "notice") for finding in report.each("advisory")),
        ]
        if not remarks:
            remarks = [Annotation("error", name, "the gate fails") for name in failed]
            remarks += [Annotation("error", name, "the gate is inconclusive") for name in inconclusive]
    remarks = [*(_remark(error) for error in report.each("errors")), *remarks]
    because = report.get("because", str, "") or None
    judging = report if schema == OF_CHECK else None
    if schema == OF_PR and report.value.get("judged") is not None:
        judging = report.within("judged")
    return Judgement(
        word,
        code,
        head,
        failed,
        inconclusive,
        loosened,
        tuple(remarks),
        because=because,
        base=base,
        moved=moved,
        gates=NO_GATES if judging is None else _counted(judging),
        root=report.get("root", str, ""),
    )


def _counted(report: _Report) -> GateCount:
    """Count the gates of a report of `gatekit check` that count, and those that pass on a number."""
    policies = [policy for policy in report.each("policies") if policy.value.get("purpose") != "stop"]
    gates = [gate for policy in policies for gate in policy.each("gates") if gate.get("enforced", bool)]
    passing = [gate for gate in gates if gate.get("outcome", str) == "pass" and _is_measured(gate.within("result"))]
    return GateCount(len(gates), len(passing))


def _is_measured(rule: _Report) -> bool:
    if rule.value.get("type") == "combined":
        return any(_is_measured(part) for part in rule.each("children"))
    return isinstance(rule.value.get("measured"), dict)


def _moved(report: _Report) -> MovedThreshold:
    def side(key: str) -> tuple[str, str, str]:
        told = report.within(key)
        outcome = told.get("outcome", str)
        if outcome not in OUTCOMES:
            raise _invalid(told.path, "'outcome' is no outcome", f"{told.pointer}/outcome")
        bounds = [_number(told, value) for value in told.get("compared", list) if value is not None]
        estimate = told.value.get("estimate")
        return outcome, "-" if estimate is None else _number(told, estimate), " to ".join(bounds) or "-"

    name = f"{report.get('policy', str)}/{report.get('gate', str)}: {report.get('rule', str)}"
    return MovedThreshold(name, report.get("asks", str), side("before"), side("after"))


def _number(report: _Report, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(report.path, "it is no number", report.pointer)
    return number(float(value))


def _gates(report: _Report) -> Iterator[tuple[str, str, Annotation | None]]:
    """Yield name, outcome and remark of every gate that a report of `gatekit check` enforces, and remarks on others."""
    policies = list(report.each("policies"))
    for policy in policies:
        policy_id = policy.get("id", str)
        for gate in policy.each("gates"):
            name, outcome = gate.get("name", str), gate.get("outcome", str)
            full = name if len(policies) == 1 else f"{policy_id}/{name}"
            enforced = gate.get("enforced", bool)
            if outcome == "pass":
                continue
            level: Level = "error" if enforced else "warning" if gate.get("level", str) == "warn" else "notice"
            what = "fails" if outcome == "fail" else "is inconclusive"
            reason = _why(gate.within("result"))
            place = _place(gate, "location")
            remark = Annotation(level, f"{policy_id}/{name} {what}", reason, *place)
            yield full, outcome if enforced else "not enforced", remark


def _why(rule: _Report) -> str:
    """Return why a rule does not pass, with what it is about and asks; as `gatekit.gates.verdict.why_not` says it."""
    reason = rule.get("reason", str)
    if rule.value.get("type") != "combined":
        return f"{rule.get('effect', str)} {rule.get('asks', str)}: {reason}"
    parts = [_why(part) for part in rule.each("children") if part.get("outcome", str) != "pass"]
    return "; ".join([reason, *parts])


def _remark(fault: _Report, level: Level = "error") -> Annotation:
    remedy = fault.value.get("remedy")
    message = fault.get("message", str) + (f"; {remedy}" if isinstance(remedy, str) else "")
    place = (None, None, None) if fault.value.get("location") is None else _place(fault, "location")
    # What makes nothing of the verdict is a warning.
    return Annotation("warning" if fault.get("exit_code", int) == 0 else level, fault.get("id", str), message, *place)


def _trust(report: _Report) -> Iterator[Annotation]:
    """Yield what needs approval; once it is approved, still shown."""
    approved = report.value.get("approved_by") is not None
    for change in report.each("trust"):
        path, what = change.get("path", str), change.get("what", str)
        said = f"{what}: approved" if approved else f"{what}: this change needs approval"
        yield Annotation("notice" if approved else "error", path, said)


def _place(report: _Report, key: str) -> tuple[str | None, int | None, int | None]:
    value = report.within(key).value

    def number(part: str) -> int | None:
        found = value.get(part)
        return found if isinstance(found, int) else None

    path = value.get("path")
    return path if isinstance(path, str) else None, number("line"), number("column")


def _invalid(path: Path, reason: str, pointer: str) -> GatekitError:
    return GatekitError(
        "report.invalid", f"this is no report of gatekit: {reason}", Location(str(path), pointer=pointer)
    )
