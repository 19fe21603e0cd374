"""Training several seeds of one shape: on a GPU together, as one stack of weights; on a CPU one after another.

Each seed has its own initial weights and its own order of rows, and no reduction runs across seeds. On the CPU a stack
gains no speed (one seed's products fill the cores), and a reduction over several seeds is split over threads otherwise
than one over a single seed; so seeds are taken one by one there, and a seed has the same bits whoever is trained with
it. On CUDA a batched product may be split differently for another number of seeds: equality holds there to float32
rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from runners.progress import Progress
from runners.saes.architecture import Architecture, Batch, Objective, Parameters
from runners.saes.kept_latents import active_counts
from runners.saes.normalisation import Scale, factor_of, norm_scale, scaled_centre, scaled_variance
from runners.saes.plan import TrainingPlan
from runners.saes.sae import reconstruct_rows
from runners.seeding import generator


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
    rows: np.ndarray,
    seeds: Sequence[int],
    plan: TrainingPlan,
    device: str,
    progress: Progress,
    targets: np.ndarray | None = None,
    *,
    observe: Observe | None = None,
) -> SaeStack:
    """Train one SAE per seed.

    Args:
        architecture: of every seed.
        rows: (rows, d_in) inputs, half precision; (rows, layers, d_in) for an SAE over several layers.
        seeds: of initial weights and of the order of rows.
        plan: of the training.
        device: to train on.
        progress: told of every step's tokens.
        targets: (rows, d_out) what a transcoder is to reconstruct; None where that is the inputs.
        observe: shown the parameters of every group of seeds before the first step and after each.

    Raises:
        ValueError: the rows are not as wide as the architecture, or fewer than one batch.
    """
    if rows.ndim not in (2, 3) or rows.shape[-1] != architecture.d_in:
        raise ValueError(f"rows of shape {rows.shape} for an SAE with d_in={architecture.d_in}")
    if len(rows) < plan.batch_tokens:
        raise ValueError(f"{len(rows)} rows do not fill one batch of {plan.batch_tokens}")
    aims, d_out = rows if targets is None else targets, architecture.shapes()["W_dec"][1]
    if len(aims) != len(rows) or aims.shape[-1] != d_out:
        raise ValueError(f"targets of shape {aims.shape} for {len(rows)} rows and d_out={d_out}")
    scale = norm_scale(rows)
    aim_scale = scale if targets is None else norm_scale(targets)
    data = _Data(
        inputs=_resident(rows, device),
        targets=None if targets is None else _resident(targets, device),
        input_factor=factor_of(scale, device),
        target_factor=factor_of(aim_scale, device),
        variance=scaled_variance(aims, aim_scale),
    )
    b_dec = torch.from_numpy(scaled_centre(aims, plan.centre, aim_scale)).float()
    groups = [tuple(seeds)] if device.startswith("cuda") else [(seed,) for seed in seeds]
    trained = [_train_group(architecture, data, b_dec, group, plan, device, progress, observe) for group in groups]
    return SaeStack(
        architecture=architecture,
        seeds=tuple(seeds),
        parameters={name: torch.cat([group.parameters[name] for group in trained]) for name in trained[0].parameters},
        initial_decoders=torch.cat([group.initial_decoders for group in trained]),
        scale=scale,
        last_losses=tuple(loss for group in trained for loss in group.last_losses),
        target_scale=aim_scale if targets is not None and isinstance(aim_scale, float) else None,
        plan=plan,
    )


@dataclass(frozen=True)
class _Data:
    """What every seed trains on."""

    inputs: torch.Tensor
    targets: torch.Tensor | None
    input_factor: float | torch.Tensor
    target_factor: float | torch.Tensor
    variance: float
    """Of the scaled targets, summed over dimensions; makes the loss a fraction and free of units."""

    def batch(self, taken: torch.Tensor, device: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scaled inputs and targets of the row numbers `taken`, (seeds, tokens)."""
        taken = taken.to(self.inputs.device)
        x = self.inputs[taken].to(device).float() * self.input_factor
        return x, x if self.targets is None else self.targets[taken].to(device).float() * self.target_factor


@dataclass(frozen=True)
class _TrainedGroup:
    """Seeds trained together; axis 0 of every tensor is the seed."""

    parameters: Parameters
    initial_decoders: torch.Tensor
    last_losses: list[float]


