"""The measuring half of the runner `random_model`: arms of equal shape, scored pair of seeds by pair of seeds.

| arm | its decoders |
|---|---|
| trained | SAEs trained on the model's activations: the candidate |
| random model | the same seeds, texts and training on the re-initialised model, or on several: the control |
| untrained | the trained arm's decoders before the first step; its live latents are the trained arm's |
| extra controls | the same seeds, texts and training on the model, with a part held or shared |
| gaussian | rows drawn from a normal distribution; their score is what chance gives at this shape |

SAEs from files have no start that anybody knows, and a control of the same training only where that is in files too.
What would compare with either is then absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from runners.arms.random_models import Columns, arm_name, compared, without_weights
from runners.arms.saes import Saes
from runners.arms.trained_saes import (
    TrainedSaes,
    artifacts_json,
    collect,
    datasets_json,
    inputs_json,
    open_source,
    reinitialised,
    train,
)
from runners.arrays import Floats
from runners.metrics.chance import BesideChance, score_beside_chance
from runners.metrics.consistency import mean_row_cosine
from runners.metrics.reconstruction import Reconstruction
from runners.places import config_error, derived
from runners.progress import showing
from runners.stage.lifecycle import RunEnvironment
from runners.stage.sae_subject import recipe
from runners.stages.random_model.plan import KIND, RandomModelConfig, protocol_of
from runners.summary_writing import Json, RunResult


@dataclass(frozen=True)
class _ArmScores:
    """An arm and how it did."""

    held_out: Reconstruction
    agreement: BesideChance


@dataclass(frozen=True)
class Start:
    """The candidate before its first step."""

    decoders: Floats
    """(seeds, d_sae, d_model) rows."""


def measure(config: RandomModelConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook, texts or SAEs are not what the configuration says, or an extra control controls
            nothing.
    """
    source = open_source(config, environment.device)
    if config.saes is not None:
        # Imported here: it brings every architecture of every format, and evidence depends on what was imported for it.
        from runners.stages.random_model.given import measure_given

        return measure_given(config, config.saes, source, environment)
    shape, training = recipe(config)
    activations = collect(source, config, environment)
    trained = train(activations, shape, training, config.seeds, environment, "model")
    model_seeds = config.controls.model_seeds
    random_models: list[TrainedSaes] = []
    for seed in model_seeds:
        # Read once: SAEs are trained and scored on what is stored of it.
        twin = without_weights(collect(reinitialised(source, seed), config, environment))
        name = arm_name(seed, model_seeds)
        random_models.append(train(twin, shape, training, config.seeds, environment, name))
    extra: dict[str, TrainedSaes] = {
        name: train(activations, derived(shape, control=name), training, config.seeds, environment, name)
        for name in config.controls.extra_controls
    }
    for place, (name, arm) in enumerate(extra.items()):
        if np.array_equal(arm.decoders, trained.decoders):
            raise config_error(
                config,
                f"controls.extra_controls[{place}]",
                f"'{name}' held nothing: it arrived at the candidate's own weights",
                "train longer, or leave it out of 'extra_controls'",
                error_id="runner.control",
            )
    start, baselines = Start(trained.initial_decoders), [control.subject(config) for control in random_models]
    inputs = [arm.inputs for arm in (trained, *random_models)]
    return RunResult(
        subject=trained.subject(config),
        protocol=protocol_of(config, datasets_json(source), baselines),
        measurements=measurements_of(config, trained, random_models, extra, start, environment.device),
        inputs=inputs_json(inputs),
        artifacts=artifacts_json([trained, *random_models, *extra.values()], environment),
    )


