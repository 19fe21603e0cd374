"""The verdict for people at a terminal and in CI logs: aligned plain text, optionally coloured.

Every line is made of text that cannot steer the terminal or GitHub's runner. ASCII is all that the layout needs, so the
report survives any log; colour only repeats what the words say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.gates.looks import is_unannounced
from gatekit.gates.verdict import (
    WORDS,
    CombinedResult,
    GateResult,
    Outcome,
    PolicyResult,
    RuleResult,
    Verdict,
    shared_reason,
)
from gatekit.report import inert
from gatekit.report.first_problems import first_errors
from gatekit.report.verdict.folding import is_folded, remarks, said_once, told_apart
from gatekit.report.verdict.next_steps import next_steps
from gatekit.report.verdict.wording import (
    OUTCOMES,
    POWER_LEAD,
    cells,
    gate_marks,
    headline,
    outcome_words,
    power,
    power_range,
    rule_marks,
    rule_name,
)

DEFAULT_WIDTH = 100

LONGEST = 1000
"""Characters of one sentence: twice what any of gatekit's own has, room for the names that others put into it."""

HEADINGS = ("gate / rule", "estimate", "bound", "threshold", "margin", "n", "outcome")
RIGHT_ALIGNED = (False, True, True, False, True, True, False)
GAP = "  "
NEXT = "next: "
INDENT = "  "
NARROWEST = 12
"""Columns that names keep beside the numbers; where a terminal has fewer, all numbers move to the next line."""

ESCAPE = "\x1b["
COLORS = {
    "bold": "1",
    "dim": "2",
    Outcome.PASS: "32",
    Outcome.FAIL: "1;31",
    Outcome.INCONCLUSIVE: "33",
    "blocked": "1;31",
}

Span = tuple[str, str | None]
"""Text that is already inert, and the key of its colour."""
Line = list[Span]


def render(
    verdict: Verdict,
    width: int = DEFAULT_WIDTH,
    color: bool = False,
    verbose: bool = False,
    again: str | None = "",
) -> str:
    """Return the report, ending in what to do next and in exactly one line that starts with `verdict: `.

    Args:
        verdict: what to report.
        width: columns; sentences are wrapped to it and long names shortened. Paths and quoted lines stay whole.
        color: add ANSI colours; the words and the layout are the same without.
        verbose: show what passed as fully as what did not.
        again: as for `next_steps`.
    """
    lines: list[Line] = []
    folded = [] if verbose else [policy for policy in verdict.policies if is_folded(policy)]
    for policy in folded:
        lines += folded_lines(policy, width)
    lines += notes_of_folded(folded, width)
    lines += [[]] if lines else []
    for policy in verdict.policies if verbose else (p for p in verdict.policies if not is_folded(p)):
        lines += [*policy_lines(policy, width, folded=not verbose), []]
    if verdict.errors:
        lines.append([("errors", "bold")])
        shown, more = first_errors(verdict.errors)
        for error in shown:
            lines += error_lines(error, width)
        lines += [[(f"{INDENT}{_inert(line)}", None)] for line in more]
        lines.append([])
    for number, step in enumerate(next_steps(verdict, again, folded=not verbose)):
        first, *rest = wrapped(step, " " * len(NEXT), width, None)
        lines += [[(NEXT + first[0][0].lstrip(), None)] if number == 0 else first, *rest]
    lines.append([(_footer(verdict), "dim")])
    lines.append([(f"verdict: {_inert(headline(verdict))}", _color_of(verdict))])
    return "".join(joined(line, color) + "\n" for line in lines)


def joined(line: Line, color: bool) -> str:
    """Return one line of the report, without spaces at its end."""
    text = "".join(
        f"{ESCAPE}{COLORS[key]}m{text}{ESCAPE}0m" if color and key is not None and text else text for text, key in line
    )
    return text.rstrip(" ")


def _inert(text: str, limit: int = LONGEST) -> str:
    return inert.terminal(text, limit)


def _color_of(verdict: Verdict) -> str:
    return {ExitCode.PASS: Outcome.PASS.value, ExitCode.INCONCLUSIVE: Outcome.INCONCLUSIVE.value}.get(
        verdict.code, "blocked"
    )


def _footer(verdict: Verdict) -> str:
    count = len(verdict.evidence)
    read = f"{count} summar{'y' if count == 1 else 'ies'} read"
    return f"{read}; judged at {verdict.now:%Y-%m-%d %H:%M} UTC by gatekit {_inert(verdict.version)}"


