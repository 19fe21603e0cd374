"""Snapshots of a running cycle: `monitor.json` for machines, `monitor.md` for people, and the page (`monitor_page`)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gatekit.cycles.monitor_page import as_html
from gatekit.cycles.progress import ORDER, CycleProgress
from gatekit.cycles.snapshot_words import STATES, duration, ended_as, found_by_rules, standing_words, written_time
from gatekit.report import inert

REFRESH = 10
"""Seconds between two looks of the page."""


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
        "at": written_time(progress.at),
        "begun": None if progress.begun is None else written_time(progress.begun),
        "rested": None if progress.rested is None else written_time(progress.rested),
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
    counted = [f"{progress.counts[w]} {STATES[w]}" for w in ORDER if progress.counts[w]]
    found = [
        ("standing", ": ".join(part for part in standing_words(progress) if part)),
        ("tasks", f"{total}: {', '.join(counted)}"),
    ]
    if progress.tasks_an_hour is not None:
        found.append(("rate", f"{progress.tasks_an_hour:.3g} tasks an hour"))
    if progress.seconds_left is not None and progress.standing == "running":
        found.append(("time left", f"about {duration(progress.seconds_left)}"))
    budget = "" if progress.device_hours_budget is None else f" of {progress.device_hours_budget:g}"
    found.append(("device hours", f"{progress.device_hours:.3g}{budget}"))
    if progress.steps:
        found.append(("finish", ", ".join(f"{name} {ended_as(code)}" for name, code in progress.steps.items())))
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
    yield f"  {'stage':<{width}}  " + "  ".join(f"{STATES[word]:>8}" for word in ORDER)
    for name, found in progress.stages:
        yield f"  {name:<{width}}  " + "  ".join(f"{found.get(word, 0) or '-':>8}" for word in ORDER)


def as_markdown(progress: CycleProgress) -> str:
    """Return a snapshot for a log or a chat."""
    text, code = inert.markdown_plain, inert.markdown_code
    lines = [f"# {progress.cycle}", "", text(progress.description, 1000), ""]
    lines += [f"* {name}: {text(value, 1000)}" for name, value in facts(progress)]
    lines += ["", "| stage | " + " | ".join(STATES[w] for w in ORDER) + " |", "|---" * (len(ORDER) + 1) + "|"]
    for name, found in progress.stages:
        lines.append(f"| {code(name)} | " + " | ".join(str(found.get(word, 0)) for word in ORDER) + " |")
    for title, several in (("Stopped", progress.stopped), ("Failed, or not run for that", progress.failed)):
        if several:
            lines += ["", f"## {title}", ""]
            lines += [f"* {code(name)}: {text(reason, 1000)}" for name, reason in several]
    gates = list(found_by_rules(progress.judged))
    if gates:
        lines += ["", "## Gates so far", "", "| branch | policy | gate | outcome | why |", "|---|---|---|---|---|"]
        for branch, policy, gate, outcome, why in gates:
            told = text(why, 500, in_table=True)
            lines.append(f"| {code(branch)} | {code(policy)} | {code(gate)} | {outcome} | {told} |")
    return "\n".join(lines) + "\n"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
