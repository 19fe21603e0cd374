"""Gated sparse autoencoder (Rajamanoharan et al. 2024, arXiv 2404.16014).

    pi    = (x - b_dec) W_enc + b_gate                          which latents are active
    z     = H(pi) ReLU(exp(r_mag) ((x - b_dec) W_enc) + b_mag)  how active they are
    x_hat = z W_dec + b_dec
    loss  = |x - x_hat|^2 + l1 sum_i ReLU(pi_i) + |x - (ReLU(pi) [W_dec] + [b_dec])|^2

Brackets mark what the last term holds fixed: it trains the gate to be useful for reconstruction, and must not train the
decoder to suit the gate's shrunken magnitudes. (SAELens lets that gradient through; its loss is the same number.) As in
`runners.saes.relu` the penalty carries decoder norms, which are 1 here, and rises from zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from runners.saes.affine import decode, normalise_rows
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term, mean_squared_error, penalty_weight
from runners.saes.kept_latents import Latents
from runners.saes.relu import dense_start, weighted_l1


@dataclass(frozen=True)
class Gated:
    """Shape of a gated SAE and what it computes."""

    name: ClassVar[str] = "gated"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_sae: int
    l1_coefficient: float | None
    """Price of one unit of one gate, in squared scaled units; None: not known, not to be trained."""
    penalty_warmup: float = 0.05
    """The part of the training over which the price rises from zero."""

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        each = (self.d_sae,)
        return {
            "W_enc": (self.d_in, self.d_sae),
            "b_gate": each,
            "r_mag": each,
            "b_mag": each,
            "W_dec": (self.d_sae, self.d_in),
            "b_dec": (self.d_in,),
        }

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: tied unit directions, gate and magnitude alike."""
        drawn = dense_start(generator, self.d_sae, b_dec)
        zeros = {name: torch.zeros(self.d_sae) for name in ("b_gate", "r_mag", "b_mag")}
        return {"W_enc": drawn["W_enc"], **zeros, "W_dec": drawn["W_dec"], "b_dec": drawn["b_dec"]}

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae)."""
        return self._gate_and_latents(parameters, x)[1]

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_in), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        return decode(parameters, latents), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return squared error, the L1 penalty on the gate, and the gate's own squared error."""
        gate, latents = self._gate_and_latents(parameters, batch.x)
        error = mean_squared_error(batch.target, decode(parameters, latents))
        opened = gate.relu()
        held = {name: parameters[name].detach() for name in ("W_dec", "b_dec")}
        by_gate = mean_squared_error(batch.target, decode(held, opened))
        weight = penalty_weight(self.l1_coefficient, batch.progress, self.penalty_warmup)
        terms = (
            Term("squared_error", 1.0, error),
            Term("l1", weight, weighted_l1(opened, parameters["W_dec"])),
            Term("gate_squared_error", 1.0, by_gate),
        )
        return Objective(error, terms, latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Bring decoder rows back to unit length."""
        normalise_rows(parameters["W_dec"])

    def _gate_and_latents(
        self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        centre = parameters["b_dec"].unsqueeze(-2) @ parameters["W_enc"]
        shared = x @ parameters["W_enc"] - centre
        gate = shared + parameters["b_gate"].unsqueeze(-2)
        magnitude = (shared * parameters["r_mag"].exp().unsqueeze(-2) + parameters["b_mag"].unsqueeze(-2)).relu()
        return gate, magnitude * (gate > 0)
