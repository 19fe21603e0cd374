"""What a cycle costs beside what it measures: seconds a task, and at 10,000 tasks; beside a shell loop as the peer.

    python -m benchmarks.cycle [--tasks 10000] [--write]

Three parts, each printed with its ratio to a peer in the same run:

* `schedule`: reading a plan of N tasks, its ledger of N tasks that are done, and finding what is next; per task.
* `tasks`: tasks that do nothing, as `gatekit cycle run` starts them, against the same commands one after another from a
  loop. What is left is the ledger, the lease, the monitor and looking for the end of a process.
* `slots`: tasks that sleep, in two slots over one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gatekit.cycles.driving import Driver
from gatekit.cycles.graph import graph_of
from gatekit.cycles.ledger import Ledger
from gatekit.cycles.plan import Needs
from gatekit.cycles.processes import Processes
from gatekit.cycles.reading import parse_cycle
from gatekit.cycles.state import state_of
from gatekit.cycles.stopping import StopJudge
from gatekit.kinds import INSTALLED

RESULTS = Path(__file__).parent / "results" / "cycle.md"

PLAN = """\
schema: gatekit.cycle/1
id: many
description: Tasks that do nothing
seeds: {{full: [0, 1]}}
stages:
{stages}
"""
STAGE = "  s{n}: {{run: nothing, config: config.json, vary: {{a: [{values}]}}}}\n"
NOTHING = "import pathlib, sys, time; time.sleep({sleep}); p = pathlib.Path(sys.argv[1]); p.mkdir(parents=True, exist_ok=True); (p / 's.json').write_text('{{\"status\": \"ok\"}}')"  # noqa: E501


class NothingDriver(Driver):
    """A driver whose tasks do nothing but leave a summary."""

    sleep = 0.0

    def _argv(self, task: Any) -> tuple[str, ...]:
        out = self.folder / "evidence" / task.out / task.runner
        return (sys.executable, "-S", "-c", NOTHING.format(sleep=self.sleep), str(out))


def plan(tasks: int) -> Any:
    """Return a plan of so many tasks, in stages of at most 1,000 branches."""
    stages = []
    for number, start in enumerate(range(0, tasks, 1000)):
        values = ", ".join(map(str, range(min(1000, tasks - start))))
        stages.append(STAGE.format(n=number, values=values))
    return parse_cycle(PLAN.format(stages="".join(stages)).encode(), "many.yaml")


def schedule(tasks: int) -> dict[str, float]:
    """Return seconds of expanding a plan, and of reading a ledger in which all is done."""
    cycle = plan(tasks)
    start = time.perf_counter()
    graph = graph_of(cycle)
    expanded = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        lines = []
        for name in graph.tasks:
            lines.append(json.dumps({"event": "started", "time": "2026-01-01T00:00:00.000Z", "task": name}))
            ended = {"event": "ended", "time": "2026-01-01T00:00:00.000Z", "task": name, "ok": True, "code": 0}
            lines.append(json.dumps({**ended, "seconds": 1.0, "device_seconds": 1.0, "outputs": {}}))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        start = time.perf_counter()
        json.loads("[" + ",".join(lines) + "]")
        parsed = time.perf_counter() - start
        start = time.perf_counter()
        state = state_of(graph, Ledger(path).read(), 2)
        read = time.perf_counter() - start
    assert state.ended == tasks
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"tasks": tasks, "expand": expanded, "read": read, "json": parsed, "peak_mib": peak}


def drive(tasks: int, slots: int, sleep: float) -> float:
    """Return seconds of running so many tasks to their end."""
    cycle = plan(tasks)
    graph = graph_of(cycle)
    with tempfile.TemporaryDirectory() as folder:
        driver = NothingDriver(
            cycle=cycle,
            graph=graph,
            folder=Path(folder),
            engine=Processes(slots),
            judge=StopJudge(cycle, Path(folder) / "evidence", INSTALLED),
        )
        driver.sleep = sleep
        start = time.perf_counter()
        state = driver.run()
        seconds = time.perf_counter() - start
    assert all(one.state == "done" for one in state.tasks.values())
    return seconds


def loop(tasks: int) -> float:
    """Return seconds of the same commands one after another, with nothing around them."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        for number in range(tasks):
            out = str(Path(folder) / str(number))
            subprocess.run([sys.executable, "-S", "-c", NOTHING.format(sleep=0.0), out], check=True)
        return time.perf_counter() - start


def main() -> None:
    """Measure and print; with --write also into benchmarks/results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--driven", type=int, default=300)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    assert Needs().gpus == 0
    found = schedule(options.tasks)
    few = schedule(options.tasks // 10)
    looped, driven = loop(options.driven), drive(options.driven, 1, 0.0)
    one, two = drive(20, 1, 0.5), drive(20, 2, 0.5)
    lines = [
        "# What a cycle costs beside what it measures",
        "",
        "`python -m benchmarks.cycle --write`. Shared machine: compare the ratios, not the times.",
        "",
        "| what | value |",
        "|---|---|",
        f"| expand a plan of {options.tasks:,} tasks | {found['expand']:.2f} s |",
        f"| read its ledger of {2 * options.tasks:,} records | {found['read']:.2f} s, "
        f"{found['read'] / found['json']:.1f} x json alone |",
        f"| the same at a tenth of the tasks | {few['read']:.2f} s: "
        f"{found['read'] / few['read']:.1f} x for 10 x the tasks |",
        f"| peak memory | {found['peak_mib']:.0f} MiB |",
        f"| {options.driven} tasks that do nothing, one slot | {driven:.1f} s; a bare loop of the same commands "
        f"{looped:.1f} s: {1000 * (driven - looped) / options.driven:.0f} ms a task more |",
        f"| 20 tasks that sleep half a second, two slots over one | {two:.1f} s over {one:.1f} s: {two / one:.2f} |",
    ]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
