"""HierarchicalTopK sparse autoencoder (Balagansky et al. 2025, arXiv 2505.24473).

    z    = TopK(ReLU((x - b_dec) W_enc + b_enc)) with k the largest level
    loss = 1/|J| sum_{j in J} |x - x_hat_j|^2

where x_hat_j decodes the j largest latents of the token, so one SAE serves every sparsity in J. AuxK on the whole
reconstruction is added as in `runners.saes.topk`. With one level this is TopK.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from runners.saes.affine import decode, normalise_rows, plain_shapes, pre_activations, tied_start
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term
from runners.saes.auxk import auxiliary_terms, keep_largest
from runners.saes.kept_latents import Latents


@dataclass(frozen=True)
class HierarchicalTopK:
    """Shape of a HierarchicalTopK SAE and what it computes."""

    name: ClassVar[str] = "hierarchical_topk"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_sae: int
    levels: tuple[int, ...]
    """J, increasing: the numbers of latents that must each do. The last is how many are kept after training."""
    auxiliary_k: int
    """Dead latents that share the reconstruction of the error; 0 leaves AuxK out."""

    def __post_init__(self) -> None:
        if not self.levels or list(self.levels) != sorted(set(self.levels)):
            raise ValueError(f"levels {self.levels} are not increasing")
        if not 1 <= self.levels[0] <= self.k <= self.d_sae:
            raise ValueError(f"levels {self.levels} of d_sae={self.d_sae} latents")

    @property
    def k(self) -> int:
        """Latents kept per token."""
        return self.levels[-1]

    def at(self, level: int) -> HierarchicalTopK:
        """Return the same SAE kept at another of its levels, for parameters that all levels share.

        Raises:
            ValueError: the SAE was not trained for this level.
        """
        if level not in self.levels:
            raise ValueError(f"level {level} is none of {self.levels}")
        return replace(self, levels=self.levels[: self.levels.index(level) + 1])

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        return plain_shapes(self.d_in, self.d_sae)

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: tied unit directions, no latent bias."""
        return tied_start(generator, self.d_sae, b_dec)

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae), at most k of them positive and the others zero."""
        return keep_largest(pre_activations(parameters, x).relu(), self.k)

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions at the last level, (..., tokens, d_in), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        return decode(parameters, latents), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return the squared error, mean over levels, plus AuxK on the whole."""
        rectified = pre_activations(parameters, batch.x).relu()
        order = rectified.detach().topk(self.k, dim=-1, sorted=True).indices
        bias = parameters["b_dec"].unsqueeze(-2)
        latents: torch.Tensor | None = None
        decoded: torch.Tensor | None = None
        terms, missing = [], batch.target
        for start, end in zip((0, *self.levels), self.levels, strict=False):
            mask = torch.zeros_like(rectified).scatter_(-1, order[..., start:end], 1.0)
            part = rectified * mask
            step = part @ parameters["W_dec"]
            latents = part if latents is None else latents + part
            decoded = step if decoded is None else decoded + step
            missing = batch.target - (decoded + bias)
            error = missing.square().sum(dim=-1).mean(dim=-1)
            terms.append(Term(f"squared_error_{end}", 1 / len(self.levels), error))
        assert latents is not None
        auxk = auxiliary_terms(parameters["W_dec"], rectified, missing, batch, min(self.auxiliary_k, self.d_sae))
        return Objective(terms[-1].value, (*terms, *auxk), latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Bring decoder rows back to unit length."""
        normalise_rows(parameters["W_dec"])
