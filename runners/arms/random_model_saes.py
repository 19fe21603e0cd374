"""SAEs on a re-initialised model, to stand beside SAEs from files: from files too, or trained here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from runners.arms.given_saes import GivenSaes, given_saes
from runners.arms.random_model_plan import RandomModelPlan
from runners.arms.saes import Saes
from runners.arms.trained_saes import Source, collect, reinitialised, train
from runners.places import caused_by, config_error
from runners.saes.architecture_plan import ArchitecturePlan
from runners.stage.lifecycle import RunEnvironment
from runners.stage.sae_subject import SaeConfig
from runners.subjects.language_model import load_like
from runners.subjects.model_files import find_model
from runners.summary_writing import Json

_SAME_OPTIONS = {"topk": ("d_sae", "k"), "batch_topk": ("d_sae", "k"), "matryoshka": ("widths", "k")}
"""Architectures whose L0 is fixed -> the options that give a candidate's shape."""


def random_model_saes(
    config: SaeConfig,
    plan: RandomModelPlan,
    key: str,
    seed: int | None,
    candidate: GivenSaes,
    environment: RunEnvironment,
) -> tuple[Saes, Json]:
    """Return the arm, and what a protocol's settings say of how it was made.

    Args:
        config: of the stage.
        plan: which SAEs.
        key: of the configuration, where the plan stands.
        seed: of the weights of the model that is re-initialised here; None where the model is given.
        candidate: the SAEs that they stand beside.
        environment: device, cache and artifacts.

    Raises:
        GatekitError: model or SAEs are not what the configuration says.
    """
    source = candidate.inputs.source
    if plan.saes is not None:
        inputs = collect(_given_source(config, plan, key, source), config, environment, trains=False)
        known_as = None if plan.model is None else plan.model.known_as
        arm = given_saes(config, f"{key}.saes", plan.saes, "random_model", inputs, known_as=known_as)
        _check_same_shape(config, key, candidate, arm)
        return arm, {"random_model": "given", "recipe": "theirs, from files"}
    if plan.training is None or seed is None:
        raise ValueError("the control is neither given nor trained")
    twin = collect(reinitialised(source, seed), config, environment)
    shape, copied = control_shape(plan, candidate, environment.device)
    with caused_by(config, key):
        trained = train(twin, shape, plan.training, config.seeds, environment, "random_model")
    made = {
        "recipe": "ours: the candidate's own is not known, and nothing says that this is like it",
        "control_architecture": shape.label,
        "control_k": shape.active,
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
        return ArchitecturePlan(architecture.name, auxiliary_k=auxiliary, **values), "the candidate's"
    l0 = fmean(candidate.reconstruction(device).l0)
    k = max(1, min(width, round(l0)))
    return ArchitecturePlan("topk", d_sae=width, k=k, auxiliary_k=auxiliary), f"TopK at the candidate's L0 of {l0:.4g}"


def _given_source(config: SaeConfig, plan: RandomModelPlan, key: str, source: Source) -> Source:
    """Return the same texts before the given model.

    Raises:
        GatekitError: `runner.control`: its tokeniser is another one, or it is the candidate's model itself.
    """
    assert plan.model is not None
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
