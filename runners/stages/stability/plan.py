"""Runner `stability`: how does agreement across seeds come about, and do latents that look alike do alike?

Every seed's decoder is kept at five points of its training (before the first step, after 1/8, 1/4, 1/2 and all of
it), and pairs of seeds are scored at each. At the end latents are matched twice, by the cosine of their decoder rows
and by the effect that ablating them has on the reconstruction of held-out rows.

What the result establishes: whether seeds agreed from the start (a shared initialisation) or came to agree by
training, and when; and whether matched directions are also active together. What it does not: that longer training
would not bring more agreement or less, since the learning rate falls to zero at the end of this one; or that ablation
has like effects on the rest of the model, since it is measured at the hook only.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from runners.config import Bounds
from runners.places import config_error
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.planned_pieces import Planned, own_arm, own_pieces
from runners.stage.sae_subject import (
    check_saes,
    training_settings,
)
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "stability"
PROTOCOL = "stability/1"
EIGHTHS = {"1_8": 1, "1_4": 2, "1_2": 4}
"""Points between the start and the end, as measures name them, in eighths of the training."""


@dataclass(frozen=True)
class SnapshotsPlan:
    """SAEs of the same seeds as they were before the first step, and after an eighth, a quarter and half of all."""

    start: GivenSaesPlan | None = None
    after_1_8: GivenSaesPlan | None = None
    after_1_4: GivenSaesPlan | None = None
    after_1_2: GivenSaesPlan | None = None

    def by_point(self) -> dict[str, GivenSaesPlan]:
        """Return those that are given, by the name of their point: 0, 1_8, 1_4, 1_2."""
        plans = {"0": self.start, "1_8": self.after_1_8, "1_4": self.after_1_4, "1_2": self.after_1_2}
        return {name: plan for name, plan in plans.items() if plan is not None}

    @staticmethod
    def key_of(point: str) -> str:
        """Return the key of a configuration where a point's SAEs stand."""
        return "snapshots.start" if point == "0" else f"snapshots.after_{point}"


@dataclass(frozen=True)
class StabilityConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    training: TrainingPlan | None
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""
    snapshots: SnapshotsPlan | None = None
    """Of SAEs from files: the same seeds on their way; what is missing is not measured."""


def check(config: StabilityConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    check_saes(config)
    snapshots = config.snapshots
    if config.saes is None and snapshots is not None:
        raise config_error(config, "snapshots", "'snapshots' belong to SAEs from files; these are trained here")
    for name, plan in (snapshots.by_point() if snapshots is not None else {}).items():
        if sorted(plan.seeds) != list(config.seeds):
            raise config_error(config, (f"{SnapshotsPlan.key_of(name)}.seeds", "saes.seeds"), "other seeds than 'saes'")
    if config.training is not None and config.training.steps < 8:
        message = f"{config.training.steps} steps cannot be looked at after an eighth"
        raise config_error(config, "training.steps", message)


def points(training: TrainingPlan) -> dict[str, int]:
    """Return the steps done at each point between start and end, by its name."""
    return {name: training.steps * eighths // 8 for name, eighths in EIGHTHS.items()}


def protocol_of(config: StabilityConfig, datasets: Sequence[Json]) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared."""
    from runners.metrics.consistency import METHOD

    known: tuple[str, ...] = ("0", "1_8", "1_4", "1_2")
    if config.saes is not None:
        known = () if config.snapshots is None else tuple(config.snapshots.by_point())
    has_start = "0" in known
    words = {"0": "0", "1_8": "1/8", "1_4": "1/4", "1_2": "1/2"}
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        "ks": [],
        "baseline": {"kind": "untrained" if has_start else "none", "subject": None},
        # The configuration names one candidate; whoever picks it among several says so in the policy's evidence.
        "selection": {"candidates": 1, "seeds": []},
        "settings": {
            "points": f"{', '.join(words[point] for point in known)} and all of the steps" if known else "the end",
            "pw_mcc": "signed cosine of decoder rows, all latents",
            "pw_mcc_live": "divided by the larger number of live latents",
            "functional_pw_mcc": "cosine of ablation effects over all held-out rows, live latents",
            "matching": METHOD,
            **training_settings(config),
        },
    }


def pieces(config: StabilityConfig) -> Sequence[Planned]:
    """Return what can be made ahead: the SAEs, watched while they train; of SAEs from files the activations."""
    if config.training is None:
        return own_pieces(config)
    return [replace(own_arm(config), watched_at=tuple(points(config.training).values()))]
