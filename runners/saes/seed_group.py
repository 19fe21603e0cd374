"""Seeds in training: one step of all of them at once, and their whole state as tensors, so that it can go on later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from runners.saes.architecture import Architecture, Batch, Parameters
from runners.saes.gradient_step import Learned, Precision, step_gradients
from runners.saes.kept_latents import active_counts
from runners.saes.plan import TrainingPlan
from runners.saes.streamed_rows import BufferedOrder, Rows, StreamedRows
from runners.seeding import generator


@dataclass(frozen=True)
class TrainingData:
    """What every seed trains on."""

    inputs: torch.Tensor | StreamedRows
    """(rows, d_in), or (rows, layers, d_in), half precision, in the model's units."""
    targets: torch.Tensor | StreamedRows | None
    """(rows, d_out) where that is not the inputs."""
    input_factor: float | torch.Tensor
    target_factor: float | torch.Tensor
    variance: float
    """Of the scaled targets, summed over dimensions; makes the loss a fraction and free of units."""

    def batch(self, taken: torch.Tensor, device: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scaled inputs and targets of the row numbers `taken`, (seeds, tokens)."""
        x = _rows_of(self.inputs, taken).to(device).float() * self.input_factor
        return x, x if self.targets is None else _rows_of(self.targets, taken).to(device).float() * self.target_factor

    def orders(self, seeds: Sequence[int]) -> Sequence[RowOrder]:
        """Return the order of rows of each seed; one alone where all share it."""
        if isinstance(self.targets, StreamedRows):
            self.targets.orders(seeds)
        if isinstance(self.inputs, StreamedRows):
            return self.inputs.orders(seeds)
        return [_RowOrder(len(self.inputs), generator("sae batches", seed)) for seed in seeds]


def _rows_of(rows: torch.Tensor | StreamedRows, taken: torch.Tensor) -> torch.Tensor:
    if isinstance(rows, StreamedRows):
        return rows.gather(taken)
    # Row numbers go to where the rows are, and only the batch goes to the device.
    return rows[taken.to(rows.device)]


def resident(rows: Rows, device: str) -> torch.Tensor | StreamedRows:
    """Return the rows on the device where they fit into half of its free memory, else mapped on the CPU.

    Rows in shards stay there: who asks for them has said that they do not fit.
    """
    if isinstance(rows, StreamedRows):
        return rows
    tensor = torch.from_numpy(rows)
    if device.startswith("cuda"):
        # The other half is for weights, moments and what a step computes.
        free, _ = torch.cuda.mem_get_info()
        return tensor.to(device) if tensor.numel() * tensor.element_size() < free // 2 else tensor
    return tensor


@dataclass(frozen=True)
class StepReport:
    """How training goes, from its last batch alone; means over the seeds of the group."""

    step: int
    loss: float
    """Squared error as a fraction of the variance."""
    l0: float
    """Active latents per token."""
    dead: float
    """Fraction of latents that count as dead."""

    @property
    def r2(self) -> float:
        """The part of the variance that is reconstructed, on a training batch."""
        return 1.0 - self.loss

    def curves(self) -> dict[str, float]:
        """Return the report for a tracker."""
        return {"loss": self.loss, "r2": self.r2, "l0": self.l0, "dead": self.dead}

    def words(self) -> str:
        """Return the report for a line of progress."""
        return f"loss {self.loss:.4f}, r2 {self.r2:.3f}, L0 {self.l0:.1f}, {self.dead:.1%} dead"


class SeedGroup:
    """Seeds trained together; axis 0 of every tensor is the seed."""

    def __init__(
        self,
        architecture: Architecture,
        data: TrainingData,
        b_dec: torch.Tensor,
        seeds: tuple[int, ...],
        plan: TrainingPlan,
        device: str,
        precision: Precision = "float32",
    ) -> None:
        """Draw every seed's initial weights about `b_dec`, the centre of the scaled targets."""
        self._architecture, self._data, self._plan, self._device = architecture, data, plan, device
        self._precision = precision
        self.seeds = seeds
        drawn = [architecture.initial(generator("sae initial weights", seed), b_dec) for seed in seeds]
        stacked = {name: torch.stack([each[name] for each in drawn]).to(device) for name in drawn[0]}
        # A copy: training changes the weights in place.
        self.initial_decoders = stacked["W_dec"].clone()
        self._learned = Learned.of(stacked, architecture.frozen)
        # Fused: one pass over weights, gradients and moments instead of a dozen.
        self._optimizer = torch.optim.Adam(self._learned.moved(), lr=plan.learning_rate, fused=True)
        self._orders = data.orders(seeds)
        self._idle_tokens = torch.zeros((len(seeds), architecture.d_sae), device=device)
        self._tail: list[torch.Tensor] = []
        # Held on the device, so that a step waits for nothing; only `report` reads it.
        self._error = torch.full((len(seeds),), torch.nan, device=device)
        self._active = torch.zeros((len(seeds), architecture.d_sae), dtype=torch.long, device=device)
        self.steps_done = 0

    def step(self) -> None:
        """Take one step of every seed on its next batch."""
        plan = self._plan
        taken = torch.stack([order.take(plan.batch_tokens) for order in self._orders])
        x, target = self._data.batch(taken, self._device)
        if len(self._orders) < len(self.seeds):
            # One order for all: the batch is read once.
            alone = target is x
            x = x.expand(len(self.seeds), *x.shape[1:])
            target = x if alone else target.expand(len(self.seeds), *target.shape[1:])
        for group in self._optimizer.param_groups:
            # A function of the step alone, so a state needs no schedule of its own to go on from.
            group["lr"] = plan.learning_rate * learning_rate_factor(self.steps_done, plan)
        dead = self._idle_tokens > plan.dead_after_tokens
        batch = Batch(x, target, dead, plan.auxiliary_coefficient, self.steps_done / plan.steps)
        objective = step_gradients(self._architecture, self._learned, batch, plan, self._data.variance, self._precision)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            self._error, self._active = objective.error.detach(), active_counts(objective.latents)
            # Tokens since each latent was last active.
            self._idle_tokens = torch.where(self._active > 0, 0.0, self._idle_tokens + plan.batch_tokens)
            self._architecture.after_step(self._learned.parameters(), objective.latents)
        # The loss of one batch is noise; the mean over the last tenth is what gets reported.
        if self.steps_done >= plan.steps - max(1, plan.steps // 10):
            self._tail.append(self._error / self._data.variance)
        self.steps_done += 1

    def report(self) -> StepReport:
        """Return how the last step went; waits for the device."""
        return StepReport(
            step=self.steps_done,
            loss=float(self._error.mean()) / self._data.variance,
            l0=float(self._active.sum(dim=1).double().mean()) / self._plan.batch_tokens,
            dead=float((self._idle_tokens > self._plan.dead_after_tokens).double().mean()),
        )

    def view(self) -> Parameters:
        """Return the parameters themselves: the next step changes them."""
        return {name: value.detach() for name, value in self._learned.parameters().items()}

    def parameters(self) -> Parameters:
        """Return the parameters, each contiguous."""
        return {name: value.contiguous() for name, value in self.view().items()}

    def last_losses(self) -> list[float]:
        """Return per seed the mean squared error over the last tenth of the steps, as a fraction of the variance."""
        losses: list[float] = torch.stack(self._tail).double().mean(dim=0).tolist()
        return losses

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that `restore` needs to go on from here with the same bits."""
        tensors = {f"stored.{name}": value.detach() for name, value in self._learned.stored.items()}
        tensors["steps_done"] = torch.tensor(self.steps_done)
        tensors["idle_tokens"] = self._idle_tokens
        tensors["tail"] = torch.stack(self._tail) if self._tail else torch.empty((0, len(self.seeds)))
        for place, value in enumerate(self._learned.moved()):
            tensors |= {f"adam.{place}.{name}": held for name, held in self._optimizer.state[value].items()}
        for place, order in enumerate(self._orders):
            tensors |= {f"order.{place}.{name}": held for name, held in order.state().items()}
        return tensors

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from a state that a group of the same seeds, data and plan returned."""
        with torch.no_grad():
            for name, value in self._learned.stored.items():
                # In place: the optimizer knows its parameters by identity.
                value.copy_(tensors[f"stored.{name}"])
        self.steps_done = int(tensors["steps_done"])
        self._idle_tokens = tensors["idle_tokens"].to(self._device)
        self._tail = list(tensors["tail"].to(self._device))
        for place, value in enumerate(self._learned.moved()):
            prefix = f"adam.{place}."
            held = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            self._optimizer.state[value] = {name: tensor.to(self._device) for name, tensor in held.items()}
        for place, order in enumerate(self._orders):
            prefix = f"order.{place}."
            order.restore(
                {name.removeprefix(prefix): held for name, held in tensors.items() if name.startswith(prefix)}
            )


def learning_rate_factor(step: int, plan: TrainingPlan) -> float:
    """Return the factor on the learning rate: up, level, down; never zero."""
    rise = plan.warmup_fraction * plan.steps
    fall = plan.decay_fraction * plan.steps
    # A ramp of less than one step is no ramp.
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

    def state(self) -> dict[str, torch.Tensor]:
        return {"left": self._left, "draws": self._draws.get_state()}

    def restore(self, held: Mapping[str, torch.Tensor]) -> None:
        self._left = held["left"]
        self._draws.set_state(held["draws"])


RowOrder = _RowOrder | BufferedOrder
