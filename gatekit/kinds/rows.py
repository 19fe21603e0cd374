"""Rows that many kinds have in common, one function per family: name and description differ, the contract does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypedDict, Unpack

from gatekit.kinds.measure_spec import Ceiling, Design, Direction, Divergence, Lattice, MeasureSpec, RatioOf

PW_MCC = "PW-MCC (mean signed cosine of Hungarian-matched decoder rows, Song et al. 2505.20254)"
MMCS = "MMCS (mean over latents of the largest |cosine|, symmetrised; not one-to-one)"
SHAPE_FLOOR = "(score - floor) / (1 - floor), floor = the Gaussian dictionaries' score at the same shape"
LIVE_FLOOR = "the score of as many Gaussian rows as there are live latents"


class More(TypedDict, total=False):
    """What a row may say beside its family: see the fields of `MeasureSpec`."""

    compares: bool
    difference_of: str | None
    structural: bool
    may_be_its_control: bool
    one_candidate: bool
    lattice: Lattice | None
    ceiling: Ceiling | None
    ratio_of: RatioOf
    divergence: Divergence | None


def row(
    name: str,
    description: str,
    unit: str,
    direction: Direction,
    range: tuple[float, float],
    design: Design,
    **more: Unpack[More],
) -> MeasureSpec:
    """Any row; what is a difference of another measure compares."""
    more.setdefault("compares", more.get("difference_of") is not None)
    return MeasureSpec(name, description, unit, direction, range, design, **more)


def with_random_model(measures: Iterable[MeasureSpec], ending: str = "") -> tuple[MeasureSpec, ...]:
    """Say of all that compare and whose name ends so that a re-initialised model can be their control."""
    return tuple(
        replace(spec, on_random_model=True) if spec.compares and spec.name.endswith(ending) else spec
        for spec in measures
    )


def agreement(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """How far the decoders of two seeds agree, or the difference of two such scores."""
    return row(name, description, "cosine", "higher", (-1, 1), "per_seed_pair", **more)


def chance_corrected(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """Agreement of two seeds between chance (0) and identity (1); far below 0 only where the floor is close to 1."""
    unit = "fraction of the way from chance to identity"
    return row(name, description, unit, "higher", (-20, 1), "per_seed_pair", **more)


def latent_share_of_pair(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """A share of the latents of two seeds; all or none may qualify for every pair."""
    return row(name, description, "fraction of latents", "higher", (0, 1), "per_seed_pair", **more)


def r2(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """A reconstruction's R squared: at most 1, and negative without end where it is worse than the mean."""
    more.setdefault("divergence", "below_mean")
    return row(name, description, "fraction of variance", "higher", (-1e6, 1), "per_seed", **more)


def variance_share(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """A share of variance that cannot be negative."""
    return row(name, description, "fraction of variance", "higher", (0, 1), "per_seed", **more)


def l0(
    name: str,
    description: str,
    *,
    difference_of: str | None = None,
    lattice: Lattice | None = "rows",
    ceiling: Ceiling | None = "d_sae",
    may_be_its_control: bool = False,
) -> MeasureSpec:
    """Active latents per token: the same for every seed where k of them always are."""
    return row(
        *(name, description, "latents per token", "lower", (0, 100_000_000), "per_seed"),
        difference_of=difference_of,
        structural=True,
        lattice=lattice,
        ceiling=ceiling,
        may_be_its_control=may_be_its_control,
    )


def dead_fraction(
    name: str, description: str, *, difference_of: str | None = None, lattice: Lattice | None = "d_sae"
) -> MeasureSpec:
    """A share of latents that do nothing: 0 for every seed where all live."""
    return row(
        *(name, description, "fraction of latents", "lower", (0, 1), "per_seed"),
        difference_of=difference_of,
        structural=True,
        lattice=lattice,
        divergence="all_dead",
    )


def probe_score(name: str, unit: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """A probe's score between 0 and 1 on one dataset."""
    return row(name, description, unit, "higher", (0, 1), "per_seed_dataset", **more)
