"""The part of a configuration that every stage on a language model shares, and what a summary says of it.

Equal values of these fields give the same SAEs, bit for bit on one device, and so the same checkpoints: the summaries
of different stages are then about one subject, and one policy can judge them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from runners.config import plain
from runners.metrics.extreme_rows import RULE
from runners.places import derived, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan, SaeShape
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.subjects.text_names import given_rows_settings, stream_settings, text_settings
from runners.subjects.text_plan_faults import text_faults
from runners.summary_writing import Json

_SPECIAL_TOKENS = {
    None: "in the input, not among the rows",
    True: "in the input, not among the rows, and a token for the beginning among them",
    False: "in the input, not among the rows, and no token for the beginning among them",
}
"""`subject.prepend_bos` -> what a protocol says of the tokens that are added to a text."""


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
    def sae(self) -> ArchitecturePlan | GivenShape:
        """Architecture and shape; what the files say where `saes` names some."""
        ...

    @property
    def training(self) -> TrainingPlan | None:
        """How every seed is trained; None where `saes` names SAEs that were."""
        ...


class GivenSaesConfig(SaeConfig, Protocol):
    """The configuration of a stage that takes SAEs from files too."""

    @property
    def saes(self) -> GivenSaesPlan | None:
        """SAEs from files; None where this run trains them."""
        ...


C = TypeVar("C", bound=Any)


def check_saes(config: SaeConfig, least_seeds: int = 2) -> None:
    """Refuse values that do not go together, as far as that shows without torch.

    Raises:
        GatekitError: `config.together`.
    """
    seeds = config.seeds
    _check_whose(config)
    refuse_first(
        config,
        (
            "seeds" if config.training is not None else "saes.seeds",
            f"'seeds' must be at least {least_seeds}, different and in increasing order",
            len(seeds) < least_seeds or list(seeds) != sorted(set(seeds)),
        ),
        (
            "subject.model.revision",
            "'revision' is for hub models only",
            config.subject.model.revision is not None and config.subject.model.source != "hub",
        ),
        *text_faults(config.texts),
    )
    if isinstance(config.sae, ArchitecturePlan) and config.training is not None:
        check_trainable(config, config.sae, config.training)


def _check_whose(config: SaeConfig) -> None:
    """Refuse a configuration that says neither or both of how SAEs are trained and where they lie."""
    plan: GivenSaesPlan | None = getattr(config, "saes", None)
    trains = isinstance(config.sae, ArchitecturePlan)
    given = plan is not None
    both = "stands beside 'saes': SAEs from files have a shape and were trained already; leave it out"
    refuse_first(
        config,
        (("sae", "saes"), f"'sae' {both}", given and trains),
        (("training", "saes"), f"'training' {both}", given and config.training is not None),
        (
            ("seeds", "saes.seeds"),
            "'seeds' are not those of 'saes'; leave them out",
            plan is not None and tuple(config.seeds) != tuple(sorted(plan.seeds)),
        ),
        ("training", "'training' is null: say how the SAEs are trained", not given and config.training is None),
        ("texts.train_tokens", "no tokens to train on", not given and config.texts.train_tokens < 1),
    )


def check_trainable(config: SaeConfig, sae: ArchitecturePlan, training: TrainingPlan, block: str = "") -> None:
    """Refuse a shape and a training that do not go together, or not with the texts.

    Args:
        config: of the stage.
        sae: shape of what is trained.
        training: of it.
        block: that `sae` and `training` stand in, where that is not the configuration itself, with its dot.

    Raises:
        GatekitError: `config.together`.
    """
    texts = config.texts
    active, width = (f"{block}{key(sae)}" for key in (active_key, width_key))
    refuse_first(
        config,
        (f"{block}sae", "'sae' gives no number of latents", sae.width < 1),
        ((active, width), f"k={sae.active} exceeds d_sae={sae.width}", (sae.active or 0) > sae.width),
        (
            (f"{block}sae.auxiliary_k", width),
            f"auxiliary_k={sae.auxiliary_k} exceeds d_sae={sae.width}",
            (sae.auxiliary_k or 0) > sae.width,
        ),
        (
            (f"{block}training.batch_tokens", "texts.train_tokens"),
            f"batch_tokens={training.batch_tokens} exceeds train_tokens={texts.train_tokens}",
            training.batch_tokens > texts.train_tokens,
        ),
    )


def recipe(config: SaeConfig) -> tuple[ArchitecturePlan, TrainingPlan]:
    """Return shape and training of SAEs that are trained here.

    Raises:
        ValueError: they are not.
    """
    if not isinstance(config.sae, ArchitecturePlan) or config.training is None:
        raise ValueError("these SAEs are not trained here")
    return config.sae, config.training


def reads_one_hook(config: SaeConfig) -> bool:
    """Say whether the SAEs encode what they reconstruct, at one hook; SAEs from files are looked at when read."""
    return not isinstance(config.sae, ArchitecturePlan) or config.sae.architecture not in ("route", "transcoder")


def width_key(sae: ArchitecturePlan | GivenShape) -> str:
    """Return the key of a configuration that gives the number of latents."""
    if isinstance(sae, GivenShape):
        return "saes"
    return "sae.widths" if sae.d_sae is None and sae.widths is not None else "sae.d_sae"


def active_key(sae: ArchitecturePlan | GivenShape) -> str:
    """Return the key of a configuration that gives the number of active latents."""
    if isinstance(sae, GivenShape):
        return "saes"
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
    """Return the configuration's model and hook at the smoke configuration's seeds, tokens, shape and training.

    SAEs from files stay.
    """
    if config.training is None:
        # SAEs from files are what they are; only the tokens that they are judged on can be fewer.
        return derived(config, texts=taking(config.texts, small.texts, "held_out_tokens"))
    texts = taking(config.texts, small.texts, "train_tokens", "held_out_tokens")
    return taking(derived(config, texts=texts), small, "seeds", "sae", "training")


def without_paths(config: Any) -> Json:
    """Return a configuration's plain form with every path to a model, to SAEs or to texts cut to its name."""
    recorded = plain(config)
    _cut_paths(recorded)
    return recorded


