"""The measuring half of the runner `known_circuit`: latents as functions of (a, b), seed by seed, beside controls.

| arm | its latents |
|---|---|
| trained | SAEs trained on the transformer's activations: the candidate |
| random model | the same seeds, pairs and training on the re-initialised transformer, or on several: the control |
| untrained | the trained arm's SAEs before the first step, on the transformer's activations |
| shuffled | the trained arm's latents with the numbers relabelled: same values, sums and frequencies mean nothing |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch

from runners.arms.random_models import Columns, arm_name, compared
from runners.arrays import Floats, Integers
from runners.digests import sequence_sha256, tensors_sha256
from runners.metrics.circuits import (
    LatentFrequencies,
    frequency_shares,
    key_frequencies,
    latent_frequencies,
    projection_r2,
    recovered,
    relabelled,
    single_frequency,
    top_frequencies,
)
from runners.metrics.reconstruction import Reconstruct, measure_reconstruction
from runners.places import caused_by, config_error
from runners.progress import showing
from runners.saes.checkpoint import SavedCheckpoint, save_stack
from runners.saes.given_plan import GivenSaesPlan
from runners.saes.identity import sae_sha256
from runners.saes.plan import SaePlan, TrainingPlan
from runners.saes.sae import Sae
from runners.saes.topk import TopK
from runners.saes.training import SaeStack, train_stack
from runners.seeding import generator
from runners.stage.run_environment import RunEnvironment
from runners.stages.known_circuit.plan import KIND, KnownCircuitConfig, protocol_of, subject_of
from runners.subjects import modular_addition as addition
from runners.subjects.modular_addition import AdditionModel, PairSplit
from runners.subjects.modular_addition_training import train_addition
from runners.summary_writing import Json, RunResult

LEARNT = 0.99
"""Share of its own test pairs that a transformer must answer right to count as having learnt to add."""

_ROWS_PER_CHUNK = 4096


@dataclass(frozen=True)
class _Coded:
    """All pairs through a stack of SAEs, on the CPU."""

    reconstructions: torch.Tensor
    """(seeds, p * p, width)."""
    latents: Floats
    """(seeds, p * p, d_sae)."""

    @property
    def dead_fraction(self) -> list[float]:
        """Fraction of latents that are active on no pair at all."""
        dead: list[float] = (1.0 - (self.latents > 0).any(axis=1).mean(axis=1)).tolist()
        return dead


@dataclass(frozen=True)
class _Arm:
    """One model's activations on all pairs, and the SAEs trained on some of them."""

    model: AdditionModel
    rows: Floats
    """(p * p, width) float32."""
    reconstruct: Reconstruct
    """All SAEs: (rows, width) -> (seeds, rows, width) and latents."""
    coded: _Coded
    digests: tuple[str, ...]
    """Of each seed's SAE."""
    stack: SaeStack | None = None
    """None of SAEs from files."""
    checkpoints: Sequence[SavedCheckpoint] = ()
    """Files that this run wrote."""

    def checkpoint_entries(self, seeds: Sequence[int]) -> list[Json]:
        return [{"seed": seed, "sha256": digest} for seed, digest in zip(seeds, self.digests, strict=True)]


