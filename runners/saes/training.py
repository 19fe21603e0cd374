"""Training several seeds of one shape: on a GPU together, as one stack of weights; on a CPU one after another.

Each seed has its own initial weights and its own order of rows, and no reduction runs across seeds. On the CPU a stack
gains no speed (one seed's products fill the cores), and a reduction over several seeds is split over threads otherwise
than one over a single seed; so seeds are taken one by one there, and a seed has the same bits whoever is trained with
it. On CUDA a batched product may be split differently for another number of seeds: equality holds there to float32
rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from runners.progress import Progress
from runners.saes.plan import TrainingPlan
from runners.saes.topk import Parameters, TopK
from runners.seeding import generator

_ROWS_FOR_MEDIAN = 16384
_ROWS_PER_READ = 65536


@dataclass(frozen=True)
class SaeStack:
    """SAEs of one shape on one kind of activations; axis 0 of every tensor is the seed."""

    architecture: TopK
    seeds: tuple[int, ...]
    parameters: Parameters
    initial_decoders: torch.Tensor
    """(seeds, d_sae, d_in) rows before training."""
    scale: float
    """Activations are multiplied by this before encoding; makes the mean norm sqrt(d_in)."""
    last_losses: tuple[float, ...]
    """Per seed: mean squared error over the last tenth of the steps, as a fraction of the variance."""

    def reconstruct(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions (seeds, tokens, d_in), in the units of `rows` (tokens, d_in), and latents."""
        with torch.no_grad():
            x = (rows * self.scale).expand(len(self.seeds), -1, -1)
            latents = self.architecture.encode(self.parameters, x)
            return self.architecture.decode(self.parameters, latents) / self.scale, latents


def norm_scale(rows: np.ndarray) -> float:
    """Return sqrt(d_in) over the mean norm of the rows, (rows, d_in), in float64."""
    total = math.fsum(float(np.linalg.norm(chunk, axis=1).sum()) for chunk in _chunks(rows))
    return math.sqrt(rows.shape[1]) * len(rows) / total


