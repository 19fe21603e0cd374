"""Matryoshka sparse autoencoder with BatchTopK (Bussmann et al. 2025, arXiv 2503.17547).

    z    = BatchTopK latents, chosen once among all (see `runners.saes.batch_topk`)
    loss = sum_m |x - (z_1..m W_dec,1..m + b_dec)|^2 + c |x - x_hat - e_hat|^2

over nested prefixes 1..m of the latents, the last of which is all of them. The first latents must reconstruct alone, so
they cannot leave a general feature to later, more special ones. With one prefix this is BatchTopK.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from runners.saes.affine import decode, normalise_rows, plain_shapes, pre_activations, tied_start
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term, mean_squared_error
from runners.saes.auxk import auxiliary_terms
from runners.saes.batch_topk import above, follow_threshold, keep_largest_of_batch
from runners.saes.kept_latents import Latents, as_dense


@dataclass(frozen=True)
class Matryoshka:
    """Shape of a matryoshka SAE and what it computes."""

    name: ClassVar[str] = "matryoshka"
    frozen: ClassVar[frozenset[str]] = frozenset({"threshold"})

    d_in: int
    widths: tuple[int, ...]
    """Lengths of the nested prefixes, increasing; the last is the number of latents."""
    k: int
    """Latents kept per token, on average over a training batch, among all."""
    auxiliary_k: int
    """Dead latents that share the reconstruction of the error; 0 leaves AuxK out."""

    def __post_init__(self) -> None:
        if not self.widths or list(self.widths) != sorted(set(self.widths)) or self.widths[0] < 1:
            raise ValueError(f"widths {self.widths} are not increasing")
        if not 1 <= self.k <= self.d_sae:
            raise ValueError(f"k={self.k} of d_sae={self.d_sae} latents")

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.widths[-1]

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        return {**plain_shapes(self.d_in, self.d_sae), "threshold": ()}

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: tied unit directions, no threshold seen yet."""
        return {**tied_start(generator, self.d_sae, b_dec), "threshold": torch.zeros(())}

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents above the threshold, (..., tokens, d_sae); a token's do not depend on its batch."""
        return above(pre_activations(parameters, x).relu(), parameters["threshold"])

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions by all latents, (..., tokens, d_in), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        return decode(parameters, latents), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return the squared error of every prefix plus AuxK on the whole."""
        rectified = pre_activations(parameters, batch.x).relu()
        latents = keep_largest_of_batch(rectified, self.k)
        reconstructions = self._nested(parameters, latents)
        errors = [mean_squared_error(batch.target, reconstruction) for reconstruction in reconstructions]
        terms = [Term(f"squared_error_{width}", 1.0, error) for width, error in zip(self.widths, errors, strict=True)]
        missing = batch.target - reconstructions[-1]
        auxk = auxiliary_terms(parameters["W_dec"], rectified, missing, batch, min(self.auxiliary_k, self.d_sae))
        return Objective(errors[-1], (*terms, *auxk), latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:
        """Bring decoder rows back to unit length and let the threshold follow the batch."""
        normalise_rows(parameters["W_dec"])
        follow_threshold(parameters["threshold"], as_dense(latents))

    def _nested(self, parameters: Mapping[str, torch.Tensor], latents: torch.Tensor) -> list[torch.Tensor]:
        """Return the reconstruction by each prefix; every latent is decoded once."""
        decoder, bias = parameters["W_dec"], parameters["b_dec"].unsqueeze(-2)
        total: torch.Tensor | None = None
        nested = []
        for start, end in zip((0, *self.widths), self.widths, strict=False):
            part = latents[..., start:end] @ decoder[..., start:end, :]
            total = part if total is None else total + part
            nested.append(total + bias)
        return nested
