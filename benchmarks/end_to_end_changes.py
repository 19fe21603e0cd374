"""What labs do over several pull requests, for `benchmarks/end_to_end.py`: measure on, swap, drop, train again.

Each lab has a claim that is pending while its evidence changes on the base branch, one pull request after the other. In
each of them it also asks for the claim, and it passes falsely where `gatekit pr` would let one be merged in which the
claim is supported, without anybody's approval. Labs are many to a repository, each with a claim and a model of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import builders
import numpy as np
import repositories

from benchmarks.end_to_end_labs import Rng, Shown, drawn, one
from gatekit.cli.process import run

OTHER = "  - {id: other, sentence: Another tool agrees., status: pending, policy: demo, gates: [other]}\n"
"""A claim that nobody asks for, so that there always is one."""
OTHER_GATE = "  other: {from: ood, measure: auc_drop, at_most: 0.1}\n"
MEASURED_BY, CODE = "measure.txt", "What the runs depend on.\n"


@dataclass(frozen=True)
class Change:
    """What a lab's evidence is after one pull request."""

    shown: Shown | None
    asks: bool = True
    """Whether the lab asks for its claim there."""
    gates: str | None = "[g]"
    """Those of the policy that the claim needs; None where there is no such claim yet."""


@dataclass(frozen=True)
class Course:
    """One row of the table of pull requests."""

    name: str
    promised: bool
    draw: Callable[[Rng], Sequence[Change]]
    """The changes of one lab, in order; every lab of a row has as many."""
    policy: str = "  g: {from: saebench, measure: cossim, at_least: 0.5}\n"


def supported_falsely(
    courses: Sequence[Sequence[Change]], row: Course, document: Callable[[Shown, int], dict[str, Any]]
) -> int:
    """Return how many labs have a pull request in which their claim is supported, and for which nobody was asked.

    Args:
        courses: per lab its changes.
        row: of the table.
        document: a lab's summary.
    """
    passed: set[int] = set()
    with tempfile.TemporaryDirectory() as name:
        repo = repositories.Builder(Path(name) / "repo")
        rules = "rules: {documents: [README.md], unregistered_numbers: warn, claim_language: 'off'}"

        def claims(changes: Sequence[Change], status: str) -> str:
            found = [
                f"  - {{id: c{lab:04}, sentence: It is so., status: {status if change.asks else 'pending'}, "
                f"policy: demo, gates: {change.gates}, evidence: [evidence/{lab:04}]}}"
                for lab, change in enumerate(changes)
                if change.gates is not None
            ]
            return f"schema: gatekit.claims/1\n{rules}\nclaims:\n{OTHER}" + "\n".join(found) + "\n"

        def page(changes: Sequence[Change]) -> str:
            said = {"other": "Another tool agrees."}
            said |= {f"c{lab:04}": "It is so." for lab, change in enumerate(changes) if change.gates is not None}
            blocks = [f"<!-- gatekit:claim {name} -->{text}<!-- /gatekit:claim -->" for name, text in said.items()]
            return "\n\n".join(blocks) + "\n"

        first = [changes[0] for changes in courses]
        head = "schema: gatekit.policy/1\nid: demo\ndefaults: {min_seeds: 5}\n"
        files: dict[str, repositories.Content] = {
            "policies/demo.yaml": f"{head}gates:\n{OTHER_GATE}{row.policy}",
            "README.md": page(first),
            "claims.yaml": claims(first, "pending"),
            MEASURED_BY: CODE,
        }
        base = repo.commit("main", files)
        asked = []
        for step, changes in enumerate(zip(*courses, strict=True)):
            shown: dict[str, repositories.Content] = {
                f"evidence/{lab:04}/a.json": None if change.shown is None else _text(document(change.shown, lab))
                for lab, change in enumerate(changes)
            }
            shown["README.md"] = page(changes)
            ask = repo.commit(f"ask-{step}", {**shown, "claims.yaml": claims(changes, "supported")}, parents=[base])
            asked.append((base, ask))
            base = repo.commit("main", {**shown, "claims.yaml": claims(changes, "pending")})
        folder = repo.save()
        for before, after in asked:
            written = Path(name) / "verdict.json"
            command = ["pr", "--repo", str(folder), "--base", before, "--head", after]
            # The command line as it is installed, without a new interpreter for each of some thousand calls.
            with contextlib.redirect_stdout(io.StringIO()):
                run([*command, "--now", builders.NOW, "--output", f"json={written}"])
            passed |= _supported(json.loads(written.read_text(encoding="utf-8")))
    return len(passed)


def _text(summary: dict[str, Any]) -> str:
    """Return a summary that names the file that it depends on, without which no claim stands on it."""
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
    return [Change(one(range(5), drawn(rng, 5), trained_again=times)) for times in range(3)]


def taken_away(rng: Rng) -> list[Change]:
    """Five seeds; then nothing; then five others."""
    values = drawn(rng, 10)
    return [
        Change(one(range(5), values[:5])),
        Change(None, asks=False),
        Change(one(range(5, 10), values[5:])),
    ]


_MEASURES = ("cossim", "ce_loss_score", "kl_div_score")


def best_gate(told: Literal["first", "with", "after"]) -> Callable[[Rng], list[Change]]:
    """Three independent measures at their thresholds; a claim names the gate of the best one, or of the first.

    Args:
        told: the claim of the first measure is there before anything is measured; or that of the best is pending in the
            pull request that brings the evidence; or it is written afterwards.
    """

    def lab(rng: Rng) -> list[Change]:
        measures = {name: drawn(rng, 5) for name in _MEASURES}
        away = [(float(np.mean(values)) - 0.5) / float(np.std(values, ddof=1)) for values in measures.values()]
        best = f"[{_MEASURES[0 if told == 'first' else int(np.argmax(away))]}]"
        shown = {"kind": "saebench", "seeds": range(5), "observations": measures, "protocol": "p"}
        if told == "first":
            return [Change(shown, gates=best)]
        return [Change(shown, asks=False, gates=best if told == "with" else None), Change(shown, gates=best)]

    return lab


_THREE = "".join(f"  {name}: {{from: saebench, measure: {name}, at_least: 0.5}}\n" for name in _MEASURES)

COURSES = (
    Course("5 seeds, asked for once", True, grown(5)),
    Course("5 seeds, then one more in each of ten pull requests", True, grown(*range(5, 16))),
    Course("5, 10 and 15 seeds", True, grown(5, 10, 15)),
    Course("5 seeds, 5 others in their place, 5 more in the place of those", True, swapped),
    Course("5 seeds, then none, then 5 others", True, taken_away),
    Course("5 seeds; five times one more, of which the best five are shown", True, worst_dropped),
    Course("10 seeds, then the best five of them", True, best_of_ten),
    Course("5 seeds, trained again twice under the same numbers", True, trained_again),
    Course("three gates, of which a claim named one before they were measured", True, best_gate("first"), _THREE),
    Course("the best of three gates, named by a claim that comes with their evidence", True, best_gate("with"), _THREE),
    Course("the best of three gates, named by a claim that is written afterwards", True, best_gate("after"), _THREE),
)
