"""False passes that are not about noise: equal seeds, fractions of few trials, alternatives, rare collapse.

    python benchmarks/false_passes.py > benchmarks/results/false_passes.md

Every rule stands at its threshold, so that each pass is a false one; nominal 5 %.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gatekit.stats import Interval, per_seed, with_counting_error

REPETITIONS = 4000
SEEDS = (3, 5, 10)

Draw = Callable[[np.random.Generator, int], bool]
"""Whether a rule passes on so many seeds that were just drawn."""


def lower(values: list[float], confidence: float = 0.95) -> float:
    """Return Student's lower bound over the seeds."""
    found = per_seed(range(len(values)), values, confidence).lower
    assert found is not None
    return found


def alternatives(paid: int) -> Draw:
    """One of three measures, each at its threshold 0; judged as one of `paid`."""
    confidence = 1.0 - 0.05 / paid
    return lambda random, n: any(lower(random.normal(size=n).tolist(), confidence) >= 0.0 for _ in range(3))


def fraction(trials: int, share: float, counting: bool) -> Draw:
    """A fraction of so many trials per seed, asked to be at least its own true share."""
    seen: dict[tuple[int, ...], bool] = {}

    def passes(random: np.random.Generator, n: int) -> bool:
        # The bound does not depend on the order of the seeds.
        counts = tuple(sorted(random.binomial(trials, share, n).tolist()))
        if counts not in seen:
            values = [count / trials for count in counts]
            found: Interval = per_seed(range(n), values, 0.95)
            bound = with_counting_error(found, values, trials).lower if counting else found.lower
            assert bound is not None
            seen[counts] = bound > share
        return seen[counts]

    return passes


def collapse(rate: float, every_seed: bool) -> Draw:
    """A seed collapses by 10 standard deviations at a rate; the true mean, -10 * rate, is what is asked for."""

    def passes(random: np.random.Generator, n: int) -> bool:
        values = random.normal(0.0, 1.0, n) - 10.0 * (random.random(n) < rate)
        # every_seed asks for no seed below -4, far from what a good seed gives and from what a collapsed one does.
        return bool(values.min() >= -4.0) if every_seed else lower(values.tolist()) >= -10.0 * rate

    return passes


SCENARIOS: tuple[tuple[str, Draw], ...] = (
    ("any_of three, unpaid (before)", alternatives(1)),
    ("any_of three, paid", alternatives(3)),
    ("Binomial(5, .95) / 5, t alone (before)", fraction(5, 0.95, counting=False)),
    ("Binomial(5, .95) / 5, with counting error", fraction(5, 0.95, counting=True)),
    ("Binomial(20, .9) / 20, t alone (before)", fraction(20, 0.9, counting=False)),
    ("Binomial(20, .9) / 20, with counting error", fraction(20, 0.9, counting=True)),
    ("collapse by 10 sd at p = .1, bound of the mean: outside the promise", collapse(0.1, every_seed=False)),
    ("the same, every_seed: sees it where it happened, (1 - p)^n remains", collapse(0.1, every_seed=True)),
)


def main() -> None:
    """Print the table."""
    print("# False passes at the threshold, in %\n")
    print(f"{REPETITIONS} repetitions each; nominal 5 %, 95 % of repetitions of an exact rule lie within 4.3 to 5.7.\n")
    print("| scenario | " + " | ".join(f"n={n}" for n in SEEDS) + " |\n|---|" + "---|" * len(SEEDS))
    for name, passes in SCENARIOS:
        random = np.random.default_rng(20261127)
        rates = [sum(passes(random, n) for _ in range(REPETITIONS)) / REPETITIONS for n in SEEDS]
        print(f"| {name} | " + " | ".join(f"{100 * rate:.1f}" for rate in rates) + " |")


if __name__ == "__main__":
    main()
