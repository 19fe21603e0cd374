"""What a cycle costs beside what it measures: seconds a task, and at 10,000 tasks; beside a shell loop as the peer.

    python -m benchmarks.cycle [--tasks 10000] [--write]

Five parts, each printed with its ratio to a peer in the same run:

* `schedule`: reading a plan of N tasks, its ledger of N tasks that are done, and finding what is next; per task.
* `tasks`: tasks that do nothing, as `gatekit cycle run` starts them, against the same commands one after another from a
  loop. What is left is the ledger, the lease, the monitor and looking for the end of a process.
* `pieces`: the pieces of a task, one a process, against the same commands from a loop; and 10,000 pieces of two tasks.
* `slots`: tasks that sleep, in two slots over one: they compete for nothing.
* `cores`: pieces that each keep one core busy with one thread, in two slots over one, beside the same commands from a
  loop, two at a time over one at a time: what that loop falls short of a half is the machine's and not ours. Rounds of
  the four take turns, and the fastest of each counts, so that what else the machine does is in none or in all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gatekit.cycles.driving import Driver
from gatekit.cycles.graph import graph_of
from gatekit.cycles.ledger import Ledger, line_of
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


PIECES = """\
import json, pathlib, sys, time

out, cache, count, burn, *told = sys.argv[1:]
cache = pathlib.Path(cache)
keys = [f"{pathlib.Path(out).parent.name.replace('=', '-')}-{number}" for number in range(int(count))]
if told[:1] == ["--units"]:
    print(json.dumps({"units": [{"key": key, "after": [], "done": (cache / key).exists()} for key in keys]}))
elif told:
    for key in told[1::2]:
        end = time.process_time() + float(burn)
        while time.process_time() < end:
            pass
        (cache / key).touch()
else:
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    pathlib.Path(out, "s.json").write_text('{"status": "ok"}')
"""
"""A runner of so many pieces that each take so many seconds of one core."""


class PiecesDriver(Driver):
    """A driver whose tasks join pieces that take so much of one core, and nothing else."""

    count = 0
    burn = 0.0

    def _argv(self, task: Any) -> tuple[str, ...]:
        out = self.folder / "evidence" / task.out / task.runner
        return (sys.executable, "-S", "-c", PIECES, str(out), str(self.cache), str(self.count), str(self.burn))


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
            lines.append(line_of({"event": "started", "time": "2026-01-01T00:00:00.000Z", "task": name}))
            ended = {"event": "ended", "time": "2026-01-01T00:00:00.000Z", "task": name, "ok": True, "code": 0}
            lines.append(line_of({**ended, "seconds": 1.0, "device_seconds": 1.0, "outputs": {}}))
        path.write_bytes(b"".join(lines))
        start = time.perf_counter()
        json.loads(b"[" + b",".join(lines) + b"]")
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


def in_pieces(tasks: int, count: int, slots: int, burn: float) -> tuple[float, int]:
    """Return seconds of tasks of so many pieces each to their end, and how many processes made the pieces.

    Args:
        tasks: of the plan.
        count: of pieces of each task.
        slots: processes at a time.
        burn: seconds of one core that a piece takes.
    """
    cycle = plan(tasks)
    with tempfile.TemporaryDirectory() as folder:
        driver = PiecesDriver(
            cycle=cycle,
            graph=graph_of(cycle),
            folder=Path(folder),
            engine=Processes(slots),
            judge=StopJudge(cycle, Path(folder) / "evidence", INSTALLED),
            cache=folder,
            in_pieces=True,
            slots=slots,
        )
        driver.count, driver.burn = count, burn
        start = time.perf_counter()
        state = driver.run()
        seconds = time.perf_counter() - start
        made = [one for one in driver.ledger.read() if one["event"] == "piece_ended"]
    assert all(one.state == "done" for one in state.tasks.values())
    assert sum(len(one["pieces"]) for one in made) == tasks * count
    return seconds, len(made)


def pieces_in_a_loop(count: int, at_once: int, burn: float) -> float:
    """Return seconds of as many commands that make a piece each, so many at once, with nothing around them."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-S", "-c", PIECES, f"{folder}/all/out", folder, str(count), str(burn), "--only"]
        start = time.perf_counter()
        for first in range(0, count, at_once):
            side = [subprocess.Popen([*command, f"all-{n}"]) for n in range(first, min(count, first + at_once))]
            assert not any(process.wait() for process in side)
        return time.perf_counter() - start


def cores(rounds: int) -> dict[str, float]:
    """Return the fewest seconds of eight pieces of one busy core each: ours and a loop's, in one and in two slots."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for slots in (1, 2):
            ours, _ = in_pieces(8, 1, slots, 1.0)
            best[f"ours {slots}"] = min(ours, best.get(f"ours {slots}", ours))
            theirs = pieces_in_a_loop(8, slots, 1.0)
            best[f"loop {slots}"] = min(theirs, best.get(f"loop {slots}", theirs))
    return best


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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    assert Needs().gpus == 0
    before = os.getloadavg()[0]
    found = schedule(options.tasks)
    few = schedule(options.tasks // 10)
    looped, driven = loop(options.driven), drive(options.driven, 1, 0.0)
    one, two = drive(20, 1, 0.5), drive(20, 2, 0.5)
    single, processes = in_pieces(options.driven // 6, 3, 1, 0.0)
    pieces = 3 * (options.driven // 6)
    bare = pieces_in_a_loop(pieces, 1, 0.0) + loop(options.driven // 6) * 2  # each task is asked, and then joined
    many, batches = in_pieces(2, options.tasks // 2, 2, 0.0)
    busy = cores(options.rounds)
    load = os.getloadavg()[0]
    lines = [
        "# What a cycle costs beside what it measures",
        "",
        "`python -m benchmarks.cycle --write`. Shared machine: compare the ratios, not the times. "
        f"{os.cpu_count()} cores; the load was {before:.1f} before and {load:.1f} after."
        + (" This ran before all else, at real-time priority." if os.sched_getscheduler(0) != os.SCHED_OTHER else ""),
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
        f"| {pieces} pieces that cost nothing, each in a process of its own ({processes}) | {single:.1f} s; a bare "
        f"loop of the same commands {bare:.1f} s: {1000 * (single - bare) / pieces:.0f} ms a piece more |",
        f"| {options.tasks:,} such pieces of two tasks, two slots | {many:.1f} s in {batches} processes: "
        f"{1000 * many / options.tasks:.1f} ms a piece |",
        f"| 8 pieces of one core and one thread, a second each: two slots over one | {busy['ours 2']:.1f} s over "
        f"{busy['ours 1']:.1f} s: {busy['ours 2'] / busy['ours 1']:.2f}; the same commands from a loop "
        f"{busy['loop 2']:.1f} s over {busy['loop 1']:.1f} s: {busy['loop 2'] / busy['loop 1']:.2f} |",
    ]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
