"""Which SAEs on a re-initialised model stand beside SAEs from files, as a configuration says it."""

from __future__ import annotations

from dataclasses import dataclass

from runners.places import refuse_first
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan
from runners.saes.plan import TrainingPlan
from runners.stage.sae_subject import SaeConfig, check_trainable
from runners.subjects.plan import ModelPlan


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
    refuse_first(
        config,
        (key, "'random_model' needs 'saes' of your own, or a 'training' by which ours are made", ours == theirs),
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
    if plan.training is not None and plan.sae is not None:
        check_trainable(config, plan.sae, plan.training, f"{key}.")
