"""The measuring half of the runner `saebench`: SAEs and baseline on the same rows of every dataset."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from runners.arms.activations import SUBJECT_HOOK, Activations, collect, inputs_json, open_source
from runners.arms.sae_arms import (
    Side,
    arm_from_disk,
    candidate_side,
    known_training_texts,
    subject_on_disk,
    trained_side,
    untrained_side,
)
from runners.arms.trained_saes import artifacts_json, train
from runners.benchmarks.probing import Probe, chosen, outcome
from runners.benchmarks.saebench import Bench, ProbeResults, dataset_names, probe_datasets
from runners.benchmarks.saebench_core import MEASURES, CoreResult, measure_core, why_not
from runners.benchmarks.saebench_output import write_probing_result
from runners.digests import file_sha256
from runners.metrics.reconstruction import Reconstruction, measure_reconstruction
from runners.places import caused_by, derived
from runners.progress import showing
from runners.saes.sae import Sae
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import recipe
from runners.stages.saebench.plan import KIND, SaebenchConfig, protocol_of
from runners.subjects.own_set_files import own_set_inputs
from runners.subjects.text_corpus import sae_probes_folder
from runners.summary_writing import Json, RunResult, measurement


def measure(config: SaebenchConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook, texts, datasets or checkpoints are not what the configuration says, a dataset shares
            a text with the SAEs' training, or a probe cannot be trained.
    """
    compared = _compared(config, environment)
    inputs, candidate, baseline = compared.inputs, compared.candidate, compared.baseline
    probed = _probed(config, compared, dataset_names(config.probing, sae_probes_folder()), environment)
    sides = [side.saes for side in (candidate, baseline) if side.saes is not None]
    subject = candidate.subject
    if subject is None:
        raise ValueError("the candidate has no subject")
    datasets = [
        {"name": label(name), "sha256": found.labelled.sha256, "rows": len(found.labelled.texts)}
        for name, found in probed.items()
    ]
    activations = [
        {"name": f"activations:{label(name)}", "sha256": found.activations_sha256, "rows": len(found.labelled.texts)}
        for name, found in probed.items()
    ]
    held_out = [_reconstruction(arm.sae, inputs, environment.device) for arm in candidate.arms]
    no_core, core = _core(config, inputs, candidate, held_out, environment)
    files = {**_written(config, candidate, probed, environment), **{name: each.path for name, each in core.items()}}
    measurements = _probing_measurements(config, candidate, baseline, probed)
    per_seed = {
        "r2": [each.r2[0] for each in held_out],
        "l0": [each.l0[0] for each in held_out],
        "dead_fraction": [each.dead_fraction[0] for each in held_out],
        **{name: [each.apart[name][0] for each in held_out] for name in ("r2_all_rows", "extreme_rows")},
    }
    for measure in MEASURES if core else ():
        per_seed[measure] = [each.scores[measure] for each in core.values()]
    measurements |= {name: measurement(KIND, name, {"seed": config.seeds}, each) for name, each in per_seed.items()}
    return RunResult(
        subject=subject,
        protocol=protocol_of(config, datasets, baseline.subject, no_core),
        measurements=measurements,
        inputs=[*inputs_json([inputs]), *own_set_inputs(config.probing.own or ()), *activations],
        artifacts=[*artifacts_json(sides, environment), *_files_json(files, environment)],
    )


@dataclasses.dataclass(frozen=True)
class _BothSides:
    """Both sides of the comparison, and what the SAEs read."""

    inputs: Activations
    candidate: Side
    baseline: Side


def probe(config: SaebenchConfig, environment: RunEnvironment, names: Sequence[str]) -> None:
    """Put the probes of some datasets into the cache, as `measure` would.

    Raises:
        GatekitError: as `measure`.
    """
    _probed(config, _compared(config, environment), names, environment)


def _compared(config: SaebenchConfig, environment: RunEnvironment) -> _BothSides:
    source = open_source(config, environment.device)
    inputs = collect(source, config, environment, trains=config.training is not None)
    candidate = candidate_side(config, inputs, environment)
    return _BothSides(inputs, candidate, _baseline(config, inputs, candidate, environment))


def _probed(
    config: SaebenchConfig, compared: _BothSides, names: Sequence[str], environment: RunEnvironment
) -> dict[str, ProbeResults]:
    source = compared.inputs.source
    bench = Bench(
        model=source.model,
        hook=config.subject.hook,
        plan=config.probing,
        folder=sae_probes_folder(),
        cache=environment.cache,
        device=environment.device,
        trained_on=known_training_texts(config, source),
    )
    dense = config.baseline.kind == "dense_probe"
    arms = tuple({arm.name: arm for arm in (*compared.candidate.arms, *compared.baseline.arms)}.values())
    with showing("probing", len(names) * (len(arms) + dense), "SAEs on datasets") as progress:
        return probe_datasets(bench, arms, names, dense=dense, progress=progress)


