"""How much of a modular-addition model, and of each latent on it, is made of single frequencies.

Functions on Z_p are sums of cosines and sines of 2 pi k x / p. Over the reals k and p - k are the same two functions,
so the frequencies are k = 1 .. (p - 1) / 2, each with two dimensions, and the constant is none of them. Everything here
takes frequencies in that range, each once: a conjugate, a repetition or the constant is an error. A basis that held a
frequency twice would count it twice when projecting and score a perfect Fourier embedding near zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runners.arrays import Flags, Floats, Integers

FAMILIES = ("a", "b", "a + b")
"""What a latent at "=" may be a function of: one of the numbers, or their sum."""

_LATENTS_PER_CHUNK = 64


def frequencies_of(p: int) -> range:
    """Return the frequencies on Z_p: 1 .. (p - 1) / 2.

    Raises:
        ValueError: p is even, so that one frequency has one dimension and not two, or less than 3.
    """
    if p < 3 or p % 2 == 0:
        raise ValueError(f"the modulus must be odd and at least 3, not {p}")
    return range(1, (p - 1) // 2 + 1)


def fourier_basis(p: int, frequencies: Sequence[int] | None = None) -> Floats:
    """Return cosine and sine of each frequency, (2 * frequencies, p) float64 with orthonormal rows.

    Args:
        p: modulus.
        frequencies: default all of them; the rows are then a basis of all functions of mean zero.

    Raises:
        ValueError: a frequency is not in 1 .. (p - 1) / 2, or is there twice.
    """
    known = frequencies_of(p)
    chosen = list(known if frequencies is None else frequencies)
    outside = [k for k in chosen if k not in known]
    if outside:
        raise ValueError(f"{outside[0]} is no frequency on Z_{p}: they are 1 .. {known[-1]}, conjugates merged")
    if len(set(chosen)) != len(chosen):
        raise ValueError(f"a frequency is there twice: {chosen}")
    angles = 2 * np.pi * np.outer(chosen, np.arange(p)) / p
    # The cosine and sine of one frequency stand next to each other; `frequency_shares` adds them in pairs.
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # On Z_p, p odd, each cosine and each sine has the squared length p / 2.
    basis: Floats = rows.reshape(2 * len(chosen), p) * np.sqrt(2 / p)
    return basis


def frequency_shares(table: Floats) -> Floats:
    """Return each frequency's share of the variance of a table over Z_p, ((p - 1) / 2,), summing to 1.

    Args:
        table: (p, width), row x for the number x; its mean over x is left out.

    Raises:
        ValueError: the table does not vary, is not finite, or p is even.
    """
    if table.ndim != 2:
        raise ValueError(f"a table of shape {table.shape} is not (p, width)")
    free = table.astype(np.float64) - table.astype(np.float64).mean(axis=0)
    # The sum over the table itself, and not over the parts, so that the shares sum to 1 only if the basis is complete.
    total = float(np.square(free).sum())
    if not (np.isfinite(total) and total > 0):
        raise ValueError("the table does not vary or is not finite")
    parts = np.square(fourier_basis(len(table)) @ free).sum(axis=1)
    shares: Floats = parts.reshape(-1, 2).sum(axis=1) / total
    return shares


def projection_r2(table: Floats, frequencies: Sequence[int]) -> float:
    """Return the share of a table's variance, (p, width), that lies in the span of the frequencies: 1 - SSE / SST.

    Raises:
        ValueError: as `frequency_shares` and `fourier_basis`.
    """
    basis = fourier_basis(len(table), frequencies)
    free = table.astype(np.float64) - table.astype(np.float64).mean(axis=0)
    total = float(np.square(free).sum())
    if not (np.isfinite(total) and total > 0):
        raise ValueError("the table does not vary or is not finite")
    # The rows are orthonormal, so projecting takes two products and no least squares.
    return 1.0 - float(np.square(free - basis.T @ (basis @ free)).sum()) / total


def chance_r2(p: int, count: int) -> float:
    """Return the expected `projection_r2` of `count` frequencies chosen without a look at the table.

    Dimensions spanned over dimensions there are, 2 count / (p - 1). Exact for a table with rotation-symmetric columns
    (Gaussian ones), and for any table whose rows are permuted at random: the functions of mean zero are irreducible
    under permutations, so the averaged projection is a multiple of the identity, and its trace is 2 count. Choosing
    the frequencies by the table itself scores more; controls must choose in the same way.
    """
    if not 0 <= count <= len(frequencies_of(p)):
        raise ValueError(f"{count} of {len(frequencies_of(p))} frequencies")
    return 2 * count / (p - 1)


def key_frequencies(shares: Floats, multiple: float) -> tuple[int, ...]:
    """Return the frequencies whose share is at least `multiple` times the mean share, in increasing order.

    Estimated from the model at hand: which frequencies a model uses depends on its seed.
    """
    # The first share is that of frequency 1: the constant has none.
    chosen = np.flatnonzero(shares >= multiple / len(shares)) + 1
    return tuple(int(k) for k in chosen)


def top_frequencies(shares: Floats, count: int) -> tuple[int, ...]:
    """Return the `count` frequencies with the largest shares, in increasing order; of equal ones the lower."""
    order = np.argsort(-shares, kind="stable")[:count] + 1
    return tuple(sorted(int(k) for k in order))


def relabelled(values: Floats, p: int, permutation: Integers) -> Floats:
    """Return a table over numbers, (p, ...), or pairs, (p * p, ...), whose entry for x is the one of permutation[x].

    As a control: what was a function of one number still is, and sparsity and every statistic that knows nothing of
    addition is unchanged; but sums and frequencies mean nothing any more.

    Raises:
        ValueError: the table has neither p nor p * p rows, or `permutation` is none of 0 .. p - 1.
    """
    if sorted(permutation.tolist()) != list(range(p)):
        raise ValueError(f"not a permutation of 0 .. {p - 1}")
    if len(values) not in (p, p * p):
        raise ValueError(f"{len(values)} rows are neither {p} numbers nor {p * p} pairs")
    # For pairs both numbers are relabelled by the same permutation: row a * p + b becomes that of the new a and b.
    rows = permutation if len(values) == p else (permutation[:, None] * p + permutation[None, :]).reshape(-1)
    moved: Floats = values[rows]
    return moved


@dataclass(frozen=True)
class LatentFrequencies:
    """What each latent is made of, over all pairs (a, b)."""

    purity: Floats
    """(latents,) share of the latent's variance on its best frequency: on cosine and sine of k a, k b and k (a + b)
    together, six dimensions of p * p - 1. 1 for a latent of one frequency; 0 for one that does not vary."""
    frequency: Integers
    """(latents,) that frequency, 0 for a latent that does not vary."""
    families: Floats
    """(latents, 3) shares of the variance that are a function of a alone, of b alone, and of a + b alone, all
    frequencies; the rest belongs to other combinations, such as a - b."""
    varies: Flags
    """(latents,) bool."""


def latent_frequencies(values: Floats, p: int) -> LatentFrequencies:
    """Analyse latents as functions of (a, b).

    Args:
        values: (p * p, latents), row a * p + b for the pair (a, b).
        p: modulus.

    Raises:
        ValueError: the rows are not all pairs, or a value is not finite.
    """
    known = np.array(frequencies_of(p))
    if values.ndim != 2 or len(values) != p * p:
        raise ValueError(f"values of shape {values.shape} are not one row for each of the {p * p} pairs")
    if not np.isfinite(values).all():
        raise ValueError("a latent is not finite")
    latents = values.shape[1]
    purity, families = np.zeros(latents), np.zeros((latents, len(FAMILIES)))
    frequency, varies = np.zeros(latents, dtype=np.int64), np.zeros(latents, dtype=bool)
    # A few latents at a time: the complex transform of all would take several times their memory.
    for start in range(0, latents, _LATENTS_PER_CHUNK):
        chunk = slice(start, min(start + _LATENTS_PER_CHUNK, latents))
        table = values[:, chunk].astype(np.float64).reshape(p, p, -1)
        # A latent that has one value everywhere has no variance, only the rounding of its mean.
        varies[chunk] = table.max(axis=(0, 1)) > table.min(axis=(0, 1))
        free = table - table.mean(axis=(0, 1))
        # Divided by p * p, powers sum to the sum of squares (Parseval), so a share cannot exceed 1.
        power = np.square(np.abs(np.fft.fft2(free, axes=(0, 1)))) / (p * p)
        total = np.square(free).sum(axis=(0, 1))
        # Real functions: the coefficients at k and -k have equal power, together that of cosine and sine of k.
        # The coefficient (k, 0) belongs to functions of a alone, (0, k) to b alone, and (k, k) to a + b alone.
        shares = 2 * np.stack([power[known, 0], power[0, known], power[known, known]])
        shares /= np.where(varies[chunk], total, 1.0)
        by_frequency = shares.sum(axis=0)
        best = by_frequency.argmax(axis=0)
        # A share is at most 1; the rounding of two sums is not.
        purity[chunk] = np.where(varies[chunk], np.minimum(by_frequency.max(axis=0), 1.0), 0.0)
        frequency[chunk] = np.where(varies[chunk], known[best], 0)
        families[chunk] = np.where(varies[chunk], shares.sum(axis=1), 0.0).T
    return LatentFrequencies(purity, frequency, families, varies)


def single_frequency(found: LatentFrequencies, cut: float) -> Flags:
    """Return which latents count as single-frequency, (latents,) bool: those with a purity of at least `cut`."""
    chosen: Flags = found.varies & (found.purity >= cut)
    return chosen


def recovered(found: LatentFrequencies, key: Sequence[int], cut: float) -> tuple[int, ...]:
    """Return those of the key frequencies that at least one single-frequency latent stands for, in increasing order."""
    present = set(found.frequency[single_frequency(found, cut)].tolist())
    return tuple(sorted(set(key) & present))
