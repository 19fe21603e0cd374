"""The SAEs on either side of a benchmark's comparison: trained here, as they were before training, or from disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from runners.arms.activations import Activations, Source
from runners.arms.saes import Saes
from runners.arms.trained_saes import TrainedSaes, train
from runners.benchmarks.saebench import Arm
from runners.digests import tensors_sha256
from runners.places import config_error
from runners.saes.identity import sae_sha256
from runners.saes.normalisation import scaled_centre
from runners.saes.sae import Sae
from runners.seeding import generator
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import GivenSaesConfig, SaeConfig, recipe, subject_json
from runners.summary_writing import Json


@dataclass(frozen=True)
class Side:
    """SAEs on one side of the comparison, one per seed."""

    arms: tuple[Arm, ...]
    subject: Json | None
    """None where the side is no SAE, or one that was never trained."""
    saes: Saes | None = None
    """None where they are not one per seed."""
    trained: TrainedSaes | None = None
    """Where this run trained them."""


def candidate_side(config: GivenSaesConfig, inputs: Activations, environment: RunEnvironment) -> Side:
    """Return the SAEs that a configuration is about: trained here, or from files.

    Raises:
        GatekitError: as `runners.arms.trained_saes.train` or `runners.arms.given_saes.given_saes`.
    """
    if config.saes is not None:
        # Imported here: it brings every architecture of every format, and evidence depends on what was imported for it.
        from runners.arms.given_saes import given_saes

        return side_of(config, given_saes(config, "saes", config.saes, "model", inputs))
    shape, training = recipe(config)
    return trained_side(config, train(inputs, shape, training, config.seeds, environment, "model"))


def trained_side(config: SaeConfig, trained: TrainedSaes) -> Side:
    """Return SAEs that were trained here."""
    return replace(side_of(config, trained), trained=trained)


def side_of(config: SaeConfig, saes: Saes) -> Side:
    """Return one SAE per seed as a side."""
    named = enumerate(zip(saes.seeds, saes.digests, strict=True))
    arms = tuple(Arm(f"{saes.name}:seed-{seed}", saes.sae(place), digest) for place, (seed, digest) in named)
    return Side(arms, saes.subject(config), saes)


def known_training_texts(config: GivenSaesConfig, source: Source) -> frozenset[str]:
    """Return the digests of the texts that the SAEs are known to have been trained on; none where nobody says.

    Raises:
        GatekitError: `runner.training_texts`.
    """
    if config.saes is None:
        return source.trained_on
    from runners.arms.given_saes import training_texts

    return training_texts(config.saes) or frozenset()


def untrained_side(config: SaeConfig, trained: TrainedSaes) -> Side:
    """Return the SAEs as they were before the first step, drawn again from their seeds."""
    stack = trained.stack
    rows = trained.inputs.training.read()
    b_dec = torch.from_numpy(scaled_centre(rows, recipe(config)[1].centre, stack.scale)).float()
    arms = []
    for seed in config.seeds:
        parameters = stack.architecture.initial(generator("sae initial weights", seed), b_dec)
        sae = Sae(stack.architecture, parameters, stack.scale)
        arms.append(Arm(f"untrained:seed-{seed}", sae, tensors_sha256(parameters)))
    return Side(tuple(arms), None)


def arm_from_disk(config: SaeConfig, key: str, folder: Path, name: str, inputs: Activations) -> Arm:
    """Return one SAE from elsewhere, of any format that is read.

    Args:
        config: of the stage.
        key: of the configuration, that names the folder.
        folder: with weights and settings; a file of the formats that keep an SAE in one.
        name: of the arm.
        inputs: what it is to encode.

    Raises:
        GatekitError: `runner.checkpoints`: there is no such folder; or as
            `runners.saes.formats.any_format.read_sae` and `runners.arms.given_saes.check_use`.
    """
    if not folder.exists():
        raise config_error(config, key, f"there is no folder '{folder.name}'", error_id="runner.checkpoints")
    # Imported here: it brings every architecture of the format, and evidence depends on what was imported for it.
    from runners.arms.given_saes import check_use
    from runners.saes.formats.any_format import read_sae

    sae = read_sae(folder)
    check_use(config, key, str(folder), sae, inputs)
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
