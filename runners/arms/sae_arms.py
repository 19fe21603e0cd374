"""The SAEs on either side of a benchmark's comparison: trained here, as they were before training, or from disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from runners.arms.trained_saes import Activations, TrainedSaes
from runners.benchmarks.saebench import Arm
from runners.digests import tensors_sha256
from runners.places import config_error
from runners.saes.identity import sae_sha256
from runners.saes.normalisation import scaled_centre
from runners.saes.sae import Sae
from runners.seeding import generator
from runners.stage.sae_subject import SaeConfig, subject_json
from runners.summary_writing import Json

_TRANSCODERS = ("transcoder", "jump_relu_transcoder")


@dataclass(frozen=True)
class Side:
    """SAEs on one side of the comparison, one per seed."""

    arms: tuple[Arm, ...]
    subject: Json | None
    """None where the side is no SAE, or one that was never trained."""
    trained: TrainedSaes | None = None
    """Where this run has their checkpoints."""


def trained_side(config: SaeConfig, trained: TrainedSaes) -> Side:
    """Return SAEs that were trained here."""
    arms = tuple(
        Arm(f"{trained.name}:seed-{saved.seed}", trained.sae(place), saved.sha256)
        for place, saved in enumerate(trained.checkpoints)
    )
    return Side(arms, trained.subject(config), trained)


def untrained_side(config: SaeConfig, trained: TrainedSaes) -> Side:
    """Return the SAEs as they were before the first step, drawn again from their seeds."""
    stack = trained.stack
    rows = trained.inputs.training.read()
    b_dec = torch.from_numpy(scaled_centre(rows, config.training.centre, stack.scale)).float()
    arms = []
    for seed in config.seeds:
        parameters = stack.architecture.initial(generator("sae initial weights", seed), b_dec)
        sae = Sae(stack.architecture, parameters, stack.scale)
        arms.append(Arm(f"untrained:seed-{seed}", sae, tensors_sha256(parameters)))
    return Side(tuple(arms), None)


def arm_from_disk(config: SaeConfig, key: str, folder: Path, name: str, model: str) -> Arm:
    """Return one SAE from elsewhere, of any format that is read.

    Args:
        config: of the stage.
        key: of the configuration, that names the folder.
        folder: with weights and settings; a file of the formats that keep an SAE in one.
        name: of the arm.
        model: name of the model that it is used on.

    Raises:
        GatekitError: `runner.checkpoints`: there is no such folder, or a transcoder in it; `runner.d_model`: it reads
            another width; `runner.stated_use`: its files say that it belongs to another model or hook, or needs what is
            not done here; or as `runners.saes.formats.any_format.read_sae`.
    """
    if not folder.exists():
        raise config_error(config, key, f"there is no folder '{folder.name}'", error_id="runner.checkpoints")
    # Imported here: it brings every architecture of the format, and evidence depends on what was imported for it.
    from runners.saes.formats.any_format import read_sae
    from runners.saes.formats.use import Use, contradictions

    sae = read_sae(folder)
    if sae.architecture.name in _TRANSCODERS or getattr(sae.architecture, "transcoder", False):
        message = f"{folder.name} is a transcoder; here an SAE is held against its own input"
        raise config_error(config, key, message, error_id="runner.checkpoints")
    if sae.architecture.d_in != config.subject.d_model:
        message = f"{folder.name} reads {sae.architecture.d_in} numbers; the hook has {config.subject.d_model}"
        raise config_error(config, (key, "subject.d_model"), message, error_id="runner.d_model")
    subject = config.subject
    differing = contradictions(sae.stated, Use((model,), subject.hook, subject.max_tokens_per_text))
    if differing:
        beside = {"model": "subject.model.name", "hook": "subject.hook", "context": "subject.max_tokens_per_text"}
        keys = (key, *dict.fromkeys(beside[one.about] for one in differing if one.about in beside))
        message = f"{folder.name} {'; it '.join(one.message for one in differing)}"
        raise config_error(config, keys, message, error_id="runner.stated_use")
    return Arm(name, sae, sae_sha256(sae))


def subject_on_disk(config: SaeConfig, inputs: Activations, arms: Sequence[Arm], seeds: Sequence[int]) -> Json:
    """Return SAEs from disk, of one architecture and shape, as a summary's subject."""
    architecture = arms[0].sae.architecture
    entries = [{"seed": seed, "sha256": arm.sha256} for seed, arm in zip(seeds, arms, strict=True)]
    return {
        **subject_json(config, inputs.model.name, inputs.model.digest, entries),
        "architecture": architecture.name,
        "d_sae": architecture.d_sae,
        "k": getattr(architecture, "k", None),
    }
