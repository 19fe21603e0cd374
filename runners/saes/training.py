"""Training several seeds of one shape: on a GPU a group together, as one stack of weights; on a CPU one by one.

Each seed has its own initial weights and its own order of rows, and no reduction runs across seeds. On the CPU a stack
gains no speed (one seed's products fill the cores), and a reduction over several seeds is split over threads
differently from one over a single seed; so seeds are trained one by one there, and a seed has the same bits whichever
seeds are trained with it. On CUDA a batched product may be split differently for another number of seeds: which seeds
are in a stack is fixed there (`runners.saes.seed_groups`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from runners.progress import Progress
from runners.saes.architecture import Architecture, Parameters
from runners.saes.gradient_step import Precision
from runners.saes.making import making
from runners.saes.normalisation import Scale, factor_of, norm_scale, scaled_centre, scaled_variance
from runners.saes.plan import TrainingPlan
from runners.saes.sae import reconstruct_rows
from runners.saes.seed_group import SeedGroup, TrainingData, resident
from runners.saes.seed_groups import seed_groups
from runners.saes.snapshots import SnapshotFile, TrainingIdentity, rows_sha256
from runners.saes.streamed_rows import Rows
from runners.tracking import STEPS_BETWEEN, Tracker

Observe = Callable[[int, tuple[int, ...], Parameters], None]
"""(steps done, seeds, their parameters): the parameters are training's own and must be copied, never changed."""


