"""A cycle that is killed at random, in its driver and in its workers, beside an undisturbed run of it: equal evidence?

    python -m benchmarks.killed_cycle [PLAN] [--kills 10] [--slots 1] [--seed 7] [--calm RUNS] [--folder FOLDER]
        [--over SECONDS]

The undisturbed run and the killed one have caches of their own, so that nothing is found that was not made there. The
moments of the kills are drawn over the time that the undisturbed run took, or over `--over` seconds. Equal must be, to
the last byte, is all of every summary but who measured it and when, the branches that rules stopped and why, and the
cycle's exit code. `--calm` names the `runs` folder of an undisturbed run that is there already.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.cycles.ledger import Ledger, moment

ROOT = Path(__file__).parents[1]
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "WANDB_MODE": "disabled"}
WHO_AND_WHEN = ("command", "started", "finished", "git")
"""Of a summary's producer: what differs between two runs of one thing."""
DATED = "saebench"
"""Artifacts of these names are SAEBench's own files, which say when they were written."""


@dataclass(frozen=True)
class Left:
    """What a finished cycle leaves of itself."""

    summaries: dict[str, str]
    """Path in its evidence -> all of a summary but who and when, as one text."""
    stopped: dict[str, str]
    """Decision and branch, or stage -> why it was stopped."""
    code: int
    """Exit code."""