def centre_of(rows: np.ndarray, kind: Literal["mean", "geometric_median"]) -> np.ndarray:
    """Return the mean or the geometric median of the rows, (d_in,) float64.

    The geometric median is taken by Weiszfeld's iteration over at most 16,384 evenly spaced rows.
    """
    if kind == "mean":
        mean: np.ndarray = sum(chunk.sum(axis=0) for chunk in _chunks(rows)) / len(rows)
        return mean
    sample = rows[:: max(1, len(rows) // _ROWS_FOR_MEDIAN)][:_ROWS_FOR_MEDIAN].astype(np.float64)
    centre: np.ndarray = sample.mean(axis=0)
    for _ in range(100):
        # A row at the centre itself would weigh infinitely much.
        weights = 1.0 / np.maximum(np.linalg.norm(sample - centre, axis=1), 1e-9)
        moved = (weights[:, None] * sample).sum(axis=0) / weights.sum()
        step = float(np.linalg.norm(moved - centre))
        centre = moved
        if step <= 1e-7 * float(np.linalg.norm(centre)):
            break
    return centre


def train_stack(
    architecture: TopK,
    rows: np.ndarray,
    seeds: Sequence[int],
    plan: TrainingPlan,
    device: str,
    progress: Progress,
) -> SaeStack:
    """Train one SAE per seed on `rows`, (rows, d_in) half precision.

    Raises:
        ValueError: the rows are not as wide as the architecture, or fewer than one batch.
    """
    if rows.ndim != 2 or rows.shape[1] != architecture.d_in:
        raise ValueError(f"rows of shape {rows.shape} for an SAE with d_in={architecture.d_in}")
    if len(rows) < plan.batch_tokens:
        raise ValueError(f"{len(rows)} rows do not fill one batch of {plan.batch_tokens}")
    scale = norm_scale(rows)
    b_dec = torch.from_numpy(centre_of(rows, plan.centre) * scale).float()
    variance = scale**2 * _mean_squared_deviation(rows)
    source = _resident(rows, device)
    groups = [tuple(seeds)] if device.startswith("cuda") else [(seed,) for seed in seeds]
    trained = [
        _train_group(architecture, source, scale, variance, b_dec, group, plan, device, progress) for group in groups
    ]
    return SaeStack(
        architecture=architecture,
        seeds=tuple(seeds),
        parameters={name: torch.cat([group.parameters[name] for group in trained]) for name in trained[0].parameters},
        initial_decoders=torch.cat([group.initial_decoders for group in trained]),
        scale=scale,
        last_losses=tuple(loss for group in trained for loss in group.last_losses),
    )


@dataclass(frozen=True)
class _TrainedGroup:
    """Seeds trained together; axis 0 of every tensor is the seed."""

    parameters: Parameters
    initial_decoders: torch.Tensor
    last_losses: list[float]


def _train_group(
    architecture: TopK,
    source: torch.Tensor,
    scale: float,
    variance: float,
    b_dec: torch.Tensor,
    seeds: tuple[int, ...],
    plan: TrainingPlan,
    device: str,
    progress: Progress,
) -> _TrainedGroup:
    drawn = [architecture.initial(generator("sae initial weights", seed), b_dec) for seed in seeds]
    parameters = {
        name: torch.stack([each[name] for each in drawn]).to(device).requires_grad_(True) for name in drawn[0]
    }
    initial_decoders = parameters["W_dec"].detach().clone()
    orders = [_RowOrder(len(source), generator("sae batches", seed)) for seed in seeds]
    # Fused: one pass over weights, gradients and moments instead of a dozen.
    optimizer = torch.optim.Adam(list(parameters.values()), lr=plan.learning_rate, fused=True)
    idle_tokens = torch.zeros((len(seeds), architecture.d_sae), device=device)
    tail: list[torch.Tensor] = []
    for step in range(plan.steps):
        taken = torch.stack([order.take(plan.batch_tokens) for order in orders]).to(source.device)
        x = source[taken].to(device).float() * scale
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * _schedule(step, plan)
        dead = idle_tokens > plan.dead_after_tokens
        losses, active = _step_gradients(architecture, parameters, x, dead, plan, variance)
        idle_tokens = torch.where(active, 0.0, idle_tokens + plan.batch_tokens)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            parameters["W_dec"].div_(parameters["W_dec"].norm(dim=-1, keepdim=True))
        if step >= plan.steps - max(1, plan.steps // 10):
            tail.append(losses)
        progress.advance(plan.batch_tokens * len(seeds))
    return _TrainedGroup(
        parameters={name: value.detach() for name, value in parameters.items()},
        initial_decoders=initial_decoders,
        last_losses=torch.stack(tail).double().mean(dim=0).tolist(),
    )


def _step_gradients(
    architecture: TopK,
    parameters: Parameters,
    x: torch.Tensor,
    dead: torch.Tensor,
    plan: TrainingPlan,
    variance: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Leave each seed's clipped gradient on the parameters; return losses (seeds,) and active latents (seeds, d_sae).

    Args:
        architecture: of every seed.
        parameters: with the seed as first axis.
        x: (seeds, tokens, d_in) scaled activations.
        dead: (seeds, d_sae) bool.
        plan: of the training.
        variance: summed over dimensions, of the scaled activations; makes the loss a fraction and free of units.
    """
    rectified = architecture.rectified(parameters, x)
    latents = architecture.keep(rectified)
    error = x - architecture.decode(parameters, latents)
    losses = error.square().sum(dim=-1).mean(dim=-1) / variance
    total = losses.sum()
    with_dead = dead.any(dim=1)
    if plan.auxiliary_coefficient > 0 and bool(with_dead.any()):
        # Only the seeds that have dead latents: a product over zeros would cost the others as much.
        chosen = slice(None) if bool(with_dead.all()) else with_dead.nonzero().squeeze(1)
        some = {"W_dec": parameters["W_dec"][chosen]}
        revived = architecture.auxiliary_reconstruction(some, rectified[chosen], dead[chosen])
        # The error is a target here and not a way to change the live latents.
        missed = (error.detach()[chosen] - revived).square().sum(dim=-1).mean(dim=-1) / variance
        total = total + plan.auxiliary_coefficient * missed.sum()
    total.backward()
    with torch.no_grad():
        decoder = parameters["W_dec"]
        gradient = decoder.grad
        assert gradient is not None
        # A change along a row changes only its length, which the next line of training undoes.
        gradient.sub_((gradient * decoder).sum(dim=-1, keepdim=True) * decoder)
        squares = sum(value.grad.square().flatten(1).sum(dim=1) for value in parameters.values())
        shrink = (plan.gradient_clip / squares.sqrt().clamp_min(1e-12)).clamp_max(1.0)
        for value in parameters.values():
            assert value.grad is not None
            value.grad.mul_(shrink.view(-1, *([1] * (value.ndim - 1))))
        active = (latents > 0).any(dim=1)
    return losses.detach(), active


def _schedule(step: int, plan: TrainingPlan) -> float:
    """Return the factor on the learning rate: up, level, down; never zero."""
    rise = plan.warmup_fraction * plan.steps
    fall = plan.decay_fraction * plan.steps
    up = (step + 1) / rise if rise >= 1 else 1.0
    down = (plan.steps - step) / fall if fall >= 1 else 1.0
    return min(1.0, up, down)


class _RowOrder:
    """One seed's endless order of rows: a new permutation per pass, incomplete batches carried over to the next."""

    def __init__(self, rows: int, draws: torch.Generator) -> None:
        self._rows, self._draws = rows, draws
        self._left = torch.empty(0, dtype=torch.long)

    def take(self, count: int) -> torch.Tensor:
        while len(self._left) < count:
            self._left = torch.cat([self._left, torch.randperm(self._rows, generator=self._draws)])
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def _resident(rows: np.ndarray, device: str) -> torch.Tensor:
    """Return the rows on the device where they fit into half of its free memory, else mapped on the CPU."""
    tensor = torch.from_numpy(rows)
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info()
        return tensor.to(device) if tensor.numel() * tensor.element_size() < free // 2 else tensor
    return tensor


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _ROWS_PER_READ].astype(np.float64) for start in range(0, len(rows), _ROWS_PER_READ)]


def _mean_squared_deviation(rows: np.ndarray) -> float:
    """Return the variance summed over dimensions, float64."""
    mean = centre_of(rows, "mean")
    return math.fsum(float(np.square(chunk - mean).sum()) for chunk in _chunks(rows)) / len(rows)
