"""Runner `ablation`: does agreement across seeds depend on k, on the number of latents, on the length of training?

One summary per cell of a sweep that varies one of the three and holds the others; every cell is scored beside its own
SAEs before training and beside Gaussian dictionaries of its own shape.

What the result establishes: how the agreement of each shape compares with chance at that shape, and that the score
favours no shape (`untrained_above_gaussian` is 0 up to sampling everywhere, with fewer latents than dimensions too).
What it does not: that the model, and not merely the distribution of its activations, makes the seeds agree, which is
what `random_model` compares; or that the best of the cells is best on other seeds: `protocol.selection` names the
number of cells, so that the bound of each pays for having been looked at with the others.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from gatekit.errors import Location
from runners.config import Bounds
from runners.places import config_error, derived, place_of, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.stage.chance_plan import ChancePlan, agreement_settings
from runners.stage.sae_subject import (
    check_saes,
    shrink_saes,
    training_settings,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "ablation"
PROTOCOL = "ablation/1"


@dataclass(frozen=True)
class AblationSweepPlan:
    """What is varied, one at a time, about the configuration's own `sae` and `training`."""

    ks: Annotated[tuple[int, ...], Bounds(1, 10_000_000)]
    """With d_sae and steps as the configuration has them; its own k is one of them."""
    d_saes: Annotated[tuple[int, ...], Bounds(1, 10_000_000)]
    """With k and steps as the configuration has them; auxiliary_k is lowered where there are fewer latents."""
    steps: Annotated[tuple[int, ...], Bounds(1, 100_000_000)]
    """With the shape as the configuration has it: what looks like an effect of shape may be one of too few steps."""


@dataclass(frozen=True)
class AblationConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan
    training: TrainingPlan
    chance: ChancePlan
    sweep: AblationSweepPlan | None = None
    """None is one cell alone; every cell of a sweep is recorded as such a configuration."""
    selection: SelectionPlan | None = None
    """Of a cell: the cells that it was looked at with."""


def cells(config: AblationConfig) -> Sequence[tuple[str, AblationConfig]]:
    """Return folder and configuration of every cell, each shape and length once."""
    sae, sweep = config.sae, config.sweep
    if sweep is None or sae.d_sae is None or sae.k is None:
        return [("", config)]
    # Each shape with the places of what it varies.
    own = (sae.d_sae, sae.k, config.training.steps)
    shapes: dict[tuple[int, int, int], dict[str, Location | None]] = {}
    for place, k in enumerate(sweep.ks):
        shapes.setdefault((own[0], k, own[2]), {"k": place_of(sweep, f"ks[{place}]")})
    for place, d_sae in enumerate(sweep.d_saes):
        shapes.setdefault((d_sae, *own[1:]), {"d_sae": place_of(sweep, f"d_saes[{place}]")})
    for place, steps in enumerate(sweep.steps):
        shapes.setdefault((*own[:2], steps), {"steps": place_of(sweep, f"steps[{place}]")})
    selection = SelectionPlan(len(shapes), config.seeds) if len(shapes) > 1 else None
    found = []
    for (d_sae, k, steps), varied in shapes.items():
        auxiliary_k = None if sae.auxiliary_k is None else min(sae.auxiliary_k, d_sae)
        cell = derived(
            config,
            sae=derived(sae, varied, d_sae=d_sae, k=k, auxiliary_k=auxiliary_k),
            training=derived(config.training, varied, steps=steps),
            sweep=None,
            selection=selection,
        )
        found.append((f"d_sae-{d_sae}-k-{k}-steps-{steps}", cell))
    return found


def check(config: AblationConfig) -> None:
    """Refuse values that do not go together, in any cell.

    Raises:
        GatekitError: `config.together`.
    """
    sae, sweep = config.sae, config.sweep
    if sweep is not None:
        own = {
            "ks": ("sae.k", sae.k),
            "d_saes": ("sae.d_sae", sae.d_sae),
            "steps": ("training.steps", config.training.steps),
        }
        for name, (key, value) in own.items():
            if value not in getattr(sweep, name):
                message = f"'{name}' lacks {value}, which the rest of the sweep is run at"
                raise config_error(config, (f"sweep.{name}", key), message)
        if config.selection is not None:
            message = "a sweep states the selection of its cells itself; leave it out"
            raise config_error(config, "selection", message)
    for _, cell in cells(config):
        check_saes(cell)


def shrink(config: AblationConfig, small: AblationConfig) -> AblationConfig:
    """Return the configuration's model and hook at the smoke configuration's size and with its sweep."""
    return derived(taking(shrink_saes(config, small), small, "sweep"), selection=None)


def protocol_of(config: AblationConfig, datasets: Sequence[Json]) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared."""
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        "ks": [],
        "baseline": {"kind": "untrained", "subject": None},
        "selection": selection_json(config.selection),
        "settings": {
            **agreement_settings(config.chance.gaussian_draws),
            "untrained": "the same SAEs before the first step",
            **training_settings(config),
        },
    }
