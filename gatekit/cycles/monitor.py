"""Snapshots of a running cycle: `monitor.json` for machines, `monitor.md` and a page that refreshes itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cycles.progress import ORDER, CycleProgress
from gatekit.report import html_page, inert

REFRESH = 10
"""Seconds between two looks of the page."""
WORDS = {"not_run": "not run"}


def write_snapshots(progress: CycleProgress, folder: Path) -> None:
    """Write all three, each whole or not at all; a monitor that cannot be written stops nothing."""
    ended = progress.standing in ("finished", "halted")
    for name, text in (
        ("monitor.json", json.dumps(as_json(progress), indent=1, allow_nan=False) + "\n"),
        ("monitor.md", as_markdown(progress)),
        ("monitor.html", as_html(progress, None if ended else REFRESH)),
    ):
        temporary = folder / f".{name}.{os.getpid()}"
        try:
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, folder / name)
        except OSError:
            temporary.unlink(missing_ok=True)


def as_json(progress: CycleProgress) -> dict[str, Any]:
    """Return a snapshot as plain values, with names that stay."""
    return {
        "schema": "gatekit.monitor/1",
        "cycle": progress.cycle,
        "standing": progress.standing,
        "at": _time(progress.at),
        "begun": None if progress.begun is None else _time(progress.begun),
        "tasks": dict(progress.counts),
        "stages": {name: dict(found) for name, found in progress.stages},
        "tasks_an_hour": _rounded(progress.tasks_an_hour),
        "seconds_left": _rounded(progress.seconds_left),
        "device_hours": round(progress.device_hours, 4),
        "device_hours_budget": progress.device_hours_budget,
        "running": [{"task": name, "seconds": round(seconds, 1)} for name, seconds in progress.running],
        "failed": [{"task": name, "reason": reason} for name, reason in progress.failed],
        "stopped": [{"branch": name, "reason": reason} for name, reason in progress.stopped],
        "judged": list(progress.judged),
        "steps": dict(progress.steps),
        "halted": progress.halted,
        "holder": progress.holder,
        "code": progress.code,
    }


def facts(progress: CycleProgress) -> list[tuple[str, str]]:
    """Return the lines of a summary: what, and its value in words."""
    total = sum(progress.counts.values())
    counted = [f"{progress.counts[w]} {WORDS.get(w, w)}" for w in ORDER if progress.counts[w]]
    found = [("standing", _standing(progress)), ("tasks", f"{total}: {', '.join(counted)}")]
    if progress.tasks_an_hour is not None:
        found.append(("rate", f"{progress.tasks_an_hour:.3g} tasks an hour"))
    if progress.seconds_left is not None and progress.standing == "running":
        found.append(("time left", f"about {duration(progress.seconds_left)}"))
    budget = "" if progress.device_hours_budget is None else f" of {progress.device_hours_budget:g}"
    found.append(("device hours", f"{progress.device_hours:.3g}{budget}"))
    if progress.steps:
        found.append(("finish", ", ".join(f"{name} {code}" for name, code in progress.steps.items())))
    return found


def as_terminal(progress: CycleProgress) -> str:
    """Return what `gatekit cycle status` prints."""
    lines = [inert.terminal(f"{progress.cycle}: {progress.description}", limit=None), ""]
    lines += [f"  {name + ':':<14}{inert.terminal(value, limit=None)}" for name, value in facts(progress)]
    lines += ["", *_table(progress)]
    for title, several in (
        ("Running", [(name, duration(seconds)) for name, seconds in progress.running]),
        ("Stopped", progress.stopped),
        ("Failed, or not run for that", progress.failed),
    ):
        if several:
            lines += ["", f"{title}:"]
            lines += [f"  {inert.terminal(name)}: {inert.terminal(said, limit=1000)}" for name, said in several]
    return "\n".join(lines) + "\n"


def _table(progress: CycleProgress) -> Iterator[str]:
    width = max([5, *(len(name) for name, _ in progress.stages)])
    yield f"  {'stage':<{width}}  " + "  ".join(f"{WORDS.get(word, word):>8}" for word in ORDER)
    for name, found in progress.stages:
        yield f"  {name:<{width}}  " + "  ".join(f"{found.get(word, 0) or '-':>8}" for word in ORDER)


def as_markdown(progress: CycleProgress) -> str:
    """Return a snapshot for a log or a chat."""
    text, code = inert.markdown_text, inert.markdown_code
    lines = [f"# {progress.cycle}", "", text(progress.description, 1000), ""]
    lines += [f"* {name}: {text(value, 1000)}" for name, value in facts(progress)]
    lines += ["", "| stage | " + " | ".join(WORDS.get(w, w) for w in ORDER) + " |", "|---" * (len(ORDER) + 1) + "|"]
    for name, found in progress.stages:
        lines.append(f"| {code(name)} | " + " | ".join(str(found.get(word, 0)) for word in ORDER) + " |")
    for title, several in (("Stopped", progress.stopped), ("Failed, or not run for that", progress.failed)):
        if several:
            lines += ["", f"## {title}", ""]
            lines += [f"* {code(name)}: {text(reason, 1000)}" for name, reason in several]
    gates = list(_gates(progress.judged))
    if gates:
        lines += ["", "## Gates so far", "", "| branch | policy | gate | outcome | why |", "|---|---|---|---|---|"]
        lines += [
            f"| {code(b)} | {code(p)} | {code(g)} | {outcome} | {text(why, 500)} |" for b, p, g, outcome, why in gates
        ]
    return "\n".join(lines) + "\n"


def as_html(progress: CycleProgress, refresh: int | None) -> str:
    """Return the page: no script, nothing loaded from anywhere."""
    p = html_page
    body = [f"<h1>{p.text(progress.cycle)}</h1>", f"<p>{p.text(progress.description)}</p>"]
    body.append(p.items([f"{p.text(name)}: {p.text(value)}" for name, value in facts(progress)]))
    total = max(1, sum(progress.counts.values()))
    ended = total - progress.counts["waiting"] - progress.counts["running"]
    body.append(
        f'<p><progress max="{total}" value="{ended}" aria-label="tasks ended">{ended} of {total}</progress></p>'
    )
    rows = [
        p.row(
            p.heading(p.code(name)),
            [p.cell(WORDS.get(word, word), str(found.get(word, 0)), "number") for word in ORDER],
        )
        for name, found in progress.stages
    ]
    body += ["<h2>Stages</h2>", p.table(["stage", *(WORDS.get(w, w) for w in ORDER)], rows, "tasks by stage")]
    running = [f"{p.code(name)} for {duration(seconds)}" for name, seconds in progress.running]
    for title, several in (
        ("Running", running),
        ("Stopped", [f"{p.code(name)}: {p.sentence(reason)}" for name, reason in progress.stopped]),
        ("Failed, or not run for that", [f"{p.code(name)}: {p.sentence(reason)}" for name, reason in progress.failed]),
    ):
        if several:
            body += [f"<h2>{title}</h2>", p.items(several)]
    gates = [
        p.row(
            p.heading(p.code(branch)),
            [
                p.cell("policy", p.code(policy)),
                p.cell("gate", p.code(gate)),
                p.cell(
                    "outcome", f'<span class="{outcome}">{outcome}</span>' if outcome in OUTCOMES else p.text(outcome)
                ),
                p.cell("why", p.sentence(why)),
            ],
        )
        for branch, policy, gate, outcome, why in _gates(progress.judged)
    ]
    if gates:
        headings = ["branch", "policy", "gate", "outcome", "why"]
        body += ["<h2>Gates so far</h2>", p.table(headings, gates, "what stop rules found")]
    body.append(f'<p class="quiet">As of {_time(progress.at)}.</p>')
    return p.page(f"cycle {progress.cycle}", body, refresh=refresh)


OUTCOMES = ("pass", "fail", "inconclusive")


def _gates(judged: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str, str]]:
    for one in judged:
        branch = str(one["decision"]).removeprefix("decide/")
        for gate in one.get("gates", ()):
            yield branch, str(one["policy"]), str(gate["name"]), str(gate["outcome"]), str(gate["why"])
        for found in one.get("candidates", ()):
            said = f"rank {found['rank']}" if found["rank"] is not None else "; ".join(found["reasons"])
            front = ", on the front" if found["on_front"] else ""
            root = branch.split("/")[0]
            yield f"{root}/{found['branch']}", str(one["policy"]), str(one["rule"]), found["standing"], said + front


def _standing(progress: CycleProgress) -> str:
    if progress.standing == "running":
        return f"running: {progress.holder}"
    if progress.standing == "halted":
        return f"halted: {progress.halted}"
    if progress.standing == "left behind":
        return f"left behind by a driver that is dead; `gatekit cycle run {progress.cycle}` goes on"
    return f"finished with exit code {progress.code}" if progress.standing == "finished" else progress.standing


def duration(seconds: float) -> str:
    """Return a length of time in the two largest units that it has."""
    whole = max(0, round(seconds))
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s"


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
