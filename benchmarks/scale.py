"""How `gatekit check` and `gatekit select` grow with the number of summaries: time, and the largest resident size.

    python benchmarks/scale.py                        # writes benchmarks/results/scale.md
    python benchmarks/scale.py --check 1000 --select 1000

For `check`, summaries of one measurement on as many subjects, of which the policy names one; for `select`, as many
candidates with four measures each, whose values are drawn so that most are dominated. CPU time of the process and of
the second one that reads and judges ahead, and the wall time, which is less where two cores are free. Both depend on
the machine, the ratio of CPU between a row and the one before does not.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import builders  # noqa: E402  (the tests' own documents: valid, complete, one subject)

GATEKIT = str(Path(sysconfig.get_path("scripts")) / "gatekit")
RESULTS = ROOT / "benchmarks" / "results" / "scale.md"
CHECK = (12_500, 25_000, 50_000, 100_000)
SELECT = (1_250, 2_500, 5_000, 10_000)
CHECK_AIM = "100,000 summaries in 30 s and 300 MiB"
SELECT_AIM = "10,000 candidates in 5 s"
CHECK_POLICY = """\
schema: gatekit.policy/1
id: p
subject: {model: model-7}
gates:
  g: {from: random_model, measure: r2, at_least: 0.5}
"""
SELECT_POLICY = """\
schema: gatekit.policy/1
id: p
gates:
  health:
    all_of:
      - {from: random_model, measure: r2, at_least: 0.5}
      - {from: random_model, measure: dead_fraction, at_most: 0.2}
selection:
  eligibility: [health]
  scores:
    - {from: random_model, measure: r2, worst: 0.5, best: 1.0}
    - {from: random_model, measure: pw_mcc, worst: 0.0, best: 1.0}
  pareto:
    - {from: random_model, measure: r2}
    - {from: random_model, measure: pw_mcc}
    - {from: random_model, measure: l0}
"""


def checked(index: int) -> dict[str, Any]:
    """One summary for `check`."""
    of = builders.subject(model=f"model-{index}")
    document: dict[str, Any] = builders.summary(
        "random_model", {"r2": [0.8 + index * 1e-6 + seed * 1e-3 for seed in range(5)], "l0": [32.0] * 5}, of=of
    )
    return document


def selected(index: int) -> dict[str, Any]:
    """One candidate for `select`."""
    draw = random.Random(index)
    r2, agreement, l0 = 0.6 + 0.3 * draw.random(), 0.2 + 0.6 * draw.random(), draw.randrange(8, 60)
    seeds = builders.SEEDS
    own = [{"seed": seed, "sha256": builders.digest(f"{index} {seed}")} for seed in seeds]
    values = {
        "r2": [r2 + 0.001 * draw.random() for _ in seeds],
        "l0": [float(l0)] * len(seeds),
        "dead_fraction": [0.0] * len(seeds),
        "pw_mcc": [agreement + 0.001 * draw.random() for _ in range(len(seeds) * (len(seeds) - 1) // 2)],
    }
    document: dict[str, Any] = builders.summary("random_model", values, of=builders.subject(checkpoints=own))
    return document


def cost(command: Sequence[str]) -> tuple[float, float, float]:
    """Wall and CPU seconds and the largest resident size, in MiB, of one command that must succeed, on its own."""
    code = (
        "import resource, subprocess, sys, time\n"
        "started = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "wall = time.perf_counter() - started\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
        "sys.exit(done.returncode)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], stdout=subprocess.PIPE, text=True, check=True)
    wall, spent, kib = done.stdout.split()
    return float(wall), float(spent), float(kib) / 1024


def measured(counts: Sequence[int], make: Callable[[int], dict[str, Any]], command: str, policy: str) -> list[str]:
    """Return a table's rows for one command."""
    rows: list[str] = []
    before: tuple[int, float] | None = None
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            evidence = Path(folder) / "evidence"
            evidence.mkdir()
            for index in range(count):
                (evidence / f"{index:06d}.json").write_text(json.dumps(make(index)))
            (Path(folder) / "p.yaml").write_text(policy)
            given = [GATEKIT, command, "--policy", f"{folder}/p.yaml", "--now", builders.NOW, str(evidence)]
            wall, spent, peak = cost(given)
        growth = "" if before is None else f"{spent / before[1]:.2f} for {count / before[0]:.1f} times as many"
        rows.append(f"| {count:,} | {wall:.2f} | {spent:.2f} | {1000 * spent / count:.3f} | {peak:.0f} | {growth} |")
        before = count, spent
        print(command, rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=int, nargs="*", default=CHECK)
    parser.add_argument("--select", type=int, nargs="*", default=SELECT)
    arguments = parser.parse_args()
    heading = [
        "| summaries | wall s | CPU s | CPU ms per summary | peak MiB | CPU, beside the row before |",
        "|---|---|---|---|---|---|",
    ]
    lines = [
        "# Scale of `gatekit check` and `gatekit select`",
        "",
        "Made by `python benchmarks/scale.py`. Times depend on the machine and on what else runs on it; the ratios",
        "between rows are the result: 2.00 for twice as many is linear. From 1,000 files on a second process reads",
        "ahead, and from 1,000 candidates on it judges: CPU seconds are of both, the peak is of the larger one, and",
        "wall times say little where other work runs beside it.",
        "",
        f"## `check`, aim: {CHECK_AIM}",
        "",
        *heading,
        *measured(arguments.check, checked, "check", CHECK_POLICY),
        "",
        f"## `select`, aim: {SELECT_AIM}",
        "",
        *heading,
        *measured(arguments.select, selected, "select", SELECT_POLICY),
    ]
    if (tuple(arguments.check), tuple(arguments.select)) == (CHECK, SELECT):
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
