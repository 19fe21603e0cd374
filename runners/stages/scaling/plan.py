"""Runner `scaling`: how do measurements move with training tokens, layer and number of latents?

A full grid of the three, one summary per cell, every cell with the same seeds. Beside its own scores a cell holds what
the grid says of it, seed by seed, so that each difference has a bound of its own:

| measure | in which cells | candidate | baseline |
|---|---|---|---|
| `*_above_base` | all but the first | this cell | the cell at the first value of every axis |
| `*_axis_effect` | those that differ from it in one axis | mean over all cells at this value | at the first value |
| `*_interaction` | those that differ in two axes | effect of one at this value of the other | at its first value |

What the result establishes: effects over the values that were tried, on this model, at equal passes over the tokens.
What it does not: what lies between or beyond them, or a law.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated

from gatekit.evidence.dataset_families import dataset_families
from runners.benchmarks.saebench_plan import ProbingPlan, check_probing, probing_settings
from runners.config import Bounds
from runners.places import derived, first_repeat, place_of, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.stage.sae_subject import (
    check_saes,
    shrink_saes,
    training_settings,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.hook_names import HookName
from runners.subjects.plan import SubjectPlan, TextPlan, stated_families
from runners.summary_writing import Json

KIND = "scaling"
PROTOCOL = "scaling/1"


@dataclass(frozen=True)
class GridPlan:
    """Values of the three axes; the first of each makes the base that others are compared with."""

    train_tokens: Annotated[tuple[int, ...], Bounds(1, 1_000_000_000_000)]
    hooks: tuple[HookName, ...]
    d_saes: Annotated[tuple[int, ...], Bounds(1, 10_000_000)]
    passes: Annotated[float, Bounds(0.01, 1e6)]
    """Over the tokens; steps are this times tokens over batch, so that more tokens are also more steps."""


@dataclass(frozen=True)
class ScalingConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan
    training: TrainingPlan
    grid: GridPlan
    gaussian_draws: Annotated[int, Bounds(1, 1000)]
    """Gaussian dictionaries per seed; a pair's floor is the mean over draws."""
    probing: ProbingPlan
    cell: Annotated[tuple[int, ...], Bounds(0, 1000)] | None = None
    """Place of this summary on each axis, tokens, hook, latents; null in a file that describes the sweep."""


def places(config: ScalingConfig) -> list[tuple[int, ...]]:
    """Return the place of every cell, the base first."""
    grid = config.grid
    return list(product(*(range(len(axis)) for axis in (grid.train_tokens, grid.hooks, grid.d_saes))))


def at(config: ScalingConfig, place: tuple[int, ...]) -> ScalingConfig:
    """Return the configuration of one cell."""
    grid, (tokens, hook, width) = config.grid, place
    steps = max(1, round(grid.passes * grid.train_tokens[tokens] / config.training.batch_tokens))
    auxiliary_k = config.sae.auxiliary_k
    d_sae = grid.d_saes[width]
    at_latents = {"d_sae": place_of(grid, f"d_saes[{width}]")}
    least_auxiliary = None if auxiliary_k is None else min(auxiliary_k, d_sae)
    return derived(
        config,
        subject=derived(config.subject, {"hook": place_of(grid, f"hooks[{hook}]")}, hook=grid.hooks[hook]),
        texts=derived(
            config.texts,
            {"train_tokens": place_of(grid, f"train_tokens[{tokens}]")},
            train_tokens=grid.train_tokens[tokens],
        ),
        sae=derived(config.sae, at_latents, d_sae=d_sae, auxiliary_k=least_auxiliary),
        training=derived(config.training, {"steps": place_of(grid, "passes")}, steps=steps),
        cell=place,
    )


def cells(config: ScalingConfig) -> Sequence[tuple[str, ScalingConfig]]:
    """Return folder and configuration of every cell."""
    if config.cell is not None:
        return [("", at(config, config.cell))]
    found = [at(config, place) for place in places(config)]
    # Some file systems allow no colon in a name.
    return [(f"tokens-{c.texts.train_tokens}-{c.subject.hook}-d_sae-{c.sae.d_sae}".replace(":", "-"), c) for c in found]


def check(config: ScalingConfig) -> None:
    """Refuse values that do not go together, in any cell.

    Raises:
        GatekitError: `config.together`.
    """
    grid = config.grid
    axes = {"train_tokens": grid.train_tokens, "hooks": grid.hooks, "d_saes": grid.d_saes}
    for name, axis in axes.items():
        repeat = first_repeat(axis)
        refuse_first(config, (f"grid.{name}[{repeat}]", f"'{name}' has a value twice", repeat is not None))
    refuse_first(
        config,
        (
            "sae.architecture",
            f"architecture '{config.sae.architecture}' has no 'd_sae' to vary",
            config.sae.d_sae is None,
        ),
        (
            "cell",
            f"the grid has no cell {list(config.cell or ())}",
            config.cell is not None and config.cell not in places(config),
        ),
    )
    for place in places(config):
        cell = at(config, place)
        check_saes(cell)
        check_probing(cell.probing, cell.sae.width)


def shrink(config: ScalingConfig, small: ScalingConfig) -> ScalingConfig:
    """Return the configuration's model at the smoke configuration's size and grid."""
    return derived(taking(shrink_saes(config, small), small, "subject", "grid", "probing"), cell=None)


def protocol_of(config: ScalingConfig, datasets: Sequence[Json]) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared."""
    grid = config.grid
    varied = training_settings(config)
    for name in ("train_tokens", "steps"):
        del varied[name]
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        **dataset_families([each["name"] for each in datasets], stated_families(config.probing.own)),
        "ks": list(config.probing.ks),
        "baseline": {"kind": "dense_probe", "subject": None},
        "selection": selection_json(SelectionPlan(len(places(config)), config.seeds)),
        "settings": {
            "grid_train_tokens": ", ".join(map(str, grid.train_tokens)),
            "grid_hooks": ", ".join(grid.hooks),
            "grid_d_saes": ", ".join(map(str, grid.d_saes)),
            "passes": grid.passes,
            "gaussian_draws": config.gaussian_draws,
            "baseline": "as each measure says: a dense probe, Gaussian dictionaries, or cells of the grid",
            **probing_settings(config.probing),
            **varied,
        },
    }
