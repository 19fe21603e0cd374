"""One batch's loss and gradients, computed part by part and summed: on one device, or on several side by side.

A loss that is a mean over tokens is the mean of its parts' losses, and so are its gradients. Of a batch of T tokens in
N equal parts, part p is the tokens from p T / N to (p + 1) T / N, and only one part's pre-activations are in memory on
a device at a time. On D devices part p is computed on device p mod D, D parts at a time, with copies of the parameters
that are made once a step.

The bits are the same on any number of devices of one model: every part is computed from equal tensors of equal strides
whichever device it falls to, and parts are added one after another in their order, on the first device. Another number
of parts rounds otherwise; it is therefore a field of the architecture, and part of what determines an SAE.

What it costs: the gradient of one part beside the sum, and on further devices the parameters and one part's gradient;
each part reads the weights anew, and its gradient travels to the first device, which adds it while the others wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from gatekit.errors import GatekitError
from runners.determinism import device_class
from runners.saes.architecture import Batch, Objective, Term
from runners.saes.in_parts.counted_latents import CountedLatents
from runners.saes.kept_latents import active_counts

Whole = Callable[[Mapping[str, torch.Tensor], Batch], Objective]
"""An architecture's own `objective`."""


def check_parts(parts: int) -> None:
    """Refuse a number of parts that is none.

    Raises:
        ValueError: it is less than two.
    """
    if parts < 2:
        raise ValueError(f"parts={parts} are no parts")


def objective_in_parts(
    whole: Whole,
    parameters: Mapping[str, torch.Tensor],
    batch: Batch,
    parts: int,
    devices: Sequence[torch.device] | None = None,
) -> Objective:
    """Return the loss of a batch, whose gradients are known when it is returned.

    Its one term is the loss itself, summed over seeds; of its latents only the counts of active tokens are kept.

    Args:
        whole: the loss of one part; a mean over tokens.
        parameters: of all seeds, on the first device.
        batch: on the first device; its number of tokens is a multiple of `parts`.
        parts: the batch is divided into.
        devices: the first one's own first; by default all of its kind that this process sees.

    Raises:
        GatekitError: `runner.devices`: GPUs of several models are visible.
        ValueError: the tokens cannot be divided so.
    """
    tokens = batch.x.shape[-2]
    if tokens % parts:
        raise ValueError(f"{tokens} tokens are no {parts} equal parts")
    devices = (devices_beside(batch.x.device) if devices is None else devices)[:parts]
    first, per_part, autocast = devices[0], tokens // parts, _Autocast.of(batch.x.device.type)
    total: _Part | None = None
    with _side_by_side(len(devices)) as mapped:
        # Once a step: copies for the other devices, and the first one's own tensors as they are.
        copies = list(mapped(lambda device: _Copy.on(device, parameters, batch.dead), devices))
        for start in range(0, parts, len(devices)):
            numbers = range(start, min(start + len(devices), parts))

            def computed(number: int) -> _Part:
                taken = slice(number * per_part, (number + 1) * per_part)
                return _computed(whole, copies[number % len(copies)], batch, taken, autocast)

            for part in mapped(computed, numbers):
                total = part.alone() if total is None else total.plus(part, first)
                # Or it would be held while the next one is computed.
                del part
    assert total is not None
    moved = [parameters[name] for name in total.gradients]
    gradients = [gradient.div_(parts) for gradient in total.gradients.values()]
    loss: torch.Tensor = _WithGradients.apply(total.loss / parts, gradients, *moved)  # type: ignore[no-untyped-call]
    return Objective(total.error / parts, (Term("loss", 1.0, loss),), CountedLatents.of(total.active))


def devices_beside(first: torch.device) -> tuple[torch.device, ...]:
    """Return a device and, where it is a GPU, all others that this process sees (CUDA_VISIBLE_DEVICES).

    Raises:
        GatekitError: `runner.devices`: they are of several models, which round differently.
    """
    if first.type != "cuda":
        return (first,)
    others = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    found = (first, *(other for other in others if other != first))
    models = sorted({device_class(str(device)) for device in found})
    if len(models) > 1:
        message = f"an SAE is trained in parts on GPUs of one model; visible are {' and '.join(models)}"
        raise GatekitError("runner.devices", message, remedy="name those of one model in CUDA_VISIBLE_DEVICES")
    return found


