"""Runner `transcoder`: is the SAE as reproducible as a transcoder of matched capacity, compute and data?

Both decode into the space of the subject's hook, so that their decoders can be compared by the same score. The SAE
reads that hook itself; the transcoder reads another one, earlier in the model. Widths, number of parameters, steps,
batches, texts and the order of rows are the same for both, and so are the decoders that they start from. Transcoders
keep the k largest latents of each token; SAEs of another architecture are matched in latents and in active latents.

What the result establishes: how far SAEs of different seeds agree beside transcoders of the same seeds, and how well
both explain the same rows. It is a difference SAE minus transcoder: an SAE that agrees more raises it. What it does
not: that the difference comes from what is read; the SAE's encoder starts as its decoder's transpose and is centred,
the transcoder's starts on its own and is not, as each is published. With `input_hook` set to the subject's own hook,
that part of the difference is measured alone.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated

from runners.config import Bounds
from runners.places import derived, place_of, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.chance_plan import agreement_settings
from runners.stage.planned_pieces import Planned, PlannedArm, PlannedRows, own_arm, own_pieces
from runners.stage.sae_subject import (
    check_saes,
    recipe,
    shrink_saes,
    training_settings,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.hook_names import HookName
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "transcoder"
PROTOCOL = "transcoder/1"
CONFIRMED = "confirmed"
"""Folder of the summary of the condition that was chosen, on seeds that the choice did not see."""
SEARCH_CONFIDENCE = 0.95
"""Of the one-sided bounds that conditions are ranked by."""


_STARTS = {
    "sae_encoder": "starts as the decoder's transpose; input centred by b_dec",
    "transcoder_encoder": "starts apart from the decoder; input not centred",
}
"""Of what is trained here; of SAEs and transcoders from files nobody knows it."""


@dataclass(frozen=True)
class TranscoderPlan:
    """What the SAE is compared with."""

    input_hook: HookName
    """What the transcoder reads; as wide as the subject's hook."""
    gaussian_draws: Annotated[int, Bounds(1, 1000)]
    """Gaussian dictionaries per seed, for what chance gives at this shape."""
    saes: GivenSaesPlan | None = None
    """Beside SAEs from files: transcoders of the same seeds and width, from files too."""
    training: TrainingPlan | None = None
    """Beside SAEs from files: how transcoders of their width and L0 are trained here."""


@dataclass(frozen=True)
class TranscoderSweepPlan:
    """All combinations are measured on the configuration's seeds; the best by lower bound again on others."""

    d_saes: Annotated[tuple[int, ...], Bounds(1, 10_000_000)]
    ks: Annotated[tuple[int, ...], Bounds(1, 10_000_000)]
    steps: Annotated[tuple[int, ...], Bounds(1, 100_000_000)]
    learning_rates: Annotated[tuple[float, ...], Bounds(1e-8, 1.0)]
    confirmation_seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    """None of them among the configuration's seeds."""


@dataclass(frozen=True)
class TranscoderConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    training: TrainingPlan | None
    transcoder: TranscoderPlan
    sweep: TranscoderSweepPlan | None = None
    """None is one condition alone; every condition of a sweep is recorded as such a configuration."""
    selection: SelectionPlan | None = None
    """Of a condition: those that it was looked at with."""
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""


def conditions(config: TranscoderConfig) -> list[tuple[str, TranscoderConfig]]:
    """Return name and configuration of every condition of a sweep, on the seeds of the search."""
    sweep = config.sweep
    if sweep is None:
        return []
    sae, training = recipe(config)
    axes = (sweep.d_saes, sweep.ks, sweep.steps, sweep.learning_rates)
    grid = list(product(*map(enumerate, axes)))
    found = []
    for (i, d_sae), (j, k), (m, steps), (n, rate) in grid:
        auxiliary_k = None if sae.auxiliary_k is None else min(sae.auxiliary_k, d_sae)
        shape_places = {"d_sae": place_of(sweep, f"d_saes[{i}]"), "k": place_of(sweep, f"ks[{j}]")}
        training_places = {
            "steps": place_of(sweep, f"steps[{m}]"),
            "learning_rate": place_of(sweep, f"learning_rates[{n}]"),
        }
        condition = derived(
            config,
            sae=derived(sae, shape_places, d_sae=d_sae, k=k, auxiliary_k=auxiliary_k),
            training=derived(training, training_places, steps=steps, learning_rate=rate),
            sweep=None,
            selection=SelectionPlan(len(grid), config.seeds),
        )
        found.append((f"d_sae-{d_sae}-k-{k}-steps-{steps}-rate-{rate:g}", condition))
    return found


def cells(config: TranscoderConfig) -> Sequence[tuple[str, TranscoderConfig]]:
    """Return folder and configuration of every summary: the conditions of a sweep, and the confirmation at its end."""
    return [*conditions(config), (CONFIRMED, config)] if config.sweep else [("", config)]