def folded_lines(policy: PolicyResult, width: int, state: str | None = None) -> Iterator[Line]:
    """Yield a policy whose pass fits one line, and its subject; `state` is as for `policy_lines`."""
    gates = len(policy.gates)
    # Where the state says how many gates pass, their number has been said.
    count = f"{gates} gate{'s' * (gates != 1)}" if state is None else ""
    told = ", ".join(filter(None, [count, _exploratory(policy), remarks(policy.gates)]))
    yield [
        (f"policy {_inert(policy.id)}: {WORDS[policy.code] if state is None else state}", "bold"),
        (f"{GAP}{_inert(policy.path)}{f'{GAP}{told}' if told else ''}", None),
    ]
    if policy.subject is not None:
        yield from wrapped(f"subject {policy.subject}", INDENT, width, None)


def notes_of_folded(policies: Sequence[PolicyResult], width: int) -> Iterator[Line]:
    """Yield the notes that folded policies share, once."""
    for note in said_once(policies):
        yield from wrapped(f"note: {note}", INDENT, width, None)


def _exploratory(policy: PolicyResult) -> str:
    return "exploratory" if any(map(is_unannounced, policy.notes)) else ""


def policy_lines(policy: PolicyResult, width: int, state: str | None = None, folded: bool = False) -> Iterator[Line]:
    """Yield one policy: its subject, its table and what the table cannot say.

    Args:
        policy: what became of it.
        width: columns.
        state: what stands behind its name; by default its verdict.
        folded: only name the gates that pass with nothing to remark.
    """
    state = WORDS[policy.code] if state is None else state
    # The note that most evidence has is one word where the report is to be short.
    word = _exploratory(policy) if folded else ""
    yield [
        (f"policy {_inert(policy.id)}: {state}", "bold"),
        (f"{GAP}{_inert(policy.path)}{f'{GAP}{word}' if word else ''}", None),
    ]
    subject = "none" if policy.subject is None else policy.subject
    yield from wrapped(f"subject {subject}", INDENT, width, None)
    if policy.evidence:
        yield from wrapped(f"evidence {', '.join(policy.evidence)}", INDENT, width, None)
    for note in policy.notes:
        if word and is_unannounced(note):
            continue
        yield from wrapped(f"note: {note}", INDENT, width, None)
    shown, plain = told_apart(policy.gates) if folded else (policy.gates, ())
    yield []
    if shown or not plain:
        yield from _table([row for gate in shown for row in _gate_rows(gate)], width)
    if plain:
        told = f" ({remarks(plain)}: --verbose)" if remarks(plain) else ""
        yield from wrapped(f"pass: {', '.join(gate.name for gate in plain)}{told}", INDENT, width, None)
    stated = () if folded else power(policy)
    if stated:
        yield []
        yield [(f"{INDENT}{POWER_LEAD}", "dim")]
        yield from _packed([f"{name} {needed}" for name, needed in stated], INDENT * 2, width)
        uncertain = power_range(policy)
        if uncertain is not None:
            yield from wrapped(uncertain, INDENT, width, "dim")


@dataclass(frozen=True)
class _Row:
    """One rule: its cells, and the sentences under it."""

    depth: int
    cells: tuple[str, ...]
    outcome: Outcome
    below: tuple[str, ...]


def _gate_rows(gate: GateResult) -> Iterator[_Row]:
    explain = gate.outcome is not Outcome.PASS
    top, *rest = _rule_rows(gate.result, gate.name, f"{gate.name}: {rule_name(gate.result, gate.name)}", 0, explain)
    about = (gate.description,) if explain and gate.description is not None else ()
    yield replace(top, cells=(*top.cells[:-1], outcome_words(gate)), below=(*about, *gate_marks(gate), *top.below))
    yield from rest


def _rule_rows(rule: RuleResult, gate: str, label: str, depth: int, explain: bool) -> Iterator[_Row]:
    below = rule_marks(rule)
    shared = shared_reason(rule) if explain else None
    if explain and rule.outcome is not Outcome.PASS:
        below.append(rule.reason if shared is None else f"{rule.reason}: {shared}")
    # A name is cut where the column would otherwise push every number off the screen.
    name = _inert(label, 120)
    numbers = ("", "", "", "", "")
    if not isinstance(rule, CombinedResult):
        row = cells(rule)
        numbers = (row.estimate, row.bound, row.threshold, row.margin, row.n)
    yield _Row(depth, (name, *numbers, OUTCOMES[rule.outcome]), rule.outcome, tuple(below))
    if isinstance(rule, CombinedResult):
        for child in rule.children:
            yield from _rule_rows(child, gate, rule_name(child, gate), depth + 1, explain and shared is None)


