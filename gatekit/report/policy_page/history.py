"""The history on the page: the commits, one picture, and each threshold at the commits where it changed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence

from gatekit.gates.verdict import Outcome
from gatekit.history.judging import History
from gatekit.history.series import Point, Series, series_of
from gatekit.report.history.svg import PANELS, render
from gatekit.report.history.wording import headline, limits, state
from gatekit.report.html_page import cell, code, heading, items, row, sentence, table, text
from gatekit.report.verdict.wording import OUTCOMES, cells

OPTION = "--history"
"""Of `gatekit report`: how many commits are judged."""


def blocks(history: History | str) -> Iterator[str]:
    """Yield the section's content below its heading."""
    if isinstance(history, str):
        yield f"<p>{sentence(history)}.</p>"
        return
    series = [each for each in series_of(history) if each.is_measured]
    yield f"<p>{text(headline(history))}.</p>"
    yield items([sentence(limit) for limit in limits(history, OPTION)])
    rows = [
        row(
            heading(code(commit.oid[:12])),
            [
                cell("time", f"{commit.time:%Y-%m-%d %H:%M} UTC", "short"),
                cell("subject", text(commit.subject, 200)),
                cell("verdict", text(state(commit), 300)),
            ],
        )
        for commit in history.commits
    ]
    yield table(["commit", "time", "subject", "verdict"], rows, "Verdicts of the branch's commits, newest first")
    if series:
        yield '<details id="over-time"><summary>Each threshold over these commits</summary>'
        yield from _changes(history, series)
        yield "</details>"


def _changes(history: History, series: Sequence[Series]) -> Iterator[str]:
    picture = b64encode(render(history, series[:PANELS], OPTION).encode()).decode()
    said = "Estimates and compared bounds over commits; the table below says where they changed"
    yield f'<figure><img class="history" src="data:image/svg+xml;base64,{picture}" alt="{text(said)}"/></figure>'
    rows = [_row(each, point) for each in series for point in each.changes]
    columns = ["rule", "commit", "estimate", "bound", "threshold", "outcome"]
    yield table(columns, rows, "Where a threshold's numbers or outcome changed, newest first")


def _row(series: Series, point: Point) -> str:
    shown, outcome = cells(point.rule), point.rule.outcome
    return row(
        heading(f"{code(f'{series.policy}/{series.gate}')} {text(series.name)}"),
        [
            cell("commit", f"{code(point.commit.oid[:12])} {point.commit.time:%Y-%m-%d}"),
            cell("estimate", text(shown.estimate), "number"),
            cell("bound", text(shown.bound), "number"),
            cell("threshold", text(shown.threshold)),
            cell("outcome", _word(outcome)),
        ],
    )


def _word(outcome: Outcome) -> str:
    return f'<span class="{outcome.value}">{OUTCOMES[outcome]}</span>'
