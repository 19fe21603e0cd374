"""A selection as Markdown: pareto.md, the table, and selection.md, the reasons. Untrusted text in it is inert."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatekit.candidates import ComparedCandidate, Robustness, SelectionResult
from gatekit.gates.effect import effect_of
from gatekit.report.inert import markdown_code as code
from gatekit.report.inert import markdown_text as plain
from gatekit.report.selection.wording import (
    columns,
    grid_words,
    range_words,
    rows,
    stands,
    what_gates_judge,
    why_selected,
)

LONGEST = 1000


def pareto(selected: SelectionResult) -> str:
    """Return the table of all candidates: ranks, scores, values and whether each is on the Pareto front."""
    axes = ", ".join(code(effect_of(axis).name) for axis in selected.selection.pareto)
    lines = [
        f"# Pareto table of policy {code(selected.policy.id)}",
        "",
        f"Front over {axes}. A value is the confidence bound on its worse side (`>=` lower, `<=` upper) or an estimate "
        "(`~`); its score in brackets, `*` where it lies outside the scale and counts as the nearer end. "
        "Plots show the numbers.",
        "",
        *_table(
            ("no.", "rank", "candidate", "score", "front", *map(code, columns(selected)), "outcome"),
            [
                (str(number), row.rank, code(row.candidate), row.score, row.front, *map(code, row.values), row.standing)
                for number, row in enumerate(rows(selected), 1)
            ],
        ),
    ]
    return "\n".join(lines) + "\n"


def rationale(selected: SelectionResult, winner: ComparedCandidate, robust: Robustness) -> str:
    """Return in words why this candidate, why not the others, what the gates will judge and how far it holds."""
    return "\n".join(_rationale(selected, winner, robust)) + "\n"


def _rationale(selected: SelectionResult, winner: ComparedCandidate, robust: Robustness) -> Iterator[str]:
    policy = selected.policy
    yield f"# Selected: {code(winner.subject.words)}"
    yield ""
    yield f"By policy {code(policy.id)} ({code(policy.path)}, sha256 {code(policy.sha256)}), on evidence as of "
    yield f"{selected.now:%Y-%m-%d %H:%M} UTC."
    yield ""
    yield "## Why"
    yield ""
    for sentence in why_selected(selected, winner, code):
        yield f"- {sentence}"
    yield ""
    yield "## What the gates judge"
    yield ""
    yield what_gates_judge(selected)
    yield ""
    left_out = [candidate for candidate in selected.candidates if candidate.rank is None]
    if left_out:
        yield "## Not ranked"
        yield ""
        for candidate in left_out:
            yield f"- {code(candidate.subject.words)}: {plain('; '.join(candidate.reasons), LONGEST)}"
        yield ""
    yield "## How far the choice stands"
    yield ""
    yield "Each number of the policy moved alone; at an end of its range another candidate may be chosen."
    yield ""
    yield from _table(
        ("number", "now", "the choice stands"),
        [(code(what), now, within) for what, now, within in map(range_words, stands(robust))],
    )
    yield ""
    yield grid_words(robust)
    yield ""
    yield "## Evidence"
    yield ""
    yield from _table(
        ("summary", "kind", "sha256"),
        [(code(s.path, LONGEST), code(s.kind), code(s.sha256)) for s in selected.evidence],
    )


def _table(headings: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in body:
        yield f"| {' | '.join(row)} |"
