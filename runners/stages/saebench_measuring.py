"""The measuring half of the runner `saebench`: SAEs and baseline on the same rows of every dataset."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import GatekitError
from runners.benchmarks.probing import Probe, chosen, outcome
from runners.benchmarks.saebench import Arm, Bench, Probed, dataset_names, probe_datasets
from runners.benchmarks.saebench_output import write_probing_result
from runners.digests import file_sha256, tensors_sha256
from runners.metrics.reconstruction import Reconstruction, measure_reconstruction
from runners.progress import showing
from runners.saes.architecture import describe
from runners.saes.normalisation import scaled_centre
from runners.saes.sae import Sae
from runners.seeding import generator
from runners.stages.lifecycle import Surroundings
from runners.stages.sae_subject import subject_json
from runners.stages.saebench import KIND, SaebenchConfig, protocol_of
from runners.stages.trained_saes import (
    Activations,
    TrainedSaes,
    artifacts_json,
    collect,
    inputs_json,
    open_source,
    train,
)
from runners.subjects.text_corpus import sae_probes_folder
from runners.summary_writing import Json, Measured, measurement


@dataclass(frozen=True)
class _Side:
    """SAEs on one side of the comparison, one per seed."""

    arms: tuple[Arm, ...]
    subject: Json | None
    """None where the side is no SAE, or one that was never trained."""
    trained: TrainedSaes | None = None
    """Where this run has their checkpoints."""


def measure(config: SaebenchConfig, surroundings: Surroundings) -> Measured:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook, texts, datasets or checkpoints are not what the configuration says, a dataset shares
            a text with the SAEs' training, or a probe cannot be trained.
    """
    source = open_source(config, surroundings.device)
    inputs = collect(source, config, surroundings)
    candidate = _candidate(config, inputs, surroundings)
    baseline = _baseline(config, inputs, candidate, surroundings)
    names = dataset_names(config.probing, sae_probes_folder())
    bench = Bench(
        model=source.model,
        hook=config.subject.hook,
        plan=config.probing,
        folder=sae_probes_folder(),
        cache=surroundings.cache,
        device=surroundings.device,
        trained_on=frozenset(text.sha256 for text in source.training.texts) if candidate.trained else frozenset(),
    )
    dense = config.baseline.kind == "dense_probe"
    arms = tuple({arm.name: arm for arm in (*candidate.arms, *baseline.arms)}.values())
    with showing("probing", len(names) * (len(arms) + dense), "SAEs on datasets") as progress:
        probed = probe_datasets(bench, arms, names, dense=dense, progress=progress)
    sides = [side.trained for side in (candidate, baseline) if side.trained is not None]
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
    return Measured(
        subject=subject,
        protocol=protocol_of(config, datasets, baseline.subject),
        measurements=_measurements(config, candidate, baseline, probed, inputs, surroundings.device),
        inputs=[*inputs_json([inputs]), *activations],
        artifacts=[*artifacts_json(sides, surroundings), *_results(config, candidate, probed, surroundings)],
    )


def label(dataset: str) -> str:
    """Return a dataset's name as summaries have names: without spaces."""
    return dataset.replace(" ", "-")


def _candidate(config: SaebenchConfig, inputs: Activations, surroundings: Surroundings) -> _Side:
    if config.checkpoints is None:
        return _trained(config, train(inputs, config.sae, config.training, config.seeds, surroundings, "model"))
    arms = []
    for seed, folder in zip(config.seeds, config.checkpoints, strict=True):
        arms.append(_from_disk(config, Path(folder), f"seed-{seed}"))
        if arms[-1].sae.architecture.d_sae != config.sae.width:
            width = arms[-1].sae.architecture.d_sae
            raise GatekitError("runner.d_sae", f"{folder} has {width} latents; the configuration says otherwise")
    if len({str(describe(arm.sae.architecture)) for arm in arms}) > 1:
        raise GatekitError("runner.checkpoints", "the checkpoints are not of one architecture and shape")
    return _Side(tuple(arms), _subject_on_disk(config, inputs, arms, config.seeds))


def _baseline(config: SaebenchConfig, inputs: Activations, candidate: _Side, surroundings: Surroundings) -> _Side:
    match config.baseline.kind:
        case "untrained":
            if candidate.trained is None:
                raise ValueError("no state before training")
            return _Side(_untrained(config, inputs, candidate.trained), None)
        case "random_sae":
            plan = dataclasses.replace(config.sae, control="frozen_decoder")
            return _trained(config, train(inputs, plan, config.training, config.seeds, surroundings, "random_sae"))
        case "public_sae":
            arm = _from_disk(config, Path(str(config.baseline.checkpoint)), "public")
            return _Side((arm,) * len(config.seeds), _subject_on_disk(config, inputs, [arm], (0,)))
    return _Side((), None)


def _trained(config: SaebenchConfig, trained: TrainedSaes) -> _Side:
    arms = tuple(
        Arm(f"{trained.name}:seed-{saved.seed}", trained.sae(place), saved.sha256)
        for place, saved in enumerate(trained.checkpoints)
    )
    return _Side(arms, trained.subject(config), trained)


