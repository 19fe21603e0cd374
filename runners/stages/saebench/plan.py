"""Runner `saebench`: how well do few latents probe labelled text, against a named baseline?

What the result establishes: over the seeds and datasets measured, how the test AUC, accuracy and F1 of k-sparse probes
on the SAEs' latents compare with those of the baseline on the same rows, with k chosen on the training rows. What it
does not: that the latents mean what the labels name; that another layer, pooling or token budget would give the same;
or anything about generated text, where the model has no language-model head to measure its loss with.

SAEs are those that the six shared fields describe, or SAEs from files under `saes` (docs/formats.md).

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from gatekit.evidence.dataset_families import dataset_families
from runners.benchmarks.absorption_plan import AbsorptionPlan
from runners.benchmarks.removal_plan import RemovalPlan
from runners.benchmarks.saebench_plan import CorePlan, ProbingPlan, core_settings, probing_settings
from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.planned_pieces import Planned, PlannedProbes, own_arm, own_pieces
from runners.stage.sae_subject import (
    shown_name,
    training_settings,
    without_paths,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.plan import SubjectPlan, TextPlan, stated_families
from runners.summary_writing import Json

KIND = "saebench"
PROTOCOL = "saebench.sae_probes/1"

BASELINES = {
    "dense_probe": "logistic regression on all of the model's activations, same rows and split",
    "untrained": "the same SAEs before the first step",
    "random_sae": "SAEs of the same shape and training whose decoder stays as it was drawn",
    "public_sae": "one SAE from disk, the same for every seed",
}


@dataclass(frozen=True)
class BaselinePlan:
    """What the SAEs' probes are compared with."""

    kind: Literal["dense_probe", "untrained", "random_sae", "public_sae"]
    checkpoint: str | None = None
    """Folder of the public SAE (docs/formats.md); null for any other baseline."""


@dataclass(frozen=True)
class SaebenchConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    training: TrainingPlan | None
    probing: ProbingPlan
    baseline: BaselinePlan
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""
    checkpoints: tuple[str, ...] | None = None
    """The older way to say `saes`, one path for each of `seeds`; `training` beside it trains nothing."""
    core: CorePlan | None = None
    """SAEBench's `core` on the held-out text; a model without a causal language-model head says so and goes without."""
    selection: SelectionPlan | None = None
    scr: RemovalPlan | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """The runner `saebench_scr` on the same SAEs, with a summary of its own."""
    tpp: RemovalPlan | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """The runner `saebench_tpp`, likewise."""
    absorption: AbsorptionPlan | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """The runner `saebench_absorption`, likewise."""


def recorded(config: SaebenchConfig) -> Json:
    """Return the plain form with every folder cut to its name."""
    plain = without_paths(config)
    if config.baseline.checkpoint is not None:
        plain["baseline"]["checkpoint"] = shown_name(config.baseline.checkpoint)
    return plain


def protocol_of(
    config: SaebenchConfig, datasets: Sequence[Json], baseline: Json | None, no_core: str | None = None
) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared.

    Args:
        config: of the run.
        datasets: those probed, by digest.
        baseline: subject of the baseline's SAEs, where it has one.
        no_core: why SAEBench's core was asked for and not measured.
    """
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.probing.rows or 0,
        "datasets": list(datasets),
        **dataset_families([each["name"] for each in datasets], stated_families(config.probing.own)),
        "ks": list(config.probing.ks),
        "baseline": {"kind": config.baseline.kind, "subject": baseline},
        "selection": selection_json(config.selection),
        "settings": {
            "baseline": BASELINES[config.baseline.kind],
            "held_out_tokens": config.texts.held_out_tokens,
            **core_settings(config.core, no_core),
            **probing_settings(config.probing),
            **training_settings(config),
        },
    }


def pieces(config: SaebenchConfig) -> Sequence[Planned]:
    """Return what can be made ahead: the candidate, the baseline where it is trained, and each dataset's probes."""
    # Imported here: reading the register of the datasets brings pandas.
    from runners.benchmarks.saebench import dataset_names
    from runners.subjects.text_corpus import sae_probes_folder

    control = [own_arm(config, "random_sae", control="frozen_decoder")] if config.baseline.kind == "random_sae" else []
    probes = [PlannedProbes(name) for name in dataset_names(config.probing, sae_probes_folder())]
    return [*own_pieces(config), *control, *probes]
