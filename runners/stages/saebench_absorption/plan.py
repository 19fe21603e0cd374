"""Runner `saebench_absorption`: how often does a letter's latent stay silent because a word's latent took its place?

What the result establishes and what not is said in `runners.benchmarks.absorption`.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from runners.benchmarks.absorption_plan import AbsorptionPlan, absorption_settings, check_absorption
from runners.config import Bounds
from runners.places import derived, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.sae_subject import (
    check_saes,
    reads_one_hook,
    shown_name,
    shrink_saes,
    training_settings,
    without_paths,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "saebench_absorption"
PROTOCOL = "saebench.absorption/1"


@dataclass(frozen=True)
class AbsorptionConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    training: TrainingPlan | None
    absorption: AbsorptionPlan
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""
    selection: SelectionPlan | None = None


def check(config: AbsorptionConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    check_saes(config, least_seeds=1)
    check_absorption(config.absorption, config.sae.width)
    refuse_first(
        config,
        ("sae.architecture", f"'{config.sae.label}' does not read one hook alone", not reads_one_hook(config)),
    )


def shrink(config: AbsorptionConfig, small: AbsorptionConfig) -> AbsorptionConfig:
    """Return the configuration's model, hook and words at the smoke configuration's size."""
    plan = taking(config.absorption, small.absorption, "most_words", "most_latents", "least_letters", "least_probe_f1")
    return derived(shrink_saes(config, small), absorption=plan)


def recorded(config: AbsorptionConfig) -> Json:
    """Return the plain form with every path cut to its name."""
    plain = without_paths(config)
    if config.absorption.words is not None:
        plain["absorption"]["words"] = shown_name(config.absorption.words)
    return plain


def protocol_of(config: AbsorptionConfig, letters: Sequence[Json], more: Json | None = None) -> Json:
    """Return a summary's protocol.

    Args:
        config: of the run.
        letters: those measured, with the digest of their words.
        more: settings that show only in the words.
    """
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": sum(letter["rows"] for letter in letters),
        "datasets": list(letters),
        "ks": [],
        "baseline": {"kind": "none", "subject": None},
        "selection": selection_json(config.selection),
        "settings": {**absorption_settings(config.absorption), **(more or {}), **training_settings(config)},
    }
