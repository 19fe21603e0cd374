"""Runner `frontier`: what does each architecture reach at equal data, equal steps and equal sparsity?

One summary per architecture: reconstruction, sparsity, dead latents, agreement across seeds beside chance, and sparse
probes beside the dense one, all of the same SAEs. Architectures with k have the wanted L0 by construction; for the
others the price of sparsity is searched on a seed that no comparison uses, and where no price gives the wanted L0 the
architecture's summary says so and holds no number.

What the result establishes: how the architectures compare on this hook at this budget. What it does not: how they would
after longer training, where those that learn slowly gain most; `steps` stands in the protocol.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from gatekit.evidence.dataset_families import dataset_families
from runners.arms.sparsity_search import SparsityPlan
from runners.benchmarks.saebench_plan import ProbingPlan, check_probing, probing_settings
from runners.config import Bounds
from runners.places import derived, first_repeat, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.saes.registry import PRICES
from runners.stage.planned_pieces import Planned, PlannedRows, own_arm, own_rows
from runners.stage.sae_subject import (
    architecture_key,
    check_saes,
    shrink_saes,
    training_settings,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.hook_names import HookName
from runners.subjects.plan import SubjectPlan, TextPlan, stated_families
from runners.summary_writing import Json

KIND = "frontier"
PROTOCOL = "frontier/1"


@dataclass(frozen=True)
class FrontierConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan
    """The first architecture; `architectures` names the others."""
    training: TrainingPlan
    sparsity: SparsityPlan
    gaussian_draws: Annotated[int, Bounds(1, 1000)]
    """Gaussian dictionaries per seed; a pair's floor is the mean over draws."""
    probing: ProbingPlan
    route_hooks: tuple[HookName, ...]
    """Layers that a RouteSAE picks from; the subject's own hook is one of them."""
    architectures: tuple[ArchitecturePlan, ...] | None = None
    """None is one cell alone; every cell of a sweep is recorded as such a configuration."""
    selection: SelectionPlan | None = None
    """Of a cell: the cells that it was looked at with."""


def cells(config: FrontierConfig) -> Sequence[tuple[str, FrontierConfig]]:
    """Return folder and configuration of every architecture."""
    if config.architectures is None:
        return [("", config)]
    plans = [config.sae, *config.architectures]
    selection = SelectionPlan(len(plans), config.seeds)
    return [(plan.label, derived(config, sae=plan, architectures=None, selection=selection)) for plan in plans]


def check(config: FrontierConfig) -> None:
    """Refuse values that do not go together, for any architecture.

    Raises:
        GatekitError: `config.together`.
    """
    found = cells(config)
    repeat, hook_again = first_repeat([name for name, _ in found]), first_repeat(config.route_hooks)
    transcoders = [place for place, (_, cell) in enumerate(found) if cell.sae.architecture == "transcoder"]
    refuse_first(
        config,
        (architecture_key(repeat), "two architectures have one name", repeat is not None),
        ("sparsity.seed", "the sparsity's seed is one of 'seeds'", config.sparsity.seed in config.seeds),
        (
            ("route_hooks", "subject.hook"),
            "'route_hooks' lacks the subject's own hook",
            config.subject.hook not in config.route_hooks,
        ),
        (f"route_hooks[{hook_again}]", "'route_hooks' names one hook twice", hook_again is not None),
        (
            architecture_key(transcoders[0] if transcoders else None),
            "transcoders reconstruct another space and have a runner of their own",
            bool(transcoders),
        ),
    )
    for _, cell in found:
        check_saes(cell)
        check_probing(cell.probing, cell.sae.width)


def shrink(config: FrontierConfig, small: FrontierConfig) -> FrontierConfig:
    """Return the configuration's model, hook and layers at the smoke configuration's size and architectures."""
    return derived(
        taking(shrink_saes(config, small), small, "sparsity", "probing", "architectures"),
        selection=None,
    )


def protocol_of(config: FrontierConfig, datasets: Sequence[Json]) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared."""
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        **dataset_families([each["name"] for each in datasets], stated_families(config.probing.own)),
        "ks": list(config.probing.ks),
        "baseline": {"kind": "dense_probe", "subject": None},
        "selection": selection_json(config.selection),
        "settings": {
            "target_l0": config.sparsity.target_l0,
            "l0_tolerance": config.sparsity.tolerance,
            "l0_seed": config.sparsity.seed,
            "gaussian_draws": config.gaussian_draws,
            "baseline": "a dense probe for probes; Gaussian dictionaries of the same shape for agreement",
            **probing_settings(config.probing),
            **training_settings(config),
        },
    }


def pieces(config: FrontierConfig) -> Sequence[Planned]:
    """Return what can be made ahead: the SAEs, or their activations where a price must be searched first."""
    if config.sae.architecture == "route":
        layers = PlannedRows(config.route_hooks, ("route_hooks",))
        return [replace(own_arm(config), inputs=layers)]
    return [own_rows(config)] if config.sae.architecture in PRICES else [own_arm(config)]
