"""Keeping the k largest latents, and AuxK: dead latents learn from the error that the live ones leave.

AuxK is appendix A.2 of Gao et al. 2024 (arXiv 2406.04093): the k_aux largest dead latents reconstruct the error,
without a bias of their own, because the live reconstruction holds it already.
"""

from __future__ import annotations

import torch

from runners.saes.architecture import Batch, Term


def keep_largest(values: torch.Tensor, k: int) -> torch.Tensor:
    """Return `values` with all but the k largest of each row set to zero; gradients reach the kept ones only.

    Written as a product with a 0/1 mask because scattering values back has no fast deterministic form on CUDA.
    """
    kept = values.detach().topk(k, dim=-1, sorted=False).indices
    mask = torch.zeros_like(values).scatter_(-1, kept, 1.0)
    return values * mask


def revived(decoder: torch.Tensor, rectified: torch.Tensor, dead: torch.Tensor, auxiliary_k: int) -> torch.Tensor:
    """Return the dead latents' reconstruction of the error, (..., tokens, d_out).

    Args:
        decoder: (..., d_sae, d_out).
        rectified: (..., tokens, d_sae) pre-activations after ReLU, before any latent is dropped.
        dead: (..., d_sae) bool.
        auxiliary_k: dead latents that take part, per token.
    """
    return keep_largest(rectified * dead.unsqueeze(-2), auxiliary_k) @ decoder


def auxiliary_terms(
    decoder: torch.Tensor, rectified: torch.Tensor, error: torch.Tensor, batch: Batch, auxiliary_k: int
) -> tuple[Term, ...]:
    """Return AuxK as a summand of the loss, or nothing where it has no weight or no latent is dead.

    Args:
        decoder: (..., d_sae, d_out).
        rectified: as for `revived`.
        error: (..., tokens, d_out), target less reconstruction.
        batch: names the dead latents and the weight.
        auxiliary_k: as for `revived`.
    """
    with_dead = batch.dead.any(dim=-1)
    if batch.auxiliary_coefficient <= 0 or auxiliary_k == 0 or not bool(with_dead.any()):
        return ()
    # Only the seeds that have dead latents: a product over zeros would cost the others as much.
    chosen = ... if bool(with_dead.all()) else with_dead.nonzero().squeeze(1)
    restored = revived(decoder[chosen], rectified[chosen], batch.dead[chosen], auxiliary_k)
    # The error is a target here and not a way to change the live latents.
    missed = (error.detach()[chosen] - restored).square().sum(dim=-1).mean(dim=-1)
    return (Term("auxk", batch.auxiliary_coefficient, missed),)