@dataclass(frozen=True)
class _Autocast:
    """How products are computed where the batch is; threads do not take it over by themselves."""

    kind: str
    enabled: bool
    dtype: torch.dtype

    @classmethod
    def of(cls, kind: str) -> _Autocast:
        return cls(kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind))

    def entered(self) -> torch.autocast:
        # Without its cache, which would keep every part's copies of the weights until the step's end.
        return torch.autocast(self.kind, self.dtype, self.enabled, cache_enabled=False)

    def left(self) -> torch.autocast:
        return torch.autocast(self.kind, self.dtype, enabled=False)


@dataclass(frozen=True)
class _Copy:
    """What every part on one device is computed from."""

    device: torch.device
    parameters: dict[str, torch.Tensor]
    moved: frozenset[str]
    """Names of the parameters that have a gradient."""
    dead: torch.Tensor

    @classmethod
    def on(cls, device: torch.device, parameters: Mapping[str, torch.Tensor], dead: torch.Tensor) -> _Copy:
        # `to` keeps the strides, which may choose the kernel of a product.
        copied = {name: value.detach().to(device) for name, value in parameters.items()}
        moved = frozenset(name for name, value in parameters.items() if value.requires_grad)
        return cls(device, copied, moved, dead.to(device))


@dataclass(frozen=True)
class _Part:
    """What is summed over parts."""

    loss: torch.Tensor
    """() summed over seeds."""
    error: torch.Tensor
    """(...,) of each seed."""
    active: torch.Tensor
    """(..., d_sae) tokens on which each latent is active."""
    gradients: dict[str, torch.Tensor]

    def alone(self) -> _Part:
        """Return the first part in memory of its own: what autograd returns may be shared, or be an expanded number."""
        return replace(self, gradients={name: value.clone() for name, value in self.gradients.items()})

    def plus(self, other: _Part, device: torch.device) -> _Part:
        for name, value in other.gradients.items():
            self.gradients[name].add_(value.to(device))
        return replace(
            self,
            loss=self.loss + other.loss.to(device),
            error=self.error + other.error.to(device),
            active=self.active + other.active.to(device),
        )


def _computed(whole: Whole, copy: _Copy, batch: Batch, taken: slice, autocast: _Autocast) -> _Part:
    # Contiguous on every device: as a view the first device's part would have other strides than a copy elsewhere.
    x = batch.x[..., taken, :].contiguous().to(copy.device)
    target = x if batch.target is batch.x else batch.target[..., taken, :].contiguous().to(copy.device)
    leaves = {name: value.detach().requires_grad_(name in copy.moved) for name, value in copy.parameters.items()}
    with torch.enable_grad(), autocast.entered():
        objective = whole(leaves, replace(batch, x=x, target=target, dead=copy.dead))
        loss = objective.total()
    names = [name for name, leaf in leaves.items() if leaf.requires_grad]
    gradients: dict[str, torch.Tensor] = {}
    if names:
        # As in `step_gradients`, where the backward pass lies outside of autocast.
        with autocast.left():
            found = torch.autograd.grad(loss, [leaves[name] for name in names], allow_unused=True)
        gradients = {name: value for name, value in zip(names, found, strict=True) if value is not None}
    return _Part(loss.detach(), objective.error.detach(), active_counts(objective.latents), gradients)


@contextmanager
def _side_by_side(devices: int) -> Iterator[Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]]:
    """Yield a `map` that works on so many devices at once: AuxK waits for its device, which must not hold up others."""
    if devices == 1:
        yield map
        return
    with ThreadPoolExecutor(devices) as pool:
        yield pool.map


class _WithGradients(torch.autograd.Function):
    """A loss whose gradients were computed with it."""

    @staticmethod
    def forward(
        ctx: Any,
        loss: torch.Tensor,
        gradients: list[torch.Tensor],
        *parameters: torch.Tensor,  # noqa: ARG004 (named for their gradients)
    ) -> torch.Tensor:
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_loss: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, []
        # In place: they are as large as the weights.
        return None, None, *(gradient.mul_(of_loss) for gradient in gradients)
