"""The measuring half of the runner `saebench_absorption`."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

from runners.arms.activations import SUBJECT_HOOK, collect, inputs_json, open_source
from runners.arms.divergence import diverged
from runners.arms.sae_arms import candidate_side
from runners.arms.trained_saes import artifacts_json
from runners.benchmarks.absorption import MEANS, MEASURES, AbsorptionScores, read_words, score_absorption
from runners.benchmarks.standing_in import why_no_stand_in
from runners.digests import file_sha256
from runners.places import caused_by, config_error
from runners.progress import showing
from runners.stage.run_environment import RunEnvironment
from runners.stages.saebench_absorption.plan import KIND, AbsorptionConfig, protocol_of
from runners.summary_writing import Json, RunResult, measurement


def measure(config: AbsorptionConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook, words or SAEs are not what the configuration says, or too few letters are known.
    """
    source = open_source(config, environment.device)
    words = read_words(config.absorption, source.model)
    inputs = collect(source, config, environment, trains=config.training is not None)
    candidate = candidate_side(config, inputs, environment)
    refused = why_no_stand_in(candidate.arms[0].sae)
    if refused is not None:
        raise config_error(config, ("saes", "sae"), refused, error_id="benchmark.sae")
    if candidate.subject is None:
        raise ValueError("the candidate has no subject")
    saes = [arm.sae for arm in candidate.arms]
    positions = source.files.positions
    with caused_by(config, SUBJECT_HOOK), showing("SAEBench absorption", len(saes), "SAEs") as progress:
        found = score_absorption(config.absorption, source.model, config.subject.hook, saes, words, progress, positions)
    letters = [
        {"name": letter, "sha256": words.sha256_of(letter), "rows": len(words.of_letter(letter))}
        for letter in found.letters
    ]
    return RunResult(
        subject=candidate.subject,
        protocol=protocol_of(config, letters, {"words_left_out": words.left_out}),
        measurements=_measurements(config, found),
        inputs=[*inputs_json([inputs]), *({**letter, "name": f"words:{letter['name']}"} for letter in letters)],
        artifacts=[
            *artifacts_json([side for side in (candidate.saes,) if side is not None], environment),
            _written(config, found, environment),
        ],
        diverged=diverged(candidate.saes, environment.device),
    )


def _measurements(config: AbsorptionConfig, found: AbsorptionScores) -> Json:
    cells = [(seed, place, letter) for place, seed in enumerate(config.seeds) for letter in found.letters]
    measurements: Json = {}
    for measure_name in MEASURES:
        measurements[measure_name] = measurement(
            KIND,
            measure_name,
            {"seed": [seed for seed, _, _ in cells], "dataset": [letter for _, _, letter in cells]},
            [found.by_sae[place][measure_name][letter] for _, place, letter in cells],
        )
    for mean, of in MEANS.items():
        values = [fmean(scores[of].values()) for scores in found.by_sae]
        measurements[mean] = measurement(KIND, mean, {"seed": config.seeds}, values)
    return measurements


def _written(config: AbsorptionConfig, found: AbsorptionScores, environment: RunEnvironment) -> Json:
    """Write every score by seed, measure and letter."""
    path: Path = environment.artifacts / "saebench" / "letters.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {str(seed): scores for seed, scores in zip(config.seeds, found.by_sae, strict=True)}
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    uri = path.relative_to(environment.artifacts).as_posix()
    return {"name": "letters", "sha256": file_sha256(path), "bytes": path.stat().st_size, "uri": uri}
