"""Runner `consistency`: does training toward a reference decoder make SAEs agree, and what does the agreement cost?

Every seed is trained toward a reference of its own: a plain SAE of a seed that is none of those judged. No two SAEs of
a summary share a reference, so agreement between them is not handed to them by one. Two SAEs that do share a reference
agree as far as they follow it, even where nothing was learned: that is measured in a second training of the same seeds,
toward one shared reference, and stands under names of its own, beside a control that copies the reference's decoder.

What the result establishes: over the seeds measured, SAEs trained with the term agree more (or not) than the same seeds
without it, at the price in r2 that stands beside it. What it does not: that the latents gained mean anything, or that
another weight, schedule or reference would not do better.

| objective | see |
|---|---|
| v1, v2 | `runners.saes.alignment` |
| v3 | v2's objective; the weight is chosen by `gatekit select` with the policy's fixed scales, from what the cells'
summaries measure inside and other runners' summaries of the same SAEs outside (`--select POLICY`) |

One summary per version and weight; the SAEs without the term are every summary's baseline, trained once.
Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from runners.config import Bounds
from runners.places import derived, first_repeat, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.stage.planned_pieces import Planned, own_arm
from runners.stage.sae_subject import (
    check_saes,
    shrink_saes,
    training_settings,
)
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "consistency"
PROTOCOL = "consistency/1"


@dataclass(frozen=True)
class AlignmentPlan:
    """The sweep: one cell per version and weight."""

    versions: tuple[Literal["v1", "v2"], ...]
    weights: Annotated[tuple[float, ...], Bounds(1e-9, 1e6)]
    """lambda; the control without the term is always trained and needs no entry."""
    update_interval: Annotated[int, Bounds(1, 1_000_000)]
    """Steps between two solutions of v2's assignment."""


@dataclass(frozen=True)
class ReferencePlan:
    """Which SAEs are references; none of their seeds is judged."""

    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    """One per seed, in the same order."""
    shared: Annotated[int, Bounds(0, 4294967295)]
    """Of the one reference of the second training."""


@dataclass(frozen=True)
class ScoringPlan:
    """What agreement is measured by."""

    gaussian_draws: Annotated[int, Bounds(1, 1000)]
    """Gaussian dictionaries per seed; a pair's floor is the mean over draws."""
    matched_cosine: Annotated[float, Bounds(-1.0, 1.0)]
    """Cosine from which two matched latents count as the same."""


@dataclass(frozen=True)
class CellPlan:
    """One point of the sweep."""

    version: Literal["v1", "v2"]
    weight: Annotated[float, Bounds(1e-9, 1e6)]

    @property
    def name(self) -> str:
        """Folder of its summary."""
        return f"{self.version}_lambda_{self.weight}"


@dataclass(frozen=True)
class ConsistencyConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan
    training: TrainingPlan
    alignment: AlignmentPlan
    references: ReferencePlan
    scoring: ScoringPlan
    search_seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    """Seeds on which a cell may be chosen; the others are left to confirm it."""
    cell: CellPlan | None = None
    """The point measured; null for the whole sweep."""


def cells_of(config: ConsistencyConfig) -> list[tuple[str, ConsistencyConfig]]:
    """Return folder name and configuration of every summary."""
    plan = config.alignment
    points = [CellPlan(version, weight) for version in plan.versions for weight in plan.weights]
    chosen = points if config.cell is None else [config.cell]
    return [(point.name, derived(config, cell=point)) for point in chosen]


def point_of(config: ConsistencyConfig) -> CellPlan:
    """Return the point that a cell's configuration measures."""
    if config.cell is None:
        raise ValueError("the whole sweep is no single cell")
    return config.cell


def check(config: ConsistencyConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    check_saes(config)
    plan, references, search = config.alignment, config.references, config.search_seeds
    trained = [*config.seeds, *references.seeds, references.shared]
    points = {point for _, point in cells_of(derived(config, cell=None))}
    repeat, taken = first_repeat(plan.versions), first_repeat(trained)
    refuse_first(
        config,
        (
            ("references.seeds", "seeds"),
            "'references.seeds' needs one seed for each of 'seeds'",
            len(references.seeds) != len(config.seeds),
        ),
        (
            _trained_key(config, taken),
            "a reference's seed must be none of 'seeds', and no other reference's",
            taken is not None,
        ),
        (
            ("search_seeds", "seeds"),
            "'search_seeds' must be some of 'seeds', different and in increasing order",
            not set(search) <= set(config.seeds) or list(search) != sorted(set(search)),
        ),
        (f"alignment.versions[{repeat}]", "'alignment.versions' names a version twice", repeat is not None),
        (
            "alignment.weights",
            "'alignment.weights' must be different and in increasing order",
            list(plan.weights) != sorted(set(plan.weights)),
        ),
        ("cell", "'cell' is no point of 'alignment'", config.cell is not None and config not in points),
        (
            "sae.control",
            "'sae.control' must be left out: a part that is held cannot be aligned",
            config.sae.control is not None,
        ),
        (
            "sae.architecture",
            f"an SAE of architecture '{config.sae.architecture}' cannot be published in SAELens' format",
            config.sae.architecture in ("route", "transcoder"),
        ),
    )


def _trained_key(config: ConsistencyConfig, place: int | None) -> str:
    """Return where the seed at this place of all that are trained stands: the judged ones, references, the shared."""
    own = len(config.seeds)
    if place is None or place < own:
        return "seeds"
    reference = place - own
    return f"references.seeds[{reference}]" if reference < len(config.references.seeds) else "references.shared"


def shrink(config: ConsistencyConfig, small: ConsistencyConfig) -> ConsistencyConfig:
    """Return the configuration at the smoke configuration's size."""
    shrunk: ConsistencyConfig = shrink_saes(config, small)
    return derived(taking(shrunk, small, "alignment", "references", "search_seeds"), cell=None)


def protocol_of(config: ConsistencyConfig, datasets: Sequence[Json], baseline: Json | None) -> Json:
    """Return a cell's protocol: what must be equal before two of its numbers are compared."""
    point, references = point_of(config), config.references
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        "ks": [],
        "baseline": {"kind": "matched_sae", "subject": baseline},
        # Whoever publishes one cell has chosen it among all of them, and could do so by these seeds.
        "selection": {
            "candidates": len(cells_of(replace(config, cell=None))),
            "seeds": list(config.search_seeds),
        },
        "settings": {
            "alignment_version": point.version,
            "alignment_weight": point.weight,
            "alignment_update_interval": config.alignment.update_interval if point.version == "v2" else None,
            "reference_seeds": ", ".join(map(str, references.seeds)),
            "shared_reference_seed": references.shared,
            "references": "plain SAEs of the same plan, one for each seed, none of them judged",
            "gaussian_draws": config.scoring.gaussian_draws,
            "matched_cosine": config.scoring.matched_cosine,
            "pw_mcc": "signed cosine, Hungarian one to one, all latents",
            "mmcs": "mean of maximum |cosine|, both directions averaged",
            "chance_floor": "Gaussian dictionaries of the same shape, same pair of seeds",
            **training_settings(config),
        },
    }


def pieces(config: ConsistencyConfig) -> Sequence[Planned]:
    """Return what can be made ahead: all SAEs that are drawn to no reference, since a reference must be there first."""
    longer = derived(config.training, steps=2 * config.training.steps)
    references = config.references
    return [
        replace(own_arm(config, "reference"), seeds=references.seeds),
        replace(own_arm(config, "shared_reference"), seeds=(references.shared,)),
        own_arm(config, "control"),
        replace(own_arm(config, "longer_training"), training=longer),
    ]
