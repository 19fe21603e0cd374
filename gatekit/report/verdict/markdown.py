"""The verdict as GitHub-flavoured Markdown, for job summaries and pull-request comments.

All text that others wrote is inert: it cannot form links, mentions, HTML or new table cells. GitHub drops a summary
that is too long as a whole, so the report stops at a row before its limit and says so; the verdict stands first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatekit.errors import GatekitError
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
from gatekit.report.verdict.wording import (
    OPERATORS,
    OUTCOMES,
    POWER_LEAD,
    cells,
    gate_marks,
    headline,
    outcome_words,
    power,
    power_range,
    rule_marks,
)

DEFAULT_LIMIT = 900 * 1024
"""UTF-8 bytes; GitHub discards a job summary above 1 MiB, which other steps of the job share."""

LONGEST = 1000
"""Characters of one sentence."""

CUT = "\n_The report goes on: {count} more lines are left out here to stay within {limit} bytes._\n"
ROOM_FOR_CUT = 160

HEADING = (
    "| gate | rule | estimate | bound | threshold | margin | n | outcome |\n"
    "| :-- | :-- | --: | --: | :-- | --: | --: | :-- |"
)


def render(verdict: Verdict, limit: int = DEFAULT_LIMIT) -> str:
    """Return the report, ending in a line feed and at most `limit` UTF-8 bytes long.

    Args:
        verdict: what to report.
        limit: bytes; at least 2000, which the verdict itself and the note of what was left out need.
    """
    return fitted(list(_blocks(verdict)), limit)


def fitted(blocks: Sequence[str], limit: int) -> str:
    """Return the blocks, each with a line feed, cut before the first that would not fit into `limit` UTF-8 bytes."""
    sizes = [len(block.encode("utf-8")) + 1 for block in blocks]
    if sum(sizes) <= limit:
        return "\n".join(blocks) + "\n"
    kept, used = 0, 0
    while used + sizes[kept] <= limit - ROOM_FOR_CUT:
        used += sizes[kept]
        kept += 1
    text = "\n".join(blocks[:kept]) + "\n"
    # What is folded away would take the note with it.
    folded = sum(b.startswith("<details>") - (b.strip() == "</details>") for b in blocks[:kept])
    text += "\n</details>\n" * folded
    return text + CUT.format(count=len(blocks) - kept, limit=limit)


def _blocks(verdict: Verdict) -> Iterator[str]:
    """Yield lines; what must not be cut apart is one block of several lines."""
    yield f"## gatekit: {verdict.word}\n\n**{headline(verdict, inert.markdown_code)}**\n"
    if verdict.errors:
        yield "### Errors\n"
        for error in verdict.errors:
            yield error_item(error)
        yield ""
    for policy in verdict.policies:
        yield from policy_blocks(policy)
    count = len(verdict.evidence)
    yield (
        f"{count} summar{'y' if count == 1 else 'ies'} read; judged at {verdict.now:%Y-%m-%d %H:%M} UTC "
        f"by gatekit {inert.markdown_code(verdict.version)}."
    )


def policy_blocks(policy: PolicyResult, heading: str | None = None) -> Iterator[str]:
    """Yield one policy: its subject, its table and what the table cannot say.

    Args:
        policy: what became of it.
        heading: finished Markdown that stands over it; by default its name and its verdict.
    """
    yield f"### Policy {inert.markdown_code(policy.id)}: {WORDS[policy.code]}\n" if heading is None else heading
    yield f"{inert.markdown_code(policy.path)}, sha256 {inert.markdown_code(policy.sha256[:12])}  "
    yield "Subject: " + ("none" if policy.subject is None else inert.markdown_code(policy.subject))
    if policy.evidence:
        yield "\nEvidence: " + ", ".join(map(inert.markdown_code, policy.evidence))
    for note in policy.notes:
        yield f"\nNote: {sentence(note)}"
    yield ""
    if policy.gates:
        yield HEADING + "\n" + "\n".join(_gate_rows(policy.gates[0]))
    for gate in policy.gates[1:]:
        yield from _gate_rows(gate)
    yield ""
    remarks = [line for gate in policy.gates for line in _remarks(gate)]
    yield from remarks
    if remarks:
        yield ""
    stated = power(policy)
    if stated:
        yield f"<details><summary>Power: these gates {POWER_LEAD}</summary>\n"
        for name, needed in stated:
            yield f"- {inert.markdown_code(name)} {needed}"
        uncertain = power_range(policy)
        if uncertain is not None:
            yield f"\n{uncertain[0].upper()}{uncertain[1:]}."
        yield "\n</details>\n"


def _gate_rows(gate: GateResult) -> Iterator[str]:
    words = outcome_words(gate)
    outcome = words if gate.outcome is Outcome.PASS else f"**{words}**"
    yield from _rule_rows(gate.result, inert.markdown_code(gate.name), outcome, 0)


def _rule_rows(rule: RuleResult, gate: str, outcome: str, depth: int) -> Iterator[str]:
    indent = "&emsp;" * depth
    if isinstance(rule, CombinedResult):
        yield row_of(gate, indent + OPERATORS[rule.operator], "", "", "", "", "", outcome)
        for child in rule.children:
            yield from _rule_rows(child, "", OUTCOMES[child.outcome], depth + 1)
        return
    row = cells(rule)
    name = inert.markdown_code(rule.effect.name)
    # The operators of a threshold are text here, not the start of HTML.
    threshold = row.threshold.replace(">=", "&ge;").replace("<=", "&le;")
    yield row_of(gate, indent + name, row.estimate, row.bound, threshold, row.margin, row.n, outcome)


def row_of(*row: str) -> str:
    """Return one row of a table; the cells are finished Markdown."""
    return f"| {' | '.join(row)} |"


def _remarks(gate: GateResult) -> Iterator[str]:
    explain = gate.outcome is not Outcome.PASS
    sentences = [*gate_marks(gate)]
    if explain and gate.description is not None:
        sentences.insert(0, gate.description)
    yield from _rule_remarks(gate.result, f"{inert.markdown_code(gate.name)}", sentences, explain, 0)


def _rule_remarks(rule: RuleResult, name: str, sentences: list[str], explain: bool, depth: int) -> Iterator[str]:
    """Yield one list item per rule that there is something to say about."""
    sentences = [*sentences, *rule_marks(rule)]
    below: list[str] = []
    shared = shared_reason(rule) if explain else None
    if explain and rule.outcome is not Outcome.PASS:
        sentences.append(rule.reason if shared is None else f"{rule.reason}: {shared}")
    if isinstance(rule, CombinedResult):
        for child in rule.children:
            if isinstance(child, CombinedResult):
                label = OPERATORS[child.operator]
            else:
                label = inert.markdown_code(child.effect.name)
            below += _rule_remarks(child, label, [], explain and shared is None, depth + 1)
    if sentences or below:
        said = f": {'; '.join(sentence(text) for text in sentences)}" if sentences else ""
        yield f"{'  ' * depth}- {name}{said}"
        yield from below


def sentence(text: str) -> str:
    """Return text that others wrote as running text, without a full stop."""
    return inert.markdown_text(text.removesuffix("."), LONGEST)


def error_item(error: GatekitError) -> str:
    """Return an error as one item of a list."""
    place = "" if error.location is None else f"{inert.markdown_code(str(error.location))}: "
    remedy = "" if error.remedy is None else f"; {sentence(error.remedy)}"
    item = f"- {place}{sentence(error.message)}{remedy} ({inert.markdown_code(error.error_id)})"
    if error.location is not None and error.location.source_line is not None:
        item += f"  \n  {inert.markdown_code(error.location.source_line.strip())}"
    return item
