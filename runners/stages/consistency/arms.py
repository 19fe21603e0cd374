"""The SAEs that the runner `consistency` compares: plain, toward a reference, and copies of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from runners.arms.activations import Activations, collect, open_source
from runners.arms.trained_saes import TrainedSaes, train
from runners.config import plain
from runners.digests import file_sha256
from runners.places import caused_by
from runners.saes.alignment import Aligned, AlignmentVersion
from runners.saes.architecture import Architecture
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.checkpoint import SavedCheckpoint
from runners.saes.controls import Control
from runners.saes.formats import sae_lens
from runners.saes.sae import Sae
from runners.saes.training import SaeStack
from runners.stage.run_environment import RunEnvironment
from runners.stages.consistency.plan import ConsistencyConfig, point_of
from runners.summary_writing import Json


@dataclass(frozen=True)
class AlignedPlan:
    """An architecture toward one reference; what `train` asks of an `ArchitecturePlan`."""

    base: ArchitecturePlan
    version: AlignmentVersion
    weight: float
    update_interval: int
    copies: bool
    """Whether the decoder is the reference's and stays it."""
    reference: torch.Tensor
    """(d_sae, d_out) decoder rows."""
    reference_sha256: str

    @property
    def label(self) -> str:
        """What a summary calls the architecture."""
        return f"{self.base.label}_{'copied' if self.copies else f'aligned_{self.version}'}"

    @property
    def width(self) -> int:
        """Number of latents."""
        return self.base.width

    @property
    def active(self) -> int | None:
        """Latents active per token where the architecture fixes them, else None."""
        return self.base.active

    def build(self, d_in: int, d_out: int | None = None, layers: int | None = None) -> Architecture:
        """Return the architecture for a subject of these widths."""
        aligned = Aligned(
            base=self.base.build(d_in, d_out, layers),
            version=self.version,
            weight=self.weight,
            update_interval=self.update_interval,
            reference_sha256=self.reference_sha256,
            from_reference=self.copies,
            reference=self.reference,
        )
        return Control(aligned, "frozen_decoder") if self.copies else aligned


@dataclass(frozen=True)
class Arms:
    """Equal in everything but what their decoders are drawn to; a seed stands at the same place in each."""

    references: TrainedSaes
    """Plain SAEs of the references' seeds: at each place the reference of the seed there."""
    shared_reference: TrainedSaes
    """One plain SAE."""
    control: TrainedSaes
    """Plain SAEs of the seeds judged."""
    longer: TrainedSaes
    """The same, trained for as many steps as a seed and its reference together."""
    trained: TrainedSaes
    """Each toward its own reference, as training left it: with the reference's rows."""
    aligned: TrainedSaes
    """The same as they would be published: without the reference, in SAELens' format, read back from there."""
    shared: TrainedSaes
    """All toward the shared reference."""
    copying: TrainedSaes
    """Each with its own reference's decoder, held; only encoder and biases learn."""

    @property
    def all(self) -> tuple[TrainedSaes, ...]:
        """Every arm."""
        return (
            self.references,
            self.shared_reference,
            self.control,
            self.longer,
            self.trained,
            self.aligned,
            self.shared,
            self.copying,
        )

    def subject(self, config: ConsistencyConfig) -> Json:
        """Return the published SAEs as a summary's subject, as a stage that reads them from disk does."""
        architecture = self.aligned.stack.architecture
        named = {"architecture": architecture.name, "k": getattr(architecture, "k", None)}
        return {**self.aligned.subject(config), **named}


def train_arms(config: ConsistencyConfig, environment: RunEnvironment) -> Arms:
    """Train what one cell compares, or take from the cache what was trained before.

    Raises:
        GatekitError: model, hook or texts are not what the configuration says.
    """
    inputs = collect(open_source(config, environment.device), config, environment)

    def plain(seeds: Sequence[int], name: str, times: int = 1) -> TrainedSaes:
        training = replace(config.training, steps=times * config.training.steps)
        return train(inputs, config.sae, training, seeds, environment, name)

    references = plain(config.references.seeds, "reference")
    shared_reference = plain((config.references.shared,), "shared_reference")
    everywhere = [(shared_reference, 0)] * len(config.seeds)
    own = [(references, place) for place in range(len(config.seeds))]

    def toward(targets: Sequence[tuple[TrainedSaes, int]], name: str, copies: bool = False) -> TrainedSaes:
        return train_toward(config, inputs, targets, environment, name, copies)

    trained = toward(own, "aligned")
    with caused_by(config, "sae.architecture"):
        aligned = _published(config, trained, environment)
    return Arms(
        references=references,
        shared_reference=shared_reference,
        control=plain(config.seeds, "control"),
        longer=plain(config.seeds, "longer_training", times=2),
        trained=trained,
        aligned=aligned,
        shared=toward(everywhere, "aligned_to_shared_reference"),
        copying=toward(own, "copying", copies=True),
    )


