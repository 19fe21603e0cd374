"""How long a user waits for `gatekit check`, beside check-jsonschema on the same files in the same run.

    python benchmarks/startup.py            # writes benchmarks/results/startup.md

Two questions. (1) One policy with five gates and five summaries: whole-process time, alternating with check-jsonschema
validating the same five files against the same schema; the ratio of the medians is the result, because machines differ
and are shared. (2) 1,250 to 10,000 summaries of about 2 KB: time per summary must not grow, and memory must stay flat.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import builders  # noqa: E402  (the tests' own documents: valid, complete, one subject)

SCRIPTS = Path(sysconfig.get_path("scripts"))
RESULTS = ROOT / "benchmarks" / "results" / "startup.md"
COUNTS = (1250, 2500, 5000, 10_000)


def seconds(command: Sequence[str]) -> float:
    """Whole-process wall time of a command that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    spent = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}{done.stderr}")
    return spent


def peak_mib(command: Sequence[str]) -> tuple[float, float]:
    """Wall time and the largest resident size of one child, measured in a fresh process."""
    code = (
        "import resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.returncode)\n"
        "sys.exit(done.returncode and print(done.stdout, done.stderr))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    spent, kib, _ = done.stdout.split()
    return float(spent), float(kib) / 1024


def start_up(rounds: int) -> list[tuple[str, float, float]]:
    """Median and fastest time of each tool, the two taking turns."""
    with tempfile.TemporaryDirectory() as folder:
        evidence = builders.write(Path(folder) / "evidence", builders.release_evidence())
        files = [str(path) for path in sorted(evidence.iterdir())]
        policy = str(ROOT / "policies" / "exploratory.yaml")
        commands = {
            "gatekit check": [str(SCRIPTS / "gatekit"), "check", "--policy", policy, "--now", builders.NOW, *files],
            "check-jsonschema": [
                *(str(SCRIPTS / "check-jsonschema"), "--schemafile", str(ROOT / "schemas" / "summary.schema.json")),
                *files,
            ],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(seconds(command))
    return [(name, statistics.median(values), min(values)) for name, values in times.items()]


def many(count: int) -> tuple[float, float, float]:
    """Time, peak memory and mean file size for `count` summaries of as many subjects."""
    with tempfile.TemporaryDirectory() as folder:
        evidence = Path(folder) / "evidence"
        evidence.mkdir()
        size = 0
        for index in range(count):
            of: dict[str, Any] = builders.subject(model=f"model-{index}")
            document = builders.summary(
                "random_model", {"r2": [0.8 + index * 1e-6 + seed * 1e-3 for seed in range(5)]}, of=of
            )
            text = json.dumps(document)
            size += len(text)
            (evidence / f"{index:05d}.json").write_text(text)
        policy = Path(folder) / "p.yaml"
        policy.write_text(
            "schema: gatekit.policy/1\nid: p\nsubject: {model: model-7}\n"
            "gates:\n  g: {from: random_model, measure: r2, at_least: 0.5}\n"
        )
        command = [str(SCRIPTS / "gatekit"), "check", "--policy", str(policy), "--now", builders.NOW, str(evidence)]
        spent, peak = peak_mib(command)
    return spent, peak, size / count


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    tools = start_up(rounds)
    ratio = tools[0][1] / tools[1][1]
    fastest = tools[0][2] / tools[1][2]
    lines = [
        "# Start-up of `gatekit check`",
        "",
        "Made by `python benchmarks/startup.py`. Times depend on the machine and on what else runs on it; the ratios,",
        "taken in one run with the tools in turn, are the result.",
        "",
        f"## Five gates, five summaries ({rounds} rounds, Python {platform.python_version()})",
        "",
        "| command | median s | fastest s |",
        "|---|---|---|",
        *(f"| {name} | {median:.3f} | {best:.3f} |" for name, median, best in tools),
        "",
        f"Ratio gatekit / check-jsonschema: **{ratio:.2f}** of the medians, {fastest:.2f} of the fastest.",
        "Aim: 1.0 or below.",
        "",
        "## Many summaries of about 2 KB",
        "",
        "| summaries | mean bytes | s | ms per summary | peak MiB |",
        "|---|---|---|---|---|",
    ]
    for count in COUNTS:
        spent, peak, size = many(count)
        lines.append(f"| {count:,} | {size:.0f} | {spent:.2f} | {1000 * spent / count:.3f} | {peak:.0f} |")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
