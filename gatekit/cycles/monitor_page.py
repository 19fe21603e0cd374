"""The page of a running cycle: where it is at a glance, then each stage, what was stopped and why, and gates so far.

It has no script and loads nothing. Nothing is said by colour alone: each bar has its counts in words. A page that reads
itself again every few seconds begins anew for a screen reader too, so it names the same snapshot as a text that stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from gatekit.cycles.progress import ORDER, CycleProgress
from gatekit.cycles.snapshot_words import (
    OUTCOMES,
    STATES,
    duration,
    ended_as,
    found_by_rules,
    standing_words,
    written_time,
)
from gatekit.cycles.state import State
from gatekit.exit_codes import ExitCode
from gatekit.report import html_page as p

STYLE = """
body { max-width: 64rem; } a { color: inherit; } a:focus-visible { outline: 2px solid; outline-offset: 2px; }
header p { margin: 0.3rem 0 1rem; max-width: 46rem; }
h1 code { font: inherit; } section { border: 0; } h2 { margin: 2rem 0 0.5rem; }
.standing { border: 1px solid var(--line); border-left: 0.5rem solid var(--quiet); border-radius: 0.3rem;
  background: var(--panel); padding: 0.7rem 1rem; }
header .standing { margin: 0; max-width: none; }
.standing.pass { border-left-color: var(--pass); } .standing.fail { border-left-color: var(--fail); }
.standing.inconclusive { border-left-color: var(--inconclusive); } .standing { color: var(--text); }
.standing strong { margin-right: 0.4rem; } .standing span { font-weight: 400; color: var(--quiet); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0.75rem; margin: 0.75rem 0; }
.tiles div { border: 1px solid var(--line); border-radius: 0.3rem; padding: 0.6rem 0.8rem; }
.tiles dt { color: var(--quiet); font-size: 0.9rem; } .tiles dd { margin: 0; }
.tiles dd { font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles dd span { font-size: 0.9rem; font-weight: 400; color: var(--quiet); }
.bar { display: block; width: 100%; height: 0.75rem; } .bar rect { stroke: var(--page); stroke-width: 0.4; }
td .bar { min-width: 6rem; height: 0.6rem; margin-top: 0.45rem; }
.done { fill: var(--pass); } .running { fill: var(--text); } .waiting { fill: var(--line); }
.failed { fill: var(--fail); } .stopped { fill: var(--inconclusive); } .not_run { fill: var(--quiet); }
.legend { list-style: none; padding: 0; margin: 0.4rem 0 0; display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; }
.legend svg { width: 0.8rem; height: 0.8rem; margin-right: 0.35rem; } .legend rect { stroke: var(--quiet); }
.stages thead th:nth-child(n+3) { text-align: right; } .stages .none { color: var(--quiet); }
@media (min-width: 55.01rem) { .stages tbody th { width: 24%; } .gates tbody th { width: 22%; }
  .gates td:nth-child(3), .gates td.policy { min-width: 10rem; } }
.named { list-style: none; padding: 0; margin: 0; }
.named li { padding: 0.45rem 0; border-bottom: 1px solid var(--line); }
.named li:last-child { border: 0; } .named span { display: block; color: var(--quiet); }
footer { margin-top: 2.5rem; color: var(--quiet); font-size: 0.9rem; }
@media (max-width: 55rem) { td .bar { margin: 0.2rem 0; } td.wide::before { content: none; }
  td.reason, td.policy { grid-column: 1 / -1; } td.nothing, .stages td.none { display: none; } }
"""
"""Beside the rules that all pages share."""

NOT_ENDED: tuple[State, ...] = ("waiting", "running")


def as_html(progress: CycleProgress, refresh: int | None) -> str:
    """Return the page.

    Args:
        progress: the cycle at one moment.
        refresh: seconds after which a browser reads the page again; None for one that has ended.
    """
    total = sum(progress.counts.values())
    ended = total - sum(progress.counts[word] for word in ORDER if word in NOT_ENDED)
    body = [
        f"<header>\n<h1>{p.code(progress.cycle)}</h1>\n<p>{p.text(progress.description)}</p>\n{_standing(progress)}\n</header>",
        "<main>",
        _tiles(progress, ended, total),
        _bar("tasks", progress.counts, total, hidden=True),
        _legend(progress.counts),
        *_section("Stages", _stages(progress)),
        *_section("Running", _named([(name, f"for {duration(seconds)}") for name, seconds in progress.running])),
        *_section("Stopped", _named(progress.stopped)),
        *_section("Failed, or not run for that", _named(progress.failed)),
        *_section("Gates so far", _gates(progress)),
        "</main>",
        _footer(progress, refresh),
    ]
    word = progress.standing if progress.code is None else f"ended with {progress.code}"
    return p.page(f"{progress.cycle}: {word}, {ended} of {total} tasks", body, refresh=refresh, style=STYLE)


def _standing(progress: CycleProgress) -> str:
    word, rest = standing_words(progress)
    kind = {"halted": "inconclusive", "left behind": "inconclusive"}.get(progress.standing, "")
    if progress.code is not None:
        kind = {ExitCode.PASS: "pass", ExitCode.INCONCLUSIVE: "inconclusive"}.get(ExitCode(progress.code), "fail")
    more = f" <span>{p.text(rest)}</span>" if rest else ""
    return f'<p class="{f"standing {kind}".strip()}"><strong>{p.text(word)}</strong>{more}</p>'


def _tiles(progress: CycleProgress, ended: int, total: int) -> str:
    tiles = [("tasks ended", f"{ended} <span>of {total}</span>")]
    if progress.seconds_left is not None and progress.standing == "running":
        tiles.append(("time left, about", duration(progress.seconds_left)))
    if progress.begun is not None:
        since = "since it was begun" if progress.rested is None else "from beginning to end"
        until = progress.rested or progress.at
        tiles.append((since, duration((until - progress.begun).total_seconds())))
    if progress.tasks_an_hour is not None:
        tiles.append(("rate", f"{progress.tasks_an_hour:.3g} <span>tasks an hour</span>"))
    budget = progress.device_hours_budget
    of = "" if budget is None else f" <span>of {budget:g}</span>"
    tiles.append(("device hours", f"{progress.device_hours:.3g}{of}"))
    tiles += [
        (p.text(name), f"{ended_as(code)} <span>exit code {code}</span>") for name, code in progress.steps.items()
    ]
    return '<dl class="tiles">\n' + "\n".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in tiles) + "\n</dl>"


def _counted(counts: Mapping[State, int]) -> str:
    return ", ".join(f"{counts[word]} {STATES[word]}" for word in ORDER if counts.get(word)) or "none"


def _bar(what: str, counts: Mapping[State, int], total: int, hidden: bool = False) -> str:
    """Return a bar of all states; what it shows stands in words, beside it where it is hidden from screen readers."""
    parts, start = [], 0.0
    for word in ORDER:
        width = 100 * counts.get(word, 0) / max(1, total)
        if width:
            parts.append(f'<rect class="{word}" x="{start:.3f}" y="0" width="{width:.3f}" height="8"/>')
        start += width
    told = 'aria-hidden="true"' if hidden else f'role="img" aria-label="{p.text(f"{what}: {_counted(counts)}")}"'
    return f'<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" {told}>{"".join(parts)}</svg>'


def _legend(counts: Mapping[State, int]) -> str:
    square = '<svg viewBox="0 0 10 10" aria-hidden="true"><rect class="{}" width="10" height="10"/></svg>'
    shown = [f"<li>{square.format(word)}{counts[word]} {STATES[word]}</li>" for word in ORDER if counts[word]]
    return '<ul class="legend" aria-label="tasks by state">\n' + "\n".join(shown) + "\n</ul>"


def _section(title: str, content: str) -> Iterator[str]:
    if content:
        name = title.split(",")[0].lower().replace(" ", "-")
        yield f'<section aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n{content}\n</section>'


def _stages(progress: CycleProgress) -> str:
    words = [word for word in ORDER if progress.counts[word]]
    rows = []
    for name, found in progress.stages:
        bar = p.cell("tasks", _bar(name, found, sum(found.values())), "wide")
        numbers = [
            p.cell(STATES[word], str(found[word]), "number")
            if found.get(word)
            else p.cell(STATES[word], "0", "number none")
            for word in words
        ]
        rows.append(p.row(p.heading(p.code(name)), [bar, *numbers]))
    return p.table(["stage", "tasks", *(STATES[word] for word in words)], rows, "tasks by stage", "stages")


def _named(several: Sequence[tuple[str, str]]) -> str:
    lines = [f"<li>{p.code(name)} <span>{p.sentence(said)}</span></li>" for name, said in several]
    return '<ul class="named">\n' + "\n".join(lines) + "\n</ul>" if lines else ""


def _gates(progress: CycleProgress) -> str:
    rows = []
    for branch, policy, gate, outcome, why in found_by_rules(progress.judged):
        word = f'<span class="{outcome}">{outcome}</span>' if outcome in OUTCOMES else p.text(outcome)
        reason = p.cell("why", p.sentence(why), "reason") if why else p.cell("why", "", "nothing")
        cells = [
            p.cell("outcome", word),
            p.cell("rule", p.code(gate)),
            p.cell("policy", p.code(policy), "policy"),
            reason,
        ]
        rows.append(p.row(p.heading(p.code(branch)), cells))
    headings = ["branch", "outcome", "rule", "policy", "why"]
    return p.table(headings, rows, "what stop rules found", "gates") if rows else ""


def _footer(progress: CycleProgress, refresh: int | None) -> str:
    stays = "" if refresh is None else f" This page reads itself again every {refresh} seconds;"
    text = "The same as a text" if refresh is None else "the same as a text that stays"
    said = [f'As of {_moment(progress.at)}.{stays} {text}: <a href="monitor.md">monitor.md</a>.']
    if "check" in progress.steps:
        said.append('What the final policy found: <a href="verdict.html">verdict.html</a>.')
    return f"<footer>\n<p>{' '.join(said)}</p>\n</footer>"


def _moment(moment: datetime) -> str:
    return f'<time datetime="{written_time(moment)}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'
