"""What labs do over several pull requests, for `benchmarks/end_to_end.py`: measure on, swap, drop, train again.

Each lab has a claim that is pending while its evidence changes on the base branch, one pull request after the other. In
each of them it also asks for the claim, and it passes falsely where `gatekit pr` would let one be merged in which the
claim is supported, without anybody's approval. Labs are many to a repository, each with a claim and a model of its own.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import builders
import numpy as np
import repositories

from benchmarks.end_to_end_labs import Rng, Shown, drawn, one

MEASURED_BY, CODE = "measure.txt", "What the runs depend on.\n"


@dataclass(frozen=True)
class Change:
    """What a lab's evidence is after one pull request."""

    shown: Shown | None
    asks: bool = True
    """Whether the lab asks for its claim there."""
    gates: str = "[g]"
    """Those of the policy that the claim needs."""
    trained_again: int = 0
    """How often the SAEs were trained again under the same seeds' numbers."""


@dataclass(frozen=True)
class Course:
    """One row of the table of pull requests."""

    name: str
    promised: bool
    draw: Callable[[Rng], Sequence[Change]]
    """The changes of one lab, in order; every lab of a row has as many."""
    policy: str = "  g: {from: saebench, measure: cossim, at_least: 0.5}\n"


def supported_falsely(
    courses: Sequence[Sequence[Change]], row: Course, gatekit: Path, document: Callable[[Shown, int], dict[str, Any]]
) -> int:
    """Return how many labs have a pull request in which their claim is supported, and for which nobody was asked.

    Args:
        courses: per lab its changes.
        row: of the table.
        gatekit: the installed command.
        document: a lab's summary.
    """
    labs = range(len(courses))
    passed: set[int] = set()
    with tempfile.TemporaryDirectory() as name:
        repo = repositories.Builder(Path(name) / "repo")
        rules = "rules: {documents: [README.md], unregistered_numbers: warn, claim_language: 'off'}"
        blocks = "\n\n".join(f"<!-- gatekit:claim c{lab:04} -->It is so.<!-- /gatekit:claim -->" for lab in labs)

        def claims(changes: Sequence[Change], status: str) -> str:
            found = [
                f"  - {{id: c{lab:04}, sentence: It is so., status: {status if change.asks else 'pending'}, "
                f"policy: demo, gates: {change.gates}, evidence: [evidence/{lab:04}]}}"
                for lab, change in enumerate(changes)
            ]
            return f"schema: gatekit.claims/1\n{rules}\nclaims:\n" + "\n".join(found) + "\n"

        first = [changes[0] for changes in courses]
        head = "schema: gatekit.policy/1\nid: demo\ndefaults: {min_seeds: 5}\n"
        files: dict[str, repositories.Content] = {
            "policies/demo.yaml": f"{head}gates:\n{row.policy}",
            "README.md": f"# Results\n\n{blocks}\n",
            "claims.yaml": claims(first, "pending"),
            MEASURED_BY: CODE,
        }
        base = repo.commit("main", files)
        asked = []
        for step, changes in enumerate(zip(*courses, strict=True)):
            shown: dict[str, repositories.Content] = {
                f"evidence/{lab:04}/a.json": None
                if change.shown is None
                else _text(document(change.shown, lab), change)
                for lab, change in enumerate(changes)
            }
            ask = repo.commit(f"ask-{step}", {**shown, "claims.yaml": claims(changes, "supported")}, parents=[base])
            asked.append((base, ask))
            base = repo.commit("main", {**shown, "claims.yaml": claims(changes, "pending")})
        folder = repo.save()
        for before, after in asked:
            command = [str(gatekit), "pr", "--repo", str(folder), "--base", before, "--head", after]
            command += ["--now", builders.NOW, "--output", "json=-"]
            found = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
            passed |= _supported(json.loads(found.stdout))
    return len(passed)


def _text(summary: dict[str, Any], change: Change) -> str:
    """Return a summary that names the file that it depends on, without which no claim stands on it."""
    if change.trained_again:
        for checkpoint in summary["subject"]["checkpoints"]:
            checkpoint["sha256"] = builders.digest(f"{checkpoint['sha256']} {change.trained_again}")
    summary["producer"]["sources"] = [{"path": MEASURED_BY, "sha256": builders.digest(CODE), "by": "bytes"}]
    return json.dumps(summary)