def _table(rows: Sequence[_Row], width: int) -> Iterator[Line]:
    widths = [max(map(len, column)) for column in zip(HEADINGS, *(row.cells for row in rows), strict=True)]
    # What a few outcomes say in addition may stand beyond the edge rather than take room from every name.
    widths[-1] = len(OUTCOMES[Outcome.INCONCLUSIVE])
    names = max((len(_name(row)) for row in rows), default=0)
    room = width - len(INDENT) - sum(widths[1:]) - len(GAP) * (len(HEADINGS) - 1)
    if room < NARROWEST:
        yield from _stacked(rows, width)
        return
    widths[0] = max(len(HEADINGS[0]), min(names, room))
    yield [(INDENT + _aligned(HEADINGS[:-1], widths), "dim"), (GAP + HEADINGS[-1], "dim")]
    for row in rows:
        name = _shortened(_name(row), width - len(INDENT))
        numbers = _aligned(("", *row.cells[1:-1]), widths)
        # Combined rules have no numbers: their names may run through the empty columns.
        if len(name) > (widths[0] if numbers.strip() else len(numbers)):
            yield [(INDENT + name, None)]
        else:
            numbers = name + numbers[len(name) :]
        yield [(f"{INDENT}{numbers}{GAP}", None), (row.cells[-1], row.outcome.value)]
        for sentence in row.below:
            yield from wrapped(sentence, INDENT * (row.depth + 3), width, "dim")


def _stacked(rows: Sequence[_Row], width: int) -> Iterator[Line]:
    """Yield the rows of a screen too narrow for the columns: name and outcome, then the numbers with their headings."""
    for row in rows:
        name, outcome = _shortened(_name(row), width - len(INDENT)), row.cells[-1]
        fits = len(INDENT) + len(name) + len(GAP) + len(outcome) <= width
        yield [(INDENT + name, None), *([(GAP, None), (outcome, row.outcome.value)] if fits else [])]
        deeper = INDENT * (row.depth + 3)
        if not fits:
            yield [(deeper, None), (outcome, row.outcome.value)]
        numbers = [f"{heading} {cell}" for heading, cell in zip(HEADINGS[1:-1], row.cells[1:-1], strict=True) if cell]
        if numbers:
            yield from _packed(numbers, deeper, width, ",", None)
        for sentence in row.below:
            yield from wrapped(sentence, deeper, width, "dim")


def _shortened(name: str, longest: int) -> str:
    return name if len(name) <= longest else name[: longest - 3] + "..."


def _name(row: _Row) -> str:
    return INDENT * row.depth + row.cells[0]


def _aligned(cells_of_row: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(
        text.rjust(size) if right else text.ljust(size)
        for text, size, right in zip(cells_of_row, widths, RIGHT_ALIGNED, strict=False)
    )


def wrapped(sentence: str, indent: str, width: int, key: str | None = None) -> Iterator[Line]:
    """Yield a sentence, made inert and wrapped; its further lines are indented once more."""
    pieces = textwrap.wrap(
        _inert(sentence),
        width,
        initial_indent=indent,
        subsequent_indent=indent + INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for piece in pieces:
        yield [(piece, key)]


def _packed(
    items: Sequence[str], indent: str, width: int, separator: str = ";", key: str | None = "dim"
) -> Iterator[Line]:
    """Yield as many whole items on each line as fit."""
    line = ""
    for index, item in enumerate(items):
        piece = _inert(item) + (separator if index + 1 < len(items) else "")
        if line and len(indent) + len(line) + 1 + len(piece) > width:
            yield [(indent + line, key)]
            line = ""
        line += f" {piece}" if line else piece
    yield [(indent + line, key)]


def error_lines(error: GatekitError, width: int) -> Iterator[Line]:
    """Yield an error and the user's own line under it."""
    yield from wrapped(str(error), INDENT, width, None)
    location = error.location
    if location is None or location.source_line is None:
        return
    source = location.source_line.strip()
    quoted = _inert(source, 200)
    yield [(INDENT * 3 + quoted, "dim")]
    offset = (location.column or 1) - 1 - (len(location.source_line) - len(location.source_line.lstrip()))
    # A caret under escaped or shortened text would point at the wrong place.
    if quoted == source and source.isascii() and 0 <= offset < len(source):
        yield [(INDENT * 3 + " " * offset + "^", Outcome.FAIL.value)]