def measure(config: KnownCircuitConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: the transformer is not what the configuration says, has not learnt to add, or has no key
            frequency, so that there is no circuit to look for.
    """
    model, artifacts = _transformer(config, environment)
    shares = frequency_shares(addition.embedding(model))
    key = key_frequencies(shares, config.circuit.key_multiple)
    if not key:
        message = f"no frequency has {config.circuit.key_multiple:g} times the mean share"
        raise config_error(config, "circuit.key_multiple", message, error_id="subject.no_circuit")
    split = addition.split_pairs(model.p, config.pairs.train_fraction, "pairs for SAEs", config.pairs.seed)
    candidate = _candidate(config, model, split, environment)
    controls = _controls(config, candidate, split, environment)
    named = zip(controls, config.circuit.model_seeds, strict=False)
    labels = [arm_name(seed, config.circuit.model_seeds).replace("_", "-") for _, seed in named]
    arms = [("model", candidate), *zip(labels, controls, strict=True)]
    datasets = [
        {"name": f"modular-addition:{name}-pairs", "sha256": _rows_sha256(rows), "rows": len(rows)}
        for name, rows in (("training", split.train), ("held-out", split.test))
    ]
    inputs = list(datasets)
    for label, arm in arms:
        digest = tensors_sha256({"rows": torch.from_numpy(arm.rows)})
        # A model is named by its digest and has no rows.
        inputs.append({"name": f"model:{arm.model.name}", "sha256": arm.model.digest, "rows": 0})
        inputs.append({"name": f"activations:{label}", "sha256": digest, "rows": len(arm.rows)})
        artifacts += [
            {
                "name": f"{label}:seed-{saved.seed}",
                "sha256": saved.sha256,
                "bytes": saved.bytes,
                "uri": saved.path.relative_to(environment.artifacts).as_posix(),
            }
            for saved in arm.checkpoints
        ]
    return RunResult(
        subject=_subject(config, candidate),
        protocol=protocol_of(config, datasets, [_subject(config, each) for each in controls], key),
        measurements=_measurements(config, candidate, controls, split, key),
        inputs=inputs,
        artifacts=artifacts,
    )


def _transformer(config: KnownCircuitConfig, environment: RunEnvironment) -> tuple[AdditionModel, list[Json]]:
    """Return the transformer, and what was written of it."""
    plan = config.transformer
    recipe = addition.Recipe(plan.p, plan.train_fraction, plan.seed, plan.steps)
    artifacts: list[Json] = []
    if plan.weights == "committed":
        committed = addition.COMMITTED.get(plan.p)
        if committed is None or committed.recipe != recipe:
            known = ", ".join(str(each.recipe) for each in addition.COMMITTED.values())
            message, remedy = f"no weights ship for {recipe}", f"there are {known}"
            raise config_error(plan, "weights", message, remedy, error_id="subject.not_committed")
        model = addition.load_committed(committed, environment.device)
    else:
        with showing("training the transformer", recipe.steps, "steps") as progress:
            model = train_addition(recipe, environment.device, progress).model
        path = environment.artifacts / "transformer.safetensors"
        digest = addition.save_weights(model, path)
        artifacts.append({"name": "transformer", "sha256": digest, "bytes": path.stat().st_size, "uri": path.name})
    # Asked of committed weights too: only a model that has learnt to add is sure to hold a circuit for it.
    right = addition.accuracy(model, addition.trained_pairs(recipe).test)
    if right < LEARNT:
        message = f"the transformer answers {right:.3f} of the pairs that it never saw"
        raise config_error(plan, "steps", message, "train it for more steps", error_id="subject.not_learnt")
    return model, artifacts


def _subject(config: KnownCircuitConfig, arm: _Arm) -> Json:
    return subject_of(config, arm.model.name, arm.model.digest, arm.checkpoint_entries(config.seeds))


def _candidate(config: KnownCircuitConfig, model: AdditionModel, split: PairSplit, environment: RunEnvironment) -> _Arm:
    rows = _rows(config, model)
    if config.saes is not None:
        return _given(config, config.saes, model, rows, environment.device)
    if not isinstance(config.sae, SaePlan) or config.training is None:
        raise ValueError("the SAEs are neither given nor trained")
    architecture = TopK(config.transformer.d_model, config.sae.d_sae, config.sae.k, config.sae.auxiliary_k)
    return _trained("model", model, rows, architecture, config.training, split, config, environment)


def _controls(config: KnownCircuitConfig, candidate: _Arm, split: PairSplit, environment: RunEnvironment) -> list[_Arm]:
    """Return SAEs on each re-initialised transformer: they differ in the model only, where the training is known."""
    training = config.training or config.circuit.control_training
    if training is None:
        return []
    width = config.transformer.d_model
    if isinstance(config.sae, SaePlan):
        architecture = TopK(width, config.sae.d_sae, config.sae.k, config.sae.auxiliary_k)
    else:
        latents = config.sae.width
        active = fmean((candidate.coded.latents > 0).sum(axis=2).mean(axis=1).tolist())
        k = config.sae.active or max(1, min(latents, round(active)))
        architecture = TopK(width, latents, k, min(width // 2, latents))
    found = []
    for seed in config.circuit.model_seeds:
        twin, name = addition.reinitialised(candidate.model, seed), arm_name(seed, config.circuit.model_seeds)
        found.append(_trained(name, twin, _rows(config, twin), architecture, training, split, config, environment))
    return found


def _rows(config: KnownCircuitConfig, model: AdditionModel) -> Floats:
    """Return the activations on all pairs, (p * p, width)."""
    plan = config.transformer
    with caused_by(plan, "hook"):
        rows = addition.activations(model, plan.hook, plan.position)
    if rows.shape[1] != plan.d_model:
        message = f"'{plan.hook}' is {rows.shape[1]} wide; the configuration says {plan.d_model}"
        raise config_error(plan, ("d_model", "hook"), message, error_id="runner.d_model")
    return rows


def _trained(
    name: str,
    model: AdditionModel,
    rows: Floats,
    architecture: TopK,
    training: TrainingPlan,
    split: PairSplit,
    config: KnownCircuitConfig,
    environment: RunEnvironment,
) -> _Arm:
    plan, seeds = config.transformer, config.seeds
    total = training.steps * training.batch_tokens * len(seeds)
    # SAEs train on some of the pairs and are analysed on all, because frequencies are of functions on all pairs.
    with showing(f"{name.replace('_', ' ')}: training", total, "pairs") as progress:
        stack = train_stack(architecture, rows[split.train.numpy()], seeds, training, environment.device, progress)
    facts = {"model": model.name, "model_digest": model.digest, "hook": plan.hook, "position": plan.position}
    saved = save_stack(stack, environment.artifacts / name, facts)
    digests = tuple(
        sae_sha256(Sae(stack.architecture, {name: each[place] for name, each in stack.parameters.items()}, stack.scale))
        for place in range(len(seeds))
    )
    coded = _code(stack.reconstruct, rows, environment.device)
    return _Arm(model, rows, stack.reconstruct, coded, digests, stack, saved)


def _given(config: KnownCircuitConfig, given: GivenSaesPlan, model: AdditionModel, rows: Floats, device: str) -> _Arm:
    """Return SAEs from files on the transformer's activations."""
    # Imported here: it brings every architecture of every format, and evidence depends on what was imported for it.
    from runners.arms.given_saes import is_transcoder, read_all, side_by_side
    from runners.saes.formats.use import Use, contradictions

    plan = config.transformer
    saes, _ = read_all(given)
    for seed, sae in saes.items():
        key = f"saes.seeds[{seed}]"
        if is_transcoder(sae):
            message = "is a transcoder; here an SAE is held against its own input"
            raise config_error(config, key, f"{given.seeds[seed]} {message}", error_id="runner.checkpoints")
        if sae.architecture.d_in != plan.d_model:
            message = f"the SAE reads {sae.architecture.d_in} numbers; the hook has {plan.d_model}"
            raise config_error(config, (key, "transformer.d_model"), message, error_id="runner.d_model")
        differing = contradictions(sae.stated, Use((model.name,), plan.hook, 3))
        if differing:
            message = f"the SAE {'; it '.join(one.message for one in differing)}"
            raise config_error(config, (key, "transformer.hook"), message, error_id="runner.stated_use")
    reconstruct = side_by_side(tuple(saes.values()))
    return _Arm(model, rows, reconstruct, _code(reconstruct, rows, device), tuple(map(sae_sha256, saes.values())))


def untrained(stack: SaeStack, rows: Floats) -> SaeStack:
    """Return a stack as it was before its first step.

    Args:
        stack: TopK SAEs that started at the mean of `rows`.
        rows: (rows, width) that it was trained on.

    Raises:
        ValueError: what is drawn here are not the decoders that its training began with.
    """
    centre = torch.from_numpy(rows.astype(np.float64).mean(axis=0) * stack.scale).float()
    drawn = [stack.architecture.initial(generator("sae initial weights", seed), centre) for seed in stack.seeds]
    parameters = {
        name: torch.stack([each[name] for each in drawn]).to(stack.initial_decoders.device) for name in drawn[0]
    }
    # A stack keeps no encoder from before training. That the decoders agree shows that all was drawn as then.
    if not torch.equal(parameters["W_dec"], stack.initial_decoders):
        raise ValueError("the untrained SAEs are not those that training began with")
    return dataclasses.replace(stack, parameters=parameters)


def _code(reconstruct: Reconstruct, rows: Floats, device: str) -> _Coded:
    parts = [reconstruct(chunk.to(device)) for chunk in torch.from_numpy(rows).split(_ROWS_PER_CHUNK)]
    return _Coded(
        torch.cat([restored.cpu() for restored, _ in parts], dim=1),
        torch.cat([latents.cpu() for _, latents in parts], dim=1).numpy(),
    )


def _measurements(
    config: KnownCircuitConfig, candidate: _Arm, controls: Sequence[_Arm], split: PairSplit, key: Sequence[int]
) -> Json:
    p, seeds, cut = candidate.model.p, config.seeds, config.circuit.purity_cut
    before = None
    if candidate.stack is not None:
        start = untrained(candidate.stack, candidate.rows[split.train.numpy()])
        before = _code(start.reconstruct, candidate.rows, candidate.model.device)
    # One relabelling for each seed, so that this control varies over seeds as the others do.
    orders = [_permutation(p, seed) for seed in seeds]
    # Keys end the names of measures; the candidate's scores stand alone, all others beside a control.
    others = {"_above_control": [each.coded for each in controls], "_above_untrained": [before] if before else []}
    arms = {
        "": [list(candidate.coded.latents)],
        **{name: [list(coded.latents) for coded in arm] for name, arm in others.items() if arm},
        "_above_shuffled": [
            [relabelled(latents, p, order) for latents, order in zip(candidate.coded.latents, orders, strict=True)]
        ],
    }
    found: dict[str, Columns] = {}
    scored: dict[str, list[dict[str, list[float]]]] = {}
    with showing("frequencies of latents", sum(map(len, arms.values())) * len(seeds), "SAEs") as progress:
        for arm, models in arms.items():
            scored[arm] = []
            for stacks in models:
                rows = []
                for latents in stacks:
                    rows.append(_scores(latent_frequencies(latents, p), key, cut))
                    progress.advance(1)
                scored[arm].append({name: [row[name] for row in rows] for name in rows[0]})
    (alone,) = scored[""]
    for arm, models_scored in scored.items():
        for name, values in alone.items():
            found[f"{name}{arm}"] = (values, [each[name] for each in models_scored] if arm else ())

    table = addition.embedding(candidate.model)
    twins = [addition.embedding(addition.reinitialised(candidate.model, seed)) for seed in seeds]
    # One model has one embedding: the candidate's value repeats, and only the controls vary over seeds.
    ours = [projection_r2(table, key)] * len(seeds)
    found["embedding_r2_above_control"] = (ours, [[_top_r2(twin, len(key)) for twin in twins]])
    shuffled = [_top_r2(relabelled(table, p, order), len(key)) for order in orders]
    found["embedding_r2_above_shuffled"] = (ours, [shuffled])

    # On pairs that no SAE was trained on, as r2 and L0 below.
    kept = _answers_kept(config, candidate.model, candidate.coded, split.test)
    found["answers_kept"] = (kept, ())
    if before is not None:
        found["answers_kept_above_untrained"] = (kept, [_answers_kept(config, candidate.model, before, split.test)])
    reconstruction = measure_reconstruction(
        candidate.reconstruct, candidate.rows[split.test.numpy()], candidate.model.device
    )
    found["r2"] = (reconstruction.r2, ())
    found["l0"] = (reconstruction.l0, ())
    found |= {name: (values, ()) for name, values in reconstruction.apart.items()}
    found["dead_fraction"] = (candidate.coded.dead_fraction, ())
    model_seeds = config.circuit.model_seeds
    return {name: compared(KIND, name, {"seed": seeds}, *values, model_seeds) for name, values in found.items()}


def _scores(found: LatentFrequencies, key: Sequence[int], cut: float) -> dict[str, float]:
    """Return one SAE's scores; an SAE without a live latent scores 0."""
    live = found.varies
    count = max(1, int(live.sum()))
    return {
        "latent_purity": float(found.purity[live].sum() / count),
        "single_frequency_fraction": float(single_frequency(found, cut).sum() / count),
        "key_frequencies_recovered": len(recovered(found, key, cut)) / len(key),
        # A share is at most 1; the rounding of two sums is not.
        "sum_share": min(1.0, float(found.families[live, 2].sum() / count)),
    }


def _top_r2(table: Floats, count: int) -> float:
    """Return the score of a table's own best frequencies: controls choose theirs as the candidate does."""
    return projection_r2(table, top_frequencies(frequency_shares(table), count))


def _answers_kept(
    config: KnownCircuitConfig, model: AdditionModel, coded: _Coded, held_out: torch.Tensor
) -> list[float]:
    plan = config.transformer
    return [
        addition.accuracy(model, held_out, (plan.hook, plan.position, restored[held_out]))
        for restored in coded.reconstructions
    ]


def _permutation(p: int, seed: int) -> Integers:
    order: Integers = torch.randperm(p, generator=generator("relabelled numbers", seed)).numpy()
    return order


def _rows_sha256(rows: torch.Tensor) -> str:
    return sequence_sha256(str(row) for row in rows.tolist())
