"""The mean over levels that come in families: datasets cut from one source, rows with stories on one subject.

Levels of one family are near copies, so what is drawn at random is the family. This is the variance of a mean over
clusters (Liang and Zeger 1986, with the factor G / (G - 1) for few of them), at the degrees of freedom that families of
unequal size leave: J^2 / sum n_g^2 is how many families of equal size would count as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.stats.columns import Key, sum_of_squares, total

LEAST_DF = 0.1
"""Nearly all levels in one family: below this, Student's t has no quantile that says anything."""


@dataclass(frozen=True)
class FamilyVariance:
    """Of the mean over all levels."""

    variance: float
    df: float
    parts: tuple[float, ...]
    """(families,) part of each in the error of the mean: the sum of its levels' deviations, over J."""


def family_variance(means: Mapping[Key, float], family_of: Mapping[Key, Key], estimate: float) -> FamilyVariance | None:
    """Return V = G/(G-1) sum_g (sum_{j in g} (b_j - b))^2 / J^2 with df = J^2 / sum n_g^2 - 1.

    For families of one level each it is the squared standard error of the J means, at J - 1 degrees of freedom.

    Args:
        means: level -> its mean over seeds, b_j.
        family_of: level -> its family.
        estimate: the mean over all levels, b.

    Returns:
        None where there is one family, or nearly all levels are in one: it says nothing about another.
    """
    members: dict[Key, list[float]] = {}
    for level, value in means.items():
        members.setdefault(family_of[level], []).append(value)
    count, families = len(means), len(members)
    df = count**2 / sum(len(own) ** 2 for own in members.values()) - 1.0
    if families == 1 or df < LEAST_DF:
        return None
    # Summed exactly and rounded once, so that no order of the file decides a bit.
    sums = [total([*own, *[-estimate] * len(own)]) for own in members.values()]
    variance = families / (families - 1) * sum_of_squares(sums, 0.0) / count**2
    return FamilyVariance(variance, df, tuple(own / count for own in sums))


def family_of_levels(levels: Sequence[Key], families: Sequence[Key], level_name: str) -> dict[Key, Key]:
    """Return level -> family from two columns of equal length.

    Raises:
        GatekitError: a level stands in two families.
    """
    found: dict[Key, Key] = {}
    for level, family in zip(levels, families, strict=True):
        if found.setdefault(level, family) != family:
            raise GatekitError("stats.families", f"the {level_name} {level!r} is in two families")
    return found
