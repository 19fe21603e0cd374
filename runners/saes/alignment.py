"""Training an SAE toward a reference: the architecture's own loss, and a term that draws its decoder to another's.

With unit decoder rows d_i, unit reference rows r_j, lambda = `weight` and d_in the width of the inputs:

| version | term added to the loss, in squared scaled units |
|---|---|
| v1 | lambda d_in (1 - mean_i max_j |<d_i, r_j>|): every latent toward its nearest in the reference, not one to one |
| v2 | lambda d_in (1 - mean_i <d_i, r_pi(i)>): one to one, signed; pi is Hungarian and held between its updates |

Scaled inputs have a mean norm of sqrt(d_in), so lambda is a share of their mean square: at lambda = 0.1 a decoder that
is orthogonal to its reference costs as much as a tenth of the inputs' mean square left unexplained. Gradients reach the
decoder only; neither the reference nor the choice of a row's partner has one.

Two SAEs that were drawn to one reference agree because of it. Their agreement says nothing about the model; only SAEs
that share no reference can show by agreeing that they found the same latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import ClassVar, Literal

import torch
from scipy.optimize import linear_sum_assignment

from runners.saes.architecture import Architecture, Batch, Objective, Parameters, Shapes, Term
from runners.saes.kept_latents import Latents

AlignmentVersion = Literal["v1", "v2"]

REFERENCE = "W_ref"
"""Parameter that holds the reference's decoder rows; under v2 each in the place of the latent it is assigned to."""
STEPS = "alignment_steps"
"""Parameter that counts steps, so that the assignment is solved anew at every `update_interval`-th."""


@dataclass(frozen=True)
class Aligned:
    """Another architecture, trained toward a reference decoder of the same shape."""

    name: ClassVar[str] = "aligned"

    base: Architecture
    version: AlignmentVersion
    weight: float
    """lambda; 0 leaves the term out, and training is the architecture's own to the bit."""
    update_interval: int
    """Steps between two solutions of v2's assignment."""
    reference_sha256: str
    """Of the checkpoint whose decoder is the reference."""
    from_reference: bool = False
    """Whether decoder and encoder start as the reference's decoder and its transpose: for a control that copies."""
    reference: InitVar[torch.Tensor | None] = None
    """(d_sae, d_out) unit rows; no field, because a checkpoint names it by digest and holds it as a parameter."""

    def __post_init__(self, reference: torch.Tensor | None) -> None:
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"weight={self.weight} is not finite and at least 0")
        if self.update_interval < 1:
            raise ValueError(f"update_interval={self.update_interval} is less than one step")
        if reference is not None and tuple(reference.shape) != self.base.shapes()["W_dec"]:
            raise ValueError(f"a reference of shape {tuple(reference.shape)} for {self.base.shapes()['W_dec']} rows")
        # Set past the frozen dataclass: the rows are no field, so equality and description know the digest alone.
        object.__setattr__(self, "_rows", None if reference is None else unit(reference.detach().cpu().float()))

    @property
    def d_in(self) -> int:
        """Width of an input."""
        return self.base.d_in

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.base.d_sae

    @property
    def frozen(self) -> frozenset[str]:
        """Names of parameters that the optimizer leaves alone."""
        return self.base.frozen | {REFERENCE, STEPS}

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        shapes = self.base.shapes()
        return {**shapes, REFERENCE: shapes["W_dec"], STEPS: ()}

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE as its architecture does, beside the reference, which under v2 is assigned at once.

        An architecture that was read from a checkpoint does not hold the reference as it was before training. Its rows,
        and what starts from them, are NaN then, with which nothing can be trained unnoticed.
        """
        parameters = self.base.initial(generator, b_dec)
        held: torch.Tensor | None = self._rows  # type: ignore[attr-defined]
        rows = torch.full_like(parameters["W_dec"], torch.nan) if held is None else held.clone()
        if self.from_reference:
            parameters["W_dec"] = rows.clone()
            # An encoder of another shape, such as a transcoder's, cannot be the transpose and keeps its own start.
            if parameters["W_enc"].shape == rows.T.shape:
                parameters["W_enc"] = rows.T.contiguous()
        parameters[REFERENCE] = rows
        parameters[STEPS] = torch.zeros(())
        if self._assigns and held is not None:
            assign(parameters["W_dec"], parameters[REFERENCE])
        return parameters

    @property
    def _assigns(self) -> bool:
        return self.version == "v2" and self.weight > 0

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return the latents, (..., tokens, d_sae)."""
        return self.base.encode(parameters, x)

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_out), and the latents that they are made of."""
        return self.base.reconstruct(parameters, x)

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return the architecture's own loss and the alignment term."""
        own = self.base.objective(parameters, batch)
        # Left out and not added as zero, so that training has the bits of the architecture's own.
        if self.weight == 0:
            return own
        agreement = nearest_cosine if self.version == "v1" else matched_cosine
        missing = 1.0 - agreement(parameters["W_dec"], parameters[REFERENCE])
        term = Term("alignment", self.weight, self.d_in * missing)
        return Objective(own.error, (*own.terms, term), own.latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:
        """Do what the architecture does, and at every `update_interval`-th step assign the reference anew."""
        self.base.after_step(parameters, latents)
        if not self._assigns:
            return
        parameters[STEPS].add_(1)
        # Seeds that are trained together have taken equally many steps; the largest stands for all.
        if int(parameters[STEPS].max()) % self.update_interval == 0:
            assign(parameters["W_dec"], parameters[REFERENCE])


def unit(rows: torch.Tensor) -> torch.Tensor:
    """Return rows divided by their norm."""
    norms: torch.Tensor = rows.norm(dim=-1, keepdim=True)
    return rows / norms


def nearest_cosine(decoder: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Return v1's mean_i max_j |<d_i, r_j>|, (...,), of (..., rows, width) each; the choice of j has no gradient."""
    rows = unit(decoder)
    with torch.no_grad():
        cosines = rows @ reference.mT
        nearest = cosines.abs().argmax(dim=-1, keepdim=True)
        partners = reference.gather(-2, nearest.expand(*nearest.shape[:-1], reference.shape[-1]))
    # The sign is free in v1: a latent may also come to point the opposite way.
    return (rows * partners).sum(dim=-1).abs().mean(dim=-1)


def matched_cosine(decoder: torch.Tensor, assigned: torch.Tensor) -> torch.Tensor:
    """Return v2's mean_i <d_i, r_pi(i)>, (...,), of decoder rows and the reference rows in their order."""
    return (unit(decoder) * assigned).sum(dim=-1).mean(dim=-1)


def assign(decoder: torch.Tensor, reference: torch.Tensor) -> None:
    """Put reference rows into the order that maximises the sum of signed cosines with the decoder's, in place.

    Args:
        decoder: (..., rows, width).
        reference: the same shape; unit rows, in any order.
    """
    with torch.no_grad():
        # In float64 on the CPU, where the solver works; every seed is a problem of its own.
        cosines = (unit(decoder).double() @ reference.double().mT).cpu().numpy()
        flat = cosines.reshape(-1, *cosines.shape[-2:])
        # Rows come back in increasing order, so the columns are the order asked for.
        orders = [torch.from_numpy(linear_sum_assignment(-each)[1]) for each in flat]
        order = torch.stack(orders).view(*reference.shape[:-1], 1).to(reference.device)
        reference.copy_(reference.gather(-2, order.expand_as(reference)))