def check(config: TranscoderConfig) -> None:
    """Refuse values that do not go together, in any condition.

    Raises:
        GatekitError: `config.together`.
    """
    if config.saes is not None:
        _check_given(config, config.saes)
        return
    sweep, (shape, _) = config.sweep, recipe(config)
    label = shape.label
    refuse_first(
        config,
        (
            "transcoder",
            "'saes' and 'training' of the transcoder belong to SAEs from files: here it trains as the SAEs do",
            config.transcoder.saes is not None or config.transcoder.training is not None,
        ),
        (
            "sae.architecture",
            f"transcoders are TopK ones with as many latents active, which '{label}' does not fix",
            shape.active is None or shape.architecture == "route",
        ),
        (
            ("sweep", "sae"),
            f"a sweep varies d_sae and k, which '{label}' has not",
            sweep is not None and None in (shape.d_sae, shape.k),
        ),
    )
    if sweep is not None:
        again, found = sweep.confirmation_seeds, conditions(config)
        refuse_first(
            config,
            (
                "sweep",
                "a sweep needs at least two different conditions",
                len(found) < 2 or len(dict(found)) != len(found),
            ),
            (
                "seeds",
                "a sweep needs at least three seeds to search on; fewer have no bound",
                len(config.seeds) < 3,
            ),
            (
                "sweep.confirmation_seeds",
                "'confirmation_seeds' must be at least two, different and in increasing order",
                len(again) < 2 or list(again) != sorted(set(again)),
            ),
            (
                ("sweep.confirmation_seeds", "seeds"),
                "a seed that was searched on cannot confirm",
                bool(set(again) & set(config.seeds)),
            ),
            (
                "selection",
                "a sweep states the selection of its conditions itself; leave it out",
                config.selection is not None,
            ),
        )
    for _, condition in conditions(config) or [("", config)]:
        check_saes(condition)


def _check_given(config: TranscoderConfig, plan: GivenSaesPlan) -> None:
    """Refuse values that do not go together with SAEs from files."""
    ours, theirs = config.transcoder.training, config.transcoder.saes
    refuse_first(
        config,
        (("sweep", "saes"), "a sweep trains its SAEs; these are from files", config.sweep is not None),
        (
            "transcoder",
            "'transcoder' needs 'saes', transcoders of your own, or a 'training' by which ours are made",
            (ours is None) == (theirs is None),
        ),
        (
            ("transcoder.saes.seeds", "saes.seeds"),
            "the transcoders must be of the SAEs' seeds",
            theirs is not None and sorted(theirs.seeds) != sorted(plan.seeds),
        ),
        (
            ("texts", "transcoder.training"),
            "'texts' has no 'train_tokens' to train the transcoders on",
            ours is not None and config.texts.train_tokens < 1,
        ),
        (
            ("transcoder.training.batch_tokens", "texts.train_tokens"),
            "a batch is larger than the training texts",
            ours is not None and ours.batch_tokens > config.texts.train_tokens,
        ),
    )
    check_saes(config)


def shrink(config: TranscoderConfig, small: TranscoderConfig) -> TranscoderConfig:
    """Return the configuration's model and hooks at the smoke configuration's size, as one condition."""
    return derived(shrink_saes(config, small), sweep=None, selection=None)


def protocol_of(
    config: TranscoderConfig, datasets: Sequence[Json], baseline: Json | None, compute: Json | None = None
) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared.

    Args:
        config: of one condition.
        datasets: the texts, by digest.
        baseline: subject of the transcoders.
        compute: what training either took, and how a searched condition was found.
    """
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        "ks": [],
        "baseline": {"kind": "transcoder", "subject": baseline},
        "selection": selection_json(config.selection),
        "settings": {
            "input_hook": config.transcoder.input_hook,
            "target_hook": config.subject.hook,
            **({} if config.saes is not None else _STARTS),
            **agreement_settings(config.transcoder.gaussian_draws),
            **(compute or {}),
            **training_settings(config),
        },
    }


def transcoder_shape(shape: ArchitecturePlan) -> ArchitecturePlan:
    """Return the shape of the transcoders beside SAEs of a shape: as many latents, as many of them active."""
    plan = ArchitecturePlan("transcoder", d_sae=shape.width, k=shape.active, auxiliary_k=shape.auxiliary_k or 0)
    # It stands where the shape does that it is made of.
    return taking(plan, shape)


def pieces(config: TranscoderConfig) -> Sequence[Planned]:
    """Return what can be made ahead: SAEs and transcoders, of a sweep those of every condition searched."""
    if config.training is None:
        return own_pieces(config)
    reads = PlannedRows((config.transcoder.input_hook,), ("transcoder.input_hook",))
    found: list[Planned] = []
    for _, condition in conditions(config) or [("", config)]:
        shape, training = recipe(condition)
        saes = own_arm(condition)
        beside = PlannedArm("transcoder", transcoder_shape(shape), training, condition.seeds, reads, saes.inputs)
        found += [saes, beside]
    return found
