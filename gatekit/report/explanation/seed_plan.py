"""How many seeds an effect needs: a plan from typed numbers or from a pilot's summary, and its answer in lines."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from gatekit.errors import UsageError, did_you_mean
from gatekit.evidence import find_summaries, read_summary
from gatekit.gates.bounds import counts_trials, effective_confidence, interval, random_factors
from gatekit.gates.spread import resolution, without_spread
from gatekit.kinds import Kinds
from gatekit.policy.limits import exact
from gatekit.report.explanation.outlook import LEVELS, spread
from gatekit.report.verdict.wording import number

SHOWN = (3, 5, 8, 10, 15, 20, 30, 50)
"""Numbers of seeds in the table; the answer is added."""


@dataclass(frozen=True)
class SeedPlan:
    """What is asked: the arguments of `seeds_needed`, and words on where they come from."""

    effect: float
    sd: float
    confidence: float
    power: float
    design: str = "per_seed"
    sd_pair: float = 0.0
    sd_dataset: float = 0.0
    sd_residual: float = 0.0
    n_datasets: float | None = None
    """Independent ones: datasets in families count as fewer, and as no whole number."""
    level: str = "dataset"
    """What the second factor of per_seed_dataset is: `dataset` or `row`."""
    origin: tuple[str, ...] = ()


def plan_from_pilot(
    path: str,
    name: str | None,
    threshold: float | None,
    effect: float | None,
    confidence: float,
    power: float,
    kinds: Kinds,
) -> SeedPlan:
    """Take design and spread from a summary, and the effect from its estimate where a threshold is given.

    Raises:
        UsageError: the summary has no such measurement, or no spread, or its estimate does not meet the threshold.
        GatekitError: the summary is refused.
    """
    paths = find_summaries([path])
    if len(paths) != 1:
        raise UsageError(f"--from takes one summary; '{path}' holds {len(paths)}")
    summary = read_summary(paths[0], kinds)
    if name is None or name not in summary.measurements:
        known = list(summary.measurements)
        near = did_you_mean(name or "", known) or f"known: {', '.join(known) or 'none, the run failed'}"
        raise UsageError(f"{path} holds no '{name}'" if name else "--from needs --measure", near)
    measurement = summary.measurements[name]
    generalized = ("seed", LEVELS.get(measurement.design, "dataset"))
    bounds = interval(measurement, confidence, generalized)
    if measurement.reported is not None or bounds.standard_error is None:
        raise UsageError(f"{name} in {path} has no spread to plan with: {bounds.method}", "give --effect and --sd")
    alone = (
        None
        if counts_trials(measurement)
        else without_spread(measurement, random_factors(measurement.design, generalized), resolution(measurement))
    )
    if alone is not None and not summary.table.by_name[name].structural:
        message = f"{name} in {path} shows no spread over {alone}, so nothing says how far another draw would be off"
        raise UsageError(message, "measure draws that differ, or give --effect and --sd")
    if (threshold is None) == (effect is None):
        raise UsageError("--from needs either --threshold or --effect")
    if threshold is not None:
        sign = 1.0 if measurement.direction == "higher" else -1.0
        effect = sign * (bounds.estimate - threshold)
        if effect <= 0.0:
            raise UsageError(
                f"the pilot's estimate, {number(bounds.estimate)}, does not meet the threshold {exact(threshold)}",
                "no number of seeds changes that; plan with --effect for the value that you expect",
            )
    assert effect is not None
    over_levels = measurement.design in LEVELS
    _, candidates = effective_confidence(confidence, summary.protocol, 1, over_levels=over_levels)
    found = spread(measurement, bounds, generalized)
    origin = [f"{name} of {summary.path}: estimate {number(bounds.estimate)}, {bounds.method}"]
    if bounds.n_seeds < 5:
        origin.append(f"a spread from {bounds.n_seeds} seeds is itself uncertain by a factor of two or more")
    if candidates > 1:
        origin.append(f"the pilot was the best of {candidates} candidates, so its estimate is likely too good")
    plan = SeedPlan(effect, math.sqrt(found.seeds * found.n_seeds), confidence, power, origin=tuple(origin))
    if measurement.design in LEVELS:
        sd_levels, level = math.sqrt(found.levels * found.n_levels), LEVELS[measurement.design]
        if measurement.families is not None:
            origin.append(f"the {level}s in families count as {found.n_levels:.4g} independent ones")
        return replace(
            plan,
            design="per_seed_dataset",
            sd_dataset=sd_levels,
            n_datasets=found.n_levels,
            level=level,
            origin=tuple(origin),
        )
    if measurement.design == "per_seed_pair":
        # The variance of a pair mean is 4 V(s) / n where seeds dominate; taking all of it for theirs errs to more.
        return replace(plan, design="per_seed_pair", sd=plan.sd / 2.0)
    return plan


def plan_lines(plan: SeedPlan, candidates: int) -> list[str]:
    """Return the lines of the report.

    Raises:
        GatekitError: `stats.*`: no plan can be made for these numbers.
    """
    from gatekit.stats import power_with, seeds_needed
    from gatekit.stats.planning import MOST_SEEDS

    spreads: dict[str, Any] = {
        "design": plan.design,
        "sd_pair": plan.sd_pair,
        "sd_dataset": plan.sd_dataset,
        "sd_residual": plan.sd_residual,
        "n_datasets": plan.n_datasets,
    }
    needed = seeds_needed(plan.effect, plan.sd, plan.confidence, plan.power, **spreads)
    effect = f"an effect of {plan.effect:.4g}"
    if needed.n is None:
        reached = f"{needed.power:.2f}, not {plan.power:g}"
        lines = [f"no number of seeds: at {MOST_SEEDS} {effect} passes with probability {reached}"]
        if plan.design == "per_seed_dataset":
            lines.append(
                f"  more seeds do not help where {plan.n_datasets:.4g} {plan.level}s differ by {plan.sd_dataset:.4g}"
            )
    else:
        lines = [f"{needed.n} seeds: {effect} passes with probability {needed.power:.2f} (asked for: {plan.power:g})"]
    parts = [f"design {plan.design}", f"sd {plan.sd:.4g}"]
    if plan.design == "per_seed_pair":
        parts.append(f"sd of a pair {plan.sd_pair:.4g}")
    if plan.design == "per_seed_dataset":
        parts.append(f"sd over {plan.n_datasets:.4g} {plan.level}s {plan.sd_dataset:.4g}")
        parts.append(f"residual sd {plan.sd_residual:.4g}")
    parts.append(f"one-sided confidence {plan.confidence:.6g}")
    if candidates > 1:
        parts.append(f"which pays for the best of {candidates}")
    lines += [f"  {', '.join(parts)}", *(f"  {text}" for text in plan.origin), "", "  seeds  power"]
    for n in sorted({*SHOWN, needed.n or SHOWN[0]}):
        power = power_with(n, plan.effect, plan.sd, plan.confidence, **spreads)
        lines.append(f"  {n:>5}  {power:>5.2f}{'  <- fewest' if n == needed.n else ''}")
    if needed.n is not None and needed.n < 5:
        lines += ["", "  a policy asks for 5 seeds unless its min_seeds says otherwise: fewer would be inconclusive"]
    return lines
