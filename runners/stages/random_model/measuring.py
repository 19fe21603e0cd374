"""The measuring half of the runner `random_model`: arms of equal shape, scored pair of seeds by pair of seeds.

| arm | its decoders |
|---|---|
| trained | SAEs trained on the model's activations: the candidate |
| random model | the same seeds, texts and training on the re-initialised model: the control |
| untrained | the trained arm's decoders before the first step; its live latents are the trained arm's |
| extra controls | the same seeds, texts and training on the model, with a part held or shared |
| gaussian | rows drawn from a normal distribution; their score is what chance gives at this shape |

SAEs from files have no start that anybody knows, and a control of the same training only where that is in files too.
What would compare with either is then absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

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
from runners.summary_writing import Json, RunResult, measurement

Columns = tuple[Sequence[float], Sequence[float] | None]
"""Candidate and baseline of one measure."""


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
    twin = collect(reinitialised(source, config.controls.random_model_seed or 0), config, environment)
    random_model = train(twin, shape, training, config.seeds, environment, "random_model")
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
    start, controls = Start(trained.initial_decoders), {"control": random_model, **extra}
    return RunResult(
        subject=trained.subject(config),
        protocol=protocol_of(config, datasets_json(source), random_model.subject(config)),
        measurements=measurements_of(config, trained, controls, start, environment.device),
        inputs=inputs_json([activations, twin]),
        artifacts=artifacts_json([trained, random_model, *extra.values()], environment),
    )


def measurements_of(
    config: RandomModelConfig, candidate: Saes, controls: Mapping[str, Saes], start: Start | None, device: str
) -> Json:
    """Return every measure that these arms allow.

    Args:
        config: of the run.
        candidate: the SAEs.
        controls: `control`, on the re-initialised model, and the extra ones, by name.
        start: the candidate before its first step; None where nobody has it.
        device: to reconstruct on.
    """
    seeds, d_model, draws = config.seeds, config.subject.d_model, config.controls.gaussian_draws
    pairs = len(seeds) * (len(seeds) - 1) // 2
    arms = 1 + len(controls) + (start is not None)
    with showing("matching latents", pairs * (1 + draws) * arms, "pairs") as progress:

        def scored(arm: Saes) -> _ArmScores:
            held_out = arm.reconstruction(device)
            cut = config.controls.matched_cosine
            return _ArmScores(
                held_out, score_beside_chance(arm.decoders, held_out.live, seeds, d_model, draws, progress, cut)
            )

        ours_scored = scored(candidate)
        others = {name: scored(arm) for name, arm in controls.items()}
        live = ours_scored.held_out.live
        untrained = (
            None if start is None else score_beside_chance(start.decoders, live, seeds, d_model, draws, progress)
        )
    ours, held_out = ours_scored.agreement, ours_scored.held_out
    theirs = {name: other.agreement for name, other in others.items()}
    if untrained is not None:
        theirs["untrained"] = untrained
    by_pair = {"seed_a": [a for a, _ in ours.scores.pairs], "seed_b": [b for _, b in ours.scores.pairs]}
    entries = _agreement(ours, theirs)
    found = {name: measurement(KIND, name, by_pair, *values) for name, values in entries.items()}
    per_seed: dict[str, Columns] = {
        "r2": (held_out.r2, None),
        "l0": (held_out.l0, None),
        "dead_fraction": (held_out.dead_fraction, None),
        **{name: (values, None) for name, values in held_out.apart.items()},
        **{f"r2_above_{name}": (held_out.r2, other.held_out.r2) for name, other in others.items()},
    }
    if start is not None:
        ends = zip(candidate.decoders, start.decoders, strict=True)
        per_seed["similarity_to_init"] = ([mean_row_cosine(after, before, d_model) for after, before in ends], None)
    return found | {name: measurement(KIND, name, {"seed": seeds}, *values) for name, values in per_seed.items()}


def _agreement(ours: BesideChance, theirs: Mapping[str, BesideChance]) -> dict[str, Columns]:
    """Return every measure by pair: alone, beside chance, and beside each of the others by its name."""
    entries: dict[str, Columns] = {}
    for name in ("pw_mcc", "mmcs"):
        entries[name] = (getattr(ours.scores, name), None)
        entries[f"{name}_live"] = (getattr(ours.scores, f"{name}_live"), None)
        entries[f"{name}_above_gaussian"] = (getattr(ours.scores, name), getattr(ours.floor, name))
    for other, agreement in theirs.items():
        entries |= _above("pw_mcc", other, ours, agreement)
    for other in ("control", "untrained"):
        if other in theirs:
            entries |= _above("mmcs", other, ours, theirs[other])
    entries["pw_mcc_chance_corrected"] = (ours.corrected("pw_mcc"), None)
    entries["pw_mcc_live_chance_corrected"] = (ours.corrected("pw_mcc_live"), None)
    entries["pw_mcc_live_above_gaussian"] = (ours.scores.pw_mcc_live, ours.floor.pw_mcc_live)
    entries["matched_fraction"] = (ours.scores.matched_fraction, None)
    if "control" in theirs:
        fractions = (ours.scores.matched_fraction, theirs["control"].scores.matched_fraction)
        entries["matched_fraction_above_control"] = fractions
    if "untrained" in theirs:
        entries["similarity_at_init"] = (theirs["untrained"].scores.pw_mcc, None)
    entries["matching_shortfall"] = (_shortfall([ours, *theirs.values()]), None)
    return entries


def _above(name: str, other: str, ours: BesideChance, theirs: BesideChance) -> dict[str, Columns]:
    """Return one score beside one control's: as it is, over live latents, and both corrected for chance."""
    live = f"{name}_live"
    return {
        f"{name}_above_{other}": (getattr(ours.scores, name), getattr(theirs.scores, name)),
        f"{name}_chance_corrected_above_{other}": (ours.corrected(name), theirs.corrected(name)),
        f"{live}_above_{other}": (getattr(ours.scores, live), getattr(theirs.scores, live)),
        f"{live}_chance_corrected_above_{other}": (ours.corrected(live), theirs.corrected(live)),
    }


def _shortfall(arms: Sequence[BesideChance]) -> list[float]:
    """Return for every pair of seeds what any of its scores may lack of the best matching's."""
    columns = [scores.shortfall for arm in arms for scores in (arm.scores, arm.floor)]
    return [max(of_pair) for of_pair in zip(*columns, strict=True)]
