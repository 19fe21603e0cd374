"""Runner `random_model`: do SAEs of different seeds agree more on the trained model than on a random one?

What the result establishes: over the seeds measured, SAEs trained on this hook of the model agree more (or not) across
seeds than SAEs trained in the same way on a re-initialised twin, than themselves before training, and than Gaussian
dictionaries of the same shape; with `extra_controls`, also than SAEs with a part held as it was drawn, and how much
more SAEs would agree if all seeds had one initialisation. Every comparison of PW-MCC stands beside the same corrected
for chance, over live latents, and both. What it does not: that agreeing latents mean anything, or that longer training
would not change the comparison; `steps` and `train_tokens` stand in the protocol because both sides of it move with
them.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from runners.arms.random_model_plan import RandomModelPlan, check_random_model, control_seeds
from runners.arms.random_models import arm_name, baseline_json, seed_faults, seed_settings
from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.places import first_repeat, refuse_first
from runners.saes.architecture_options import ControlKind
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.planned_pieces import Planned, own_arm, own_pieces, own_rows
from runners.stage.sae_subject import check_saes, training_settings
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "random_model"
PROTOCOL = "random_model/1"


@dataclass(frozen=True)
class ControlPlan:
    """What the SAEs are compared with."""

    gaussian_draws: Annotated[int, Bounds(1, 1000)]
    """Gaussian dictionaries per seed; a pair's floor is the mean over draws."""
    matched_cosine: Annotated[float, Bounds(-1.0, 1.0)]
    """Cosine from which two matched latents count as the same."""
    random_model_seed: Annotated[int, Bounds(0, 4294967295)] | None = None
    """Of the weights of the model that is re-initialised here; None where none is."""
    random_model: RandomModelPlan | None = None
    """Of SAEs from files; SAEs that are trained here have a control of the same training."""
    extra_controls: tuple[ControlKind, ...] = ()
    """Further arms on the real model (see `runners.saes.controls`), each as long in training as the candidate."""
    random_model_seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)] | None = field(
        default=None, metadata=ABSENT_WHERE_NONE
    )
    """Of several models that are re-initialised here, in place of `random_model_seed`."""

    @property
    def model_seeds(self) -> tuple[int, ...]:
        """Seeds of the weights of all re-initialised models; none where nobody asks for them."""
        return control_seeds(self.random_model, self.random_model_seed, self.random_model_seeds)


@dataclass(frozen=True)
class RandomModelConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    training: TrainingPlan | None
    controls: ControlPlan
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""


def check(config: RandomModelConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    check_saes(config)
    controls = config.controls
    extra = controls.extra_controls
    repeat = first_repeat(extra)
    given = config.saes is not None
    held = isinstance(config.sae, ArchitecturePlan) and config.sae.control is not None
    seeded = controls.random_model_seed is not None or controls.random_model_seeds is not None
    own_key = "random_model_seed" if controls.random_model_seeds is None else "random_model_seeds"
    refuse_first(
        config,
        (f"controls.extra_controls[{repeat}]", "'extra_controls' names one of them twice", repeat is not None),
        (
            ("controls.extra_controls", "sae.control"),
            "'extra_controls' are controls of an SAE that is none itself",
            bool(extra) and held,
        ),
        (
            ("controls.extra_controls", "saes"),
            "'extra_controls' train as the candidate was trained, which nobody can do for SAEs from files",
            bool(extra) and given,
        ),
        (
            "controls.random_model",
            "'random_model' belongs to SAEs from files: those trained here have a control of the same training",
            controls.random_model is not None and not given,
        ),
        (
            "controls",
            "'controls' has no 'random_model_seed'",
            not seeded and trains_control(config),
        ),
        (
            f"controls.{own_key}",
            f"'{own_key}' is of a model that is re-initialised here, and none is",
            seeded and not trains_control(config),
        ),
        *seed_faults("controls", controls.random_model_seed, controls.random_model_seeds),
    )
    if controls.random_model is not None:
        check_random_model(config, controls.random_model, "controls.random_model")


def trains_control(config: RandomModelConfig) -> bool:
    """Say whether this run trains the SAEs on the re-initialised model."""
    plan = config.controls.random_model
    return config.saes is None or (plan is not None and plan.training is not None)


def protocol_of(
    config: RandomModelConfig, datasets: Sequence[Json], baselines: Sequence[Json], control: Json | None = None
) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared.

    Args:
        config: of the run.
        datasets: the texts, by digest.
        baselines: subjects of the control's SAEs, on each re-initialised model; none where there are none.
        control: what is known of how they were made, where it is not the candidate's own recipe.
    """
    has_control = config.saes is None or config.controls.random_model is not None
    seeds = config.controls.model_seeds
    drawn = {**seed_settings(seeds), "random_model_initialisation": "the model class's own"}
    own = seed_settings(seeds) if len(seeds) > 1 else {}
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        "ks": [],
        "baseline": baseline_json("random_model" if has_control else "none", seeds, baselines),
        # The configuration names one candidate; whoever picks it among several says so in the policy's evidence.
        "selection": {"candidates": 1, "seeds": []},
        "settings": {
            **(drawn if trains_control(config) else own),
            **(control or {}),
            "gaussian_draws": config.controls.gaussian_draws,
            "matched_cosine": config.controls.matched_cosine,
            "pw_mcc": "signed cosine, Hungarian one to one, all latents",
            "pw_mcc_live": "divided by the larger number of live latents",
            "mmcs": "mean of maximum |cosine|, both directions averaged",
            "chance_floor": "Gaussian dictionaries of the same shape, same pair of seeds",
            **training_settings(config),
        },
    }


def pieces(config: RandomModelConfig) -> Sequence[Planned]:
    """Return what can be made ahead: the candidate, its control on the re-initialised model, and the extra ones."""
    if config.training is None:
        return own_pieces(config)
    seeds = config.controls.model_seeds
    twins = [replace(own_arm(config, arm_name(seed, seeds)), inputs=own_rows(config, seed)) for seed in seeds]
    extra = [own_arm(config, name, control=name) for name in config.controls.extra_controls]
    return [own_arm(config), *twins, *extra]
