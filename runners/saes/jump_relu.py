"""JumpReLU sparse autoencoder (Rajamanoharan et al. 2024, arXiv 2407.14435).

    pi    = (x - b_dec) W_enc + b_enc
    z     = pi H(pi - theta)                  H: 1 above zero, else 0; one threshold theta >= 0 per latent
    x_hat = z W_dec + b_dec
    loss  = |x - x_hat|^2 + l0 sum_i H(pi_i - theta_i)

Neither z nor the count of active latents changes smoothly with theta, so both have the paper's pseudo-derivative: a
rectangular kernel K of width epsilon stands for the density of pi at theta,

    dz/dtheta = -(theta / epsilon) K((pi - theta) / epsilon)
    dH/dtheta = -(1 / epsilon)     K((pi - theta) / epsilon)

and pi gets the ordinary gradient through the active z, none through the count. The paper trains log theta; here theta
itself is trained and brought back to zero from below, because Adam's steps in log theta hardly move a small threshold
(SAELens came to the same).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from runners.saes.affine import decode, normalise_rows, plain_shapes, pre_activations
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term, mean_squared_error, penalty_weight
from runners.saes.kept_latents import Latents
from runners.saes.relu import dense_start


@dataclass(frozen=True)
class JumpReLU:
    """Shape of a JumpReLU SAE and what it computes."""

    name: ClassVar[str] = "jump_relu"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_sae: int
    l0_coefficient: float | None
    """Price of one active latent, in squared scaled units; None: not known, not to be trained."""
    bandwidth: float = 0.05
    """Epsilon. The paper's 0.001 is for activations of unit mean square; ours have norm sqrt(d_in)."""
    initial_threshold: float = 0.01
    """As in SAELens. Adam moves a threshold by at most the learning rate a step, so a short training needs a larger one
    to reach a low L0."""
    penalty_warmup: float = 0.05
    """The part of the training over which the price rises from zero."""

    def __post_init__(self) -> None:
        if not (self.bandwidth > 0 and self.initial_threshold >= 0):
            raise ValueError(f"bandwidth={self.bandwidth}, initial_threshold={self.initial_threshold}")

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        return {**plain_shapes(self.d_in, self.d_sae), "threshold": (self.d_sae,)}

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: tied unit directions, all thresholds alike."""
        return {
            **dense_start(generator, self.d_sae, b_dec),
            "threshold": torch.full((self.d_sae,), self.initial_threshold),
        }

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae)."""
        latents: torch.Tensor = _Jump.apply(pre_activations(parameters, x), parameters["threshold"], self.bandwidth)  # type: ignore[no-untyped-call]
        return latents

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_in), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        return decode(parameters, latents), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return squared error plus the L0 penalty."""
        pre, threshold = pre_activations(parameters, batch.x), parameters["threshold"]
        latents: torch.Tensor = _Jump.apply(pre, threshold, self.bandwidth)  # type: ignore[no-untyped-call]
        error = mean_squared_error(batch.target, decode(parameters, latents))
        # Not `(latents > 0)`, which has no gradient: `_Step` gives the count one with respect to theta.
        counted = _Step.apply(pre, threshold, self.bandwidth).sum(dim=-1).mean(dim=-1)  # type: ignore[no-untyped-call]
        weight = penalty_weight(self.l0_coefficient, batch.progress, self.penalty_warmup)
        return Objective(error, (Term("squared_error", 1.0, error), Term("l0", weight, counted)), latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Bring decoder rows back to unit length and thresholds back to zero from below."""
        normalise_rows(parameters["W_dec"])
        # Below zero a latent would pass negative values. Not clamped inside the graph: that would leave a threshold
        # at zero without a gradient for good.
        parameters["threshold"].clamp_(min=0.0)


def _kernel(pre: torch.Tensor, threshold: torch.Tensor, bandwidth: float) -> torch.Tensor:
    """Return the rectangle of unit height and width about the threshold, (..., tokens, d_sae)."""
    return ((pre - threshold.unsqueeze(-2)).abs() < bandwidth / 2).to(pre.dtype)


class _Jump(torch.autograd.Function):
    """pi H(pi - theta) with the paper's pseudo-derivative."""

    @staticmethod
    def forward(ctx: Any, pre: torch.Tensor, threshold: torch.Tensor, bandwidth: float) -> torch.Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return pre * (pre > threshold.unsqueeze(-2))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        pre, threshold = ctx.saved_tensors
        (gradient,) = gradients
        # Only tokens within half a bandwidth of theta tell how the error changes with it. A latent has one threshold
        # for all tokens, hence the sum.
        near = (_kernel(pre, threshold, ctx.bandwidth) * gradient).sum(dim=-2)
        return (pre > threshold.unsqueeze(-2)) * gradient, -(threshold / ctx.bandwidth) * near, None


class _Step(torch.autograd.Function):
    """H(pi - theta) with the paper's pseudo-derivative; none with respect to pi."""

    @staticmethod
    def forward(ctx: Any, pre: torch.Tensor, threshold: torch.Tensor, bandwidth: float) -> torch.Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return (pre > threshold.unsqueeze(-2)).to(pre.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, torch.Tensor, None]:
        pre, threshold = ctx.saved_tensors
        (gradient,) = gradients
        # None for pi: the penalty moves thresholds only and pushes no pre-activation down.
        return None, -(1 / ctx.bandwidth) * (_kernel(pre, threshold, ctx.bandwidth) * gradient).sum(dim=-2), None