def label(dataset: str) -> str:
    """Return a dataset's name as summaries have names: without spaces."""
    return dataset.replace(" ", "-")


def _baseline(config: SaebenchConfig, inputs: Activations, candidate: Side, environment: RunEnvironment) -> Side:
    match config.baseline.kind:
        case "untrained":
            if candidate.trained is None:
                raise ValueError("no state before training")
            return untrained_side(config, candidate.trained)
        case "random_sae":
            shape, training = recipe(config)
            plan = derived(shape, control="frozen_decoder")
            return trained_side(config, train(inputs, plan, training, config.seeds, environment, "random_sae"))
        case "public_sae":
            place = Path(str(config.baseline.checkpoint))
            arm = arm_from_disk(config, "baseline.checkpoint", place, "public", inputs)
            return Side((arm,) * len(config.seeds), subject_on_disk(config, inputs, [arm], (0,)))
    return Side((), None)


def _probing_measurements(
    config: SaebenchConfig, candidate: Side, baseline: Side, probed: Mapping[str, ProbeResults]
) -> Json:
    cells = [(seed, place, name) for place, seed in enumerate(config.seeds) for name in probed]
    keys: dict[str, Sequence[int | str]] = {
        "seed": [seed for seed, _, _ in cells],
        "dataset": [label(name) for _, _, name in cells],
    }
    ours = [chosen(probed[name].arms[candidate.arms[place].name]) for _, place, name in cells]
    theirs = [_baseline_probe(baseline, place, probed[name]) for _, place, name in cells]
    found: Json = {}
    for measure in ("auc", "accuracy", "f1"):
        values, control = ([getattr(probe, measure) for probe in side] for side in (ours, theirs))
        found[measure] = measurement(KIND, measure, keys, values)
        found[f"{measure}_delta"] = measurement(KIND, f"{measure}_delta", keys, values, control)
    wins = [outcome(one.auc, other.auc) for one, other in zip(ours, theirs, strict=True)]
    found["auc_win_rate"] = measurement(KIND, "auc_win_rate", keys, wins)
    return found


def _baseline_probe(baseline: Side, place: int, found: ProbeResults) -> Probe:
    if baseline.arms:
        return chosen(found.arms[baseline.arms[place].name])
    if found.dense is None:
        raise ValueError("no baseline was probed")
    return found.dense


def _reconstruction(sae: Sae, inputs: Activations, device: str) -> Reconstruction:
    def reconstruct(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        restored, latents = sae.reconstruct(rows)
        return restored.unsqueeze(0), latents.unsqueeze(0)

    return measure_reconstruction(reconstruct, inputs.held_out.read(), device)


def _core(
    config: SaebenchConfig,
    inputs: Activations,
    candidate: Side,
    held_out: Sequence[Reconstruction],
    environment: RunEnvironment,
) -> tuple[str | None, dict[str, CoreResult]]:
    """Return why core was not measured, or what it measured of every seed."""
    if config.core is None:
        return None, {}
    refused = why_not(inputs.source.files, candidate.arms[0].sae, inputs.hook)
    if refused is not None:
        return refused, {}
    found = {}
    with showing("SAEBench core", len(config.seeds), "SAEs") as progress:
        for seed, arm, reconstruction in zip(config.seeds, candidate.arms, held_out, strict=True):
            with caused_by(config, SUBJECT_HOOK):
                found[f"saebench-core:seed-{seed}"] = measure_core(
                    inputs.model,
                    config.subject.hook,
                    arm.sae,
                    inputs.source.held_out,
                    config.core,
                    reconstruction.r2[0],
                    f"core_seed_{seed}",
                    environment.artifacts / "saebench",
                )
            progress.advance(1)
    return None, found


def _written(
    config: SaebenchConfig, candidate: Side, probed: Mapping[str, ProbeResults], environment: RunEnvironment
) -> dict[str, Path]:
    """Write every probe, and one result file a seed as SAEBench writes it; return them by name."""
    folder = environment.artifacts / "saebench"
    folder.mkdir(parents=True, exist_ok=True)
    table: dict[str, Json] = {}
    for name, found in probed.items():
        dense = None if found.dense is None else dataclasses.asdict(found.dense)
        arms = {arm: [dataclasses.asdict(probe) for probe in probes] for arm, probes in found.arms.items()}
        table[name] = {"dense": dense, **arms}
    files = {"probes": folder / "probes.json"}
    files["probes"].write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for seed, arm in zip(config.seeds, candidate.arms, strict=True):
        path = folder / f"probing_seed_{seed}_eval_results.json"
        write_probing_result(path, config.probing, config.subject, arm, probed)
        files[f"saebench-probing:seed-{seed}"] = path
    return files


def _files_json(files: Mapping[str, Path], environment: RunEnvironment) -> list[Json]:
    return [
        {
            "name": name,
            "sha256": file_sha256(path),
            "bytes": path.stat().st_size,
            "uri": path.relative_to(environment.artifacts).as_posix(),
        }
        for name, path in files.items()
    ]
