"""The measuring half of the runner `random_model`: four arms of equal shape, scored pair of seeds by pair of seeds.

| arm | its decoders |
|---|---|
| trained | TopK SAEs trained on the model's activations: the candidate |
| random model | the same seeds, texts and training on the re-initialised model: the control |
| untrained | the trained arm's decoders before the first step |
| gaussian | rows drawn from a normal distribution; their score is what chance gives at this shape |
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from runners.metrics.consistency import chance_corrected, mean_row_cosine
from runners.metrics.gaussian import gaussian_dictionaries
from runners.metrics.seed_pairs import PairScores, score_pairs
from runners.progress import showing
from runners.stages.lifecycle import Surroundings
from runners.stages.random_model import KIND, RandomModelConfig, protocol_of
from runners.stages.trained_saes import (
    TrainedSaes,
    artifacts_json,
    collect,
    datasets_json,
    inputs_json,
    open_source,
    reinitialised,
    train,
)
from runners.summary_writing import Json, Measured, measurement


def measure(config: RandomModelConfig, surroundings: Surroundings) -> Measured:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook or texts are not what the configuration says.
    """
    source = open_source(config, surroundings.device)
    twin = reinitialised(source, config.controls.random_model_seed)
    arms = [
        train(collect(each, config, surroundings), config.sae, config.training, config.seeds, surroundings, name)
        for each, name in ((source, "model"), (twin, "random_model"))
    ]
    trained, random_model = arms
    return Measured(
        subject=trained.subject(config),
        protocol=protocol_of(config, datasets_json(source), random_model.subject(config)),
        measurements=_measurements(config, trained, random_model, surroundings.device),
        inputs=inputs_json([arm.inputs for arm in arms]),
        artifacts=artifacts_json(arms, surroundings),
    )


def _measurements(config: RandomModelConfig, trained: TrainedSaes, random_model: TrainedSaes, device: str) -> Json:
    seeds, d_model, draws = config.seeds, config.subject.d_model, config.controls.gaussian_draws
    ours_held_out, theirs_held_out = (arm.reconstruction(device) for arm in (trained, random_model))
    total = len(seeds) * (len(seeds) - 1) // 2 * (3 + draws)
    with showing("matching latents", total, "pairs") as progress:

        def score(decoders: np.ndarray, live: np.ndarray | None = None) -> PairScores:
            return score_pairs(decoders, seeds, d_model, config.controls.matched_cosine, progress, live)

        candidate = score(trained.decoders, ours_held_out.live)
        control = score(random_model.decoders, theirs_held_out.live)
        untrained = score(trained.initial_decoders)
        gaussian = [score(gaussian_dictionaries(seeds, config.sae.width, d_model, draw)) for draw in range(draws)]
    floor = {
        name: [fmean(values) for values in zip(*(getattr(draw, name) for draw in gaussian), strict=True)]
        for name in ("pw_mcc", "mmcs")
    }
    by_pair = {"seed_a": [a for a, _ in candidate.pairs], "seed_b": [b for _, b in candidate.pairs]}
    entries: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {}
    for name in ("pw_mcc", "mmcs"):
        ours, theirs = getattr(candidate, name), getattr(control, name)
        live, their_live = getattr(candidate, f"{name}_live"), getattr(control, f"{name}_live")
        entries[name] = (ours, None)
        entries[f"{name}_live"] = (live, None)
        entries[f"{name}_above_control"] = (ours, theirs)
        entries[f"{name}_above_untrained"] = (ours, getattr(untrained, name))
        entries[f"{name}_above_gaussian"] = (ours, floor[name])
        entries[f"{name}_live_above_control"] = (live, their_live)
        entries[f"{name}_chance_corrected_above_control"] = (
            [chance_corrected(score, chance) for score, chance in zip(ours, floor[name], strict=True)],
            [chance_corrected(score, chance) for score, chance in zip(theirs, floor[name], strict=True)],
        )
    entries["matched_fraction"] = (candidate.matched_fraction, None)
    entries["matched_fraction_above_control"] = (candidate.matched_fraction, control.matched_fraction)
    entries["similarity_at_init"] = (untrained.pw_mcc, None)
    found = {name: measurement(KIND, name, by_pair, *values) for name, values in entries.items()}

    pairs = zip(trained.decoders, trained.initial_decoders, strict=True)
    moved = [mean_row_cosine(after, before, d_model) for after, before in pairs]
    per_seed: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {
        "r2": (ours_held_out.r2, None),
        "r2_above_control": (ours_held_out.r2, theirs_held_out.r2),
        "l0": (ours_held_out.l0, None),
        "dead_fraction": (ours_held_out.dead_fraction, None),
        "similarity_to_init": (moved, None),
    }
    found |= {name: measurement(KIND, name, {"seed": seeds}, *values) for name, values in per_seed.items()}
    return found