def _cut_paths(block: Json) -> None:
    """Cut the paths of a model plan, of texts and of given SAEs, wherever in a plain form they stand."""
    for key, value in block.items():
        if key == "own" and isinstance(value, list):
            for each in value:
                each |= {name: shown_name(each[name]) for name in ("path", "shifted_path") if each.get(name)}
        if not isinstance(value, dict):
            continue
        if key == "model" and value.get("source") == "folder":
            value["name"] = shown_name(value["name"])
        if key == "saes":
            if value["hub"] is None:
                value["seeds"] = {seed: shown_name(path) for seed, path in value["seeds"].items()}
            if value["trained_on"] is not None:
                value["trained_on"] = shown_name(value["trained_on"])
        if key == "texts" and "paths" in value:
            value["paths"] = [shown_name(path) for path in value["paths"]]
        if key == "texts" and "manifest" in value:
            value["manifest"] = shown_name(value["manifest"])
        _cut_paths(value)


def shown_name(path: str) -> str:
    """Return what a summary calls a file or folder: its last part."""
    return Path(path).resolve().name


def needs_network(config: SaeConfig) -> bool:
    """Say whether the model, the texts or the SAEs are fetched by name."""
    plan: GivenSaesPlan | None = getattr(config, "saes", None)
    return "hub" in (config.subject.model.source, config.texts.source) or (plan is not None and plan.hub is not None)


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
    return subject_json(config, without_paths(config)["subject"]["model"]["name"], None)


def training_settings(config: SaeConfig) -> Json:
    """Return what a protocol's settings say of how the SAEs came about.

    Fields of the architecture are left out: they belong to the subject, and two architectures that were trained and
    measured alike have one protocol, or they could never be compared. The producer's configuration has them.
    """
    read = {
        **text_settings(config.texts),
        "max_tokens_per_text": config.subject.max_tokens_per_text,
        "special_tokens": _SPECIAL_TOKENS[config.subject.prepend_bos],
        "extreme_rows": RULE,
        "activation_precision": "float16",
        **given_rows_settings(config.texts),
    }
    if config.training is None:
        return {**read, **_given_settings(config)}
    return {
        "text_seed": config.texts.seed,
        "train_tokens": config.texts.train_tokens,
        **stream_settings(config.texts),
        **read,
        **config.training.recipe(),
    }


def _given_settings(config: SaeConfig) -> Json:
    """Return what is known of how SAEs from files came about, and of what they were trained on."""
    plan: GivenSaesPlan | None = getattr(config, "saes", None)
    stated = config.sae.stated if isinstance(config.sae, GivenShape) else {}
    texts = "known by digest" if plan is not None and plan.trained_on is not None else "not known"
    return {
        "text_seed": config.texts.seed,
        "saes": "from files",
        "saes_training_texts": texts,
        **{f"saes_{name}": value for name, value in stated.items()},
    }