def train_toward(
    config: ConsistencyConfig,
    inputs: Activations,
    targets: Sequence[tuple[TrainedSaes, int]],
    environment: RunEnvironment,
    name: str,
    copies: bool,
) -> TrainedSaes:
    """Train every seed toward the SAE at its place of `targets` and return them as one arm.

    A reference is part of an architecture, so that its digest is in the checkpoint and in the place in the cache.
    """
    point = point_of(config)
    alone = []
    for seed, (arm, place) in zip(config.seeds, targets, strict=True):
        plan = AlignedPlan(
            base=config.sae,
            version=point.version if not copies else "v1",
            weight=0.0 if copies else point.weight,
            update_interval=config.alignment.update_interval if point.version == "v2" and not copies else 1,
            copies=copies,
            reference=arm.stack.parameters["W_dec"][place],
            reference_sha256=arm.checkpoints[place].sha256,
        )
        alone.append(train(inputs, plan, config.training, (seed,), environment, name))
    return _together(alone, config.sae.build(inputs.training.d_model))


def _together(alone: Sequence[TrainedSaes], base: Architecture) -> TrainedSaes:
    """Return SAEs of one seed each as one arm of their common architecture: what a reference adds is for training."""
    stacks = [each.stack for each in alone]
    stack = replace(
        stacks[0],
        architecture=base,
        seeds=tuple(seed for each in stacks for seed in each.seeds),
        parameters={name: torch.cat([each.parameters[name] for each in stacks]) for name in base.shapes()},
        initial_decoders=torch.cat([each.initial_decoders for each in stacks]),
        last_losses=tuple(loss for each in stacks for loss in each.last_losses),
    )
    return replace(alone[0], stack=stack, checkpoints=tuple(saved for each in alone for saved in each.checkpoints))


def _published(config: ConsistencyConfig, trained: TrainedSaes, environment: RunEnvironment) -> TrainedSaes:
    """Write every seed in SAELens' format, which knows no reference, and return what is read back.

    Other stages read these folders, so that a policy can judge what they measure together with this stage's summary;
    `saes.yaml` begins a configuration of other stages, which is about them.
    """
    name = f"{trained.name}_sae_lens"
    saes, checkpoints = [], []
    for place, seed in enumerate(trained.stack.seeds):
        folder = environment.artifacts / name / f"seed_{seed}"
        sae_lens.write(trained.sae(place), folder, trained.inputs.model.name, trained.inputs.hook)
        saes.append(sae_lens.read(folder))
        path = folder / sae_lens.WEIGHTS
        checkpoints.append(SavedCheckpoint(seed, path, file_sha256(path), path.stat().st_size))
    block = {"format": "sae_lens", "seeds": {saved.seed: str(saved.path.parent) for saved in checkpoints}}
    lines = [f"threads: {config.threads}", f"subject: {json.dumps(plain(config.subject))}"]
    lines += [f"texts: {json.dumps({**plain(config.texts), 'train_tokens': 0})}", f"saes: {_as_yaml(block)}"]
    (environment.artifacts / name / "saes.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return replace(trained, name=name, stack=_stack_of(saes, trained.stack), checkpoints=tuple(checkpoints))


def _as_yaml(block: Json) -> str:
    """Return a block on one line; JSON would make strings of the seeds."""
    named = ", ".join(f"{seed}: {json.dumps(path)}" for seed, path in block["seeds"].items())
    return f"{{format: {block['format']}, seeds: {{{named}}}}}"


def _stack_of(saes: Sequence[Sae], trained: SaeStack) -> SaeStack:
    parameters = {name: torch.stack([sae.parameters[name] for sae in saes]) for name in saes[0].parameters}
    device = trained.parameters["W_dec"].device
    return replace(
        trained,
        architecture=saes[0].architecture,
        parameters={name: value.to(device) for name, value in parameters.items()},
        scale=saes[0].scale,
        target_scale=None,
    )
