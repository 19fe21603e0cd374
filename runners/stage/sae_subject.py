"""The part of a configuration that every stage on a language model shares, and what a summary says of it.

Equal values of these fields give the same SAEs, bit for bit on one device, and so the same checkpoints: the summaries
of different stages are then about one subject, and one policy can judge them together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from runners.config import plain
from runners.metrics.extreme_rows import RULE
from runners.places import derived, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan, SaeShape
from runners.saes.plan import TrainingPlan
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json


class SaeConfig(Protocol):
    """A stage's configuration: these fields, and a block of the stage's own."""

    @property
    def threads(self) -> int:
        """Of the arithmetic on the CPU."""
        ...

    @property
    def seeds(self) -> tuple[int, ...]:
        """One SAE each, in increasing order."""
        ...

    @property
    def subject(self) -> SubjectPlan:
        """Model and hook."""
        ...

    @property
    def texts(self) -> TextPlan:
        """What the SAEs train on and are judged on."""
        ...

    @property
    def sae(self) -> ArchitecturePlan:
        """Architecture and shape."""
        ...

    @property
    def training(self) -> TrainingPlan:
        """How every seed is trained."""
        ...


C = TypeVar("C", bound=Any)


def check_saes(config: SaeConfig, least_seeds: int = 2) -> None:
    """Refuse values that do not go together, as far as that shows without torch.

    Raises:
        GatekitError: `config.together`.
    """
    sae, texts, training, seeds = config.sae, config.texts, config.training, config.seeds
    active, width = active_key(sae), width_key(sae)
    refuse_first(
        config,
        (
            "seeds",
            f"'seeds' must be at least {least_seeds}, different and in increasing order",
            len(seeds) < least_seeds or list(seeds) != sorted(set(seeds)),
        ),
        ("sae", "'sae' gives no number of latents", sae.width < 1),
        ((active, width), f"k={sae.active} exceeds d_sae={sae.width}", (sae.active or 0) > sae.width),
        (
            ("sae.auxiliary_k", width),
            f"auxiliary_k={sae.auxiliary_k} exceeds d_sae={sae.width}",
            (sae.auxiliary_k or 0) > sae.width,
        ),
        (
            ("training.batch_tokens", "texts.train_tokens"),
            f"batch_tokens={training.batch_tokens} exceeds train_tokens={texts.train_tokens}",
            training.batch_tokens > texts.train_tokens,
        ),
        (
            "subject.model.revision",
            "'revision' is for hub models only",
            config.subject.model.revision is not None and config.subject.model.source != "hub",
        ),
    )


def width_key(sae: ArchitecturePlan) -> str:
    """Return the key of a configuration that gives the number of latents."""
    return "sae.widths" if sae.d_sae is None and sae.widths is not None else "sae.d_sae"


def active_key(sae: ArchitecturePlan) -> str:
    """Return the key of a configuration that gives the number of active latents."""
    return "sae.levels" if sae.k is None and sae.levels is not None else "sae.k"


def architecture_key(place: int | None, block: str = "") -> str:
    """Return the key of an architecture among a configuration's own `sae` and then those of its `architectures`.

    Args:
        place: 0 is `sae`; None too.
        block: that `architectures` stands in.
    """
    if not place:
        return "sae"
    return f"{block}.architectures[{place - 1}]" if block else f"architectures[{place - 1}]"


def shrink_saes(config: C, small: Any) -> C:
    """Return the configuration's model and hook at the smoke configuration's seeds, tokens, shape and training."""
    texts = taking(config.texts, small.texts, "train_tokens", "held_out_tokens")
    return taking(derived(config, texts=texts), small, "seeds", "sae", "training")


def plain_without_paths(config: Any) -> Json:
    """Return a configuration's plain form with the subject's model folder cut to its name."""
    recorded = plain(config)
    model = recorded["subject"]["model"]
    if model["source"] == "folder":
        model["name"] = Path(model["name"]).resolve().name
    return recorded


def needs_network(config: SaeConfig) -> bool:
    """Say whether the model is fetched by name."""
    return config.subject.model.source == "hub"


def subject_json(
    config: SaeConfig,
    name: str,
    digest: str | None,
    checkpoints: Sequence[Json] = (),
    sae: SaeShape | None = None,
    hook: str | None = None,
) -> Json:
    """Return a summary's subject: the SAEs of every seed on one model.

    Args:
        config: of the stage.
        name: of the model.
        digest: of its weights; None before it is loaded.
        checkpoints: seed and sha256 of each.
        sae: where the shape is not the configuration's own.
        hook: where the hook is not the configuration's own.
    """
    shape = sae or config.sae
    return {
        "model": {"name": name, "digest": digest},
        "hook": hook or config.subject.hook,
        "d_model": config.subject.d_model,
        "architecture": shape.label,
        "d_sae": shape.width,
        "k": shape.active,
        "checkpoints": list(checkpoints),
    }


def planned_subject(config: SaeConfig) -> Json:
    """Return the subject as far as it is known before anything is measured."""
    return subject_json(config, plain_without_paths(config)["subject"]["model"]["name"], None)


def training_settings(config: SaeConfig) -> Json:
    """Return what a protocol's settings say of how the SAEs came about.

    Fields of the architecture are left out: they belong to the subject, and two architectures that were trained and
    measured alike have one protocol, or they could never be compared. The producer's configuration has them.
    """
    return {
        "text_seed": config.texts.seed,
        "train_tokens": config.texts.train_tokens,
        "max_tokens_per_text": config.subject.max_tokens_per_text,
        "special_tokens": "in the input, not among the rows",
        "extreme_rows": RULE,
        "activation_precision": "float16",
        **dataclasses.asdict(config.training),
    }
