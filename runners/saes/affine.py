"""The linear pieces that most architectures share: unit rows, pre-activations about the decoder's bias, decoding."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from runners.saes.architecture import Parameters, Shapes


def unit_rows(generator: torch.Generator, rows: int, width: int) -> torch.Tensor:
    """Draw directions: Gaussian rows divided by their norm, (rows, width)."""
    drawn = torch.randn((rows, width), generator=generator)
    norms: torch.Tensor = drawn.norm(dim=1, keepdim=True)
    return drawn / norms


def tied_start(generator: torch.Generator, d_sae: int, b_dec: torch.Tensor) -> Parameters:
    """Draw one SAE: unit directions as decoder rows, the encoder their transpose, no latent bias.

    Args:
        generator: CPU generator of this seed.
        d_sae: number of latents.
        b_dec: (d_in,) centre of the activations, in scaled units.
    """
    decoder = unit_rows(generator, d_sae, len(b_dec))
    return {
        "W_enc": decoder.T.contiguous(),
        "b_enc": torch.zeros(d_sae),
        "W_dec": decoder,
        "b_dec": b_dec.detach().cpu().float().clone(),
    }


def plain_shapes(d_in: int, d_sae: int) -> Shapes:
    """Return the shapes of encoder, decoder and their biases."""
    return {"W_enc": (d_in, d_sae), "b_enc": (d_sae,), "W_dec": (d_sae, d_in), "b_dec": (d_in,)}


def pre_activations(parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return (x - b_dec) W_enc + b_enc, (..., tokens, d_sae)."""
    # b_dec W_enc is taken out of the product: its gradient is then a vector's and not a second batch's.
    centre = (parameters["b_dec"].unsqueeze(-2) @ parameters["W_enc"]).squeeze(-2)
    return _product_plus(parameters["b_enc"] - centre, x, parameters["W_enc"])


def decode(parameters: Mapping[str, torch.Tensor], latents: torch.Tensor) -> torch.Tensor:
    """Return z W_dec + b_dec, (..., tokens, d_out)."""
    return _product_plus(parameters["b_dec"], latents, parameters["W_dec"])


def _product_plus(bias: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return rows weights + bias; for a stack of seeds in one batched call, without a second tensor of that size."""
    if rows.ndim == weights.ndim == 3:
        return torch.baddbmm(bias.unsqueeze(-2), rows, weights)
    return rows @ weights + bias.unsqueeze(-2)


def normalise_rows(rows: torch.Tensor) -> None:
    """Divide every row by its norm, in place."""
    rows.div_(rows.norm(dim=-1, keepdim=True))
