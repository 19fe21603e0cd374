"""The measuring half of the runners `saebench_scr` and `saebench_tpp`: probes once a dataset, ablations once an SAE."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runners.arms.activations import SUBJECT_HOOK, collect, inputs_json, open_source
from runners.arms.divergence import diverged
from runners.arms.sae_arms import candidate_side, known_training_texts
from runners.arms.trained_saes import artifacts_json
from runners.benchmarks.removal import MEASURES, RemovalScores, RemovalTexts, read_removal, score_removal
from runners.benchmarks.removal_plan import RemovalPlan
from runners.benchmarks.standing_in import why_no_stand_in
from runners.digests import file_sha256, text_sha256
from runners.places import caused_by, config_error
from runners.progress import showing
from runners.stage.removal_protocol import removal_protocol
from runners.stage.run_environment import RunEnvironment
from runners.subjects.attributed_plan import Removal
from runners.subjects.text_corpus import sae_probes_folder
from runners.summary_writing import Json, RunResult, measurement

LEAST_GAP = 0.001
"""SAEBench scores 0 where the correlation costs less accuracy than this."""


def measure_removal(config: Any, plan: RemovalPlan, kind: Removal, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook, texts or SAEs are not what the configuration says, a dataset cannot be read or is too
            small, or an SAE was trained on a text that it is judged on.
    """
    texts = read_removal(plan, kind, sae_probes_folder())
    source = open_source(config, environment.device)
    inputs = collect(source, config, environment, trains=config.training is not None)
    candidate = candidate_side(config, inputs, environment)
    _refuse_leaks(plan, texts, known_training_texts(config, source))
    refused = why_no_stand_in(candidate.arms[0].sae)
    if refused is not None:
        raise config_error(config, ("saes", "sae"), refused, error_id="benchmark.sae")
    saes = [arm.sae for arm in candidate.arms]
    with (
        caused_by(config, SUBJECT_HOOK),
        showing(f"SAEBench {kind}", len(texts) * len(saes), "SAEs on datasets") as progress,
    ):
        found = score_removal(plan, kind, source.model, config.subject.hook, saes, texts, progress)
    if candidate.subject is None:
        raise ValueError("the candidate has no subject")
    datasets = tuple({"name": _label(each.name), "sha256": each.sha256, "rows": each.rows} for each in texts)
    written = _written(found, config.seeds, environment)
    return RunResult(
        subject=candidate.subject,
        protocol=removal_protocol(config, plan, kind, datasets, _facts(found, kind)),
        measurements=_measurements(f"saebench_{kind}", config.seeds, found, kind),
        inputs=[*inputs_json([inputs]), *({"name": f"texts:{each['name']}", **_digest(each)} for each in datasets)],
        artifacts=[*artifacts_json([side for side in (candidate.saes,) if side is not None], environment), written],
        diverged=diverged(candidate.saes, environment.device),
    )


def _measurements(name: str, seeds: Sequence[int], found: Sequence[RemovalScores], kind: Removal) -> Json:
    measurements = {}
    for measure in MEASURES[kind]:
        # SAEBench has no scr_metric where both directions start equal, which they do for every SAE or for none.
        there = [each for each in found if measure in each.by_sae[0]]
        cells = [(seed, place, each) for place, seed in enumerate(seeds) for each in there]
        if cells:
            keys: dict[str, Sequence[int | str]] = {
                "seed": [seed for seed, _, _ in cells],
                "dataset": [_label(each.texts.name) for _, _, each in cells],
            }
            values = [each.by_sae[place][measure] for _, place, each in cells]
            measurements[measure] = measurement(name, measure, keys, values)
    return measurements


def _facts(found: Sequence[RemovalScores], kind: Removal) -> Json:
    """Return what the probes alone decide of the scores, the same for every SAE."""
    if kind == "tpp":
        return {}
    equal = [_label(each.texts.name) for each in found if "scr_metric" not in each.by_sae[0]]
    return {
        "without_scr_metric": ", ".join(equal) or "none",
        "directions_without_a_gap": ", ".join(name for each in found for name in _without_gap(each)) or "none",
    }


def _without_gap(each: RemovalScores) -> list[str]:
    """Return the directions in which the correlation costs the probe no accuracy, which SAEBench scores 0."""
    biased = "male_professor / female_nurse"
    directions = {"dir1": "professor / nurse", "dir2": "male / female"}
    return [
        f"{_label(each.texts.name)}:{name}"
        for name, data in directions.items()
        if each.clean[data] - each.clean[f"{biased} probe on {data} data"] < LEAST_GAP
    ]


def _refuse_leaks(plan: RemovalPlan, texts: Sequence[RemovalTexts], trained_on: frozenset[str]) -> None:
    for each in texts:
        digests = {text_sha256(text) for side in (each.train, each.test) for rows in side.values() for text in rows}
        shared = digests & trained_on
        if shared:
            message = f"the SAEs were trained on {len(shared)} texts of '{each.name}'"
            raise config_error(plan, "datasets", message, error_id="benchmark.leak")


def _written(found: Sequence[RemovalScores], seeds: Sequence[int], environment: RunEnvironment) -> Json:
    """Write every accuracy that the scores were computed from, by SAEBench's names."""
    path: Path = environment.artifacts / "saebench" / "accuracies.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {
        each.texts.name: {
            "clean": dict(each.clean),
            "ablated": {str(seed): each.accuracies[place] for place, seed in enumerate(seeds)},
        }
        for each in found
    }
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    uri = path.relative_to(environment.artifacts).as_posix()
    return {"name": "accuracies", "sha256": file_sha256(path), "bytes": path.stat().st_size, "uri": uri}


def _label(name: str) -> str:
    """Return a dataset's name as summaries have names: without spaces."""
    return name.replace(" ", "-")


def _digest(dataset: Json) -> Json:
    return {"sha256": dataset["sha256"], "rows": dataset["rows"]}