def _train_group(
    architecture: Architecture,
    data: _Data,
    b_dec: torch.Tensor,
    seeds: tuple[int, ...],
    plan: TrainingPlan,
    device: str,
    progress: Progress,
    observe: Observe | None,
) -> _TrainedGroup:
    drawn = [architecture.initial(generator("sae initial weights", seed), b_dec) for seed in seeds]
    learned = Learned.of({name: torch.stack([each[name] for each in drawn]).to(device) for name in drawn[0]})
    for name, value in learned.stored.items():
        value.requires_grad_(name not in architecture.frozen)
    initial_decoders = learned.stored["W_dec"].detach().clone()
    if observe is not None:
        observe(0, seeds, learned.parameters())
    orders = [_RowOrder(len(data.inputs), generator("sae batches", seed)) for seed in seeds]
    # Fused: one pass over weights, gradients and moments instead of a dozen.
    moved = [value for value in learned.stored.values() if value.requires_grad]
    optimizer = torch.optim.Adam(moved, lr=plan.learning_rate, fused=True)
    idle_tokens = torch.zeros((len(seeds), architecture.d_sae), device=device)
    tail: list[torch.Tensor] = []
    for step in range(plan.steps):
        x, target = data.batch(torch.stack([order.take(plan.batch_tokens) for order in orders]), device)
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * _schedule(step, plan)
        dead = idle_tokens > plan.dead_after_tokens
        batch = Batch(x, target, dead, plan.auxiliary_coefficient, step / plan.steps)
        objective = step_gradients(architecture, learned, batch, plan, data.variance)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            active = active_counts(objective.latents) > 0
            idle_tokens = torch.where(active, 0.0, idle_tokens + plan.batch_tokens)
            architecture.after_step(learned.parameters(), objective.latents)
        if observe is not None:
            observe(step + 1, seeds, learned.parameters())
        if step >= plan.steps - max(1, plan.steps // 10):
            tail.append(objective.error.detach() / data.variance)
        progress.advance(plan.batch_tokens * len(seeds))
    return _TrainedGroup(
        parameters={name: value.detach().contiguous() for name, value in learned.parameters().items()},
        initial_decoders=initial_decoders,
        last_losses=torch.stack(tail).double().mean(dim=0).tolist(),
    )


@dataclass(frozen=True)
class Learned:
    """Parameters as the optimizer holds them: each contiguous, the encoder with one latent's weights in a row.

    The sparse step makes the encoder's gradient in that order, and Adam copies what is not contiguous.
    """

    stored: Parameters

    @classmethod
    def of(cls, parameters: Parameters) -> Learned:
        """Hold copies of (seeds, ...) parameters."""
        return cls({name: (value.mT if name == "W_enc" else value).contiguous() for name, value in parameters.items()})

    def parameters(self) -> Parameters:
        """Return the parameters in the architecture's shapes: the same memory, with a gradient that flows back."""
        return {name: value.mT if name == "W_enc" else value for name, value in self.stored.items()}


def step_gradients(
    architecture: Architecture, learned: Learned, batch: Batch, plan: TrainingPlan, variance: float
) -> Objective:
    """Leave each seed's clipped gradient on what is stored and return what was minimised.

    The loss is the published one divided by `variance`, so that the clip means the same at every scale.
    """
    objective = architecture.objective(learned.parameters(), batch)
    (objective.total() / variance).backward()
    with torch.no_grad():
        decoder = learned.stored["W_dec"]
        if decoder.grad is not None:
            # A change along a row changes only its length, which is brought back to 1 after the step.
            along = torch.linalg.vecdot(decoder.grad, decoder).unsqueeze(-1)
            decoder.grad.addcmul_(along, decoder, value=-1)
        gradients = [value.grad for value in learned.stored.values() if value.grad is not None]
        norms = [torch.linalg.vector_norm(each.flatten(1), dim=1) for each in gradients]
        norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
        shrink = (plan.gradient_clip / norm.clamp_min(1e-12)).clamp_max(1.0)
        for gradient in gradients:
            gradient.mul_(shrink.view(-1, *([1] * (gradient.ndim - 1))))
    return objective


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
