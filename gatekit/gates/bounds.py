"""From a measurement to the interval that a threshold is compared with: which design takes which bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from gatekit.evidence.summary import Measurement, Protocol
from gatekit.stats import (
    MOST_TRIALS,
    Interval,
    crossed,
    per_seed,
    per_seed_pair,
    per_seed_pair_two_groups,
    per_seed_two_groups,
    ratio_of_means,
    selection_confidence,
    with_control_draws,
    with_counting_error,
)
from gatekit.stats import reported as reported_interval

CONTROL_MODEL = "re-initialised model"
"""What a control's model is called where there are several."""


def effective_confidence(
    confidence: float, protocol: Protocol, selected_from: int, *, over_levels: bool
) -> tuple[float, int]:
    """Return the confidence that a bound must have, and the number of candidates it pays for.

    A candidate chosen as best of k on observations that the bound uses again is bounded at 1 - (1 - c) / k; what the
    selection did not see costs nothing. The policy may state a larger k than the summary does, never a smaller one.

    Args:
        confidence: of the rule, one-sided.
        protocol: of the summary.
        selected_from: k of the policy.
        over_levels: whether the bound also speaks for other datasets or rows; those are the same ones on every seed.
    """
    candidates = max(selected_from, chosen_from(protocol, over_levels=over_levels))
    return selection_confidence(confidence, candidates), candidates


def chosen_from(protocol: Protocol, *, over_levels: bool) -> int:
    """Return of how many the subject is the best on seeds that are measured here again.

    A choice or a measurement that does not say its seeds, or its datasets where these count, may have used these.
    """
    chosen = protocol.selection
    unsaid = not chosen.seeds or not protocol.seeds
    again = unsaid or bool(set(chosen.seeds) & set(protocol.seeds))
    return chosen.candidates if again or (over_levels and not chosen.other_datasets) else 1


@cache
def random_factors(design: str, generalize_over: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a bound of a design generalises over, of `seed`, `dataset` and `row`."""
    of_design = {"per_seed_dataset": ("seed", "dataset"), "per_seed_row": ("seed", "row")}.get(design, ("seed",))
    # A factor that the design does not have cannot be generalised over; the seeds always can.
    return tuple(name for name in of_design if name in generalize_over) or ("seed",)


def level_generalised(measurement: Measurement, generalize_over: tuple[str, ...]) -> str | None:
    """Return the factor beside the seeds that a bound speaks for others of; None where it has none."""
    factors = random_factors(measurement.design, generalize_over)
    return next((factor for factor in factors if factor != "seed"), None)


def counted_as_independent(measurement: Measurement, generalize_over: tuple[str, ...]) -> str | None:
    """Say what a bound over datasets or rows takes for granted where the evidence names no families."""
    level = level_generalised(measurement, generalize_over)
    if level is None or measurement.families is not None:
        return None
    return f"{level}s counted as independent: the evidence names no families"


def counts_trials(measurement: Measurement) -> bool:
    """Whether the bound of a measurement knows what counting few trials leaves uncertain, and so has a width."""
    alone = measurement.design == "per_seed" and measurement.baseline is None and measurement.baseline_keys is None
    return alone and measurement.trials is not None and measurement.trials <= MOST_TRIALS


def interval(measurement: Measurement, confidence: float, generalize_over: tuple[str, ...]) -> Interval:
    """Return estimate and one-sided bounds of a measurement's effect at a confidence.

    Args:
        measurement: complete observations, or another tool's numbers, which pass through with their own confidence.
        confidence: one-sided.
        generalize_over: random factors of a crossed design, of `seed`, `dataset`, `row`.
    """
    if measurement.reported is not None:
        r = measurement.reported
        return reported_interval(r.estimate, r.lower, r.upper, r.confidence or confidence, r.n_seeds or 1)
    if measurement.control_models is not None:
        found = interval(replace(measurement, control_models=None), confidence, generalize_over)
        return with_control_draws(found, measurement.control_models, CONTROL_MODEL)
    if measurement.denominator is not None:
        plain = replace(measurement, denominator=None)

        def mean_of(values: Sequence[float]) -> Interval:
            return interval(replace(plain, candidate=tuple(values)), confidence, generalize_over)

        return ratio_of_means(measurement.candidate, measurement.denominator, mean_of)
    effects = measurement.effects
    # A key is a seed, a pair of seeds, or a seed with a dataset or row; of one part, first and second are the same.
    first = [key[0] for key in measurement.keys]
    second = [key[-1] for key in measurement.keys]
    if measurement.design in ("per_seed_dataset", "per_seed_row"):
        level = "dataset" if measurement.design == "per_seed_dataset" else "row"
        factors = tuple(
            "seed" if name == "seed" else "level" for name in random_factors(measurement.design, generalize_over)
        )
        return crossed(first, second, effects, confidence, factors, level_name=level, families=measurement.families)
    if measurement.baseline_keys is not None and measurement.baseline_values is not None:
        other_first = [key[0] for key in measurement.baseline_keys]
        if measurement.design == "per_seed":
            return per_seed_two_groups(first, effects, other_first, measurement.baseline_values, confidence)
        other_second = [key[-1] for key in measurement.baseline_keys]
        return per_seed_pair_two_groups(
            first, second, effects, other_first, other_second, measurement.baseline_values, confidence
        )
    if measurement.design == "per_seed":
        found = per_seed(first, effects, confidence)
        return with_counting_error(found, effects, measurement.trials or 1) if counts_trials(measurement) else found
    return per_seed_pair(first, second, effects, confidence)
