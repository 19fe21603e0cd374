"""`gatekit plan`: how many seeds an effect needs, before anything is trained."""

from __future__ import annotations

import rich_click as click

from gatekit.cli.inputs import load_kinds
from gatekit.errors import GatekitError, UsageError
from gatekit.report.explanation.seed_plan import SeedPlan, plan_from_pilot, plan_lines

DESIGNS = ("per_seed", "per_seed_pair", "per_seed_dataset")


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
            plan = plan_from_pilot(pilot, measure, threshold, effect, paid, power, load_kinds())
        else:
            plan = _from_options(design or "per_seed", spreads, measure, threshold, effect, paid, power)
        lines = plan_lines(plan, candidates)
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
) -> SeedPlan:
    for name, value in (("measure", measure), ("threshold", threshold)):
        if value is not None:
            raise UsageError(f"--{name} is used only with --from")
    if effect is None or spreads["sd"] is None:
        raise UsageError(
            "a plan needs --effect and --sd",
            "or --from SUMMARY --measure NAME --threshold T, to take them from a pilot",
        )
    used = {"per_seed": [], "per_seed_pair": ["sd-pair"], "per_seed_dataset": ["sd-dataset", "sd-residual", "datasets"]}
    for name, value in spreads.items():
        if value is not None and name != "sd" and name not in used[design]:
            raise UsageError(f"--{name} is not used by --design {design}")
    datasets = spreads["datasets"]
    if design == "per_seed_dataset" and datasets is None:
        raise UsageError("--design per_seed_dataset needs --datasets: how many are measured")
    return SeedPlan(
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
