"""Student's t distribution for real degrees of freedom, in plain floats.

The gate must start in a tenth of a second, which importing scipy alone would use up; the tests compare these functions
with scipy over a wide grid. The tail is an incomplete beta function by a continued fraction, the quantile a Newton
iteration on the logarithm of the tail, kept inside a bracket.
"""

from __future__ import annotations

import math
from functools import lru_cache

from gatekit.errors import GatekitError

_TINY = 1e-300
_MAX_TERMS = 20_000


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """Return t with P(T <= t) = p.

    Args:
        p: probability, 0 < p < 1.
        df: degrees of freedom, any real number > 0; infinity gives the normal quantile.

    Raises:
        GatekitError: p or df is outside its range.
    """
    _check_df(df)
    if not 0.0 < p < 1.0:
        raise GatekitError("stats.probability", f"a quantile needs a probability between 0 and 1, not {p!r}")
    if p == 0.5:
        return 0.0
    # The smaller of the two areas is the one known to full relative precision.
    upper_tail = min(p, 1.0 - p)
    # Far out the tail is small and precise; near the middle the area between -t and t is.
    if upper_tail < 0.25:
        size = _solve(math.log(upper_tail), df, central=False)
    else:
        size = _solve(math.log(2.0 * abs(p - 0.5)), df, central=True)
    return size if p > 0.5 else -size


def t_cdf(t: float, df: float) -> float:
    """Return P(T <= t) for Student's t with `df` > 0 degrees of freedom.

    Raises:
        GatekitError: t is NaN or df is not positive.
    """
    _check_df(df)
    if math.isnan(t):
        raise GatekitError("stats.non_finite", "the t distribution has no value at NaN")
    if math.isinf(t):
        return 1.0 if t > 0 else 0.0
    tail, _ = _areas(abs(t), df)
    return tail if t < 0 else 1.0 - tail


def _check_df(df: float) -> None:
    if not df > 0.0:
        raise GatekitError("stats.degrees_of_freedom", f"degrees of freedom must be positive, not {df!r}")


def _solve(log_area: float, df: float, *, central: bool) -> float:
    """Return t > 0 whose upper tail (or central area) has the logarithm `log_area`, by Newton in log t.

    In log t the logarithm of a power-law tail is a straight line, so the iteration is quick for one degree of freedom
    and for a million alike.
    """
    # About where exp still gives a double that is neither zero nor infinite.
    low, high = -700.0, 700.0
    log_t = 0.0
    for _ in range(200):
        t = math.exp(log_t)
        tail, middle = _areas(t, df)
        area = middle if central else tail
        # The tail underflowed, so t is far too large.
        if area <= 0.0:
            high, log_t = log_t, 0.5 * (low + log_t)
            continue
        gap = math.log(area) - log_area
        # The central area grows with t and the tail falls, so the same gap means opposite directions.
        if (gap < 0.0) == central:
            low = log_t
        else:
            high = log_t
        density = math.exp(_log_density(t, df))
        # The derivative of log area by log t.
        slope = 2.0 * density * t / area if central else -density * t / area
        step = gap / slope if slope else math.inf
        following = log_t - step
        if not low < following < high:
            # A Newton step that leaves the bracket is replaced by bisection.
            following = 0.5 * (low + high)
        if abs(following - log_t) <= 4e-16 * max(1.0, abs(log_t)):
            return math.exp(following)
        log_t = following
    return math.exp(log_t)


def _areas(t: float, df: float) -> tuple[float, float]:
    """Return (P(T > t), P(-t < T < t)) for finite t >= 0, the smaller of the two to full relative precision."""
    if t == 0.0:
        return 0.5, 0.0
    if math.isinf(df):
        return 0.5 * math.erfc(t / math.sqrt(2.0)), math.erf(t / math.sqrt(2.0))
    a = 0.5 * df
    log_x, log_y = _log_parts(t, df)
    x, y = math.exp(log_x), math.exp(log_y)
    # The logarithm of x^a y^b / B(a, b) with b = 1/2, by which the fraction is multiplied.
    log_front = a * log_x + 0.5 * log_y + _log_gamma_ratio(a) - 0.5 * math.log(math.pi)
    # The fraction converges fast on its own side of the mean of the beta distribution.
    if x < (a + 1.0) / (a + 2.5):
        outside = math.exp(log_front) * _beta_fraction(a, 0.5, x, y)
        return 0.5 * outside, 1.0 - outside
    middle = math.exp(log_front) * _beta_fraction(0.5, a, y, x)
    return 0.5 * (1.0 - middle), middle


def _log_parts(t: float, df: float) -> tuple[float, float]:
    """Return the logarithms of x = df / (df + t^2) and of 1 - x, without forming t^2 where it would overflow."""
    ratio = t / math.sqrt(df)
    if ratio > 1.0:
        rest = math.log1p((1.0 / ratio) ** 2)
        return -2.0 * math.log(ratio) - rest, -rest
    rest = math.log1p(ratio * ratio)
    return -rest, 2.0 * math.log(ratio) - rest


def _log_density(t: float, df: float) -> float:
    if math.isinf(df):
        return -0.5 * (t * t + math.log(2.0 * math.pi))
    log_x, _ = _log_parts(t, df)
    return _log_gamma_ratio(0.5 * df) - 0.5 * math.log(math.pi * df) + 0.5 * (df + 1.0) * log_x


def _log_gamma_ratio(a: float) -> float:
    """Return log(Gamma(a + 1/2) / Gamma(a)).

    For large a the two logarithms are large and nearly equal, so their difference would lose ten digits at a = 5e5;
    the asymptotic series (DLMF 5.11.13) loses none.
    """
    if a < 30.0:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    inverse = 1.0 / a
    square = inverse * inverse
    series = -1.0 / 8.0 + square * (1.0 / 192.0 + square * (-1.0 / 640.0 + square * 17.0 / 14336.0))
    return 0.5 * math.log(a) + inverse * series


def _beta_fraction(a: float, b: float, x: float, y: float) -> float:
    """Return I_x(a, b) B(a, b) / (x^a y^b) by a continued fraction, modified Lentz method.

    This form (Didonato and Morris 1992) takes y = 1 - x as it is known, not as a difference; the more common one
    (DLMF 8.17.22) loses a digit for every factor of ten in df.
    """
    value = c = a * (a * y - b * x + 1.0) / (a + 1.0)
    d = 0.0
    for m in range(1, _MAX_TERMS):
        step = m * (b - m) * x
        numerator = (a + m - 1.0) * (a + b + m - 1.0) * step * x / (a + 2 * m - 1.0) ** 2
        denominator = m + step / (a + 2 * m - 1.0) + (a + m) * (a * y - b * x + 1.0 + m * (2.0 - x)) / (a + 2 * m + 1.0)
        d = denominator + numerator * d
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = denominator + numerator / c
        c = c if abs(c) > _TINY else _TINY
        value *= c * d
        if abs(c * d - 1.0) < 1e-16:
            return 1.0 / value
    raise GatekitError("stats.no_convergence", f"the incomplete beta function did not converge at a={a}, b={b}, x={x}")
