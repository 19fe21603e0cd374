"""TopK's loss and gradient from the kept latents alone: what a training step on a CPU is made of.

Of d_sae latents a token keeps k. With dense latents a step needs six products of tokens x d_in x d_sae; here one is
left, the encoder's, because only kept latents are decoded and only kept latents have a gradient:

    reconstruction[t]      = sum over kept j of  z[t, j] W_dec[j]
    gradient of z[t, j]    = <gradient of the reconstruction[t], W_dec[j]>       for kept j
    gradient of W_dec[j]   = sum over t that keep j of  z[t, j] x gradient of the reconstruction[t]
    gradient of W_enc[:,j] = sum over t that keep j of  gradient of z[t, j] x (x[t] - b_dec)

The sums over tokens run over the kept pairs sorted by latent, in the order of tokens: the same bits on any number of
threads. The encoder's gradient is laid out (d_sae, d_in), the layout that training keeps W_enc in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from runners.saes.architecture import Batch, Term
from runners.saes.kept_latents import KeptLatents

LATENTS_PER_KEPT = 8
"""Fewer latents than this for each kept one, and nothing is known to be gained. At 8, steps took 20 ms against 28 with
dense products (d_in 128, 256 latents), 188 against 299 (384, 1,536), 295 against 365 (512, 4,096) and as long
(64, 128), on two busy cores."""
BLOCK_VALUES = 6_500_000
"""Pre-activations held at once. More than 32 MiB of float32 are returned to the system after every use, and getting
them back, page by page, takes as long as the product that fills them."""
DEAD_PER_KEPT = 4
"""So many dead latents for each that takes part, and a product with them all takes as long as gathering those."""


def keeps_few(x: torch.Tensor, d_sae: int, k: int) -> bool:
    """Return whether the sparse step is the faster one: on a CPU, one SAE, few latents kept of many."""
    return x.device.type == "cpu" and (x.ndim == 2 or len(x) == 1) and d_sae >= LATENTS_PER_KEPT * k


@dataclass(frozen=True)
class _Pairs:
    """Pairs of token and kept latent, sorted by latent and then by token."""

    order: torch.Tensor
    """(tokens x k,) place of each pair in the unsorted list."""
    starts: torch.Tensor
    """(d_sae + 1,) where each latent's pairs start."""
    k: int

    @classmethod
    def of(cls, indices: torch.Tensor, d_sae: int) -> _Pairs:
        flat = indices.flatten()
        starts = torch.zeros(d_sae + 1, dtype=torch.long)
        # Counts summed up: the sorted pairs of latent j are those from starts[j] to starts[j + 1].
        torch.cumsum(torch.bincount(flat, minlength=d_sae), 0, out=starts[1:])
        # int32 sorts in half of the time.
        return cls(torch.argsort(flat.int(), stable=True), starts, indices.shape[-1])

    def sum(self, weights: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return for each latent the sum of weights[t, j] x rows[t] over its pairs, (d_sae, width)."""
        # The unsorted list holds k pairs per token, token by token, so a pair's place divided by k is its token.
        return functional.embedding_bag(
            self.order // self.k,
            rows,
            self.starts,
            mode="sum",
            per_sample_weights=weights.flatten()[self.order],
            include_last_offset=True,
        )


class _EncoderGradient(torch.autograd.Function):
    """Pass values on and give the encoder their gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        encoder: torch.Tensor,
        bias: torch.Tensor,  # noqa: ARG004 (named for its gradient)
        centre: torch.Tensor | None,  # noqa: ARG004 (as above)
        chosen: _Chosen,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.save_for_backward(encoder)
        ctx.chosen = chosen
        # Copies, because autograd ties what is returned to its graph, and `chosen` is kept for the backward pass.
        return chosen.values.clone(), chosen.dead_values.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_kept: torch.Tensor, of_dead: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (encoder,) = ctx.saved_tensors
        chosen: _Chosen = ctx.chosen
        # The gradient of ReLU: a kept latent that is zero passes none.
        of_kept = torch.where(chosen.values > 0, of_kept, 0.0)
        of_bias = torch.zeros_like(encoder[0])
        of_bias.index_add_(0, chosen.indices.flatten(), of_kept.flatten())
        of_encoder = chosen.pairs.sum(of_kept, chosen.x) if ctx.needs_input_grad[0] else None
        if len(chosen.dead):
            of_dead = torch.where(chosen.dead_values > 0, of_dead, 0.0)
            of_bias.index_add_(0, chosen.dead, of_dead.sum(dim=0))
            if of_encoder is not None:
                # Every token has a value of every dead latent, so no pairs are needed: one dense product gives their
                # rows.
                of_encoder.index_add_(0, chosen.dead, of_dead.T @ chosen.x)
        # The centre enters each pre-activation as minus itself times the encoder's column; summed over tokens, that is
        # the gradient of the bias.
        of_centre = -(encoder @ of_bias) if ctx.needs_input_grad[2] else None
        return None if of_encoder is None else of_encoder.T, of_bias, of_centre, None


class _DecoderGradient(torch.autograd.Function):
    """Pass a reconstruction on and give the decoder its gradient; the values' is embedding_bag's own."""

    @staticmethod
    def forward(
        ctx: Any,
        reconstruction: torch.Tensor,
        decoder: torch.Tensor,  # noqa: ARG004 (named for its gradient)
        values: torch.Tensor,
        pairs: _Pairs,
    ) -> torch.Tensor:
        ctx.save_for_backward(values)
        ctx.pairs = pairs
        return reconstruction.view_as(reconstruction)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_rows: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (values,) = ctx.saved_tensors
        return of_rows, ctx.pairs.sum(values, of_rows.contiguous()) if ctx.needs_input_grad[1] else None, None, None


@dataclass(frozen=True)
class _Chosen:
    """What the encoder gives, without a gradient yet."""

    x: torch.Tensor
    """(tokens, d_in) centred inputs."""
    values: torch.Tensor
    """(tokens, k) rectified."""
    indices: torch.Tensor
    pairs: _Pairs
    dead: torch.Tensor
    """(dead,) numbers of the latents that AuxK may use."""
    dead_values: torch.Tensor
    """(tokens, dead) rectified."""


def _chosen(
    x: torch.Tensor, encoder: torch.Tensor, bias: torch.Tensor, centre: torch.Tensor | None, k: int, dead: torch.Tensor
) -> _Chosen:
    with torch.no_grad():
        x = x if centre is None else x - centre
        d_sae = encoder.shape[1]
        # Rounded up; a block has one token at least.
        blocks = -(-len(x) * d_sae // BLOCK_VALUES)
        values, indices, of_dead = [], [], []
        for rows in x.tensor_split(min(blocks, len(x))):
            block = torch.addmm(bias, rows, encoder)
            indices.append(largest(block, k))
            values.append(block.gather(1, indices[-1]).relu_())
            # Dead latents are picked from the same product before the block is dropped.
            of_dead.append(block.index_select(1, dead).relu_())
        chosen = torch.cat(indices)
        return _Chosen(x, torch.cat(values), chosen, _Pairs.of(chosen, d_sae), dead, torch.cat(of_dead))


def largest(values: torch.Tensor, k: int) -> torch.Tensor:
    """Return the places of the k largest values of each row, (rows, k), in no particular order.

    The k largest lie in the k groups with the largest maxima, so groups are chosen first: taking maxima runs at the
    speed of memory, choosing does not. Groups of 4 halve the time from 1,536 values on (k = 32).
    """
    width = values.shape[1]
    if width < 16 * k or width % 4:
        return values.topk(k, dim=1, sorted=False).indices
    groups = width // 4
    # Group g is made of the places g, g + groups, g + 2 groups and g + 3 groups: its maximum is taken over four
    # contiguous stretches.
    best = largest(values.view(-1, 4, groups).amax(dim=1), k)
    members = (best.unsqueeze(1) + torch.arange(0, width, groups).unsqueeze(1)).flatten(1)
    return members.gather(1, values.gather(1, members).topk(k, dim=1, sorted=False).indices)


def _decoded(values: torch.Tensor, indices: torch.Tensor, decoder: torch.Tensor, pairs: _Pairs) -> torch.Tensor:
    """Return the sum of values times decoder rows, (tokens, d_out), with gradients for values and decoder."""
    # Detached, because the decoder's gradient comes from `_DecoderGradient`, in a fixed order of tokens.
    rows = functional.embedding_bag(indices, decoder.detach(), mode="sum", per_sample_weights=values)
    decoded: torch.Tensor = _DecoderGradient.apply(rows, decoder, values.detach(), pairs)  # type: ignore[no-untyped-call]
    return decoded


def topk_error(
    parameters: Mapping[str, torch.Tensor],
    batch: Batch,
    k: int,
    auxiliary_k: int,
    *,
    centred: bool,
    added: torch.Tensor | None = None,
) -> tuple[torch.Tensor, tuple[Term, ...], KeptLatents]:
    """Return TopK's squared error, its AuxK term where there is one, and the latents: as the dense formulas do.

    Args:
        parameters: W_enc, b_enc, W_dec, b_dec, with an axis of one seed or without.
        batch: inputs, targets and dead latents, likewise.
        k: latents kept per token.
        auxiliary_k: dead latents that reconstruct the error, per token.
        centred: b_dec is taken off the input before encoding.
        added: (..., tokens, d_out) to add to the reconstruction, such as a transcoder's skip.
    """
    one = {name: parameters[name] for name in ("W_enc", "b_enc", "W_dec", "b_dec")}
    x, target, dead = batch.x, batch.target, batch.dead
    stacked = x.ndim == 3
    # An axis of one seed is taken off here and put back on what is returned.
    if stacked:
        one = {name: value.squeeze(0) for name, value in one.items()}
        x, target, dead = x.squeeze(0), target.squeeze(0), dead.squeeze(0)
        added = None if added is None else added.squeeze(0)
    takes_part = batch.auxiliary_coefficient > 0 and auxiliary_k > 0
    # Without AuxK no latent counts as dead, and nothing is gathered for it.
    numbers = dead.nonzero().squeeze(1) if takes_part else torch.empty(0, dtype=torch.long)
    centre = one["b_dec"] if centred else None
    chosen = _chosen(x, one["W_enc"], one["b_enc"], centre, k, numbers)
    values, dead_values = _EncoderGradient.apply(one["W_enc"], one["b_enc"], centre, chosen)  # type: ignore[no-untyped-call]
    reconstruction = _decoded(values, chosen.indices, one["W_dec"], chosen.pairs) + one["b_dec"]
    missing = target - (reconstruction if added is None else reconstruction + added)
    error = missing.square().sum(dim=-1).mean()
    terms: tuple[Term, ...] = ()
    if len(numbers):
        restored = _restored(dead_values, numbers, one["W_dec"], min(auxiliary_k, len(numbers)))
        # The error is a target here and not a way to change the live latents.
        missed = (missing.detach() - restored).square().sum(dim=-1).mean()
        terms = (Term("auxk", batch.auxiliary_coefficient, missed.unsqueeze(0) if stacked else missed),)
    kept = KeptLatents(values.detach(), chosen.indices, one["W_dec"].shape[0])
    if stacked:
        kept = KeptLatents(kept.values.unsqueeze(0), kept.indices.unsqueeze(0), kept.d_sae)
    return error.unsqueeze(0) if stacked else error, terms, kept


def _restored(dead_values: torch.Tensor, dead: torch.Tensor, decoder: torch.Tensor, auxiliary_k: int) -> torch.Tensor:
    """Return the largest dead latents' reconstruction of the error, (tokens, d_out)."""
    if len(dead) == auxiliary_k:
        return dead_values @ decoder[dead]
    kept = largest(dead_values.detach(), auxiliary_k)
    values = dead_values.gather(1, kept)
    # Few more than take part: a dense product with zeros in it is as quick as gathering.
    if len(dead) <= DEAD_PER_KEPT * auxiliary_k:
        return torch.zeros_like(dead_values).scatter(1, kept, values) @ decoder[dead]
    return _decoded(values, dead[kept], decoder, _Pairs.of(dead[kept], len(decoder)))