def left_by(folder: Path) -> Left:
    """Read what a cycle left.

    Args:
        folder: of the cycle, such as `runs/cycle-4-small`.
    """
    summaries = {
        path.relative_to(folder / "evidence").as_posix(): _lasting(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted((folder / "evidence").rglob("*.json"))
    }
    stopped: dict[str, str] = {}
    code = -1
    for record in Ledger(folder / "ledger.jsonl").read():
        if record["event"] == "decided":
            stopped.update({f"{record['decision']} {branch}": why for branch, why in record["stopped"].items()})
        elif record["event"] == "stage_stopped":
            stopped[record["stage"]] = record["reason"]
        elif record["event"] == "finished":
            code = int(record["code"])
    return Left(summaries, stopped, code)


def _lasting(summary: dict[str, Any]) -> str:
    for name in WHO_AND_WHEN:
        summary["producer"].pop(name, None)
    kept = [one for one in summary["artifacts"] if not one["name"].startswith(DATED)]
    names = [one["name"] for one in summary["artifacts"]]
    return json.dumps({**summary, "artifacts": kept, "names": names}, sort_keys=True)


def differences(calm: Left, rough: Left) -> list[str]:
    """Return what is not equal, a line each."""
    found = []
    for what, ours, theirs in (("summary", calm.summaries, rough.summaries), ("stop", calm.stopped, rough.stopped)):
        for name in sorted({*ours, *theirs}):
            if ours.get(name) != theirs.get(name):
                where = "differs" if name in ours and name in theirs else "stands in one of them alone"
                found.append(f"{what} {name} {where}")
    if calm.code != rough.code:
        found.append(f"exit code {rough.code}, and {calm.code} undisturbed")
    return found


def start(plan: Path, runs: Path, cache: Path, slots: int) -> subprocess.Popen[bytes]:
    """Start the command that runs a cycle, or goes on with it; what it says goes to `driver.log` of its runs."""
    command = [sys.executable, "-m", "gatekit", "cycle", "run", str(plan), "--runs", str(runs), "--cache", str(cache)]
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / "driver.log").open("ab") as said:
        return subprocess.Popen(
            [*command, "--slots", str(slots)],
            cwd=ROOT,
            env={**os.environ, **OFFLINE},
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def run_to_the_end(plan: Path, runs: Path, cache: Path, slots: int) -> str:
    """Run a cycle, or go on with it, and return what its drivers said."""
    start(plan, runs, cache, slots).wait()
    return (runs / "driver.log").read_text(encoding="utf-8")


def kill_at_random(
    plan: Path, runs: Path, cache: Path, slots: int, kills: int, seconds: float, chance: random.Random
) -> list[str]:
    """Kill a cycle's driver and a process that works for it in turns, and return what was killed.

    Args:
        plan: of the cycle.
        runs: where its folder is.
        cache: of the runners.
        slots: tasks at a time.
        kills: how many; each is one of a process, with SIGKILL.
        seconds: the moments are drawn over so many, counted while something works.
        chance: draws them, and whom they hit.

    Raises:
        RuntimeError: the cycle ended before all kills were done.
    """
    moments = sorted(chance.uniform(0, seconds) for _ in range(kills))
    killed: list[str] = []
    driver = start(plan, runs, cache, slots)
    worked = 0.0
    while len(killed) < kills:
        if driver.poll() is not None:
            raise RuntimeError(f"it ended after {len(killed)} kills; {runs / 'driver.log'} says why")
        time.sleep(0.05)
        workers = _descendants(driver.pid)
        worked += 0.05 if workers else 0.0
        if worked < moments[len(killed)] or not workers:
            continue
        if len(killed) % 2:
            driver.kill()
            driver.wait()
            killed.append(f"the driver after {worked:.0f} s")
            driver = start(plan, runs, cache, slots)
        else:
            worker = chance.choice(workers)
            said = _words_of(worker)
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.append(f"{said} after {worked:.0f} s")
    driver.kill()  # the next one goes on
    driver.wait()
    return killed


def _descendants(pid: int) -> list[int]:
    """Return the processes that one has started, and those that they have started."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        try:
            tasks = list(Path(f"/proc/{waiting.pop()}/task").glob("*/children"))
            children = [int(child) for path in tasks for child in path.read_text().split()]
        except OSError:
            continue
        found += children
        waiting += children
    return found


def _words_of(pid: int) -> str:
    """Return what a process works at."""
    while pid > 1:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            parent = int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            break
        out = [after.partition("evidence/")[2] for before, after in itertools.pairwise(words) if before == "--out"]
        if out:
            return f"a worker of {out[0]}"
        pid = parent  # what a runner starts itself says it of its parent
    return "a worker"


def took(folder: Path) -> float:
    """Return the seconds from a cycle's first record to its last."""
    records = Ledger(folder / "ledger.jsonl").read()
    return (moment(records[-1]["time"]) - moment(records[0]["time"])).total_seconds()


def main() -> None:
    """Run both, and say what differs; exit code 1 where anything does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plan", nargs="?", type=Path, default=ROOT / "cycles" / "cycle-4-small.yaml")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--calm", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--over", type=float)
    options = parser.parse_args()
    plan = options.plan.resolve()
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="killed-cycle-"))).resolve()
    calm = options.calm.resolve() if options.calm else folder / "calm"
    if options.calm is None:
        run_to_the_end(plan, calm, folder / "calm-cache", options.slots)
    seconds = took(calm / plan.stem)
    sys.stdout.write(f"undisturbed: {seconds:.0f} s from the first record to the last\n")
    rough, cache = folder / "rough", folder / "rough-cache"
    started = time.monotonic()
    chance = random.Random(options.seed)
    for line in kill_at_random(plan, rough, cache, options.slots, options.kills, options.over or 0.9 * seconds, chance):
        sys.stdout.write(f"killed {line}\n")
    run_to_the_end(plan, rough, cache, options.slots)
    ours, theirs = left_by(calm / plan.stem), left_by(rough / plan.stem)
    found = differences(ours, theirs)
    ended = [one for one in Ledger(rough / plan.stem / "ledger.jsonl").read() if one["event"] == "ended"]
    failed = sum(not one["ok"] for one in ended)
    sys.stdout.write(f"killed and gone on: {time.monotonic() - started:.0f} s, {failed} attempts ended by a kill\n")
    same = f"{len(ours.summaries)} summaries, {len(ours.stopped)} stopped branches, exit code {ours.code}"
    sys.stdout.write(f"{same}: {'equal' if not found else 'NOT EQUAL'}\n" + "".join(f"{line}\n" for line in found))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
