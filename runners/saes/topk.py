"""TopK sparse autoencoder with AuxK (Gao et al. 2024, arXiv 2406.04093).

    z     = TopK(ReLU((x - b_dec) W_enc + b_enc))
    x_hat = z W_dec + b_dec

All functions take parameters with or without a leading axis of seeds; every product is taken per seed, so that a seed's
numbers do not depend on the others in its stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

Parameters = dict[str, torch.Tensor]


@dataclass(frozen=True)
class TopK:
    """Shape of a TopK SAE and what it computes."""

    name: ClassVar[str] = "topk"

    d_in: int
    d_sae: int
    k: int
    """Latents kept per token; fewer are active where fewer are positive."""
    auxiliary_k: int
    """Dead latents that share the reconstruction of the error; Gao et al. take d_in / 2."""

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: unit Gaussian directions as decoder rows, the encoder their transpose, no latent bias.

        Args:
            generator: CPU generator of this seed.
            b_dec: (d_in,) centre of the activations, in the units of the scaled activations.
        """
        rows = torch.randn((self.d_sae, self.d_in), generator=generator)
        decoder = rows / rows.norm(dim=1, keepdim=True)
        return {
            "W_enc": decoder.T.contiguous(),
            "b_enc": torch.zeros(self.d_sae),
            "W_dec": decoder,
            "b_dec": b_dec.detach().cpu().float().clone(),
        }

    def rectified(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return ReLU((x - b_dec) W_enc + b_enc), (..., tokens, d_sae), before any latent is dropped."""
        # b_dec W_enc is taken out of the product: its gradient is then a vector's and not a second batch's.
        centre = (parameters["b_dec"].unsqueeze(-2) @ parameters["W_enc"]).squeeze(-2)
        return (x @ parameters["W_enc"] + (parameters["b_enc"] - centre).unsqueeze(-2)).relu()

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae), at most k of them positive and the others zero."""
        return self.keep(self.rectified(parameters, x))

    def keep(self, rectified: torch.Tensor) -> torch.Tensor:
        """Return the latents among rectified pre-activations: the k largest of each token."""
        return keep_largest(rectified, self.k)

    def decode(self, parameters: Mapping[str, torch.Tensor], latents: torch.Tensor) -> torch.Tensor:
        """Return reconstructions, (..., tokens, d_in), in the units of `x`."""
        return latents @ parameters["W_dec"] + parameters["b_dec"].unsqueeze(-2)

    def auxiliary_reconstruction(
        self, parameters: Mapping[str, torch.Tensor], rectified: torch.Tensor, dead: torch.Tensor
    ) -> torch.Tensor:
        """Return the dead latents' reconstruction of the error, (..., tokens, d_in); it has no bias of its own.

        Args:
            parameters: of the SAE.
            rectified: as `rectified` returns it.
            dead: (..., d_sae) bool; true for latents that have not been active for a while.
        """
        revived = keep_largest(rectified * dead.unsqueeze(-2), min(self.auxiliary_k, self.d_sae))
        return revived @ parameters["W_dec"]


def keep_largest(values: torch.Tensor, k: int) -> torch.Tensor:
    """Return `values` with all but the k largest of each row set to zero; gradients reach the kept ones only.

    Written as a product with a 0/1 mask because scattering values back has no fast deterministic form on CUDA.
    """
    kept = values.detach().topk(k, dim=-1, sorted=False).indices
    mask = torch.zeros_like(values).scatter_(-1, kept, 1.0)
    return values * mask
