"""The verdict as one HTML file that needs nothing else: for reading, archiving and sending to people without gatekit.

The verdict stands first, then each policy's picture, then each gate with every number that it was judged on. All text
that others wrote is inert (`inert.html`) and stands in `html_page`'s page, which can neither run nor load anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import (
    WORDS,
    CombinedResult,
    EvidenceUsed,
    GateResult,
    Outcome,
    PolicyResult,
    RuleResult,
    ThresholdResult,
    Verdict,
    shared_reason,
)
from gatekit.report.forest_plot import LEGEND, svg, with_signs
from gatekit.report.html_page import cell, code, error_item, heading, items, page, row, sentence, table, text
from gatekit.report.verdict.wording import (
    OPERATORS,
    OUTCOMES,
    POWER,
    cells,
    gate_marks,
    headline,
    number,
    outcome_words,
    power_range,
    rule_marks,
    rule_name,
    value_needed,
)

COLUMNS = ("rule", "estimate", "bound", "threshold", "margin", f"power {POWER:g} at", "seeds", "evidence", "outcome")


def render(verdict: Verdict) -> str:
    """Return the page, ending in a line feed."""
    return page(f"gatekit: {verdict.word}", blocks(verdict))


def blocks(verdict: Verdict) -> Iterator[str]:
    """Yield the page's content."""
    yield "<main>"
    yield banner(f"gatekit: {verdict.word}", headline(verdict), verdict.code)
    if verdict.errors:
        yield "<section>\n<h2>Errors</h2>"
        yield items([error_item(error) for error in verdict.errors])
        yield "</section>"
    for index, policy in enumerate(verdict.policies):
        yield from policy_section(policy, f"Policy {code(policy.id)}: {WORDS[policy.code]}", f"forest-{index + 1}")
    yield "</main>\n<footer>"
    yield from _evidence(verdict)
    yield f'<p class="quiet">Judged at {verdict.now:%Y-%m-%d %H:%M} UTC by gatekit {code(verdict.version)}.</p>'
    yield "</footer>"


def banner(title: str, said: str, verdict_code: ExitCode) -> str:
    """Return the verdict, first on every page; `title` and `said` are raw text."""
    kind = {ExitCode.PASS: Outcome.PASS, ExitCode.INCONCLUSIVE: Outcome.INCONCLUSIVE}.get(verdict_code, Outcome.FAIL)
    return f'<div class="verdict {kind.value}">\n<h1>{text(title)}</h1>\n<p>{text(said)}</p>\n</div>'


def policy_section(policy: PolicyResult, title: str, identifier: str) -> Iterator[str]:
    """Yield one policy: its subject, its picture and its gates.

    Args:
        policy: what became of it.
        title: finished HTML.
        identifier: of the picture, unique on the page.
    """
    yield f"<section>\n<h2>{title}</h2>"
    subject = "none" if policy.subject is None else code(policy.subject)
    read = f"<br/>Evidence: {', '.join(map(code, policy.evidence))}" if policy.evidence else ""
    yield f'<p class="quiet">{code(policy.path)}, sha256 {code(policy.sha256)}<br/>Subject: {subject}{read}</p>'
    yield items([sentence(note) for note in policy.notes])
    if policy.gates:
        yield f"<figure>\n{svg(policy, identifier)}\n<figcaption>{LEGEND}</figcaption>\n</figure>"
    for gate in policy.gates:
        yield from _gate(gate)
    uncertain = power_range(policy)
    if uncertain is not None:
        yield f'<p class="quiet">Power: {text(uncertain)}.</p>'
    yield "</section>"


def _gate(gate: GateResult) -> Iterator[str]:
    yield f"<section>\n<h3>{code(gate.name)}: {_outcome(gate.outcome, outcome_words(gate))}</h3>"
    if gate.description is not None:
        yield f'<p><span class="quiet">It asks:</span> {text(gate.description)}</p>'
    yield items([sentence(mark) for mark in gate_marks(gate)])
    yield table([text(column) for column in COLUMNS], _rows(gate.result, gate.name), f"Gate {gate.name}", "gate")
    yield "</section>"


def _outcome(outcome: Outcome, words: str) -> str:
    return f'<span class="{outcome.value}">{words}</span>'


def _rows(rule: RuleResult, gate: str, depth: int = 0, explain: bool = True) -> Iterator[str]:
    """Yield one row per rule; a reason that several rules share is said once, above them."""
    shared = shared_reason(rule) if explain else None
    said = [shared] if shared is not None else []
    if explain and isinstance(rule, ThresholdResult) and rule.outcome is not Outcome.PASS:
        said = [rule.reason]
    why = "".join(f'<span class="why">{sentence(one)}</span>' for one in [*said, *rule_marks(rule)])
    outcome = cell("outcome", _outcome(rule.outcome, OUTCOMES[rule.outcome]))
    if isinstance(rule, CombinedResult):
        counted = cell("of its rules", text(rule.reason), "wide", span=len(COLUMNS) - 2)
        yield row(heading(OPERATORS[rule.operator] + why, depth), [counted, outcome])
        for child in rule.children:
            yield from _rows(child, gate, depth + 1, explain and shared is None)
        return
    yield row(heading(code(rule_name(rule, gate)) + why, depth), [*_numbers(rule), outcome])


def _numbers(rule: ThresholdResult) -> Iterator[str]:
    shown, measured = cells(rule), rule.measured
    confidence = "" if measured is None or measured.confidence is None else f"at {number(measured.confidence)}"
    yield cell("estimate", shown.estimate, "number")
    yield cell("bound", shown.bound + (f'<span class="why">{confidence}</span>' if confidence else ""), "number")
    yield cell("threshold", text(with_signs(shown.threshold)), "number")
    yield cell("margin", shown.margin, "number")
    yield cell(text(COLUMNS[5]), text(value_needed(rule) or "-"))
    method = "" if measured is None else f'<span class="why">{text(measured.method)}</span>'
    yield cell("seeds", shown.n + method)
    base = f"<br/>base: {_used(rule.base_evidence)}" if rule.effect.against_base else ""
    yield cell("evidence", _used(rule.evidence) + base, "wide")


def _used(evidence: EvidenceUsed | None) -> str:
    if evidence is None:
        return "-"
    told = f"{text(evidence.protocol)}, sha256 {text(evidence.sha256[:12])}"
    return f'{code(evidence.path)}<span class="why">{told}</span>'


def _evidence(verdict: Verdict) -> Iterator[str]:
    yield "<section>\n<h2>Evidence</h2>"
    if verdict.evidence:
        files = [
            row(
                heading(code(read.path)),
                [
                    cell("kind", text(read.kind)),
                    cell("status", text(read.status)),
                    cell("standing", text(read.standing.replace("_", " "))),
                    cell("sha256", code(read.sha256), "wide"),
                    cell("subject", code(read.subject), "wide"),
                ],
            )
            for read in verdict.evidence
        ]
        yield table(["file", "kind", "status", "standing", "sha256", "subject"], files, "Evidence that was read")
    else:
        yield "<p>None was read.</p>"
    yield "</section>"
