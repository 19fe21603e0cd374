"""Runner `saebench`: how well do few latents probe labelled text, against a named baseline?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from runners.benchmarks.saebench_plan import check_probing
from runners.config import read_config
from runners.places import config_error, derived, note, place_of, refuse_first, taking
from runners.saes.given_plan import GivenSaesPlan
from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stage.sae_subject import (
    check_saes,
    needs_network,
    reads_one_hook,
    shrink_saes,
    width_key,
)
from runners.stage.stage import Stage
from runners.stages.saebench.plan import KIND, SaebenchConfig, pieces, protocol_of, recorded
from runners.stages.saebench_absorption import stage as saebench_absorption
from runners.stages.saebench_scr import stage as saebench_scr
from runners.stages.saebench_tpp import stage as saebench_tpp
from runners.summary_writing import RunResult


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
