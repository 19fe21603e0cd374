"""False passes of labs that look, choose, drop and copy, through `gatekit check` and `gatekit pr`.

    nice -n 19 python -m benchmarks.end_to_end --repetitions 1000      # writes benchmarks/results/end_to_end.md
    nice -n 19 python -m benchmarks.end_to_end --only "ten looks"      # these rows alone; the page keeps the others

Each repetition is one lab: it writes summaries and policies into a folder, and registrations into a git repository,
runs the command, and passes falsely where the verdict of one of its looks is a pass. What is true is exactly
the threshold, so every pass is false. Labs are many to a call of the command, each with a policy and a model of its
own. What a lab of a scenario draws and shows is in `benchmarks/end_to_end_labs.py`, and what it does over several pull
requests in `benchmarks/end_to_end_changes.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import builders  # noqa: E402  (the tests' own documents: valid, complete, one subject)

from benchmarks.end_to_end_changes import COURSES, Course, supported_falsely  # noqa: E402
from benchmarks.end_to_end_labs import SCENARIOS, Look, Scenario  # noqa: E402
from gatekit.cli.process import run  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "end_to_end.md"
SEED = 20_263
PER_CALL = 200
"""Policies that one call reads at most."""
PER_REPOSITORY = 30
"""Labs whose pull requests are judged together: of more, not all evidence of old would be judged."""
PROMISED, TOLERATED = 0.05, 0.015
REGISTERED_AT = "2026-03-01T00:00:00Z"
"""Before the run of every summary of `builders` starts, at noon of that day at the earliest."""


def git(folder: Path, *arguments: str) -> None:
    """Run git with nothing of this machine's configuration, at the time at which registrations are made."""
    people = {f"GIT_{who}_{what}": "lab" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = {f"GIT_{who}_DATE": REGISTERED_AT for who in ("AUTHOR", "COMMITTER")}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    subprocess.run(["git", *arguments], cwd=folder, env={**nothing, **people, **dates}, check=True, capture_output=True)


def policy(scenario: Scenario, lab: int) -> str:
    """Return the policy of one lab: the scenario's gates on its own model."""
    head = f"schema: gatekit.policy/1\nid: lab-{lab:04}\nregistered: {scenario.registered}\n"
    return f"{head}defaults: {{min_seeds: 5}}\nsubject: {{model: lab-{lab:04}}}\ngates:\n{scenario.gates}"


def document(shown: Mapping[str, Any], lab: int) -> dict[str, Any]:
    """Return one summary of a lab's model."""
    seeds = shown["seeds"]
    of = builders.subject(seeds, model=f"lab-{lab:04}")
    for checkpoint in of["checkpoints"] if "trained_again" in shown else ():
        checkpoint["sha256"] = builders.digest(f"{checkpoint['sha256']} {shown['trained_again']}")
    name = {"name": shown["protocol"]} if "protocol" in shown else {}
    changes = {**shown.get("changes", {}), **name}
    return builders.summary(
        shown["kind"],
        shown["observations"],
        seeds=seeds,
        of=of,
        protocol_changes=changes,
        producer_changes={"started": f"2026-03-01T06:00:{shown.get('trained_again', 0):02}Z"},
    )


def written(folder: Path, shown: Sequence[Mapping[str, Any] | None]) -> None:
    """Write what each lab shows, None for a lab that shows nothing."""
    folder.mkdir()
    for lab, one in enumerate(shown):
        if one is not None:
            (folder / f"{lab:04}.json").write_text(json.dumps(document(one, lab)), encoding="utf-8")


def passes(folder: Path, shown: Sequence[Look]) -> list[bool]:
    """Return per lab whether `gatekit check` passes what it shows at one look."""
    evidence, base = folder / "evidence", folder / "base"
    for old in (*folder.glob("evidence/*"), *folder.glob("base/*")):
        old.unlink()
    for old in (evidence, base):
        if old.exists():
            old.rmdir()
    written(evidence, [look.shown for look in shown])
    arguments = ["check", "--now", builders.NOW, "--output", f"json={folder / 'verdict.json'}"]
    if any(look.base is not None for look in shown):
        written(base, [look.base for look in shown])
        arguments += ["--base-evidence", "base"]
    # The command line as it is installed, without a new interpreter for each of some thousand calls.
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        run(arguments)
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    refused = {error["location"]["path"] for error in verdict["errors"] if error["location"] is not None}
    if len(refused) not in (0, len(shown)):
        raise SystemExit(f"refused: {verdict['errors'][0]}")
    of_lab = {one["id"]: one["code"] == 0 for one in verdict["policies"]}
    return [of_lab[f"lab-{lab:04}"] for lab in range(len(shown))]


def false_passes(scenario: Scenario, repetitions: int) -> float:
    """Return the share of labs of a scenario of which some look passes."""
    rng = np.random.default_rng([SEED, SCENARIOS.index(scenario)])
    passed = 0
    for start in range(0, repetitions, PER_CALL):
        labs = [scenario.draw(rng) for _ in range(min(PER_CALL, repetitions - start))]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for part in ("policies", "registrations"):
                (folder / part).mkdir()
            for file, text in scenario.registrations.items():
                (folder / "registrations" / file).write_text(text, encoding="utf-8")
            for lab in range(len(labs)):
                (folder / "policies" / f"{lab:04}.yaml").write_text(policy(scenario, lab), encoding="utf-8")
            git(folder, "init", "-q", "-b", "main")
            git(folder, "add", "-A")
            git(folder, "commit", "-q", "-m", "said before it is measured")
            at_looks = [passes(folder, looks) for looks in zip(*labs, strict=True)]
            enough = all if scenario.every_look else any
            passed += sum(enough(of_lab) for of_lab in zip(*at_looks, strict=True))
    return passed / repetitions


def false_claims(row: Course, repetitions: int) -> float:
    """Return the share of labs of a row of pull requests in one of which a claim is supported without approval."""
    rng = np.random.default_rng([SEED, 1, COURSES.index(row)])
    found = 0
    for start in range(0, repetitions, PER_REPOSITORY):
        labs = [row.draw(rng) for _ in range(min(PER_REPOSITORY, repetitions - start))]
        found += supported_falsely(labs, row, document)
    return found / repetitions


TEMPLATE = """# False passes end to end

Made by `nice -n 19 python -m benchmarks.end_to_end --repetitions {repetitions} --changes {changes}`:
{repetitions} labs a row, generator seed {seed}, standard error {error:.2f} points near 5 %. Every lab's truth is
exactly its threshold, at confidence 0.95, so each pass is a false one. Each lab writes summaries, policies and
registrations into a folder and runs `gatekit check`, at each of its looks; it passes where one of them
does. Rows that gatekit does not promise to hold are what nobody can see in the numbers that are shown.

| what the lab does | false passes, % | promised |
|---|---|---|
{rows}

## Over several pull requests

{changes} labs a row, standard error {changes_error:.2f} points near 5 %. A claim is pending while its evidence changes
on the base branch, one pull request after the other, and is asked for in each. It is supported falsely where
`gatekit pr` would let one of them be merged without approval; nothing is registered.

| what the lab does | false claims, % | promised |
|---|---|---|
{courses}
"""


def rows_of(page: str) -> dict[str, str]:
    """Return name -> line of the rows of both tables; each row has a generator of its own, so none needs the others."""
    lines = [line for line in page.split("\n") if line.startswith("| ") and not line.startswith("| what the lab")]
    return {line.split("|")[1].strip(): line for line in lines}


def _error(repetitions: int) -> float:
    """Return the standard error of a share near 5 %, in points."""
    return 100 * math.sqrt(PROMISED * (1 - PROMISED) / repetitions)


def main(arguments: list[str] | None = None) -> int:
    """Write the page; exit 1 where a promised level is not held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--changes", type=int, default=1_000, help="labs a row of pull requests")
    parser.add_argument("--output", default=str(RESULTS), help="a path, or - for stdout")
    parser.add_argument("--only", help="measure the rows whose name has these words; the page keeps the others")
    options = parser.parse_args(arguments)
    wrong: list[str] = []
    written = {} if options.only is None else rows_of(Path(options.output).read_text(encoding="utf-8"))

    def measured(name: str, promised: bool, simulate: Callable[[], float]) -> str:
        if options.only is not None and options.only not in name:
            return written[name]
        began = time.monotonic()
        rate = simulate()
        if promised and rate > PROMISED + TOLERATED:
            wrong.append(name)
        line = f"| {name} | {100 * rate:.1f} | {'yes' if promised else 'no'} |"
        print(line, f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        return line

    labs, changes = options.repetitions, options.changes
    rows = [measured(one.name, one.promised, partial(false_passes, one, labs)) for one in SCENARIOS]
    courses = [measured(one.name, one.promised, partial(false_claims, one, changes)) for one in COURSES]
    text = TEMPLATE.format(
        repetitions=labs,
        seed=SEED,
        error=_error(labs),
        rows="\n".join(rows),
        changes=changes,
        changes_error=_error(changes),
        courses="\n".join(courses),
    )
    if options.output == "-":
        print(text, end="")
    else:
        Path(options.output).write_text(text, encoding="utf-8")
    for name in wrong:
        print(f"above its level: {name}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
