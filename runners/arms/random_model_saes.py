"""SAEs on re-initialised models, to stand beside SAEs from files: from files too, or trained here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from runners.arms.activations import Source, collect, reinitialised
from runners.arms.given_saes import GivenSaes, given_saes
from runners.arms.random_model_plan import OwnRandomModelPlan, RandomModelPlan
from runners.arms.random_models import arm_name
from runners.arms.saes import Saes
from runners.arms.trained_saes import train
from runners.places import caused_by, config_error
from runners.saes.architecture_plan import ArchitecturePlan
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import SaeConfig
from runners.subjects.language_model import load_like
from runners.subjects.model_files import find_model
from runners.summary_writing import Json

_SAME_OPTIONS = {"topk": ("d_sae", "k"), "batch_topk": ("d_sae", "k"), "matryoshka": ("widths", "k")}
"""Architectures whose L0 is fixed -> the options that give a candidate's shape."""
CANDIDATES = "the candidate's"
"""What a protocol says of a control's shape that is copied from the candidate."""


def random_model_saes(
    config: SaeConfig,
    plan: RandomModelPlan,
    key: str,
    seeds: Sequence[int],
    candidate: GivenSaes,
    environment: RunEnvironment,
) -> tuple[list[Saes], Json]:
    """Return the arm of every model, and what a protocol's settings say of how they were made.

    Args:
        config: of the stage.
        plan: which SAEs.
        key: of the configuration, where the plan stands.
        seeds: of the weights of the models, in increasing order; none where one is given.
        candidate: the SAEs that they stand beside.
        environment: device, cache and artifacts.

    Raises:
        GatekitError: model or SAEs are not what the configuration says.
    """
    source = candidate.inputs.source
    if plan.models is not None or plan.saes is not None:
        found: list[Saes] = []
        for name, place, own in _own_models(plan, key, seeds):
            arm = _given_arm(config, own, place, name, candidate, environment)
            _check_another_model(config, place, arm, found)
            found.append(arm)
        return found, {"random_model": "given", "recipe": "theirs, from files"}
    if plan.training is None or not seeds:
        raise ValueError("the control is neither given nor trained")
    shape, copied = control_shape(plan, candidate, environment.device)
    trained: list[Saes] = []
    for seed in seeds:
        twin = collect(reinitialised(source, seed), config, environment)
        with caused_by(config, key):
            trained.append(train(twin, shape, plan.training, config.seeds, environment, arm_name(seed, seeds)))
    # A shape that is the candidate's own is no part of how it is measured: two candidates are compared all the same.
    other = {} if copied == CANDIDATES else {"control_architecture": shape.label, "control_k": shape.active}
    made = {
        "recipe": "ours: the candidate's own is not known, and nothing says that this is like it",
        **other,
        "control_shape": copied,
        "control_train_tokens": config.texts.train_tokens,
        **{f"control_{name}": value for name, value in plan.training.recipe().items()},
    }
    return trained, made


def control_shape(plan: RandomModelPlan, candidate: GivenSaes, device: str) -> tuple[ArchitecturePlan, str]:
    """Return the shape that a control is trained in, and in words where it comes from.

    Where an architecture has no fixed L0 its sparsity has a price that no file tells; TopK with the candidate's mean L0
    takes its place.
    """
    if plan.sae is not None:
        return plan.sae, "the configuration's"
    read = candidate.saes[0].architecture
    architecture = getattr(read, "base", read)
    width, auxiliary = architecture.d_sae, min(architecture.d_in // 2, architecture.d_sae)
    options = _SAME_OPTIONS.get(architecture.name)
    if options is not None:
        values = {name: getattr(architecture, name) for name in options}
        return ArchitecturePlan(architecture.name, auxiliary_k=auxiliary, **values), CANDIDATES
    l0 = fmean(candidate.reconstruction(device).l0)
    k = max(1, min(width, round(l0)))
    return ArchitecturePlan("topk", d_sae=width, k=k, auxiliary_k=auxiliary), f"TopK at the candidate's L0 of {l0:.4g}"


def _own_models(plan: RandomModelPlan, key: str, seeds: Sequence[int]) -> Iterator[tuple[str, str, OwnRandomModelPlan]]:
    """Yield the arm's name, the key of the configuration and the plan of every model that is given."""
    if plan.models is not None:
        for seed in seeds:
            yield arm_name(seed, seeds), f"{key}.models[{seed}]", plan.models[seed]
    elif plan.model is not None and plan.saes is not None:
        yield arm_name(None, ()), key, OwnRandomModelPlan(plan.model, plan.saes)


def _given_arm(
    config: SaeConfig,
    plan: OwnRandomModelPlan,
    key: str,
    name: str,
    candidate: GivenSaes,
    environment: RunEnvironment,
) -> GivenSaes:
    source = _given_source(config, plan, key, candidate.inputs.source)
    inputs = collect(source, config, environment, trains=False)
    arm = given_saes(config, f"{key}.saes", plan.saes, name, inputs, known_as=plan.model.known_as)
    _check_same_shape(config, key, candidate, arm)
    return arm


def _given_source(config: SaeConfig, plan: OwnRandomModelPlan, key: str, source: Source) -> Source:
    """Return the same texts before the given model.

    Raises:
        GatekitError: `runner.control`: its tokeniser is another one, or it is the candidate's model itself.
    """
    with caused_by(config, f"{key}.model.name"):
        files = find_model(plan.model.source, plan.model.name, plan.model.revision)
    place = (f"{key}.model.name", "subject.model.name")
    if files.tokenizer_digest != source.files.tokenizer_digest:
        message = "the re-initialised model has another tokeniser: its texts would be other tokens"
        raise config_error(config, place, message, error_id="runner.control")
    if files.digest == source.files.digest:
        message = "the re-initialised model is the model itself"
        raise config_error(config, place, message, error_id="runner.control")
    with caused_by(config, f"{key}.model.name"):
        return replace(source, files=files, model=load_like(files, source.model))


def _check_same_shape(config: SaeConfig, key: str, candidate: GivenSaes, control: GivenSaes) -> None:
    ours, theirs = ((arm.shape.label, arm.shape.width, arm.shape.active) for arm in (candidate, control))
    if ours != theirs:
        names: Sequence[str] = ("architecture", "d_sae", "k")
        differing = "; ".join(
            f"{name} {theirs[i]!r} beside {ours[i]!r}" for i, name in enumerate(names) if ours[i] != theirs[i]
        )
        message = f"the control's SAEs have another shape than the candidate's: {differing}"
        raise config_error(config, (f"{key}.saes", "saes"), message, error_id="runner.control")


def _check_another_model(config: SaeConfig, key: str, arm: Saes, others: Sequence[Saes]) -> None:
    """Refuse one model, or one SAE, under two seeds: it would count as a second draw.

    Raises:
        GatekitError: `runner.control`.
    """
    for other in others:
        if arm.inputs.model.digest == other.inputs.model.digest:
            message = f"this re-initialised model is that of '{other.name}': the same weights are one draw"
            raise config_error(config, f"{key}.model", message, error_id="runner.control")
        if set(arm.digests) & set(other.digests):
            message = f"an SAE of this re-initialised model is one of '{other.name}' too"
            raise config_error(config, f"{key}.saes", message, error_id="runner.control")