def _from_disk(config: SaebenchConfig, folder: Path, name: str) -> Arm:
    # Imported here: it brings every architecture, and evidence depends on what was imported for it.
    from runners.saes.formats import sae_lens

    sae = sae_lens.read(folder)
    if sae.architecture.d_in != config.subject.d_model:
        raise GatekitError(
            "runner.d_model",
            f"{folder} reads {sae.architecture.d_in} numbers; the hook has {config.subject.d_model}",
        )
    return Arm(name, sae, file_sha256(folder / sae_lens.WEIGHTS))


def _subject_on_disk(config: SaebenchConfig, inputs: Activations, arms: Sequence[Arm], seeds: Sequence[int]) -> Json:
    architecture = arms[0].sae.architecture
    entries = [{"seed": seed, "sha256": arm.sha256} for seed, arm in zip(seeds, arms, strict=True)]
    return {
        **subject_json(config, inputs.model.name, inputs.model.digest, entries),
        "architecture": architecture.name,
        "d_sae": architecture.d_sae,
        "k": getattr(architecture, "k", None),
    }


def _untrained(config: SaebenchConfig, inputs: Activations, trained: TrainedSaes) -> tuple[Arm, ...]:
    """Return the SAEs as they were before the first step, drawn again from their seeds."""
    import torch

    stack = trained.stack
    rows = inputs.training.read()
    b_dec = torch.from_numpy(scaled_centre(rows, config.training.centre, stack.scale)).float()
    arms = []
    for seed in config.seeds:
        parameters = stack.architecture.initial(generator("sae initial weights", seed), b_dec)
        sae = Sae(stack.architecture, parameters, stack.scale)
        arms.append(Arm(f"untrained:seed-{seed}", sae, tensors_sha256(parameters)))
    return tuple(arms)


def _measurements(
    config: SaebenchConfig,
    candidate: _Side,
    baseline: _Side,
    probed: Mapping[str, Probed],
    inputs: Activations,
    device: str,
) -> Json:
    cells = [(seed, place, name) for place, seed in enumerate(config.seeds) for name in probed]
    keys = {"seed": [seed for seed, _, _ in cells], "dataset": [label(name) for _, _, name in cells]}
    ours = [chosen(probed[name].arms[candidate.arms[place].name]) for _, place, name in cells]
    theirs = [_baseline_probe(baseline, place, probed[name]) for _, place, name in cells]
    found: Json = {}
    for measure in ("auc", "accuracy", "f1"):
        values, control = ([getattr(probe, measure) for probe in side] for side in (ours, theirs))
        found[measure] = measurement(KIND, measure, keys, values)
        found[f"{measure}_delta"] = measurement(KIND, f"{measure}_delta", keys, values, control)
    wins = [outcome(one.auc, other.auc) for one, other in zip(ours, theirs, strict=True)]
    found["auc_win_rate"] = measurement(KIND, "auc_win_rate", keys, wins)
    held_out = [_reconstruction(arm.sae, inputs, device) for arm in candidate.arms]
    per_seed: dict[str, Callable[[Reconstruction], float]] = {
        "r2": lambda each: each.r2[0],
        "l0": lambda each: each.l0[0],
        "dead_fraction": lambda each: each.dead_fraction[0],
    }
    for measure, read in per_seed.items():
        found[measure] = measurement(KIND, measure, {"seed": config.seeds}, [read(each) for each in held_out])
    return found


def _baseline_probe(baseline: _Side, place: int, found: Probed) -> Probe:
    if baseline.arms:
        return chosen(found.arms[baseline.arms[place].name])
    if found.dense is None:
        raise ValueError("no baseline was probed")
    return found.dense


def _reconstruction(sae: Sae, inputs: Activations, device: str) -> Reconstruction:
    def reconstruct(rows):  # type: ignore[no-untyped-def]
        restored, latents = sae.reconstruct(rows)
        return restored.unsqueeze(0), latents.unsqueeze(0)

    return measure_reconstruction(reconstruct, inputs.held_out.read(), device)


def _results(
    config: SaebenchConfig, candidate: _Side, probed: Mapping[str, Probed], surroundings: Surroundings
) -> list[Json]:
    """Write every probe, and one result file a seed as SAEBench writes it; return them as artifacts."""
    folder = surroundings.artifacts / "saebench"
    folder.mkdir(parents=True, exist_ok=True)
    table = {
        name: {
            "dense": None if found.dense is None else dataclasses.asdict(found.dense),
            **{arm: [dataclasses.asdict(probe) for probe in probes] for arm, probes in found.arms.items()},
        }
        for name, found in probed.items()
    }
    probes = folder / "probes.json"
    probes.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    written = {"probes": probes}
    for seed, arm in zip(config.seeds, candidate.arms, strict=True):
        path = folder / f"seed_{seed}_eval_results.json"
        write_probing_result(path, config.probing, config.subject, arm, probed)
        written[f"saebench-result:seed-{seed}"] = path
    return [
        {
            "name": name,
            "sha256": file_sha256(path),
            "bytes": path.stat().st_size,
            "uri": path.relative_to(surroundings.artifacts).as_posix(),
        }
        for name, path in written.items()
    ]
