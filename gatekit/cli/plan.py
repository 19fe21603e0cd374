"""`gatekit plan`: how many seeds an effect needs, before anything is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import rich_click as click

from gatekit.errors import GatekitError, UsageError, did_you_mean
from gatekit.evidence import find_summaries, read_summary
from gatekit.gates.bounds import effective_confidence, interval
from gatekit.kinds import INSTALLED
from gatekit.policy.limits import exact
from gatekit.report.explanation.outlook import LEVELS, spread
from gatekit.report.verdict.wording import number

DESIGNS = ("per_seed", "per_seed_pair", "per_seed_dataset")
SHOWN = (3, 5, 8, 10, 15, 20, 30, 50)
"""Numbers of seeds in the table; the answer is added."""


@dataclass(frozen=True)
class Plan:
    """What is asked: the arguments of `seeds_needed`, and words on where they come from."""

    effect: float
    sd: float
    confidence: float
    power: float
    design: str = "per_seed"
    sd_pair: float = 0.0
    sd_dataset: float = 0.0
    sd_residual: float = 0.0
    n_datasets: int | None = None
    level: str = "dataset"
    """What the second factor of per_seed_dataset is: `dataset` or `row`."""
    origin: tuple[str, ...] = ()


@click.command("plan")
@click.option("--effect", type=float, help="Distance of the true value from the threshold, in the measure's unit.")
@click.option("--sd", type=float, help="Standard deviation over seeds (of the differences, when there is a control).")
@click.option("--design", type=click.Choice(DESIGNS), help="What one observation is; default per_seed.")
@click.option("--sd-pair", type=float, help="per_seed_pair: noise of a pair beyond its two seeds; --sd is one seed's.")
@click.option("--sd-dataset", type=float, help="per_seed_dataset: standard deviation over datasets or rows.")
@click.option("--sd-residual", type=float, help="per_seed_dataset: noise of one (seed, dataset) beyond both.")
@click.option("--datasets", type=int, help="per_seed_dataset: how many datasets or rows there are.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="One-sided, of the gate.")
@click.option("--power", type=float, default=0.8, show_default=True, help="Wanted probability of a pass.")
@click.option("--candidates", type=int, default=1, show_default=True, help="The best of so many will be gated.")
@click.option("--from", "pilot", metavar="SUMMARY", help="Take the spread from this summary of a pilot run.")
@click.option("--measure", metavar="NAME", help="With --from: which measurement.")
@click.option("--threshold", type=float, help="With --from: the gate's threshold; the pilot's estimate is the truth.")
def command(
    effect: float | None,
    sd: float | None,
    design: str | None,
    sd_pair: float | None,
    sd_dataset: float | None,
    sd_residual: float | None,
    datasets: int | None,
    confidence: float,
    power: float,
    candidates: int,
    pilot: str | None,
    measure: str | None,
    threshold: float | None,
) -> None:
    """Say how many seeds a gate needs to pass, given the true effect and how much seeds differ.

    Either --effect and --sd, or --from a pilot's summary with --measure and --threshold (or --effect).
    """
    from gatekit.stats import selection_confidence

    spreads = {"sd": sd, "sd-pair": sd_pair, "sd-dataset": sd_dataset, "sd-residual": sd_residual, "datasets": datasets}
    try:
        paid = selection_confidence(confidence, candidates)
        if pilot is not None:
            given = [f"--{name}" for name, value in {**spreads, "design": design}.items() if value is not None]
            if given:
                raise UsageError(f"--from states the design and the spread; {' and '.join(given)} would contradict it")
            plan = _from_pilot(pilot, measure, threshold, effect, paid, power)
        else:
            plan = _from_options(design or "per_seed", spreads, measure, threshold, effect, paid, power)
        lines = answer(plan, candidates)
    except GatekitError as error:
        # Numbers that no plan can be made for were typed by the user: the command line is wrong, not an input file.
        raise UsageError(error.message, error.remedy) if error.error_id.startswith("stats.") else error from None
    click.echo("\n".join(lines))


def _from_options(
    design: str,
    spreads: dict[str, float | None],
    measure: str | None,
    threshold: float | None,
    effect: float | None,
    confidence: float,
    power: float,
) -> Plan:
    for name, value in (("measure", measure), ("threshold", threshold)):
        if value is not None:
            raise UsageError(f"--{name} says nothing without --from")
    if effect is None or spreads["sd"] is None:
        raise UsageError(
            "a plan needs --effect and --sd",
            "or --from SUMMARY --measure NAME --threshold T, to take them from a pilot",
        )
    used = {"per_seed": [], "per_seed_pair": ["sd-pair"], "per_seed_dataset": ["sd-dataset", "sd-residual", "datasets"]}
    for name, value in spreads.items():
        if value is not None and name != "sd" and name not in used[design]:
            raise UsageError(f"--{name} says nothing for --design {design}")
    datasets = spreads["datasets"]
    if design == "per_seed_dataset" and datasets is None:
        raise UsageError("--design per_seed_dataset needs --datasets: how many are measured")
    return Plan(
        effect=effect,
        sd=spreads["sd"],
        confidence=confidence,
        power=power,
        design=design,
        sd_pair=spreads["sd-pair"] or 0.0,
        sd_dataset=spreads["sd-dataset"] or 0.0,
        sd_residual=spreads["sd-residual"] or 0.0,
        n_datasets=None if datasets is None else int(datasets),
    )


def _from_pilot(
    path: str, name: str | None, threshold: float | None, effect: float | None, confidence: float, power: float
) -> Plan:
    """Take design and spread from a summary, and the effect from its estimate where a threshold is given.

    Raises:
        UsageError: the summary has no such measurement, or no spread, or its estimate does not meet the threshold.
        GatekitError: the summary is refused.
    """
    paths = find_summaries([path])
    if len(paths) != 1:
        raise UsageError(f"--from takes one summary; '{path}' holds {len(paths)}")
    summary = read_summary(paths[0])
    if name is None or name not in summary.measurements:
        known = list(summary.measurements)
        near = did_you_mean(name or "", known) or f"known: {', '.join(known) or 'none, the run failed'}"
        raise UsageError(f"{path} holds no '{name}'" if name else "--from needs --measure", near)
    measurement = summary.measurements[name]
    bounds = interval(measurement, confidence, ("seed", LEVELS.get(measurement.design, "dataset")))
    if measurement.reported is not None or bounds.standard_error is None:
        raise UsageError(f"{name} in {path} has no spread to plan with: {bounds.method}", "give --effect and --sd")
    if (threshold is None) == (effect is None):
        raise UsageError("--from needs either --threshold or --effect")
    if threshold is not None:
        sign = 1.0 if INSTALLED.measures(summary.kind)[name].direction == "higher" else -1.0
        effect = sign * (bounds.estimate - threshold)
        if effect <= 0.0:
            raise UsageError(
                f"the pilot's estimate, {number(bounds.estimate)}, does not meet the threshold {exact(threshold)}",
                "no number of seeds changes that; plan with --effect for the value that you expect",
            )
    assert effect is not None
    _, candidates = effective_confidence(confidence, summary.protocol, 1)
    found = spread(measurement, bounds, ("seed", LEVELS.get(measurement.design, "dataset")))
    origin = [f"{name} of {summary.path}: estimate {number(bounds.estimate)}, {bounds.method}"]
    if bounds.n_seeds < 5:
        origin.append(f"a spread from {bounds.n_seeds} seeds is itself uncertain by a factor of two or more")
    if candidates > 1:
        origin.append(f"the pilot was the best of {candidates} candidates, so its estimate is likely too good")
    plan = Plan(effect, math.sqrt(found.seeds * found.n_seeds), confidence, power, origin=tuple(origin))
    if measurement.design in LEVELS:
        sd_levels, level = math.sqrt(found.levels * found.n_levels), LEVELS[measurement.design]
        return replace(plan, design="per_seed_dataset", sd_dataset=sd_levels, n_datasets=found.n_levels, level=level)
    if measurement.design == "per_seed_pair":
        # The variance of a pair mean is 4 V(s) / n where seeds dominate; taking all of it for theirs errs to more.
        return replace(plan, design="per_seed_pair", sd=plan.sd / 2.0)
    return plan


def answer(plan: Plan, candidates: int) -> list[str]:
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
                f"  more seeds do not help where {plan.n_datasets} {plan.level}s differ by {plan.sd_dataset:.4g}"
            )
    else:
        lines = [f"{needed.n} seeds: {effect} passes with probability {needed.power:.2f} (asked for: {plan.power:g})"]
    parts = [f"design {plan.design}", f"sd {plan.sd:.4g}"]
    if plan.design == "per_seed_pair":
        parts.append(f"sd of a pair {plan.sd_pair:.4g}")
    if plan.design == "per_seed_dataset":
        parts.append(f"sd over {plan.n_datasets} {plan.level}s {plan.sd_dataset:.4g}")
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
