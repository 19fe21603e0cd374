"""The measuring half of the runner `stability`: pairs of seeds, at five points of their training.

| arm | its latents |
|---|---|
| trained | at the end: the candidate |
| after 1/8, 1/4, 1/2 of the training | the same SAEs on their way |
| untrained | the same SAEs before the first step: the control |
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from runners.arms.trained_saes import artifacts_json, collect, datasets_json, inputs_json, open_source
from runners.arrays import Flags, Floats
from runners.metrics.consistency import mean_row_cosine
from runners.metrics.functional import latents_of, score_functional_pairs
from runners.metrics.seed_pairs import PairScores, score_pairs
from runners.progress import showing
from runners.saes.sae import reconstruct_rows
from runners.stage.lifecycle import RunEnvironment
from runners.stages.stability.plan import KIND, StabilityConfig, points, protocol_of
from runners.stages.stability.trajectories import Trajectories, train_watched
from runners.summary_writing import Json, RunResult, measurement

Columns = tuple[Sequence[float], Sequence[float] | None]
"""Candidate and baseline of one measure."""


def measure(config: StabilityConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook or texts are not what the configuration says.
    """
    source = open_source(config, environment.device)
    activations = collect(source, config, environment)
    watched = train_watched(
        activations, config.sae, config.training, config.seeds, environment, list(points(config).values())
    )
    return RunResult(
        subject=watched.saes.subject(config),
        protocol=protocol_of(config, datasets_json(source)),
        measurements=_measurements(config, watched, environment.device),
        inputs=inputs_json([activations]),
        artifacts=artifacts_json([watched.saes], environment),
    )


def _measurements(config: StabilityConfig, watched: Trajectories, device: str) -> Json:
    seeds, d_model, saes = config.seeds, config.subject.d_model, watched.saes
    held_out = saes.reconstruction(device)
    start = watched.start["W_dec"].cpu().numpy()
    path = {"0": start, **{name: watched.decoders[done].numpy() for name, done in points(config).items()}}
    path["1"] = saes.decoders
    pairs = len(seeds) * (len(seeds) - 1) // 2
    with showing("matching latents", pairs * len(path), "pairs") as progress:

        def score(decoders: Floats, live: Flags | None = None) -> PairScores:
            # No measure of this kind counts matches above a cut.
            return score_pairs(decoders, seeds, d_model, 1.0, progress, live)

        scores = {name: score(decoders, held_out.live if name == "1" else None) for name, decoders in path.items()}
    final, initial = scores["1"], scores["0"]
    by_pair = {"seed_a": [a for a, _ in final.pairs], "seed_b": [b for _, b in final.pairs]}
    per_pair: dict[str, Columns] = {
        "pw_mcc": (final.pw_mcc, None),
        "pw_mcc_live": (final.pw_mcc_live, None),
        "pw_mcc_above_untrained": (final.pw_mcc, initial.pw_mcc),
        "similarity_at_init": (initial.pw_mcc, None),
    }
    per_pair |= {f"pw_mcc_at_{name}": (scores[name].pw_mcc, None) for name in points(config)}
    per_pair |= {
        f"pw_mcc_gain_{before}_to_{after}": (scores[after].pw_mcc, scores[before].pw_mcc)
        for before, after in pairwise(scores)
    }
    by_effect, shortfall = _functional(watched, device, final.pw_mcc_live)
    per_pair |= by_effect
    lacking = zip(*(each.shortfall for each in scores.values()), shortfall, strict=True)
    per_pair["matching_shortfall"] = ([max(of_pair) for of_pair in lacking], None)
    found = {name: measurement(KIND, name, by_pair, *values) for name, values in per_pair.items()}

    per_seed: dict[str, Sequence[float]] = {
        "r2": held_out.r2,
        "l0": held_out.l0,
        "dead_fraction": held_out.dead_fraction,
        **held_out.apart,
    }
    for name, decoders in path.items():
        if name != "0":
            measure_name = "similarity_to_init" if name == "1" else f"similarity_to_init_at_{name}"
            per_seed[measure_name] = [
                mean_row_cosine(now, before, d_model) for now, before in zip(decoders, start, strict=True)
            ]
    return found | {name: measurement(KIND, name, {"seed": seeds}, values) for name, values in per_seed.items()}


def _functional(
    watched: Trajectories, device: str, by_direction: Sequence[float]
) -> tuple[dict[str, Columns], list[float]]:
    """Match by ablation effects over the held-out rows, at the end and before the first step.

    Returns:
        measures, and per pair what a matching may lack of the best one.
    """
    saes = watched.saes
    stack, rows = saes.stack, saes.inputs.held_out.read()
    places = [(a, b) for a in range(len(stack.seeds)) for b in range(a + 1, len(stack.seeds))]

    def untrained(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            return reconstruct_rows(
                stack.architecture, watched.start, stack.scale, stack.target_scale, x, len(stack.seeds)
            )

    trained = score_functional_pairs(latents_of(stack.reconstruct, rows, device), saes.decoders, places)
    control = score_functional_pairs(latents_of(untrained, rows, device), watched.start["W_dec"].cpu().numpy(), places)
    scores = [each.pw_mcc for each in trained]
    measures: dict[str, Columns] = {
        "functional_pw_mcc": (scores, None),
        "functional_pw_mcc_above_untrained": (scores, [each.pw_mcc for each in control]),
        "functional_pw_mcc_above_pw_mcc_live": (scores, by_direction),
        "functional_pw_mcc_of_cosine_matches": ([each.pw_mcc_by_cosine for each in trained], None),
        "matchings_agree": ([each.agreement for each in trained], None),
        "matchings_agree_above_untrained": (
            [each.agreement for each in trained],
            [each.agreement for each in control],
        ),
    }
    return measures, [max(a.shortfall, b.shortfall) for a, b in zip(trained, control, strict=True)]
