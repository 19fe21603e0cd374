"""Runner `layer_routing`: is the best architecture of each layer better than one architecture everywhere?

All architectures have as many parameters per layer, within a stated tolerance, and one L0. On search seeds every
architecture is trained at every layer; the routed assignment takes each layer's best, the uniform one the best on
average. Both are then trained on other seeds, and only those seeds are compared, so that having chosen costs nothing.

What the result establishes: whether choosing by layer gained anything on seeds that the choice never saw. What it does
not: that the chosen architectures differ for a reason. Where all layers choose alike, both assignments are the same
SAEs: the difference is 0 by construction, and the setting `equal_by_construction` says so.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from runners.arms.sparsity_search import SparsityPlan
from runners.config import Bounds
from runners.places import derived, first_repeat, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.saes.registry import PRICES
from runners.stage.planned_pieces import Planned, PlannedArm, PlannedRows
from runners.stage.sae_subject import (
    architecture_key,
    check_saes,
    shrink_saes,
    training_settings,
)
from runners.subjects.hook_names import HookName
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "layer_routing"
PROTOCOL = "layer_routing/1"


@dataclass(frozen=True)
class RoutingPlan:
    """What is assigned to what."""

    hooks: tuple[HookName, ...]
    """One per layer."""
    architectures: tuple[ArchitecturePlan, ...]
    """Beside the configuration's own `sae`."""
    search_seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    """On which assignments are chosen; none of `seeds`."""
    parameter_tolerance: Annotated[float, Bounds(0.0, 1.0)]
    """Largest difference in number of parameters, as a fraction of the largest."""


@dataclass(frozen=True)
class LayerRoutingConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan
    training: TrainingPlan
    sparsity: SparsityPlan
    routing: RoutingPlan


def plans(config: LayerRoutingConfig) -> tuple[ArchitecturePlan, ...]:
    """Return all architectures."""
    return (config.sae, *config.routing.architectures)


def check(config: LayerRoutingConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    routing, labels = config.routing, [plan.label for plan in plans(config)]
    hook_again, repeat = first_repeat(routing.hooks), first_repeat(labels)
    several = [place for place, label in enumerate(labels) if label in ("route", "transcoder")]
    hooks_key = "routing.hooks" if hook_again is None else f"routing.hooks[{hook_again}]"
    refuse_first(
        config,
        (
            hooks_key,
            "'hooks' must be at least two, each once",
            len(routing.hooks) < 2 or hook_again is not None,
        ),
        (
            ("routing.hooks", "subject.hook"),
            "'hooks' lacks the subject's own",
            config.subject.hook not in routing.hooks,
        ),
        (
            "routing.architectures" if repeat is None else architecture_key(repeat, "routing"),
            "there must be two architectures at least, each under a name of its own",
            len(labels) < 2 or repeat is not None,
        ),
        (
            ("routing.search_seeds", "seeds"),
            "'search_seeds' must be different, and none of 'seeds'",
            len(set(routing.search_seeds) | set(config.seeds)) < len(routing.search_seeds) + len(config.seeds),
        ),
        (
            "sparsity.seed",
            "the sparsity's seed is one of the seeds",
            config.sparsity.seed in (*routing.search_seeds, *config.seeds),
        ),
        (
            architecture_key(several[0] if several else None, "routing"),
            "an architecture must read one hook and reconstruct it",
            bool(several),
        ),
    )
    for plan in plans(config):
        check_saes(derived(config, sae=plan))


def shrink(config: LayerRoutingConfig, small: LayerRoutingConfig) -> LayerRoutingConfig:
    """Return the configuration's model at the smoke configuration's size, layers and architectures."""
    return taking(shrink_saes(config, small), small, "subject", "sparsity", "routing")


def protocol_of(config: LayerRoutingConfig, datasets: Sequence[Json], baseline: Json | None, choice: Json) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared."""
    routing = config.routing
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        "ks": [],
        "baseline": {"kind": "matched_sae", "subject": baseline},
        "selection": {
            "candidates": len(plans(config)) ** len(routing.hooks),
            "seeds": list(routing.search_seeds),
        },
        "settings": {
            "target_l0": config.sparsity.target_l0,
            "l0_tolerance": config.sparsity.tolerance,
            "parameter_tolerance": routing.parameter_tolerance,
            "chosen_by": "mean r2 on held-out rows over the search seeds",
            "score": "r2 on held-out rows, mean over layers",
            **choice,
            **training_settings(config),
        },
    }


def pieces(config: LayerRoutingConfig) -> Sequence[Planned]:
    """Return what can be made ahead: what the search trains, except where a price must be searched before."""
    found: list[Planned] = []
    for place, hook in enumerate(config.routing.hooks):
        rows = PlannedRows((hook,), (f"routing.hooks[{place}]",))
        found.append(rows)
        for plan in plans(config):
            if plan.architecture not in PRICES:
                name = f"search_{hook}_{plan.label}"
                found.append(PlannedArm(name, plan, config.training, config.routing.search_seeds, rows))
    return found
