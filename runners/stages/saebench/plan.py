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
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from gatekit.evidence.dataset_families import dataset_families
from runners.benchmarks.absorption_plan import AbsorptionPlan
from runners.benchmarks.removal_plan import RemovalPlan
from runners.benchmarks.saebench_plan import CorePlan, ProbingPlan, check_probing, core_settings, probing_settings
from runners.config import ABSENT_WHERE_NONE, Bounds, read_config
from runners.places import config_error, derived, note, place_of, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.lifecycle import RunEnvironment, Stage, run_stage
from runners.stage.planned_pieces import Planned, PlannedProbes, own_arm, own_pieces
from runners.stage.sae_stage import sae_stage
from runners.stage.sae_subject import (
    check_saes,
    needs_network,
    reads_one_hook,
    shown_name,
    shrink_saes,
    training_settings,
    width_key,
    without_paths,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.stages.saebench_absorption import plan as saebench_absorption
from runners.stages.saebench_scr import plan as saebench_scr
from runners.stages.saebench_tpp import plan as saebench_tpp
from runners.subjects.plan import SubjectPlan, TextPlan, stated_families
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


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


MORE = {"scr": saebench_scr.STAGE, "tpp": saebench_tpp.STAGE, "absorption": saebench_absorption.STAGE}
"""Block of a configuration -> the runner that measures it."""


def parts(config: SaebenchConfig) -> Sequence[tuple[str, Stage, Any]]:
    """Return folder, stage and configuration of every summary: this runner's own, and one for each further block."""
    own = config if not _blocks(config) else derived(config, **dict.fromkeys(MORE))
    return [("", STAGE, own), *(("", MORE[name], block) for name, block in _blocks(config).items())]


def _blocks(config: SaebenchConfig) -> dict[str, Any]:
    """Return the configurations of the further runners that are asked for."""
    found = {}
    for name, stage in MORE.items():
        if getattr(config, name) is not None:
            shared = [member.name for member in fields(stage.config)]
            made = stage.config(**{key: getattr(config, key) for key in shared})
            found[name] = taking(made, config, *shared)
    return found


def check(config: SaebenchConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    check_saes(config, least_seeds=1)
    check_probing(config.probing, config.sae.width)
    baseline = config.baseline
    refuse_first(
        config,
        (
            "baseline" if baseline.checkpoint is None else "baseline.checkpoint",
            "'checkpoint' belongs to the baseline public_sae",
            (baseline.kind == "public_sae") != (baseline.checkpoint is not None),
        ),
        (
            ("baseline.kind", "saes"),
            f"the baseline '{baseline.kind}' needs the training, which nobody knows of SAEs from files",
            config.saes is not None and baseline.kind in ("untrained", "random_sae"),
        ),
        (
            "sae.architecture",
            f"an SAE of architecture '{config.sae.label}' does not read one hook alone",
            not reads_one_hook(config),
        ),
    )
    for name, block in _blocks(config).items():
        MORE[name].check(block)


def resolved(config: SaebenchConfig) -> SaebenchConfig:
    """Return the configuration with `saes` where it has `checkpoints`: what stands in the summary is what was measured.

    Raises:
        GatekitError: `config.together`: not as many as seeds, or both keys; `runner.d_sae`: another width in the files.
    """
    if config.checkpoints is None:
        return config
    seeds, paths = config.seeds, config.checkpoints
    refuse_first(
        config,
        (("checkpoints", "saes"), "'checkpoints' is the older way to say 'saes'", config.saes is not None),
        (("checkpoints", "seeds"), "'checkpoints' must be as many as 'seeds'", len(paths) != len(seeds)),
    )
    # Imported here: it brings torch, which no other configuration needs to be read.
    from runners.arms.given_saes import read_all

    plan = GivenSaesPlan(dict(zip(seeds, paths, strict=True)))
    places = {f"seeds[{seed}]": place_of(config, f"checkpoints[{i}]") for i, seed in enumerate(seeds)}
    note(plan, {key: place for key, place in places.items() if place is not None})
    _, shape = read_all(plan)
    if shape.width != config.sae.width:
        message = f"{Path(paths[0]).name} has {shape.width} latents; the configuration says {config.sae.width}"
        raise config_error(config, ("checkpoints[0]", width_key(config.sae)), message, error_id="runner.d_sae")
    return derived(config, saes=plan, sae=shape, training=None, checkpoints=None)


def shrink(config: SaebenchConfig, small: SaebenchConfig) -> SaebenchConfig:
    """Return the configuration's subject and baseline at the smoke configuration's size; SAEs from files stay."""
    smaller = {
        name: getattr(MORE[name].shrink(block, read_config(MORE[name].smoke_config, MORE[name].config)), name)
        for name, block in _blocks(config).items()
    }
    return derived(taking(shrink_saes(config, small), small, "probing", "core"), **smaller)


def network(config: SaebenchConfig) -> bool:
    """Say whether anything is fetched by name."""
    return needs_network(config) or any(MORE[name].needs_network(block) for name, block in _blocks(config).items())


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
    network=network,
    resolved=resolved,
    parts=parts,
    pieces=pieces,
)
