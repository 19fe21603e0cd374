"""The verdict on a pull request as GitHub-flavoured Markdown: what a reviewer sees in the summary and the comment.

Only what there is something to say about has a section. What nobody has to read to decide is folded away. All text that
others wrote is inert, and what must not be cut apart is one block, as in `markdown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatekit.claims.finding import Finding
from gatekit.gates.verdict import PolicyResult
from gatekit.pull_request.verdict import PullRequestVerdict
from gatekit.report import inert
from gatekit.report.pull_request.wording import (
    ADVISORY,
    ALREADY,
    CONTEXT,
    MOVED,
    PREVIEW,
    SHOWN,
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
    judging_changes,
    left_out,
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
from gatekit.report.verdict.markdown import DEFAULT_LIMIT, error_item, fitted, policy_blocks, row_of, sentence

code = inert.markdown_code


def render(verdict: PullRequestVerdict, limit: int = DEFAULT_LIMIT) -> str:
    """Return the report, ending in a line feed and at most `limit` UTF-8 bytes long.

    Args:
        verdict: what to report.
        limit: bytes; at least 2000, which the verdict itself and the note of what was left out need.
    """
    return fitted(list(_blocks(verdict)), limit)


def _blocks(verdict: PullRequestVerdict) -> Iterator[str]:
    # In the page's outline and in a notification's subject only the first line is left.
    yield f"## gatekit: {verdict.word}: {sentence(verdict.because)}\n"
    if verdict.errors:
        yield "### Errors\n"
        yield from _cut([error_item(error) for error in verdict.errors])
    yield from _trust(verdict)
    yield from _claims(verdict)
    if verdict.blocking:
        yield "### This change must put right\n"
        yield from _cut([_finding(finding) for finding in ordered(verdict.blocking)])
    if verdict.context:
        yield f"<details><summary>Context: {len(verdict.context)}</summary>\n\n{CONTEXT}\n"
        yield from _cut([f"- {code(place)}: {sentence(what)}" for place, what in map(context_words, verdict.context)])
        yield "</details>\n"
    if verdict.remarks:
        yield "### Worth a look\n"
        yield from _cut([_finding(finding) for finding in ordered(verdict.remarks)])
    yield from _policies(verdict)
    yield from _subjects(verdict)
    yield from _evidence(verdict)
    yield from _moved(verdict)
    yield from _gates(verdict)
    if verdict.advisory:
        items = [_finding(finding) for finding in ordered(verdict.advisory)]
        yield f"<details><summary>Already there: {len(items)}</summary>\n\n{ALREADY}\n"
        yield from _cut(items)
        yield "</details>\n"
    for note in verdict.notes:
        yield f"Note: {sentence(note)}.\n"
    yield sentence(footer(verdict)) + f". Exit code {int(verdict.code)}."


def _trust(verdict: PullRequestVerdict) -> Iterator[str]:
    changes = judging_changes(verdict)
    if not changes:
        return
    yield "### What judges changed\n"
    yield from _cut([f"- {code(change.path)}: {sentence(change.what)}" for change in changes])
    said = approval(verdict, code)
    yield f"{said if verdict.approved_by is not None else f'**{said}**'}\n"


def _claims(verdict: PullRequestVerdict) -> Iterator[str]:
    if not verdict.claims:
        return
    yield "### Claims\n"
    rows = []
    for change in verdict.claims:
        gates = gates_of(verdict, change)
        must = ", ".join(f"{code(gate.gate)} {outcome_of(gate.outcome)}" for gate in gates)
        claim = "" if change.claim is None else code(change.claim)
        place, what = about(change)
        said = sentence(what) if place is None else f"{code(place)} {sentence(what)}"
        rows.append(row_of(WORDS_OF_CLAIMS[change.kind], claim, said, must or "no"))
    yield from _table("| change | claim | what | must its gates pass? |", rows)
    both = [
        row_of("" if claim is None else code(claim), sides.what, sentence(sides.base), sentence(sides.head))
        for claim, sides in side_by_side(verdict)
    ]
    if both:
        yield "As it was, and as it is:\n"
        yield from _table("| claim | what | base | head |", both)


def _policies(verdict: PullRequestVerdict) -> Iterator[str]:
    if not verdict.policies:
        return
    yield "### Policy\n"
    for diff in verdict.policies:
        yield f"{code(diff.policy)} is **{diff.change}**.\n"
        rows = [
            row_of(code(gate) if gate else "the policy itself", change, sentence(what.replace(" -> ", " → ")))
            for gate, change, what in changed_parts(diff)
        ]
        if rows:
            yield from _table("| gate | change | what |", rows)
    if verdict.flips:
        yield "These outcomes flip on today's evidence:\n"
        flips = [f"- {code(f'{flip.policy}/{flip.gate}')}: {flip_words(flip, '→')}" for flip in verdict.flips]
        yield from _cut(flips)
    else:
        yield "On today's evidence no outcome flips.\n"
    yield f"{PREVIEW}\n"


def _evidence(verdict: PullRequestVerdict) -> Iterator[str]:
    if not verdict.evidence:
        return
    yield "### Evidence\n"
    rows = [
        row_of(code(change.path), change.change, "" if change.reason is None else sentence(f"it {change.reason}"))
        for change in verdict.evidence
    ]
    yield from _table("| file | change | why |", rows)


def _moved(verdict: PullRequestVerdict) -> Iterator[str]:
    if not verdict.moved:
        return
    yield f"<details><summary>{sentence(moved_title(verdict))}</summary>\n"
    words = (move_words(move, "→") for move in verdict.moved)
    rows = [row_of(code(name), *map(sentence, numbers)) for name, *numbers in words]
    yield from _table(f"| {' | '.join(MOVED)} |", rows)
    yield "</details>\n"


def _subjects(verdict: PullRequestVerdict) -> Iterator[str]:
    listed = [f"- {code(path)}: {sentence(what)}" for path, what in evidence_words(verdict)]
    if not listed:
        return
    yield f"### Evidence that was judged before\n\n{SUBJECTS}\n"
    yield from _cut(listed)
    if needs_people(verdict):
        said = approval(verdict, code)
        yield f"{said if verdict.approved_by is not None else f'**{said}**'}\n"


def _gates(verdict: PullRequestVerdict) -> Iterator[str]:
    if verdict.judged is None or not verdict.judged.policies:
        return
    yield "### Gates\n"
    for policy in verdict.judged.policies:
        yield from _policy(verdict, policy)


def _policy(verdict: PullRequestVerdict, policy: PolicyResult) -> Iterator[str]:
    """A policy that decides is open; one that only informs is folded."""
    told = f"{origin(verdict, policy.id)}: {state_of(policy)}"
    if needed_in(verdict, policy.id):
        yield f"#### {code(policy.id)} {told}\n\n{needs(verdict, policy.id, code)}\n"
        yield from policy_blocks(policy, "")
        return
    yield f"<details><summary>{sentence(policy.id)} {told} (advisory)</summary>\n\n{ADVISORY}\n"
    yield from policy_blocks(policy, "")
    yield "</details>\n"


def _finding(finding: Finding) -> str:
    place = "" if finding.location is None else f"{code(str(finding.location))}: "
    remedy = "" if finding.remedy is None else f"; {sentence(finding.remedy)}"
    return f"- {place}{sentence(finding.message)}{remedy}"


def _table(heading: str, rows: Sequence[str]) -> Iterator[str]:
    columns = heading.count("|") - 1
    # A heading without a row would not be a table any more.
    yield f"{heading}\n{'| :-- ' * columns}|\n{rows[0]}"
    yield from rows[1:SHOWN]
    yield ""
    if len(rows) > SHOWN:
        yield f"... {left_out(len(rows) - SHOWN)}.\n"


def _cut(items: Sequence[str]) -> Iterator[str]:
    yield from items[:SHOWN]
    if len(items) > SHOWN:
        yield f"- ... {left_out(len(items) - SHOWN)}"
    yield ""
