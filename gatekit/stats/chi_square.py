"""Quantiles of the chi-square distribution, in plain floats: how far an estimated spread is from the true one."""

from __future__ import annotations

import math

from gatekit.errors import GatekitError
from gatekit.stats.roots import root_of_decreasing

_LARGE_DF = 400.0
"""From here on the cube-root transformation is exact to five digits, and the series needs too many terms."""


def chi_square_quantile(p: float, df: float) -> float:
    """Return x with P(chi2 <= x) = p, by the series of the incomplete gamma function.

    Raises:
        GatekitError: p is not between 0 and 1, or df is not positive.
    """
    if not (0.0 < p < 1.0 and 0.0 < df < math.inf):
        raise GatekitError("stats.probability", f"no quantile at probability {p!r} and {df!r} degrees of freedom")
    if df > _LARGE_DF:
        from statistics import NormalDist

        # Wilson and Hilferty (1931): the cube root of chi2 / df is nearly normal.
        step = 2.0 / (9.0 * df)
        return df * (1.0 - step + NormalDist().inv_cdf(p) * math.sqrt(step)) ** 3
    return root_of_decreasing(lambda x: p - _cdf(x, df), 0.0, df + 12.0 * math.sqrt(2.0 * df) + 60.0, 1e-12)


def _cdf(x: float, df: float) -> float:
    if x <= 0.0:
        return 0.0
    a, half = 0.5 * df, 0.5 * x
    term = total = 1.0
    for n in range(1, 10_000):
        term *= half / (a + n)
        total += term
        if term < total * 1e-17:
            break
    return min(1.0, total * math.exp(a * math.log(half) - half - math.lgamma(a + 1.0)))