def measurements_of(
    config: RandomModelConfig,
    candidate: Saes,
    controls: Sequence[Saes],
    extra: Mapping[str, Saes],
    start: Start | None,
    device: str,
) -> Json:
    """Return every measure that these arms allow.

    Args:
        config: of the run.
        candidate: the SAEs.
        controls: on each re-initialised model, in the order of their seeds; none where there is no such control.
        extra: the extra ones, by name.
        start: the candidate before its first step; None where nobody has it.
        device: to reconstruct on.
    """
    seeds, d_model, draws = config.seeds, config.subject.d_model, config.controls.gaussian_draws
    pairs = len(seeds) * (len(seeds) - 1) // 2
    arms = 1 + len(controls) + len(extra) + (start is not None)
    with showing("matching latents", pairs * (1 + draws) * arms, "pairs") as progress:

        def scored(arm: Saes) -> _ArmScores:
            held_out = arm.reconstruction(device)
            cut = config.controls.matched_cosine
            return _ArmScores(
                held_out, score_beside_chance(arm.decoders, held_out.live, seeds, d_model, draws, progress, cut)
            )

        ours_scored = scored(candidate)
        on_random = [scored(arm) for arm in controls]
        others = {name: [scored(arm)] for name, arm in extra.items()}
        live = ours_scored.held_out.live
        untrained = (
            None if start is None else score_beside_chance(start.decoders, live, seeds, d_model, draws, progress)
        )
    ours, held_out = ours_scored.agreement, ours_scored.held_out
    others = {**({"control": on_random} if on_random else {}), **others}
    theirs = {name: [other.agreement for other in arm] for name, arm in others.items()}
    if untrained is not None:
        theirs["untrained"] = [untrained]
    by_pair = {"seed_a": [a for a, _ in ours.scores.pairs], "seed_b": [b for _, b in ours.scores.pairs]}
    entries = _agreement(ours, theirs)
    seeds_of_models = config.controls.model_seeds
    found = {name: compared(KIND, name, by_pair, *values, seeds_of_models) for name, values in entries.items()}
    per_seed: dict[str, Columns] = {
        "r2": (held_out.r2, ()),
        "l0": (held_out.l0, ()),
        "dead_fraction": (held_out.dead_fraction, ()),
        **{name: (values, ()) for name, values in held_out.apart.items()},
        **{f"r2_above_{name}": (held_out.r2, [each.held_out.r2 for each in arm]) for name, arm in others.items()},
    }
    if start is not None:
        ends = zip(candidate.decoders, start.decoders, strict=True)
        per_seed["similarity_to_init"] = ([mean_row_cosine(after, before, d_model) for after, before in ends], ())
    by_seed = {"seed": seeds}
    return found | {name: compared(KIND, name, by_seed, *values, seeds_of_models) for name, values in per_seed.items()}


def _agreement(ours: BesideChance, theirs: Mapping[str, Sequence[BesideChance]]) -> dict[str, Columns]:
    """Return every measure by pair: alone, beside chance, and beside each of the others by its name."""
    entries: dict[str, Columns] = {}
    for name in ("pw_mcc", "mmcs"):
        entries[name] = (getattr(ours.scores, name), ())
        entries[f"{name}_live"] = (getattr(ours.scores, f"{name}_live"), ())
        entries[f"{name}_above_gaussian"] = (getattr(ours.scores, name), [getattr(ours.floor, name)])
    for other, agreement in theirs.items():
        entries |= _above("pw_mcc", other, ours, agreement)
    for other in ("control", "untrained"):
        if other in theirs:
            entries |= _above("mmcs", other, ours, theirs[other])
    entries["pw_mcc_chance_corrected"] = (ours.corrected("pw_mcc"), ())
    entries["pw_mcc_live_chance_corrected"] = (ours.corrected("pw_mcc_live"), ())
    entries["pw_mcc_live_above_gaussian"] = (ours.scores.pw_mcc_live, [ours.floor.pw_mcc_live])
    entries["matched_fraction"] = (ours.scores.matched_fraction, ())
    if "control" in theirs:
        fractions = [each.scores.matched_fraction for each in theirs["control"]]
        entries["matched_fraction_above_control"] = (ours.scores.matched_fraction, fractions)
    if "untrained" in theirs:
        (untrained,) = theirs["untrained"]
        entries["similarity_at_init"] = (untrained.scores.pw_mcc, ())
    entries["matching_shortfall"] = (_shortfall([ours, *chain.from_iterable(theirs.values())]), ())
    return entries


def _above(name: str, other: str, ours: BesideChance, theirs: Sequence[BesideChance]) -> dict[str, Columns]:
    """Return one score beside one control's: as it is, over live latents, and both corrected for chance."""
    found: dict[str, Columns] = {}
    for score in (name, f"{name}_live"):
        found[f"{score}_above_{other}"] = (
            getattr(ours.scores, score),
            [getattr(each.scores, score) for each in theirs],
        )
        corrected = [each.corrected(score) for each in theirs]
        found[f"{score}_chance_corrected_above_{other}"] = (ours.corrected(score), corrected)
    return found


def _shortfall(arms: Sequence[BesideChance]) -> list[float]:
    """Return for every pair of seeds what any of its scores may lack of the best matching's."""
    columns = [scores.shortfall for arm in arms for scores in (arm.scores, arm.floor)]
    return [max(of_pair) for of_pair in zip(*columns, strict=True)]
