"""Which SAEs on a re-initialised model stand beside SAEs from files, as a configuration says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from runners.arms.random_models import MOST, model_seeds
from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.places import refuse_first
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan
from runners.saes.plan import TrainingPlan
from runners.stage.sae_subject import SaeConfig, check_trainable
from runners.subjects.plan import ModelPlan


@dataclass(frozen=True)
class OwnRandomModelPlan:
    """A re-initialised model of the lab's own, and the SAEs that it trained on it."""

    model: ModelPlan
    saes: GivenSaesPlan
    """Of the candidate's seeds."""


@dataclass(frozen=True)
class RandomModelPlan:
    """Which SAEs on a re-initialised model stand beside SAEs from files: ones from files too, or ones trained here."""

    saes: GivenSaesPlan | None = None
    """Of the same seeds."""
    model: ModelPlan | None = None
    """The re-initialised model that `saes` were trained on."""
    training: TrainingPlan | None = None
    """How SAEs of the candidate's width and texts are trained here, on a model that is re-initialised here."""
    sae: ArchitecturePlan | None = None
    """Shape of these; None is the candidate's, where its L0 is fixed, and TopK with the candidate's L0 elsewhere."""
    models: Mapping[Annotated[int, Bounds(0, 4294967295)], OwnRandomModelPlan] | None = field(
        default=None, metadata=ABSENT_WHERE_NONE
    )
    """Seed of the weights -> the model and its SAEs, where there are several; in place of `model` and `saes`."""


def control_seeds(plan: RandomModelPlan | None, one: int | None, several: Sequence[int] | None) -> tuple[int, ...]:
    """Return the seeds of the weights of every re-initialised model, the lab's own too, in increasing order.

    None where the control is one model of the lab's own: nobody asks for its seed.

    Args:
        plan: of SAEs from files; None of SAEs that are trained here.
        one: `random_model_seed` beside it.
        several: `random_model_seeds` beside it.
    """
    if plan is not None and plan.models is not None:
        return tuple(sorted(plan.models))
    return model_seeds(one, several)


def check_random_model(config: SaeConfig, plan: RandomModelPlan, key: str) -> None:
    """Refuse values that do not go together.

    Args:
        config: of the stage.
        plan: as said above.
        key: of the configuration, where the plan stands.

    Raises:
        GatekitError: `config.together`.
    """
    ours, theirs = plan.training is not None, plan.saes is not None
    models = {} if plan.models is None else plan.models
    refuse_first(
        config,
        (
            f"{key}.models",
            "'models' are several of your own, each with its 'saes': leave out 'model', 'saes', 'sae' and 'training'",
            bool(models) and (ours or theirs or plan.model is not None or plan.sae is not None),
        ),
        (
            f"{key}.models",
            f"'models' names {len(models)}: give 2 to {MOST}; one stands in 'model' and 'saes'",
            bool(models) and not 2 <= len(models) <= MOST,
        ),
        (
            key,
            "'random_model' needs 'saes' of your own, or a 'training' by which ours are made",
            not models and ours == theirs,
        ),
        (key, "'saes' of a re-initialised model need that 'model'", theirs and plan.model is None),
        (f"{key}.model", "'model' belongs to 'saes': ours is re-initialised here", ours and plan.model is not None),
        (f"{key}.sae", "'sae' is the shape of what 'training' trains", theirs and plan.sae is not None),
        (
            (f"{key}.saes.seeds", "saes.seeds"),
            "the control's SAEs must be of the candidate's seeds",
            plan.saes is not None and sorted(plan.saes.seeds) != list(config.seeds),
        ),
        (
            ("texts", f"{key}.training"),
            "'texts' has no 'train_tokens' to train the control on",
            ours and config.texts.train_tokens < 1,
        ),
    )
    for seed, own in models.items():
        refuse_first(
            config,
            (
                (f"{key}.models[{seed}].saes.seeds", "saes.seeds"),
                "the control's SAEs must be of the candidate's seeds",
                sorted(own.saes.seeds) != list(config.seeds),
            ),
        )
    if plan.training is not None and plan.sae is not None:
        check_trainable(config, plan.sae, plan.training, f"{key}.")
