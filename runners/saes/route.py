"""RouteSAE: one TopK dictionary for several layers, and a router that picks a layer for each token.

Shi et al. 2025 (arXiv 2503.08200). With x_l the activations of layer l at one token,

    p     = softmax((sum_l x_l) W_router)               i = argmax p
    z     = TopK(ReLU((p_i x_i - b_dec) W_enc + b_enc))
    loss  = |p_i x_i - x_hat|^2 / |p_i x_i|^2           per token, mean over tokens

That is `router_loss="scaled"`, as published. Its router learns only from the scale p_i of the layer that it picked:
nothing tells it that another layer would have been reconstructed better, and on rows of which one layer is sparse and
the others are noise it stays indifferent (`benchmarks/results/architectures.md`). The default, `"expected"`, is

    loss  = sum_l p_l |x_l - x_hat_l|^2 / |x_l|^2       with every layer through the dictionary, unscaled

the expected loss of drawing the layer from p, at the price of every layer's encoding. In both the pick after training
is argmax p, and the router lies in the checkpoint. There is no bonus for a spread of picks: with one, a router's
entropy says what the bonus asked for and not what it learned. Errors are relative to |x|^2 as published, which favours
a layer whose mean is large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from runners.saes.affine import decode, normalise_rows, plain_shapes, pre_activations, tied_start
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term
from runners.saes.auxk import keep_largest
from runners.saes.kept_latents import Latents

INITIAL_LOGIT = 0.01
"""Size of the router's first logits for inputs of norm sqrt(d_in): no layer is preferred before anything is learned."""


@dataclass(frozen=True)
class Routed:
    """What the router did with a batch."""

    probabilities: torch.Tensor
    """(..., tokens, layers)."""
    layer: torch.Tensor
    """(..., tokens) the layer picked."""
    picked: torch.Tensor
    """(..., tokens, d_in) its activations, unscaled."""
    weight: torch.Tensor
    """(..., tokens, 1) its probability."""

    def entropy(self) -> torch.Tensor:
        """Return the entropy of the router in nats, mean over tokens: ln(layers) where it has learned nothing."""
        by_layer: torch.Tensor = torch.special.entr(self.probabilities)
        return by_layer.sum(dim=-1).mean(dim=-1)


@dataclass(frozen=True)
class RouteSAE:
    """Shape of a RouteSAE and what it computes; inputs are (..., tokens, layers, d_in)."""

    name: ClassVar[str] = "route"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_sae: int
    k: int
    """Latents kept per token."""
    layers: int
    """Layers to choose from."""
    router_loss: Literal["scaled", "expected"] = "expected"
    """What the router learns from; `"scaled"` is as published."""

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.d_sae:
            raise ValueError(f"k={self.k} of d_sae={self.d_sae} latents")
        if self.layers < 2:
            raise ValueError("a router chooses among at least two layers")

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        return {**plain_shapes(self.d_in, self.d_sae), "W_router": (self.d_in, self.layers)}

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: tied unit directions, a router that is nearly indifferent, b_dec at the size of its inputs."""
        # The scaled loss reconstructs p_i x_i, and an indifferent router has p_i = 1 / layers.
        share = 1 / self.layers if self.router_loss == "scaled" else 1.0
        parameters = tied_start(generator, self.d_sae, b_dec * share)
        # The router reads the sum over layers, whose norm is about sqrt(d_in x layers) where layers are unrelated.
        size = INITIAL_LOGIT / (self.d_in * self.layers) ** 0.5
        parameters["W_router"] = size * torch.randn((self.d_in, self.layers), generator=generator)
        return parameters

    def route(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> Routed:
        """Let the router pick a layer for each token of x, (..., tokens, layers, d_in)."""
        probabilities = (x.sum(dim=-2) @ parameters["W_router"]).softmax(dim=-1)
        weight, layer = probabilities.max(dim=-1, keepdim=True)
        index = layer.unsqueeze(-1).expand(*layer.shape[:-1], 1, x.shape[-1])
        return Routed(probabilities, layer.squeeze(-1), x.gather(-2, index).squeeze(-2), weight)

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents of the picked layer, (..., tokens, d_sae), at most k of them positive and the others zero."""
        return self._latents(parameters, self._input(self.route(parameters, x)))

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the picked layer's reconstruction in that layer's scale, (..., tokens, d_in), and the latents."""
        routed = self.route(parameters, x)
        latents = self._latents(parameters, self._input(routed))
        decoded = decode(parameters, latents)
        # The scaled dictionary saw the layer times its probability, which is undone here.
        return (decoded / routed.weight if self.router_loss == "scaled" else decoded), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return the relative squared error, of the picked layer or expected over layers."""
        routed = self.route(parameters, batch.x)
        if self.router_loss == "scaled":
            taken = self._input(routed)
            latents = self._latents(parameters, taken)
            decoded = decode(parameters, latents)
            loss = _relative_error(taken, decoded).mean(dim=-1)
            # For the reported error only, hence without a gradient and in the layer's own scale.
            restored = decoded.detach() / routed.weight.detach()
        else:
            # Tokens and layers are one axis for the dictionary.
            flat = batch.x.flatten(-3, -2)
            every = self._latents(parameters, flat)
            decoded = decode(parameters, every)
            errors = _relative_error(flat, decoded).unflatten(-1, batch.x.shape[-3:-1])
            # The router learns through the probabilities, the dictionary through the errors of all layers.
            loss = (routed.probabilities * errors).sum(dim=-1).mean(dim=-1)
            # What counts as active is what the SAE would use after training: the picked layer's latents.
            latents = _of_layer(every.detach().unflatten(-2, batch.x.shape[-3:-1]), routed.layer)
            restored = _of_layer(decoded.detach().unflatten(-2, batch.x.shape[-3:-1]), routed.layer)
        error = (routed.picked - restored).square().sum(dim=-1).mean(dim=-1)
        return Objective(error, (Term("relative_squared_error", 1.0, loss),), latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Bring decoder rows back to unit length."""
        normalise_rows(parameters["W_dec"])

    def _input(self, routed: Routed) -> torch.Tensor:
        return routed.picked * routed.weight if self.router_loss == "scaled" else routed.picked

    def _latents(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return keep_largest(pre_activations(parameters, x).relu(), self.k)


def _relative_error(target: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:
    """Return |x - x_hat|^2 / |x|^2 per token; a token without any activation has no relative error and counts zero."""
    size = target.square().sum(dim=-1)
    # The 1.0 below only keeps the division defined; such a token's error is then set to zero.
    present = size > 0
    return (target - reconstruction).square().sum(dim=-1) / torch.where(present, size, 1.0) * present


def _of_layer(values: torch.Tensor, layer: torch.Tensor) -> torch.Tensor:
    """Return values, (..., tokens, layers, width), of each token's layer, (..., tokens): (..., tokens, width)."""
    index = layer[..., None, None].expand(*layer.shape, 1, values.shape[-1])
    return values.gather(-2, index).squeeze(-2)
