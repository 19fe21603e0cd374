"""The verdict on a pull request as one HTML file: the sections of the Markdown report, every gate with its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatekit.claims.finding import Finding
from gatekit.gates.verdict import WORDS
from gatekit.pull_request.verdict import PullRequestVerdict
from gatekit.report.html_page import cell, code, error_item, heading, items, page, row, sentence, table, text
from gatekit.report.pull_request.wording import (
    ADVISORY,
    ALREADY,
    CONTEXT,
    MOVED,
    PREVIEW,
    SUBJECTS,
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
    move_words,
    moved_title,
    needed_in,
    needs,
    needs_people,
    ordered,
    origin,
    outcome_of,
    side_by_side,
    state_of,
)
from gatekit.report.verdict.html import banner, policy_section


def render(verdict: PullRequestVerdict) -> str:
    """Return the page, ending in a line feed; unlike a comment it has room for everything."""
    return page(f"gatekit: {verdict.word}", _blocks(verdict))


def _blocks(verdict: PullRequestVerdict) -> Iterator[str]:
    yield "<main>"
    yield banner(f"gatekit: {WORDS[verdict.code]}", headline(verdict), verdict.code)
    yield from _section("Errors", [error_item(error) for error in verdict.errors])
    yield from _trust(verdict)
    yield from _claims(verdict)
    yield from _section("This change must put right", _findings(verdict.blocking))
    context = [f"{code(place)}: {sentence(what)}" for place, what in map(context_words, verdict.context)]
    yield from _section("Context", context, f"<p>{CONTEXT}</p>")
    yield from _section("Worth a look", _findings(verdict.remarks))
    yield from _policies(verdict)
    said = f"<p>{approval(verdict, code)}</p>" if needs_people(verdict) else ""
    listed = [f"{code(path)}: {sentence(what)}" for path, what in evidence_words(verdict)]
    yield from _section("Evidence that was judged before", listed, f"<p>{SUBJECTS}</p>{said}")
    yield from _evidence(verdict)
    yield from _moved(verdict)
    yield from _gates(verdict)
    yield from _section("Already there", _findings(verdict.advisory), f"<p>{ALREADY}</p>")
    yield "</main>\n<footer>"
    yield items([sentence(note) for note in verdict.notes])
    yield f'<p class="quiet">{text(footer(verdict))} Exit code {int(verdict.code)}.</p>'
    yield "</footer>"


def _section(title: str, listed: Sequence[str], before: str = "") -> Iterator[str]:
    """Yield a section with a list of finished HTML; what has nothing in it has no section."""
    if listed:
        yield f"<section>\n<h2>{title}</h2>{before}\n{items(listed)}\n</section>"


def _trust(verdict: PullRequestVerdict) -> Iterator[str]:
    changes = judging_changes(verdict)
    said = f"<p>{approval(verdict, code)}</p>" if changes else ""
    listed = [f"{code(change.path)}: {sentence(change.what)}" for change in changes]
    yield from _section("What judges changed", listed, said)


def _claims(verdict: PullRequestVerdict) -> Iterator[str]:
    if not verdict.claims:
        return
    rows = []
    for change in verdict.claims:
        must = ", ".join(f"{code(gate.gate)} {outcome_of(gate.outcome)}" for gate in gates_of(verdict, change))
        place, what = about(change)
        cells = [
            cell("claim", "-" if change.claim is None else code(change.claim)),
            cell("what", sentence(what) if place is None else f"{code(place)} {sentence(what)}", "wide"),
            cell("must its gates pass?", must or "no", "wide"),
        ]
        rows.append(row(heading(WORDS_OF_CLAIMS[change.kind]), cells))
    yield "<section>\n<h2>Claims</h2>"
    yield table(["change", "claim", "what", "must its gates pass?"], rows, "Claims that change")
    both = [
        row(
            heading("-" if claim is None else code(claim)),
            [
                cell("what", sides.what),
                cell("base", sentence(sides.base), "wide"),
                cell("head", sentence(sides.head), "wide"),
            ],
        )
        for claim, sides in side_by_side(verdict)
    ]
    if both:
        yield table(["claim", "what", "base", "head"], both, "As it was, and as it is")
    yield "</section>"


def _policies(verdict: PullRequestVerdict) -> Iterator[str]:
    if not verdict.policies:
        return
    yield "<section>\n<h2>Policy</h2>"
    for diff in verdict.policies:
        yield f"<p>{code(diff.policy)} is <strong>{diff.change}</strong>.</p>"
        rows = [
            row(
                heading(code(gate) if gate else "the policy itself"),
                [cell("change", change), cell("what", sentence(what.replace(" -> ", " → ")), "wide")],
            )
            for gate, change, what in changed_parts(diff)
        ]
        if rows:
            yield table(["gate", "change", "what"], rows, f"What changes in policy {diff.policy}")
    if verdict.flips:
        yield "<p>These outcomes flip on today's evidence:</p>"
        yield items([f"{code(f'{flip.policy}/{flip.gate}')}: {flip_words(flip, '→')}" for flip in verdict.flips])
    else:
        yield "<p>On today's evidence no outcome flips.</p>"
    yield f"<p>{PREVIEW}</p>\n</section>"


def _evidence(verdict: PullRequestVerdict) -> Iterator[str]:
    if not verdict.evidence:
        return
    rows = [
        row(
            heading(code(change.path)),
            [
                cell("change", change.change),
                cell("why", "-" if change.reason is None else sentence(f"it {change.reason}"), "wide"),
            ],
        )
        for change in verdict.evidence
    ]
    yield "<section>\n<h2>Evidence</h2>"
    yield table(["file", "change", "why"], rows, "Evidence that changes")
    yield "</section>"


def _moved(verdict: PullRequestVerdict) -> Iterator[str]:
    if not verdict.moved:
        return
    rows = []
    for name, *numbers in (move_words(move, "→") for move in verdict.moved):
        pairs = zip(MOVED[1:], numbers, strict=True)
        rows.append(row(heading(code(name)), [cell(column, sentence(said)) for column, said in pairs]))
    yield f"<section>\n<h2>{sentence(moved_title(verdict))}</h2>"
    yield table(list(MOVED), rows, "Thresholds that say something else on the evidence after the merge")
    yield "</section>"


def _gates(verdict: PullRequestVerdict) -> Iterator[str]:
    for index, policy in enumerate(verdict.judged.policies if verdict.judged is not None else ()):
        told = f"{code(policy.id)} {origin(verdict, policy.id)}: {state_of(policy)}"
        decides = bool(needed_in(verdict, policy.id))
        title = f"Policy {told}" + ("" if decides else " (advisory)")
        section = policy_section(policy, title, f"forest-{index + 1}")
        yield next(section)
        yield f"<p>{needs(verdict, policy.id, code) if decides else ADVISORY}</p>"
        yield from section


def _findings(findings: Sequence[Finding]) -> list[str]:
    listed = []
    for finding in ordered(findings):
        place = "" if finding.location is None else f"{code(str(finding.location))}: "
        remedy = "" if finding.remedy is None else f"; {sentence(finding.remedy)}"
        listed.append(f"{place}{sentence(finding.message)}{remedy}")
    return listed
