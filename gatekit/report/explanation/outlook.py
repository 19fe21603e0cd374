"""What would change an outcome: more seeds, another estimate, or what is missing, in sentences.

The counts hold for the spread that was observed, which at five seeds is itself uncertain by a factor of about two. They
say how much more to measure; they are no promise of a pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import assert_never

from gatekit.evidence.summary import Measurement
from gatekit.gates.bounds import interval
from gatekit.gates.verdict import BoundedEstimate, Outcome, ThresholdResult, Why
from gatekit.kinds import BUILT_IN
from gatekit.policy.limits import AtLeast, AtMost, Between, exact, margin, sides
from gatekit.policy.model import Threshold
from gatekit.report.verdict.wording import number
from gatekit.stats import Interval, seeds_needed, t_quantile

POWER = 0.8
MOST = 10_000
"""More seeds, datasets or rows than this are called out of reach."""
LEVELS = {"per_seed_dataset": "dataset", "per_seed_row": "row"}


@dataclass(frozen=True)
class Spread:
    """How far a bound is from its estimate, as a function of what is measured."""

    confidence: float
    n_seeds: int
    seeds: float
    """Variance of the estimate that is divided by the number of seeds."""
    seeds_df: float
    n_levels: float
    """Independent ones: datasets in families count as fewer, and as no whole number."""
    levels: float
    """Variance of the estimate that is divided by the number of datasets or rows; 0 where they do not count."""

    def half_width(self, n_seeds: int, n_levels: float) -> float:
        """Return the distance between estimate and bound at other numbers of seeds and levels."""
        squared = 0.0
        if self.seeds > 0.0:
            df = self.seeds_df * (n_seeds - 1) / (self.n_seeds - 1)
            squared += t_quantile(self.confidence, df) ** 2 * self.seeds * self.n_seeds / n_seeds
        if self.levels > 0.0:
            df = n_levels - 1.0
            squared += t_quantile(self.confidence, df) ** 2 * self.levels * self.n_levels / n_levels
        return math.sqrt(squared)


def spread(measurement: Measurement, bounds: Interval, factors: Collection[str]) -> Spread:
    """Return how the half-width of a bound depends on what is measured.

    Args:
        measurement: with observations.
        bounds: its interval, with a standard error.
        factors: random factors, as a policy's `generalize_over`.
    """
    level = LEVELS.get(measurement.design)
    if level is None:
        error, df = bounds.standard_error or 0.0, bounds.df or 1.0
        return Spread(bounds.confidence, bounds.n_seeds, error**2, df, 0, 0.0)

    def over(factor: str) -> tuple[float, float]:
        """Return the variance over a factor and how many of it there are, by the bound that has it alone."""
        # As in gates.bounds: where the policy names no factor that the design has, seeds are the one.
        if factor not in factors and not (factor == "seed" and level not in factors):
            return 0.0, float(len({key[-1] for key in measurement.keys}))
        alone = interval(measurement, bounds.confidence, (factor,))
        return (alone.standard_error or 0.0) ** 2, (alone.df or 0.0) + 1.0

    of_levels, n_levels = over(level)
    return Spread(bounds.confidence, bounds.n_seeds, over("seed")[0], bounds.n_seeds - 1.0, n_levels, of_levels)


def outlook(rule: Threshold, result: ThresholdResult, measurement: Measurement | None) -> list[str]:
    """Return sentences on what would change the outcome of one threshold."""
    measured = result.measured
    if measured is None or measurement is None:
        return [_missing(rule, result)]
    if result.outcome is Outcome.PASS:
        return _room(rule, measured)
    side = _distance(rule, measured.estimate)
    if rule.optimistic:
        return [f"More seeds may bring a branch back only if its estimate rises: it is {number(-side)} short now."]
    if side < 0.0:
        return _wrong_side(rule, measured, -side)
    if measurement.reported is not None or measured.confidence is None:
        return ["Another tool reported this bound without observations, so what more seeds would do cannot be said."]
    bounds = interval(measurement, measured.confidence, rule.generalize_over)
    return _more(measurement, spread(measurement, bounds, rule.generalize_over), side)


def _distance(rule: Threshold, estimate: float) -> float:
    """Return how far the estimate is on the passing side of the threshold."""
    return margin(rule.limits, estimate, estimate)


def _room(rule: Threshold, measured: BoundedEstimate) -> list[str]:
    what = "bound" if rule.is_bounded else "estimate"
    if measured.margin == 0.0:
        return [f"The {what} is exactly at the threshold: there is nothing to spare."]
    spare = number(measured.margin)
    match rule.limits:
        case Between():
            return [f"The {what} is inside by {spare}: so far could the estimate move either way and still pass."]
        case AtLeast():
            direction, limit = "fall", measured.estimate - measured.margin
        case AtMost():
            direction, limit = "rise", measured.estimate + measured.margin
        case _:
            assert_never(rule.limits)
    kept = "" if not rule.is_bounded else ", at this spread,"
    return [
        f"The {what} clears the threshold by {spare}: the estimate could{kept} {direction} from "
        f"{number(measured.estimate)} to {number(limit)} and still pass."
    ]


def _wrong_side(rule: Threshold, measured: BoundedEstimate, short: float) -> list[str]:
    found = [
        f"No number of seeds changes this while the estimate stays at {number(measured.estimate)}: it is on the wrong "
        f"side of the threshold by {number(short)}."
    ]
    side = min(sides(rule.limits), key=lambda side: side.inside(measured.estimate))
    below = not side.upper
    other = measured.upper if below else measured.lower
    if other is None or not rule.is_bounded:
        return found
    bound = f"the {'upper' if below else 'lower'} bound, {number(other)}, is on the"
    if side.inside(other) < 0.0:
        found.append(f"Even {bound} wrong side: the evidence says that the threshold is not met.")
    else:
        found.append(
            f"But {bound} right side: the truth may still meet the threshold, and then new seeds must also move the "
            "estimate."
        )
    return found


def _more(measurement: Measurement, found: Spread, distance: float) -> list[str]:
    if distance == 0.0:
        return ["The estimate is exactly at the threshold: no number of seeds brings its bound there as well."]
    level = LEVELS.get(measurement.design, "dataset")
    by = f"The estimate meets the threshold by {number(distance)}, its bound does not."
    seeds = None
    if found.seeds > 0.0:
        seeds = _fewest(lambda n: found.half_width(n, found.n_levels) <= distance, found.n_seeds)
    if seeds is not None:
        more = seeds - found.n_seeds
        likely = _likely(measurement, found, distance)
        if likely is not None:
            chance = f"; to pass with probability {POWER:g}, if this estimate is the truth, takes {likely} seeds"
        else:
            chance = f"; no number of seeds passes with probability {POWER:g}, as the {level}s are too few"
        return [
            f"{by} With the same estimate and spread the bound would meet it from about {seeds} seeds on, {more} more "
            f"than now{chance}.",
            "But seeds that are added until a gate passes are no evidence at its confidence: each look must pay. Say "
            f"first at which numbers of seeds you will look, `gatekit register --looks {found.n_seeds},{seeds} ...`, "
            "on new seeds; docs/registration.md says what it costs.",
        ]
    if found.levels > 0.0:
        now = math.floor(found.n_levels)
        levels = _fewest(lambda n: found.half_width(found.n_seeds, n) <= distance, now)
        if levels is not None:
            # Families of unequal size count as so many of equal size.
            what = f"{level}s" if measurement.families is None else f"families of {level}s of equal size"
            return [
                f"{by} More seeds alone do not help, because the {level}s differ: with the same estimate and spread "
                f"the bound would meet it from about {levels} {what} on, {levels - now} more than now."
            ]
        if found.seeds > 0.0:
            return [f"{by} It takes more seeds and more {level}s: at this spread neither alone is enough."]
    return [f"{by} At this spread it is out of reach: more than {MOST} would be needed."]


def _likely(measurement: Measurement, found: Spread, distance: float) -> int | None:
    """Return the seeds that pass with probability 0.8 when the truth is `distance` beyond the threshold."""
    sd = math.sqrt(found.seeds * found.n_seeds)
    if found.levels > 0.0:
        sd_levels = math.sqrt(found.levels * found.n_levels)
        needed = seeds_needed(
            distance,
            sd,
            found.confidence,
            POWER,
            "per_seed_dataset",
            sd_dataset=sd_levels,
            n_datasets=found.n_levels,
        )
    elif measurement.design == "per_seed_pair":
        # The variance of a pair mean is 4 V(s) / n where seeds dominate.
        needed = seeds_needed(distance, sd / 2.0, found.confidence, POWER, "per_seed_pair")
    else:
        needed = seeds_needed(distance, sd, found.confidence, POWER)
    return needed.n


def _fewest(enough: Callable[[int], bool], now: int) -> int | None:
    """Return the smallest number above `now` that is enough, where more never is worse; None beyond MOST."""
    low, high = now, now + 1
    while not enough(high):
        if high >= MOST:
            return None
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _missing(rule: Threshold, result: ThresholdResult) -> str:
    """Return what is missing and how to get it."""
    measure = f"`gatekit run {rule.kind}`, or `gatekit import` for another tool's results"
    if rule.kind not in BUILT_IN:
        measure = f"`gatekit import table results.csv --kind {rule.kind} --subject subject.yaml`, or a runner of yours"
    remedies = {
        Why.MISSING: f"Measure it ({measure}) and put the summary where `--evidence` finds it.",
        Why.RUN_FAILED: f"Mend what stopped the run and measure again ({measure}).",
        Why.DIVERGED: "Train SAEs that reconstruct (a lower learning rate, say) and measure those: no number of "
        "these passes.",
        Why.ANOTHER_SUBJECT: f"Measure the subject that the policy names ({measure}), or mend the policy's `subject`.",
        Why.SEVERAL_SUBJECTS: "Name the one that is meant under `subject:` in the policy (the first 12 digits of its "
        "digest do), or its folder under `evidence:`.",
        Why.SEVERAL_PROTOCOLS: "Name the protocol that counts with `protocol:` in the rule, or remove the evidence "
        "that does not.",
        Why.STALE: f"Measure again ({measure}).",
        Why.SELF_REPORTED: f"Measure it with observations ({measure}), or accept the number as weaker with "
        "`allow_reported: true` in the rule.",
        Why.EXPLORATORY: "Register new seeds and their looks (`gatekit register`), commit that to the base branch, and "
        "then measure them: what was measured before stays exploratory.",
        Why.NOT_AS_REGISTERED: "Measure what was registered, on the seeds of one of its looks, and keep every run.",
        Why.TOO_FEW_SEEDS: _seeds_missing(rule, result, measure),
        Why.TOO_FEW_MODELS: "Measure the control on more re-initialised models: `random_model_seeds` of the runner, "
        f"{exact(rule.min_random_models)} in all ({measure}).",
        Why.NO_BASE: "Give the base branch's summaries with `--base-evidence`, measured by the same protocol on the "
        "same seeds and datasets.",
        Why.IMPLAUSIBLE: "Look at what wrote the summary: its control, its rows, its times and the model's name; "
        "measure again.",
        Why.NO_SPREAD: "Check that the seeds are different SAEs and that each was measured; if so, ask what can tell "
        f"them apart, or `every_seed` in place of a bound ({measure}).",
        Why.NO_BOUND: "Have the tool report a bound at that confidence, or measure with observations."
        if result.self_reported
        else f"Measure more seeds, datasets or rows, so that their spread can be seen ({measure}).",
    }
    return remedies.get(result.why, "Measure it.")


def _seeds_missing(rule: Threshold, result: ThresholdResult, measure: str) -> str:
    if result.self_reported:
        return f"Have the tool state {rule.min_seeds} or more seeds, or measure with observations ({measure})."
    return f"Train and measure more seeds, {exact(rule.min_seeds)} in all ({measure})."