def _supported(verdict: Mapping[str, Any]) -> set[int]:
    """Return the labs whose claim a pull request would support, if it held nothing of the others."""
    if verdict["errors"]:
        raise SystemExit(f"refused: {verdict['errors'][0]}")
    by_claim: dict[str, set[str | None]] = {}
    for gate in verdict["claim_gates"]:
        by_claim.setdefault(gate["claim"], set()).add(gate["outcome"])
    stopped = {finding["claim"] for finding in verdict["blocking"]}
    if None in stopped:
        raise SystemExit(f"blocked: {verdict['blocking'][0]}")
    asked_of_people = {change["path"] for change in verdict["trust"]}
    places = {f"evidence/{claim[1:]}/a.json": claim for claim in by_claim}
    unknown = asked_of_people - places.keys()
    if unknown:
        raise SystemExit(f"approval is needed of {sorted(unknown)[:3]}")
    stopped |= {places[path] for path in asked_of_people}
    return {int(claim[1:]) for claim, outcomes in by_claim.items() if outcomes == {"pass"} and claim not in stopped}


def grown(*counts: int) -> Callable[[Rng], list[Change]]:
    """Seeds are added, and each time the claim is asked for."""

    def lab(rng: Rng) -> list[Change]:
        values = drawn(rng, counts[-1])
        return [Change(one(range(count), values[:count])) for count in counts]

    return lab


def swapped(rng: Rng) -> list[Change]:
    """Five seeds, five others in their place, and five more in the place of those."""
    values = drawn(rng, 15)
    return [Change(one(range(start, start + 5), values[start : start + 5])) for start in (0, 5, 10)]


def worst_dropped(rng: Rng) -> list[Change]:
    """Five seeds; each change has one more, and leaves out the worst of the six."""
    values = drawn(rng, 10)
    best = [sorted(sorted(range(count), key=lambda seed: -values[seed])[:5]) for count in range(5, 11)]
    return [Change(one(seeds, [values[seed] for seed in seeds])) for seeds in best]


def best_of_ten(rng: Rng) -> list[Change]:
    """Ten seeds, and then the best five of them."""
    values = drawn(rng, 10)
    best = sorted(sorted(range(10), key=lambda seed: -values[seed])[:5])
    return [Change(one(range(10), values)), Change(one(best, [values[seed] for seed in best]))]


def trained_again(rng: Rng) -> list[Change]:
    """The same five seeds' numbers, trained again twice."""
    return [Change(one(range(5), drawn(rng, 5)), trained_again=times) for times in range(3)]


def taken_away(rng: Rng) -> list[Change]:
    """Five seeds; then nothing; then five others."""
    values = drawn(rng, 10)
    return [
        Change(one(range(5), values[:5])),
        Change(None, asks=False),
        Change(one(range(5, 10), values[5:])),
    ]


_MEASURES = ("cossim", "ce_loss_score", "kl_div_score")


def best_gate(rng: Rng) -> list[Change]:
    """Three independent measures at their thresholds; the claim names the gate of the best one."""
    measures = {name: drawn(rng, 5) for name in _MEASURES}
    scores = [np.mean(values) / np.std(values, ddof=1) - 0.5 / np.std(values, ddof=1) for values in measures.values()]
    shown = {"kind": "saebench", "seeds": range(5), "observations": measures, "protocol": "p"}
    return [Change(shown, gates=f"[{_MEASURES[int(np.argmax(scores))]}]")]


COURSES = (
    Course("5 seeds, asked for once", True, grown(5)),
    Course("5 seeds, then one more in each of ten pull requests", True, grown(*range(5, 16))),
    Course("5, 10 and 15 seeds", True, grown(5, 10, 15)),
    Course("5 seeds, 5 others in their place, 5 more in the place of those", True, swapped),
    Course("5 seeds, then none, then 5 others", True, taken_away),
    Course("5 seeds; five times one more, of which the best five are shown", True, worst_dropped),
    Course("10 seeds, then the best five of them", True, best_of_ten),
    Course("5 seeds, trained again twice under the same numbers", True, trained_again),
    Course(
        "the best of three gates, named by a claim that is written after they were measured",
        False,
        best_gate,
        "".join(f"  {name}: {{from: saebench, measure: {name}, at_least: 0.5}}\n" for name in _MEASURES),
    ),
)
