"""The measuring half of the runner `ablation`: one cell, scored pair of seeds by pair of seeds.

| arm | its decoders |
|---|---|
| trained | SAEs of this cell's shape and length of training: the candidate |
| untrained | the same SAEs before the first step |
| gaussian | rows drawn from a normal distribution; their score is what chance gives at this shape |
"""

from __future__ import annotations

from collections.abc import Sequence

from runners.arms.activations import collect, datasets_json, inputs_json, open_source
from runners.arms.scored_arms import score_arms
from runners.arms.trained_saes import TrainedSaes, artifacts_json, train
from runners.metrics.seed_pairs import score_pairs
from runners.progress import showing
from runners.stage.run_environment import RunEnvironment
from runners.stages.ablation.plan import KIND, AblationConfig, protocol_of
from runners.summary_writing import Json, RunResult, measurement


def measure(config: AblationConfig, environment: RunEnvironment) -> RunResult:
    """Run one cell and return what its summary says.

    Raises:
        GatekitError: model, hook or texts are not what the configuration says.
    """
    source = open_source(config, environment.device)
    activations = collect(source, config, environment)
    trained = train(activations, config.sae, config.training, config.seeds, environment, "model")
    return RunResult(
        subject=trained.subject(config),
        protocol=protocol_of(config, datasets_json(source)),
        measurements=_measurements(config, trained, environment.device),
        inputs=inputs_json([activations]),
        artifacts=artifacts_json([trained], environment),
    )


def _measurements(config: AblationConfig, trained: TrainedSaes, device: str) -> Json:
    seeds, d_model = config.seeds, config.subject.d_model
    (arm,) = score_arms([trained], d_model, config.chance.gaussian_draws, device)
    with showing("matching latents before training", len(seeds) * (len(seeds) - 1) // 2, "pairs") as progress:
        untrained = score_pairs(trained.initial_decoders, seeds, d_model, 0.7, progress)
    held_out, found = arm.held_out, arm.agreement
    scores, floor = found.scores, found.floor
    entries: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {
        "pw_mcc": (scores.pw_mcc, None),
        "pw_mcc_live": (scores.pw_mcc_live, None),
        "pw_mcc_chance_corrected": (found.corrected("pw_mcc"), None),
        "pw_mcc_live_chance_corrected": (found.corrected("pw_mcc_live"), None),
        "pw_mcc_above_untrained": (scores.pw_mcc, untrained.pw_mcc),
        "pw_mcc_above_gaussian": (scores.pw_mcc, floor.pw_mcc),
        "pw_mcc_live_above_gaussian": (scores.pw_mcc_live, floor.pw_mcc_live),
        "mmcs": (scores.mmcs, None),
        "mmcs_above_gaussian": (scores.mmcs, floor.mmcs),
        "similarity_at_init": (untrained.pw_mcc, None),
        "untrained_above_gaussian": (untrained.pw_mcc, floor.pw_mcc),
    }
    measured = {name: measurement(KIND, name, arm.pair_keys, *values) for name, values in entries.items()}
    per_seed = {"r2": held_out.r2, "l0": held_out.l0, "dead_fraction": held_out.dead_fraction, **held_out.apart}
    return measured | {name: measurement(KIND, name, {"seed": seeds}, values) for name, values in per_seed.items()}
