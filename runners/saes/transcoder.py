"""Transcoder (Dunefsky et al. 2024, arXiv 2406.11944) and skip transcoder (Paulo et al. 2025, arXiv 2501.18823).

    z     = TopK(ReLU(x W_enc + b_enc))
    y_hat = z W_dec + b_dec [+ x W_skip^T]
    loss  = |y - y_hat|^2 + l1 sum_i z_i |W_dec,i| + c |y - y_hat - e_hat|^2

x goes into a block of the model, y comes out of it. Paulo et al. take TopK and AuxK, the defaults; Dunefsky et al. take
ReLU and the L1 penalty: k = d_sae, l1_coefficient > 0, auxiliary_k = 0. The input is not centred, since b_dec lies in
the space of y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from runners.saes.affine import decode, normalise_rows, unit_rows
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term
from runners.saes.auxk import auxiliary_terms, keep_largest
from runners.saes.kept_latents import Latents
from runners.saes.relu import weighted_l1
from runners.saes.sparse_topk import keeps_few, topk_error


@dataclass(frozen=True)
class Transcoder:
    """Shape of a transcoder and what it computes."""

    name: ClassVar[str] = "transcoder"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_out: int
    d_sae: int
    k: int
    """Latents kept per token; d_sae for plain ReLU."""
    auxiliary_k: int
    """Dead latents that share the reconstruction of the error; 0 leaves AuxK out."""
    skip: bool = False
    """Add a linear map of the input, so that latents need only say what is not linear."""
    l1_coefficient: float = 0.0
    """Price of one unit of one latent, in squared scaled units."""

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.d_sae:
            raise ValueError(f"k={self.k} of d_sae={self.d_sae} latents")

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        shapes: Shapes = {
            "W_enc": (self.d_in, self.d_sae),
            "b_enc": (self.d_sae,),
            "W_dec": (self.d_sae, self.d_out),
            "b_dec": (self.d_out,),
        }
        return {**shapes, "W_skip": (self.d_out, self.d_in)} if self.skip else shapes

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one transcoder: unit directions for decoder and encoder apart, no latent bias, no skip."""
        drawn = {
            "W_dec": unit_rows(generator, self.d_sae, self.d_out),
            "W_enc": unit_rows(generator, self.d_sae, self.d_in).T.contiguous(),
            "b_enc": torch.zeros(self.d_sae),
            "b_dec": b_dec.detach().cpu().float().clone(),
            "W_skip": torch.zeros((self.d_out, self.d_in)),
        }
        return {name: drawn[name] for name in self.shapes()}

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae), at most k of them positive and the others zero."""
        return keep_largest(self._rectified(parameters, x), self.k)

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return predictions of y, (..., tokens, d_out), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        return self._predicted(parameters, x, latents), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return squared error, L1 penalty where it has a price, and AuxK."""
        if not self.l1_coefficient and keeps_few(batch.x, self.d_sae, self.k):
            skipped = batch.x @ parameters["W_skip"].mT if self.skip else None
            error, auxk, kept = topk_error(parameters, batch, self.k, self.auxiliary_k, centred=False, added=skipped)
            return Objective(error, (Term("squared_error", 1.0, error), *auxk), kept)
        rectified = self._rectified(parameters, batch.x)
        latents = keep_largest(rectified, self.k)
        missing = batch.target - self._predicted(parameters, batch.x, latents)
        error = missing.square().sum(dim=-1).mean(dim=-1)
        terms = [Term("squared_error", 1.0, error)]
        if self.l1_coefficient:
            terms.append(Term("l1", self.l1_coefficient, weighted_l1(latents, parameters["W_dec"])))
        auxk = auxiliary_terms(parameters["W_dec"], rectified, missing, batch, min(self.auxiliary_k, self.d_sae))
        return Objective(error, (*terms, *auxk), latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Bring decoder rows back to unit length."""
        normalise_rows(parameters["W_dec"])

    def _rectified(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return (x @ parameters["W_enc"] + parameters["b_enc"].unsqueeze(-2)).relu()

    def _predicted(
        self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor, latents: torch.Tensor
    ) -> torch.Tensor:
        predicted = decode(parameters, latents)
        return predicted + x @ parameters["W_skip"].mT if self.skip else predicted
