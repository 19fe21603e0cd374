"""Runner `saebench`: how well do few latents probe labelled text, against a named baseline?

What the result establishes: over the seeds and datasets measured, how the test AUC, accuracy and F1 of k-sparse probes
on the SAEs' latents compare with those of the baseline on the same rows, with k chosen on the training rows. What it
does not: that the latents mean what the labels name; that another layer, pooling or token budget would give the same;
or anything about generated text, where the model has no language-model head to measure its loss with.

SAEs are those that the six shared fields describe, or checkpoints from disk (docs/formats.md).

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from runners.benchmarks.saebench_plan import CorePlan, ProbingPlan, check_probing, core_settings, probing_settings
from runners.config import Bounds
from runners.metrics.extreme_rows import RULE
from runners.places import refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.stage.lifecycle import RunEnvironment, run_stage
from runners.stage.sae_stage import sae_stage
from runners.stage.sae_subject import (
    check_saes,
    plain_without_paths,
    shrink_saes,
    training_settings,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json, RunResult

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
    sae: ArchitecturePlan
    training: TrainingPlan
    probing: ProbingPlan
    baseline: BaselinePlan
    checkpoints: tuple[str, ...] | None = None
    """Folders of SAEs (docs/formats.md), one a seed, measured instead of SAEs trained here; `sae` says their width."""
    core: CorePlan | None = None
    """SAEBench's `core` on the held-out text; a model without a causal language-model head says so and goes without."""
    selection: SelectionPlan | None = None


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def check(config: SaebenchConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    check_saes(config, least_seeds=1)
    check_probing(config.probing, config.sae.width)
    baseline, given = config.baseline, config.checkpoints is not None
    refuse_first(
        config,
        (
            "baseline" if baseline.checkpoint is None else "baseline.checkpoint",
            "'checkpoint' belongs to the baseline public_sae",
            (baseline.kind == "public_sae") != (baseline.checkpoint is not None),
        ),
        (
            ("checkpoints", "seeds"),
            "'checkpoints' must be as many as 'seeds'",
            len(config.checkpoints or config.seeds) != len(config.seeds),
        ),
        (
            ("baseline.kind", "checkpoints"),
            "SAEs from disk have no state before training to compare with",
            given and baseline.kind == "untrained",
        ),
        (
            "sae.architecture",
            f"an SAE of architecture '{config.sae.architecture}' does not read one hook alone",
            config.sae.architecture in ("route", "transcoder"),
        ),
    )


def shrink(config: SaebenchConfig, small: SaebenchConfig) -> SaebenchConfig:
    """Return the configuration's subject and baseline at the smoke configuration's size; SAEs from disk stay."""
    if config.checkpoints is None:
        return taking(shrink_saes(config, small), small, "probing", "core")
    return taking(config, small, "texts", "probing", "core")


def recorded(config: SaebenchConfig) -> Json:
    """Return the plain form with every folder cut to its name."""
    plain = plain_without_paths(config)
    if config.checkpoints is not None:
        plain["checkpoints"] = [Path(folder).resolve().name for folder in config.checkpoints]
    if config.baseline.checkpoint is not None:
        plain["baseline"]["checkpoint"] = Path(config.baseline.checkpoint).resolve().name
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
    trained = training_settings(config) if config.checkpoints is None else {"saes": "from disk", "extreme_rows": RULE}
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.probing.rows or 0,
        "datasets": list(datasets),
        "ks": list(config.probing.ks),
        "baseline": {"kind": config.baseline.kind, "subject": baseline},
        "selection": selection_json(config.selection),
        "settings": {
            "baseline": BASELINES[config.baseline.kind],
            "held_out_tokens": config.texts.held_out_tokens,
            **core_settings(config.core, no_core),
            **probing_settings(config.probing),
            **trained,
        },
    }


def _measure(config: SaebenchConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.saebench.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "sparse probes on labelled text, SAEs against a named baseline",
    SaebenchConfig,
    lambda config: protocol_of(config, (), None),
    _measure,
    check=check,
    shrink=shrink,
    recorded=recorded,
)
