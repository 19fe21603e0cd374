"""False passes of gates that are looked at more than once, with and without what gatekit makes them pay.

    nice python -m benchmarks.stopping                      # writes benchmarks/results/stopping.md
    python -m benchmarks.stopping --repetitions 4000 --output -

The truth is the threshold in every row, so every pass is a false one; normal observations per seed, one-sided t bounds.
The levels come from the functions of gatekit; numpy only draws the noise.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.coverage_designs import CONFIDENCE, Array
from gatekit.stats import selection_confidence, t_quantile
from gatekit.stats.spending import Rule, extension_alpha, look_alphas

SEED = 20_262
REPETITIONS = 40_000
PROMISED, TOLERATED = 1.0 - CONFIDENCE, 0.015
RESULTS = Path(__file__).parent / "results" / "stopping.md"


def passes(drawn: Array, seeds: int, confidence: float) -> Array:
    """Return per repetition whether the lower bound on the first `seeds` observations is at least 0."""
    here = drawn[:, :seeds]
    error = here.std(axis=1, ddof=1) / math.sqrt(seeds)
    bound: Array = here.mean(axis=1) - t_quantile(confidence, seeds - 1.0) * error
    return bound >= 0.0


def any_look(drawn: Array, looks: Sequence[int], confidences: Sequence[float]) -> float:
    """Return the fraction of repetitions that pass at one of the looks."""
    each = [passes(drawn, seeds, confidence) for seeds, confidence in zip(looks, confidences, strict=True)]
    return float(np.any(each, axis=0).mean())


def best_of(drawn: Array, kept: int) -> Array:
    """Return the observations with the best ones first, as who picks seeds shows them."""
    return -np.sort(-drawn, axis=1)[:, :kept]


def rows(repetitions: int) -> list[tuple[str, float, bool]]:
    """Return (what is done, fraction of false passes, whether gatekit promises to hold its level there)."""
    rng = np.random.default_rng(SEED)
    drawn = rng.standard_normal((repetitions, 30))
    three, singly = (5, 10, 15), tuple(range(5, 16))
    extended = [CONFIDENCE, *(1.0 - extension_alpha(CONFIDENCE, 5, seeds) for seeds in singly[1:])]
    candidates = rng.standard_normal((repetitions, 4, 5))
    fours = [passes(candidates[:, index], 5, selection_confidence(CONFIDENCE, 4)) for index in range(4)]
    unpaid = [passes(candidates[:, index], 5, CONFIDENCE) for index in range(4)]
    rules: tuple[Rule, ...] = ("obrien_fleming", "equal")
    paid = [[1.0 - alpha for alpha in look_alphas(CONFIDENCE, three, rule)] for rule in rules]
    ten = drawn[:, :10]
    long = rng.standard_normal((repetitions, 100))
    worst_dropped = best_of(drawn[:, :6], 5)
    return [
        ("5 seeds, looked at once", any_look(drawn, (5,), [CONFIDENCE]), True),
        ("15 seeds, looked at once", any_look(drawn, (15,), [CONFIDENCE]), True),
        ("5 to 15 seeds, one at a time, unpaid", any_look(drawn, singly, [CONFIDENCE] * 11), False),
        ("5 to 30 seeds, one at a time, unpaid", any_look(drawn, range(5, 31), [CONFIDENCE] * 26), False),
        ("looks at 5, 10 and 15 seeds, unpaid", any_look(drawn, three, [CONFIDENCE] * 3), False),
        (
            "registered looks at 5, 10 and 15 seeds, O'Brien-Fleming",
            any_look(drawn, three, paid[0]),
            True,
        ),
        ("registered looks at 5, 10 and 15 seeds, equal shares", any_look(drawn, three, paid[1]), True),
        *(
            (f"5 to {last} seeds, one at a time, each {how}, the first look free", _extension(long, last, shown), shown)
            for how, shown in (("shown and paid as the next extension", True), ("paid as the only extension", False))
            for last in (15, 30, 100)
        ),
        ("5 seeds extended once to 15 and judged there only", any_look(drawn, (15,), extended[-1:]), True),
        ("best of 4 registered candidates, unpaid", float(np.any(unpaid, axis=0).mean()), False),
        ("best of 4 registered candidates, paid, losers deleted", float(np.any(fours, axis=0).mean()), True),
        ("the worst of six seeds dropped, unregistered", any_look(worst_dropped, (5,), [CONFIDENCE]), False),
        ("the best five of ten seeds, unregistered", any_look(best_of(ten, 5), (5,), [CONFIDENCE]), False),
    ]


def _extension(drawn: Array, last: int, shown: bool) -> float:
    """Five seeds at the gate's own level, and then each extension at what it pays.

    Args:
        drawn: (repetitions, seeds).
        last: seeds of the last look.
        shown: whether each stays as evidence, so that the next one is told from the first.
    """
    looks = tuple(range(5, last + 1))
    steps = [(seeds, seeds - 5 if shown else 1) for seeds in looks[1:]]
    paid = [CONFIDENCE, *(1.0 - extension_alpha(CONFIDENCE, 5, seeds, step=step) for seeds, step in steps)]
    return any_look(drawn, looks, paid)


def report(repetitions: int) -> tuple[str, list[str]]:
    """Return the page, and what is above the level that gatekit promises."""
    found = rows(repetitions)
    wrong = [what for what, rate, promised in found if promised and rate > PROMISED + TOLERATED]
    error = 100 * math.sqrt(PROMISED * CONFIDENCE / repetitions)
    lines = [
        "# False passes under repeated looks and choices",
        "",
        f"Truth = threshold, confidence {CONFIDENCE:g}, normal noise, {repetitions} repetitions (standard error "
        f"{error:.2f} points): `python -m benchmarks.stopping`.",
        "Rows that gatekit does not promise to hold are what registrations are for (docs/registration.md).",
        "",
        "| what is done | false passes, % | promised |",
        "|---|---|---|",
        *(f"| {what} | {100 * rate:.1f} | {'yes' if promised else 'no'} |" for what, rate, promised in found),
    ]
    return "\n".join(lines) + "\n", wrong


def main(arguments: list[str] | None = None) -> int:
    """Write the page; exit 1 where a promised level is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--output", default=str(RESULTS))
    given = parser.parse_args(arguments)
    page, wrong = report(given.repetitions)
    if given.output == "-":
        sys.stdout.write(page)
    else:
        Path(given.output).write_text(page, encoding="utf-8")
    for what in wrong:
        sys.stderr.write(f"above its level: {what}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
