"""`gatekit plan`: how many seeds an effect needs, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

import rich_click as click

from gatekit.cli.inputs import load_evidence, load_kinds, load_policies, the_time
from gatekit.errors import GatekitError, UsageError
from gatekit.report.explanation.seed_plan import SeedPlan, plan_from_pilot, plan_lines
from gatekit.stats.spending import Rule

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
@click.option("--looks", metavar="LIST", help="Look after so many seeds, as a registration would: 5,10,15.")
@click.option(
    "--spending",
    type=click.Choice(("obrien_fleming", "equal")),
    help="With --looks: how they share the error, as a registration says it; default obrien_fleming.",
)
@click.option("--policy", "policy_path", metavar="FILE", help="Plan for all rules of a policy together.")
@click.option("--evidence", multiple=True, metavar="DIR", help="With --policy: a pilot's summaries (repeatable).")
@click.option("--now", metavar="TIME", help="With --policy: judge ages at this UTC time.")
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
    looks: str | None,
    spending: Rule | None,
    policy_path: str | None,
    evidence: tuple[str, ...],
    now: str | None,
) -> None:
    """Say how many seeds a gate needs to pass, given the true effect and how much seeds differ.

    Either --effect and --sd, or --from a pilot's summary with --measure and --threshold (or --effect). With --looks,
    the power at each look of a registration; with --policy, that of all its rules together, from a pilot's --evidence
    or with every rule at --effect and --sd.
    """
    from gatekit.stats import selection_confidence

    if policy_path is not None and evidence:
        if effect is not None or sd is not None or pilot is not None:
            raise UsageError("--evidence states effects and spreads; leave --effect, --sd and --from out")
        click.echo("\n".join(_policy_lines(policy_path, evidence, power, now)))
        return
    if evidence or now is not None:
        raise UsageError("--evidence and --now are used only with --policy; --from takes one pilot's summary")
    if spending is not None and looks is None:
        raise UsageError("--spending is used only with --looks")

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
        if policy_path is not None:
            lines = _alike_lines(plan, policy_path)
        elif looks is not None:
            lines = _looks_lines(plan, looks, spending or "obrien_fleming")
        else:
            lines = plan_lines(plan, candidates)
    except GatekitError as error:
        # Numbers that no plan can be made for were typed by the user: the command line is wrong, not an input file.
        raise UsageError(error.message, error.remedy) if error.error_id.startswith("stats.") else error from None
    click.echo("\n".join(lines))


def _policy_lines(path: str, evidence: Sequence[str], power: float, now: str | None) -> list[str]:
    """Plan for all rules of a policy from the evidence of a pilot."""
    from dataclasses import replace

    from gatekit.gates.evaluate import evaluate
    from gatekit.report.explanation.policy_plan import policy_plan_lines

    kinds = load_kinds()
    policies, errors = load_policies([path], kinds)
    summaries, wrong = load_evidence(evidence, kinds)
    if errors or wrong:
        raise [*errors, *wrong][0]
    # A pilot is exploratory, and may be younger in seeds than the policy asks for.
    policy = replace(policies[0], registered="shown", evidence=() if evidence else policies[0].evidence)
    return policy_plan_lines(policy, evaluate([policy], summaries, the_time(now)), summaries, power)


def _alike_lines(plan: SeedPlan, path: str) -> list[str]:
    from gatekit.report.explanation.policy_plan import alike_lines, count_rules
    from gatekit.stats import power_with

    policies, errors = load_policies([path], load_kinds())
    if errors:
        raise errors[0]
    spreads = {"sd_pair": plan.sd_pair, "sd_dataset": plan.sd_dataset, "sd_residual": plan.sd_residual}

    def power_of(n: int) -> float:
        return power_with(n, plan.effect, plan.sd, plan.confidence, plan.design, n_datasets=plan.n_datasets, **spreads)

    return alike_lines(count_rules(policies[0]), power_of, plan.power)


def _looks_lines(plan: SeedPlan, text: str, spending: Rule) -> list[str]:
    from gatekit.stats.planned_looks import fewest_with_looks, plan_looks

    if plan.design != "per_seed":
        raise UsageError("looks are planned for --design per_seed only")
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 5 for part in parts):
        raise UsageError(f"--looks '{text}' is no list of numbers", "write 5,10,15")
    looks = list(map(int, parts))
    planned = plan_looks(plan.effect, plan.sd, plan.confidence, looks, spending)
    lines = [
        f"looks after {', '.join(map(str, looks))} seeds: an effect of {plan.effect:.4g} passes with probability "
        f"{planned.power[-1]:.2f} (asked for: {plan.power:g}), after {planned.mean_seeds:.1f} seeds on average",
        f"  sd {plan.sd:.4g}, one-sided confidence {plan.confidence:.6g}, spending {spending}; simulated",
        "",
        "  seeds  bounded at  passed by then",
    ]
    for n, confidence, power in zip(planned.looks, planned.confidences, planned.power, strict=True):
        lines.append(f"  {n:>5}  {confidence:>10.6f}  {power:>14.2f}")
    fewest = fewest_with_looks(plan.effect, plan.sd, plan.confidence, plan.power, looks, spending)
    if fewest is None:
        return [*lines, "", f"  looks in these proportions do not reach {plan.power:g}"]
    return [*lines, "", f"  the fewest seeds in these proportions for {plan.power:g}: {', '.join(map(str, fewest))}"]


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
