"""The noncentral t distribution: what power and detectable effects are made of.

T = (Z + nc) / S with Z standard normal and S^2 = chi-square(df) / df, so P(T <= t) is the mean of Phi(t S - nc) over S.
In w = log S the weight is proportional to exp(df (w - (e^{2w} - 1) / 2)), smooth and single-peaked at 0 for every df.
It is integrated by Gauss-Legendre panels that are halved until they agree, and divided by its own integral, so that no
gamma function, and no cancellation at large df, enters.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import lru_cache

from gatekit.errors import GatekitError
from gatekit.stats.roots import root_of_decreasing

_NODES = 20
_TOLERANCE = 1e-15
_NEGLIGIBLE = 60.0
"""Weights below exp(-60) of the largest are left out."""
_FLAT = 9.0
"""Phi is 0 or 1 to within 1e-19 beyond this many standard deviations."""


def noncentral_t_cdf(t: float, df: float, nc: float) -> float:
    """Return P(T <= t) for noncentral t with `df` > 0 degrees of freedom and noncentrality `nc`.

    Raises:
        GatekitError: an argument is not finite or df is not positive.
    """
    if not (math.isfinite(t) and math.isfinite(df) and math.isfinite(nc)):
        raise GatekitError("stats.non_finite", f"the noncentral t distribution needs finite numbers: {t}, {df}, {nc}")
    if not df > 0.0:
        raise GatekitError("stats.degrees_of_freedom", f"degrees of freedom must be positive, not {df!r}")
    # Panels start at the places where the integrand changes: its support, the peak of the weight at w = 0, and where
    # Phi(t e^w - nc) leaves 0, is 1/2 and reaches 1. A panel that holds a whole step would miss it.
    low, high = _support(df)
    cuts = [low, high]
    if t != 0.0:
        for edge in (-_FLAT, 0.0, _FLAT):
            scale = (nc + edge) / t
            if scale > 0.0 and low < math.log(scale) < high:
                cuts.append(math.log(scale))
    cuts.append(0.0)

    # Phi(x) = erfc(-x / sqrt 2) / 2: exact also where Phi is tiny, as 1 - erf(...) is not.
    def integrand(w: float) -> float:
        return _weight(w, df) * 0.5 * math.erfc((nc - t * math.exp(w)) * math.sqrt(0.5))

    return min(1.0, _integrate_pieces(integrand, sorted(set(cuts))) / _total_weight(df))


def noncentrality(t: float, df: float, p: float) -> float:
    """Return the nc with P(T <= t) = p: `noncentral_t_cdf` solved for its last argument.

    Raises:
        GatekitError: p is outside (0, 1), or as for `noncentral_t_cdf`.
    """
    if not 0.0 < p < 1.0:
        raise GatekitError("stats.probability", f"a noncentrality needs a probability between 0 and 1, not {p!r}")
    # The distribution function falls from 1 to 0 as nc grows, and is near 1/2 at nc = t. From there a bracket is grown,
    # by steps that double: downwards until P(T <= t) is at least p, then upwards until it is at most p.
    width = 1.0
    low = high = t
    while noncentral_t_cdf(t, df, low) < p:
        high, low, width = low, low - width, 2.0 * width
    width = 1.0
    while noncentral_t_cdf(t, df, high) > p:
        low, high, width = max(low, high), high + width, 2.0 * width
    return root_of_decreasing(lambda nc: noncentral_t_cdf(t, df, nc) - p, low, high)


def _weight(w: float, df: float) -> float:
    return math.exp(_log_weight(w, df))


@lru_cache(maxsize=256)
def _support(df: float) -> tuple[float, float]:
    """Return the interval of w outside of which the weight is negligible."""

    def edge(direction: float) -> float:
        # Away from the peak the weight only falls: step out until it is negligible, then halve back to the edge. The
        # outer end is returned, so that nothing that counts is cut off.
        far = direction
        while _log_weight(far, df) > -_NEGLIGIBLE:
            far *= 2.0
        near = 0.0
        for _ in range(60):
            middle = 0.5 * (near + far)
            if _log_weight(middle, df) > -_NEGLIGIBLE:
                near = middle
            else:
                far = middle
        return far

    return edge(-1.0), edge(1.0)


def _log_weight(w: float, df: float) -> float:
    # expm1 keeps the difference of two nearly equal numbers exact near the peak at w = 0.
    return df * (w - 0.5 * math.expm1(2.0 * w))


@lru_cache(maxsize=256)
def _total_weight(df: float) -> float:
    low, high = _support(df)
    return _integrate_pieces(lambda w: _weight(w, df), [low, 0.0, high])


def _integrate_pieces(function: Callable[[float], float], cuts: list[float]) -> float:
    # One rule per piece first: their sum is the scale that the error of every piece is measured against.
    pieces = list(itertools.pairwise(cuts))
    firsts = [_gauss(function, low, high) for low, high in pieces]
    scale = max(math.fsum(firsts), 1e-300)
    return math.fsum(
        _refined(function, low, high, first, scale, depth=40) for (low, high), first in zip(pieces, firsts, strict=True)
    )


def _refined(
    function: Callable[[float], float], low: float, high: float, whole: float, scale: float, depth: int
) -> float:
    """Return the integral, halving the panel until both halves together agree with it to 1e-15 of `scale`."""
    middle = 0.5 * (low + high)
    left, right = _gauss(function, low, middle), _gauss(function, middle, high)
    if depth == 0 or abs(left + right - whole) <= _TOLERANCE * scale:
        return left + right
    return _refined(function, low, middle, left, scale, depth - 1) + _refined(
        function, middle, high, right, scale, depth - 1
    )


def _gauss(function: Callable[[float], float], low: float, high: float) -> float:
    # The rule is symmetric: each positive node stands for itself and for its mirror image.
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    return half * math.fsum(
        weight * (function(centre - half * node) + function(centre + half * node)) for node, weight in _legendre()
    )


@lru_cache(maxsize=1)
def _legendre() -> tuple[tuple[float, float], ...]:
    """Return the positive nodes of the 20-point Gauss-Legendre rule with their weights."""
    # The nodes are the roots of the Legendre polynomial of degree 20, found by Newton's method.
    rule = []
    for index in range(_NODES // 2):
        # A classical first guess, near enough that Newton's method finds the root number `index` from above.
        x = math.cos(math.pi * (index + 0.75) / (_NODES + 0.5))
        slope = 1.0
        for _ in range(50):
            # Bonnet's recursion, degree by degree: k P_k = (2k - 1) x P_(k-1) - (k - 1) P_(k-2).
            value, before = x, 1.0
            for degree in range(2, _NODES + 1):
                value, before = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree, value
            # The derivative from the last two degrees: (x^2 - 1) P_n' = n (x P_n - P_(n-1)).
            slope = _NODES * (x * value - before) / (x * x - 1.0)
            step = value / slope
            x -= step
            if abs(step) < 1e-16:
                break
        rule.append((x, 2.0 / ((1.0 - x * x) * slope * slope)))
    return tuple(rule)