@dataclass(frozen=True)
class SaeStack:
    """SAEs of one shape on one kind of activations; axis 0 of every tensor is the seed."""

    architecture: Architecture
    seeds: tuple[int, ...]
    parameters: Parameters
    initial_decoders: torch.Tensor
    """(seeds, d_sae, d_in) rows before training."""
    scale: Scale
    """Inputs are multiplied by this before encoding; makes the mean norm sqrt(d_in). One per layer where there are
    several layers."""
    last_losses: tuple[float, ...]
    """Per seed: mean squared error over the last tenth of the steps, as a fraction of the variance."""
    target_scale: float | None = None
    """The same for what is reconstructed, where that is not the input."""
    plan: TrainingPlan | None = None
    """How it was trained; None for one that was not trained here."""

    def reconstruct(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions (seeds, tokens, d_out), in the units of the targets, and latents.

        Args:
            rows: (tokens, d_in), or (tokens, layers, d_in), in the model's units. An SAE over several layers returns
                each token's chosen layer, in that layer's scaled units (see `RouteSAE.chosen`).
        """
        with torch.no_grad():
            return reconstruct_rows(
                self.architecture, self.parameters, self.scale, self.target_scale, rows, len(self.seeds)
            )


def train_stack(
    architecture: Architecture,
    rows: Rows,
    seeds: Sequence[int],
    plan: TrainingPlan,
    device: str,
    progress: Progress,
    targets: Rows | None = None,
    *,
    observe: Observe | None = None,
    snapshots: Path | None = None,
    precision: Precision = "float32",
    tracker: Tracker | None = None,
) -> SaeStack:
    """Train one SAE per seed.

    Args:
        architecture: of every seed.
        rows: (rows, d_in) inputs, half precision, whole or in shards; (rows, layers, d_in) for an SAE over several
            layers.
        seeds: of initial weights and of the order of rows.
        plan: of the training.
        device: to train on.
        progress: told the tokens of every step, and the loss where it shows one.
        targets: (rows, d_out) what a transcoder is to reconstruct; None where that is the inputs.
        observe: shown the parameters of every group of seeds before the first step and after each.
        snapshots: folder in which the state is kept while training lasts; the same call goes on from what it finds
            there and ends with the same bits. Without one, an interrupted training starts again.
        precision: of the products, where the plan says none; bfloat16 is for CUDA, where its tensor cores are faster.
        tracker: given the curves of every group of seeds; changes no bit.

    Raises:
        ValueError: both an observer and snapshots are given, or bfloat16 without CUDA, or the rows are not as wide as
            the architecture, or fewer than one batch.
    """
    if observe is not None and snapshots is not None:
        raise ValueError("an observer is to see every step, and after an interruption some are not taken again")
    precision = plan.precision or precision
    if precision != "float32" and not device.startswith("cuda"):
        raise ValueError(f"{precision} on {device}: the step that is fast there is float32")
    if rows.ndim not in (2, 3) or rows.shape[-1] != architecture.d_in:
        raise ValueError(f"rows of shape {rows.shape} for an SAE with d_in={architecture.d_in}")
    if len(rows) < plan.batch_tokens:
        raise ValueError(f"{len(rows)} rows do not fill one batch of {plan.batch_tokens}")
    aims, d_out = rows if targets is None else targets, architecture.shapes()["W_dec"][1]
    if len(aims) != len(rows) or aims.shape[-1] != d_out:
        raise ValueError(f"targets of shape {aims.shape} for {len(rows)} rows and d_out={d_out}")
    # Inputs and targets are scaled each by their own norm: a transcoder's two sides may differ in size by far.
    scale = norm_scale(rows)
    aim_scale = scale if targets is None else norm_scale(targets)
    data = TrainingData(
        inputs=resident(rows, device),
        targets=None if targets is None else resident(targets, device),
        input_factor=factor_of(scale, device),
        target_factor=factor_of(aim_scale, device),
        variance=scaled_variance(aims, aim_scale),
    )
    # Decoding starts at the centre of what is reconstructed, so that no latent must stand for it.
    b_dec = torch.from_numpy(scaled_centre(aims, plan.centre, aim_scale)).float()
    groups = seed_groups(seeds, device, plan.seeds_per_group)
    files: list[SnapshotFile | None] = [None] * len(groups)
    if snapshots is not None:
        digests = tuple(rows_sha256(each) for each in (rows, targets) if each is not None)
        # All that the bits depend on, so that no training goes on from the snapshot of another.
        known = {**making(architecture, plan, device), "precision": precision}
        files = [SnapshotFile(snapshots, TrainingIdentity(known, group, digests)) for group in groups]
    trained = [
        _trained(
            SeedGroup(architecture, data, b_dec, group, plan, device, precision), plan, progress, observe, file, tracker
        )
        for group, file in zip(groups, files, strict=True)
    ]
    # Only after the last group: an interrupted call needs those of the groups before it.
    for file in files:
        if file is not None:
            file.remove()
    return SaeStack(
        architecture=architecture,
        seeds=tuple(seeds),
        parameters={name: torch.cat([group.parameters[name] for group in trained]) for name in trained[0].parameters},
        initial_decoders=torch.cat([group.initial_decoders for group in trained]),
        scale=scale,
        last_losses=tuple(loss for group in trained for loss in group.last_losses),
        # Only where something else than the input is reconstructed: then its scale is another one.
        target_scale=aim_scale if targets is not None and isinstance(aim_scale, float) else None,
        plan=plan,
    )


@dataclass(frozen=True)
class _TrainedGroup:
    """Seeds trained together; axis 0 of every tensor is the seed."""

    parameters: Parameters
    initial_decoders: torch.Tensor
    last_losses: list[float]


def _trained(
    group: SeedGroup,
    plan: TrainingPlan,
    progress: Progress,
    observe: Observe | None,
    file: SnapshotFile | None,
    tracker: Tracker | None,
) -> _TrainedGroup:
    # Each seed has its own batch, so a step takes as many tokens from every one.
    tokens = plan.batch_tokens * len(group.seeds)
    state = None if file is None else file.read()
    if state is not None:
        group.restore(state)
        progress.resume(tokens * group.steps_done)
    if observe is not None:
        observe(0, group.seeds, group.view())
    while group.steps_done < plan.steps:
        group.step()
        if observe is not None:
            observe(group.steps_done, group.seeds, group.view())
        # A function and not its result: making a report waits for the device, and few are shown.
        progress.advance(tokens, lambda: group.report().words())
        if tracker is not None and (group.steps_done % STEPS_BETWEEN == 0 or group.steps_done == plan.steps):
            series = "seed-" + "-".join(map(str, group.seeds))
            tracker.log(series, group.steps_done, group.report().curves())
        if file is not None and file.due():
            file.write(group.state())
    if file is not None:
        # The next group of this call may be interrupted.
        file.write(group.state())
    return _TrainedGroup(group.parameters(), group.initial_decoders, group.last_losses())
