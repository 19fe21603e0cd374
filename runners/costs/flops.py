"""Floating-point operations of a training step and of a model's forward pass, by formula.

An addition and a multiplication count as two, as torch's own `FlopCounterMode` counts them; what is not a product of
matrices (activation functions, choosing the largest, the optimiser) is left out here and counted as memory traffic.
`tests/runners/test_costs.py` compares every formula with that counter at small size.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.registry import IN_PARTS

PRODUCTS: dict[str, Callable[[ArchitecturePlan], int]] = {
    # Forward: encode, decode. Backward: the gradients of latents, decoder and encoder.
    "topk": lambda _: 5,
    "batch_topk": lambda _: 5,
    "relu": lambda _: 5,
    "jump_relu": lambda _: 5,
    # All prefixes together decode every latent once.
    "matryoshka": lambda _: 5,
    # The gate's own path is decoded once more, through a decoder that gets no gradient from it.
    "gated": lambda _: 7,
    # A decoding with both its gradients for each level.
    "hierarchical_topk": lambda plan: 2 + 3 * len(plan.levels or ()),
}
"""Architecture -> products of tokens x d_in x d_sae in one dense step, forward and backward; in parts as many."""
REVIVING = 3
"""Further products while a latent is dead, where AuxK has a weight: it decodes once more, with both gradients."""
CENTRE = 3
"""Products of a vector with the encoder: b_dec is taken off the input through it, with both gradients."""
SPARSE_SUMS = 4
"""Sums over kept latents in the sparse step of one CPU: decoding, and the gradients of latents, decoder, encoder."""


def training_step_flops(
    plan: ArchitecturePlan, d_in: int, batch_tokens: int, *, reviving: bool = False, sparse: bool = False
) -> int | None:
    """Return the operations of one step of one seed: 2 d F (P B + 3 N) for P products; None without a formula.

    With B tokens in N parts (one where the SAE is not trained in parts), d dimensions, F latents and k of them kept:

        dense     2 d F (P B + 3 N),  P = 5 of TopK (8 while AuxK revives latents)
        sparse    2 d F B + 4 x 2 B k d     (runners.saes.sparse_topk: on a CPU, one seed, F >= 8 k)

    Args:
        plan: of the SAE.
        d_in: width of its input.
        batch_tokens: of a step.
        reviving: whether some latent is dead, so that AuxK takes part.
        sparse: count the sparse step; of its sums torch's counter sees none.
    """
    architecture = plan.architecture.removesuffix(IN_PARTS)
    if architecture not in PRODUCTS or plan.control is not None:
        return None
    one = 2 * d_in * plan.width
    revives = reviving and bool(plan.auxiliary_k)
    if sparse and architecture == "topk":
        kept = (plan.k or 0) + (min(plan.auxiliary_k or 0, plan.width) if revives else 0)
        return one * batch_tokens + SPARSE_SUMS * 2 * batch_tokens * kept * d_in
    products = PRODUCTS[architecture](plan) + (REVIVING if revives else 0)
    return one * (products * batch_tokens + CENTRE * (plan.parts or 1))


def forward_flops(matrix_parameters: int, layers: int, width: int, texts: int, context: int) -> int:
    """Return the operations of a transformer's forward pass over texts of equal length, up to its last counted layer.

    Every weight of a matrix is used once a token, 2 N operations, and attention compares each token with every other of
    its text and mixes their values, 4 T w a token and layer, causal or not:

        texts T (2 N + 4 T w L)

    Args:
        matrix_parameters: N, in the matrices of the L layers, embeddings left out.
        layers: L, that are computed.
        width: w, heads times the width of a head.
        texts: that are read.
        context: T, tokens of each, padding included.
    """
    return texts * context * (2 * matrix_parameters + 4 * context * width * layers)


def parameters_of(plan: ArchitecturePlan, d_in: int) -> int:
    """Return the number of parameters of one SAE, by its architecture's own shapes (imports torch)."""
    return sum(math.prod(shape) for shape in plan.build(d_in).shapes().values())
