"""How long `gatekit pr` takes on a large repository: 1,000 summaries, 200 bound numbers.

    python benchmarks/pull_request.py       # writes benchmarks/results/pull_request.md

The repository has 200 subjects with five summaries each, a policy of five gates, 20 supported claims on a subject each,
and a README with ten bound numbers per claim, of which three are confidence bounds. The whole process is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import builders  # noqa: E402  (the tests' own documents: valid, complete, one subject)
import repositories  # noqa: E402

GATEKIT = Path(sysconfig.get_path("scripts")) / "gatekit"
RESULTS = ROOT / "benchmarks" / "results" / "pull_request.md"
AIM = 3.0
"""Seconds."""
SUBJECTS = 200
CLAIMS = 20
CODE = {f"runners/part_{number}.py": f"def part():\n    return {number}\n" for number in range(10)}
NUMBERS = (
    ("random_model", "pw_mcc_above_control", "estimate", "+.4f"),
    ("random_model", "pw_mcc_above_control", "lower", "+.4f"),
    ("random_model", "r2", "estimate", ".3f"),
    ("random_model", "dead_fraction", "estimate", ".3f"),
    ("random_model", "l0", "n", "d"),
    ("transcoder", "sae_minus_transcoder", "estimate", "+.4f"),
    ("ood", "auc_drop", "estimate", ".4f"),
    ("ood", "auc_drop", "upper", ".4f"),
    ("saebench", "auc_delta", "lower", "+.4f"),
    ("cebench", "interpretability_delta", "estimate", "+.4f"),
)
POLICY = """\
schema: gatekit.policy/1
id: release
defaults: {min_seeds: 5, max_age: 30d}
gates:
  random_model: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
  transcoder: {from: transcoder, measure: sae_minus_transcoder, at_least: -0.02}
  ood: {from: ood, measure: auc_drop, at_most: 0.1}
  saebench: {from: saebench, measure: auc_delta, at_least: 0.0}
  cebench: {from: cebench, measure: interpretability_delta, at_least: 0.0}
"""


def evidence(subject: int, drop: float = 0.04) -> dict[str, str]:
    """The five summaries of one subject, each about all of CODE."""
    sources = [{"path": path, "sha256": sha256(text.encode()).hexdigest()} for path, text in CODE.items()]
    documents: dict[str, Any] = builders.release_evidence(ood={"auc_drop": builders.around(drop, 0.02, 15)})
    found = {}
    for name, document in documents.items():
        document["subject"] = builders.subject(model=f"model-{subject:03}")
        document["producer"]["sources"] = sources
        found[f"evidence/{subject:03}/{name}"] = json.dumps(document)
    return found


def readme(title: str = "Results") -> str:
    """Twenty claims with ten numbers each; `gatekit claims sync` fills the numbers in."""
    lines = [f"# {title}", ""]
    for subject in range(CLAIMS):
        lines.append(f"<!-- gatekit:claim subject-{subject} -->")
        lines.append(f"Subject {subject} may be released:")
        for kind, measure, statistic, form in NUMBERS:
            target = f"evidence/{subject:03}/{kind}.json {measure} {statistic} {form}"
            lines.append(f"<!-- gatekit:value {target} -->0<!-- /gatekit:value -->")
        lines += ["<!-- /gatekit:claim -->", ""]
    return "\n".join(lines)


def registry() -> str:
    """The claims of the README."""
    claims = [
        f"  - id: subject-{subject}\n    sentence: 'Subject {subject} may be released:{' {}' * len(NUMBERS)}'\n"
        f"    status: supported\n    policy: release\n    evidence: [evidence/{subject:03}]\n"
        "    gates: [random_model, transcoder, ood, saebench, cebench]\n"
        for subject in range(CLAIMS)
    ]
    rules = "rules: {documents: [README.md], unregistered_numbers: warn, claim_language: warn}"
    return f"schema: gatekit.claims/1\n{rules}\nclaims:\n{''.join(claims)}"


def synced(folder: Path, files: Mapping[str, str]) -> str:
    """The README with the evidence's numbers, written by `gatekit claims sync`."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    done = subprocess.run([str(GATEKIT), "claims", "sync"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "README.md").read_text(encoding="utf-8")


def build(folder: Path) -> dict[str, int]:
    """Make the repository; return the branches to judge with the exit code that each must have."""
    base = {"policies/release.yaml": POLICY, "claims.yaml": registry(), "README.md": readme(), **CODE}
    for subject in range(SUBJECTS):
        base |= evidence(subject)
    base["README.md"] = synced(folder / "base", base)
    measured = {path: text for subject in range(CLAIMS) for path, text in evidence(subject, drop=0.05).items()}
    new = base | measured | {"README.md": readme()}
    measured["README.md"] = synced(folder / "new", new)
    builder = repositories.Builder(folder / "repository")
    start = builder.commit("start", base)
    builder.commit("main", {"docs/notes.md": "Notes.\n"}, parents=[start])
    builder.commit("typo", {"README.md": base["README.md"].replace("# Results", "# All results")}, parents=[start])
    builder.commit("measured-again", measured, parents=[start])
    builder.commit("edited-code", {"runners/part_1.py": "pass\n"}, parents=[start])
    builder.save()
    return {"typo": 0, "measured-again": 0, "edited-code": 3}


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for branch, code in build(folder).items():
            reports = [f"--output={form}={folder / form}" for form in ("json", "markdown")]
            command = [str(GATEKIT), "pr", "--base=main", f"--head={branch}", f"--now={builders.NOW}", *reports]
            times = []
            for _ in range(rounds):
                start = time.perf_counter()
                done = subprocess.run(command, cwd=folder / "repository", capture_output=True, text=True, check=False)
                times.append(time.perf_counter() - start)
                assert done.returncode == code, done.stdout[-2000:] + done.stderr
            size = (folder / "markdown").stat().st_size / 1024
            rows.append((branch, code, statistics.median(times), max(times), size))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    slowest = max(row[2] for row in rows)
    lines = [
        "# `gatekit pr` on a large repository",
        "",
        "Made by `python benchmarks/pull_request.py`: 1,000 summaries of 200 subjects, 20 supported claims with 200",
        "bound numbers; the base has moved on, so that the merge is computed. Whole process, with JSON and Markdown.",
        "",
        f"{rounds} rounds, Python {platform.python_version()}, {os.cpu_count()} cores, which other work shares.",
        "",
        "| change | exit code | median s | slowest s | Markdown KiB |",
        "|---|---|---|---|---|",
        *(f"| {name} | {code} | {median:.2f} | {worst:.2f} | {size:.0f} |" for name, code, median, worst, size in rows),
        "",
        f"Slowest median: **{slowest:.2f} s**; aim: under {AIM:g} s. Largest memory of a process: {peak:.0f} MiB.",
    ]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
