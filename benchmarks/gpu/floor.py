"""The least time that a TopK step can take on a device: its arithmetic and its memory traffic at the measured rates."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.training import Shape

FLOAT32 = 4
REPEATS = 5


@dataclass(frozen=True)
class Rates:
    """What the device does, measured just now."""

    flops: float
    """Per second, of one large float32 product without TF32."""
    bandwidth: float
    """Bytes per second, read and written, of one large copy."""


@dataclass(frozen=True)
class Floor:
    """The parts of one seed's step that no implementation can leave out."""

    flops: float
    bytes: float

    @classmethod
    def of(cls, shape: Shape) -> Floor:
        """Return the floor of a shape, of one seed.

        Arithmetic: the encoder's product over all latents, since the largest must be found, and the four products of
        the kept latents (decoding, the gradients of latents, W_dec and W_enc); a multiplication and an addition each.
        Bytes: Adam reads weight, gradient and both moments and writes weight and both moments, the gradient was written
        before that; the pre-activations are written once and read once.
        """
        encoder = 2 * shape.tokens * shape.d_in * shape.d_sae
        kept = 4 * 2 * shape.tokens * shape.k * shape.d_in
        weights = 2 * shape.d_in * shape.d_sae
        return cls(encoder + kept, FLOAT32 * (8 * weights + 2 * shape.tokens * shape.d_sae))

    def milliseconds(self, rates: Rates) -> float:
        """Return arithmetic and traffic after each other: the product must end before Adam begins."""
        return 1000 * (self.flops / rates.flops + self.bytes / rates.bandwidth)


def measure_rates(device: str, size: int) -> Rates:
    """Return the rates of products and copies of (size, size) float32 matrices."""
    left, right = (torch.randn((size, size), device=device) for _ in range(2))
    into = torch.empty_like(left)
    product = _seconds(lambda: torch.mm(left, right, out=into), device)
    copy = _seconds(lambda: into.copy_(left), device)
    return Rates(2 * size**3 / product, 2 * FLOAT32 * size**2 / copy)


def wait_for(device: str) -> None:
    """Wait until the device has done all it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _seconds(call: Callable[[], object], device: str) -> float:
    call()
    taken = []
    for _ in range(REPEATS):
        wait_for(device)
        start = time.perf_counter()
        call()
        wait_for(device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
