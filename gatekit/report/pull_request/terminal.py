"""The verdict on a pull request for people at a terminal and in CI logs: plain text, optionally coloured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import Outcome
from gatekit.policy import PolicyDiff
from gatekit.pull_request.verdict import Flip, PullRequestVerdict
from gatekit.report import inert
from gatekit.report.first_problems import first_errors
from gatekit.report.pull_request.wording import (
    ALREADY,
    PREVIEW,
    SHOWN,
    WORDS_OF_CLAIMS,
    about,
    approval,
    changed_parts,
    context_words,
    evidence_words,
    flip_words,
    footer,
    gates_of,
    headline,
    judging_changes,
    left_out,
    move_words,
    moved_title,
    needs,
    needs_people,
    ordered,
    origin,
    outcome_of,
    side_by_side,
    state_of,
)
from gatekit.report.verdict.folding import is_folded
from gatekit.report.verdict.terminal import (
    DEFAULT_WIDTH,
    INDENT,
    LONGEST,
    Line,
    error_lines,
    folded_lines,
    joined,
    notes_of_folded,
    policy_lines,
    wrapped,
)


def render(verdict: PullRequestVerdict, width: int = DEFAULT_WIDTH, color: bool = False, verbose: bool = False) -> str:
    """Return the report, ending in exactly one line that starts with `verdict: `.

    Args:
        verdict: what to report.
        width: columns; sentences are wrapped to it.
        color: add ANSI colours; the words and the layout are the same without.
        verbose: show what passed as fully as what did not.
    """
    lines: list[Line] = []
    for title, section in _sections(verdict, width, verbose):
        if section:
            lines += [[(title, "bold")], *section, []]
    # Indented: no text of others may stand where the verdict does.
    for sentence in (*verdict.notes, footer(verdict)):
        lines += wrapped(sentence, INDENT, width, "dim")
    lines.append([(f"verdict: {inert.terminal(headline(verdict), LONGEST)}", _color(verdict))])
    return text(lines, color)


def text(lines: Sequence[Line], color: bool = False) -> str:
    """Return lines as text, each with a line feed."""
    return "".join(joined(line, color) + "\n" for line in lines)


def policy_changes(diffs: Sequence[PolicyDiff], flips: Sequence[Flip], width: int) -> list[Line]:
    """Return what changed in policies, and which outcomes that would turn."""
    lines: list[Line] = []
    for diff in diffs:
        lines += wrapped(f"{diff.policy}: {diff.change}", INDENT, width)
        for gate, change, what in changed_parts(diff):
            lines += wrapped(f"{gate or 'policy'} {change}{': ' * bool(what)}{what}", INDENT * 2, width)
    if flips:
        lines += wrapped("on today's evidence these outcomes flip:", INDENT, width)
        for flip in flips:
            lines += wrapped(f"{flip.policy}/{flip.gate}: {flip_words(flip, '->')}", INDENT * 2, width)
    return lines


def _color(verdict: PullRequestVerdict) -> str:
    colors = {ExitCode.PASS: Outcome.PASS.value, ExitCode.INCONCLUSIVE: Outcome.INCONCLUSIVE.value}
    return colors.get(verdict.code, "blocked")


def _sections(verdict: PullRequestVerdict, width: int, verbose: bool) -> Iterator[tuple[str, list[Line]]]:
    shown, more = first_errors(verdict.errors)
    errors = [line for error in shown for line in error_lines(error, width)]
    yield "errors", errors + [line for text in more for line in wrapped(text, INDENT, width)]
    yield "what judges changed", _trust(verdict, width)
    yield "claims", _claims(verdict, width)
    yield "claims as they were and as they are", _side_by_side(verdict, width)
    yield (
        "this change must put right",
        _listed([str(finding) for finding in ordered(verdict.blocking)], width),
    )
    context = [f"{place}: {what}" for place, what in map(context_words, verdict.context)]
    yield "context, judged by no gate", _listed(context, width)
    yield "worth a look", _listed([str(finding) for finding in ordered(verdict.remarks)], width)
    yield "policy", _policies(verdict, width)
    yield "evidence that was judged before", _subjects(verdict, width)
    evidence = [f"{e.path} {e.change}{f': it {e.reason}' if e.reason else ''}" for e in verdict.evidence]
    yield "evidence", _listed(evidence, width)
    yield inert.terminal(moved_title(verdict)), _moved(verdict, width)
    yield "gates, on the evidence after the merge", _gates(verdict, width, verbose)
    already = _listed([str(finding) for finding in ordered(verdict.advisory)], width)
    yield "already there", [*wrapped(ALREADY, INDENT, width, "dim"), *already] if already else []


def _trust(verdict: PullRequestVerdict, width: int) -> list[Line]:
    changes = judging_changes(verdict)
    if not changes:
        return []
    lines = _listed([f"{change.path}: {change.what}" for change in changes], width)
    return lines + list(wrapped(approval(verdict, "'{}'".format), INDENT, width))


def _subjects(verdict: PullRequestVerdict, width: int) -> list[Line]:
    lines = _listed([f"{path}: {what}" for path, what in evidence_words(verdict)], width)
    return lines + list(wrapped(approval(verdict, "'{}'".format), INDENT, width)) if needs_people(verdict) else lines


def _claims(verdict: PullRequestVerdict, width: int) -> list[Line]:
    said = []
    for change in verdict.claims:
        gates = ", ".join(f"{gate.gate} {outcome_of(gate.outcome)}" for gate in gates_of(verdict, change))
        must = f"; must pass: {gates}" if gates else ""
        name = f" {change.claim}" if change.claim is not None else ""
        place, what = about(change)
        where = f" at {place}" if place is not None else ""
        said.append(f"{WORDS_OF_CLAIMS[change.kind]}{name}{where}: {what}{must}")
    return _listed(said, width)


def _side_by_side(verdict: PullRequestVerdict, width: int) -> list[Line]:
    both = side_by_side(verdict)
    lines: list[Line] = []
    for claim, sides in both[:SHOWN]:
        name = f"{claim}: " if claim is not None else ""
        lines += wrapped(f"{name}{sides.what}", INDENT, width)
        lines += wrapped(f"base  {sides.base}", INDENT * 2, width)
        lines += wrapped(f"head  {sides.head}", INDENT * 2, width)
    if len(both) > SHOWN:
        lines += wrapped(left_out(len(both) - SHOWN), INDENT, width, "dim")
    return lines


def _policies(verdict: PullRequestVerdict, width: int) -> list[Line]:
    if not verdict.policies:
        return []
    lines = policy_changes(verdict.policies, verdict.flips, width)
    if not verdict.flips:
        lines += wrapped("on today's evidence no outcome flips", INDENT, width)
    return lines + list(wrapped(PREVIEW, INDENT, width, "dim"))


def _moved(verdict: PullRequestVerdict, width: int) -> list[Line]:
    words = (move_words(move, "->") for move in verdict.moved)
    return _listed([f"{name}: {_numbers(numbers)}" for name, *numbers in words], width)


def _numbers(numbers: Sequence[str]) -> str:
    estimate, bound, threshold, outcome = numbers
    return f"estimate {estimate}, bound {bound}, threshold {threshold}: {outcome}"


def _gates(verdict: PullRequestVerdict, width: int, verbose: bool) -> list[Line]:
    """Return the policies, folded as `gatekit check` folds them; which gates must pass is always said."""
    policies = verdict.judged.policies if verdict.judged is not None else ()
    folded = [] if verbose else [policy for policy in policies if is_folded(policy)]
    lines: list[Line] = []
    for policy in folded:
        lines += folded_lines(policy, width, f"{origin(verdict, policy.id)}, {state_of(policy)}")
        lines += wrapped(needs(verdict, policy.id, str), INDENT, width)
    lines += notes_of_folded(folded, width)
    for policy in policies if verbose else (p for p in policies if not is_folded(p)):
        if lines:
            lines.append([])
        state = f"{origin(verdict, policy.id)}, {state_of(policy)}"
        lines += policy_lines(policy, width, state, folded=not verbose)
        lines += [[], *wrapped(needs(verdict, policy.id, str), INDENT, width)]
    return lines


def _listed(texts: Sequence[str], width: int) -> list[Line]:
    lines = [line for text in texts[:SHOWN] for line in wrapped(text, INDENT, width)]
    if len(texts) > SHOWN:
        lines += wrapped(left_out(len(texts) - SHOWN), INDENT, width, "dim")
    return lines
