"""What the worst inputs cost: every limit of docs/limits.md at its edge, and small inputs that once cost gigabytes.

    python benchmarks/hostile.py --write             # all; writes benchmarks/results/hostile.md
    python benchmarks/hostile.py --write --missing   # those that have no row there yet
    python benchmarks/hostile.py --only document     # those whose name holds the word

Each input is built in a temporary folder and read by the installed command in a process of its own. The process's CPU
seconds and its largest resident size are the result: they hardly depend on what else runs on the machine, as the wall
time does. Nothing may take more than 10 CPU seconds or 500 MB.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from hostile_inputs import CASES, Case  # noqa: E402

SCRIPT = Path(sysconfig.get_path("scripts")) / "gatekit"
RESULTS = ROOT / "benchmarks" / "results" / "hostile.md"
MOST_SECONDS = 10.0
MOST_MB = 500.0
KILLED_AFTER = 40


@dataclass(frozen=True)
class Cost:
    """One process that ended, with its children (git)."""

    code: int
    wall: float
    cpu: float
    mb: float
    printed: int
    """Bytes of stdout and stderr."""
    last: str
    """Its last line, or what went wrong."""


LAUNCHER = """
import os, resource, subprocess, sys, time
killed_after, report = int(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_CPU, (killed_after, killed_after))
started = time.perf_counter()
process = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
wall = time.perf_counter() - started
cpu = used.ru_utime + used.ru_stime
with open(report, "w") as file:
    print(os.waitstatus_to_exitcode(status), wall, cpu, used.ru_maxrss, file=file)
"""
"""A small process of its own, because a child's peak starts at the size of the process that started it."""


def measured(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command under a limit of CPU time and say what it cost."""
    given = {name: value.replace("{folder}", str(folder)) for name, value in (environment or {}).items()}
    with tempfile.TemporaryFile() as out, tempfile.NamedTemporaryFile() as report:
        subprocess.run(
            [sys.executable, "-S", "-c", LAUNCHER, str(KILLED_AFTER), report.name, *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "120", **given},
            check=True,
        )
        code, wall, cpu, kib = report.read().split()
        size = os.fstat(out.fileno()).st_size
        out.seek(max(0, size - 4000))
        lines = out.read().decode("utf-8", "replace").strip().splitlines()
    mb = int(kib) * 1024 / 1e6
    return Cost(int(code), float(wall), float(cpu), mb, size, lines[-1] if lines else "")


def run(case: Case) -> tuple[Cost, Cost | None, int]:
    """Build an input, read it with gatekit and, where there is one, with the plain reader of the same format."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = case.build(folder)
        size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
        command = [sys.executable, "-c", case.program] if case.program else [str(SCRIPT)]
        cost = measured([*command, *arguments], folder, case.environment)
        peer = measured([sys.executable, "-c", case.peer], folder) if case.peer else None
    return cost, peer, size


def row(case: Case, cost: Cost, peer: Cost | None, size: int) -> str:
    """Return the line of the table."""
    over = cost.cpu > MOST_SECONDS or cost.mb > MOST_MB or cost.code not in case.codes
    ratio = f"{cost.cpu / peer.cpu:.1f}" if peer and peer.cpu else ""
    cells = (
        *(case.name, f"{size / 1024:,.0f}", str(cost.code), f"{cost.wall:.1f}", f"{cost.cpu:.1f}"),
        *(f"{cost.mb:.0f}", ratio, "**over**" if over else ""),
    )
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| input | KiB | exit | wall s | CPU s | peak MB | CPU / plain reader | |",
    "|---|---|---|---|---|---|---|---|",
)


def main() -> None:
    """Measure and print; put the rows into the table where it was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="parts of the names of the inputs to run, with ; between them")
    parser.add_argument("--missing", action="store_true", help="only what has no row in the table yet")
    parser.add_argument("--write", action="store_true", help=f"put the rows into {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    print("\n".join(HEAD))
    for case in CASES:
        if not any(part in case.name for part in given.only.split(";")):
            continue
        if given.missing and case.name in measured_before():
            continue
        cost, peer, size = run(case)
        made = row(case, cost, peer, size)
        print(made, f"  {cost.printed} bytes; {cost.last[:150]}", flush=True)
        if given.write:
            rows = measured_before() | {case.name: made}
            kept = [rows[one.name] for one in CASES if one.name in rows]
            RESULTS.write_text("\n".join([*report(kept), "", *HEAD, *kept]) + "\n", encoding="utf-8")


def measured_before() -> dict[str, str]:
    """Return the rows of the table by the names of their inputs."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    names = {case.name for case in CASES}
    found = {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}
    return {name: line for name, line in found.items() if name in names}


def report(rows: list[str]) -> list[str]:
    """Return what stands above the table."""
    over = [line for line in rows if "**over**" in line]
    own = sum(line.startswith("| own folder: ") for line in over)
    return [
        "# What hostile inputs cost",
        "",
        "Made by `python benchmarks/hostile.py --write`: each input is read by the installed command in a process of",
        "its own, one after the other. The machine is shared, so wall times say little; CPU seconds (git's included),",
        "which grow by half or more where all cores are taken, and the largest resident size of one process count.",
        f"Aim: at most {MOST_SECONDS:.0f} CPU seconds and {MOST_MB:.0f} MB for everything under a limit of",
        "[docs/limits.md](../../docs/limits.md). `benchmarks/hostile_inputs/at_limits.py` names an input at each",
        "limit; a test fails for a limit without one. The plain reader, where there is one, only parses the same file:",
        "`json.load`.",
        "",
        f"{len(rows)} of {len(CASES)} inputs measured, {len(over)} over the aim: {own} of these are folders that the",
        f"user names, which may take longer. Python {platform.python_version()}.",
    ]


if __name__ == "__main__":
    main()
