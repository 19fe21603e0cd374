"""A history for people at a terminal: the commits, then each threshold at the commits where it changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatekit.errors import first_few
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import Outcome
from gatekit.history.judging import History, JudgedCommit
from gatekit.history.series import Series
from gatekit.report import inert
from gatekit.report.history.wording import headline, limits, state
from gatekit.report.verdict.terminal import DEFAULT_WIDTH, GAP, INDENT, Line, joined, wrapped
from gatekit.report.verdict.wording import cells, outcome_words

HEADINGS = ("commit", "date", "estimate", "bound", "threshold", "outcome")
NAMED = 10
RIGHT_ALIGNED = (False, False, True, True, False, False)


def render(history: History, series: Sequence[Series], width: int = DEFAULT_WIDTH, color: bool = False) -> str:
    """Return the report, ending in a line feed.

    Args:
        history: what to report.
        series: its thresholds, as `series_of` returns them.
        width: columns; sentences are wrapped to it.
        color: add ANSI colours; the words are the same without.
    """
    lines: list[Line] = [*wrapped(headline(history), "", width, "bold"), *_commits(history, width)]
    for each in series:
        if each.is_measured:
            lines += [[], *_series(each)]
    lines.append([])
    never = [f"{each.policy}/{each.gate}: {each.name}" for each in series if not each.is_measured]
    if never:
        lines += wrapped(f"never measured: {first_few(never, NAMED)}", "", width)
    for sentence in limits(history):
        lines += wrapped(f"note: {sentence}", "", width, "dim")
    return "".join(joined(line, color) + "\n" for line in lines).rstrip("\n") + "\n"


def _commits(history: History, width: int) -> Iterator[Line]:
    for commit in history.commits:
        place = f"{INDENT}{_named(commit)}{GAP}{commit.time:%Y-%m-%d}{GAP}"
        yield [(place, None), (_text(state(commit), 300), _color(commit))]
        yield from wrapped(_text(commit.subject, 100), INDENT * 3, width, "dim")


def _text(text: str, limit: int) -> str:
    return inert.terminal(text, limit)


def _color(commit: JudgedCommit) -> str:
    if commit.verdict is None or commit.verdict.code is ExitCode.INCONCLUSIVE:
        return Outcome.INCONCLUSIVE.value
    return Outcome.PASS.value if commit.verdict.code is ExitCode.PASS else "blocked"


def _series(series: Series) -> Iterator[Line]:
    name = inert.terminal(f"{series.policy}/{series.gate}: {series.name}", 150)
    yield [(name, "bold")]
    rows: list[tuple[tuple[str, ...], Outcome]] = []
    for point in series.changes:
        shown = cells(point.rule)
        word = outcome_words(point.gate) if point.gate.result is point.rule else point.rule.outcome.value
        date = f"{point.commit.time:%Y-%m-%d}"
        rows.append(
            ((_named(point.commit), date, shown.estimate, shown.bound, shown.threshold, word), point.rule.outcome)
        )
    widths = [max(map(len, column)) for column in zip(HEADINGS, *(row for row, _ in rows), strict=True)]
    yield [(INDENT + _aligned(HEADINGS, widths), "dim")]
    for row, outcome in rows:
        yield [(INDENT + _aligned(row[:-1], widths) + GAP, None), (row[-1], outcome.value)]
    same = len(series.points) - len(series.changes)
    if same:
        yield [(f"{INDENT}unchanged at {same} other commit{'' if same == 1 else 's'}", "dim")]


def _named(commit: JudgedCommit) -> str:
    shown = [inert.terminal(tag, 30) for tag in commit.tags[:2]]
    more = f" and {len(commit.tags) - 2} more" if len(commit.tags) > 2 else ""
    return f"{commit.oid[:12]}{' ' if shown else ''}{', '.join(shown)}{more}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    pairs = zip(row, widths, RIGHT_ALIGNED, strict=False)
    return GAP.join(text.rjust(size) if right else text.ljust(size) for text, size, right in pairs)
