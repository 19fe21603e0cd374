"""A control that was drawn several times: what the bound of a paired difference owes to the draws of the control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gatekit.stats.columns import checked_values, mean, sum_of_squares
from gatekit.stats.interval import Interval, bounded, bounded_two_sources
from gatekit.stats.student_t import t_quantile


def with_control_draws(found: Interval, means: Sequence[float], name: str) -> Interval:
    """Return the bounds of a difference to the mean of several controls, for new seeds and for new controls.

    Under y_ir = mu + a_i + m_r + e_ir (seed i, control r) the mean over n seeds and R controls has variance
    V(a)/n + V(m)/R + V(e)/(nR). The bound over seeds, of differences to the mean of the controls, knows the first and
    the last of these; the variance of the controls' means over R the second and the last. Both margins together, each
    at its own degrees of freedom, are Banerjee's (1960) bound, as for seeds and datasets (`stats.crossed`): the
    residual counts twice, which keeps the coverage at few draws. What widens the first on one side, as Johnson's shift
    over datasets does, stays in it: further controls never narrow a bound.

    Args:
        found: bounds over seeds, of values less the mean of the controls for the same key.
        means: (R,) mean of each control over all keys.
        name: of one control, for reports.

    Returns:
        No bounds for one control: nothing says how another would differ.

    Raises:
        GatekitError: a mean is not a finite number.
    """
    column = checked_values("control", means)
    count, several = len(column), f"{len(column)} {name}s"
    common = {"n_seeds": found.n_seeds, "n_observations": found.n_observations}
    if count < 2:
        method = f"one {name}, no bound"
        return bounded(found.estimate, None, None, found.confidence, method=method, **common)
    if found.standard_error is None or found.df is None:
        return found
    variance = sum_of_squares(column, mean(column)) / (count - 1) / count
    both = bounded_two_sources(
        found.estimate,
        (found.standard_error**2, variance),
        (found.df, count - 1.0),
        found.confidence,
        method=f"{found.method}, and {several}",
        **common,
    )
    if both.lower is None or both.upper is None or found.lower is None or found.upper is None:
        return both
    # Standard error and degrees of freedom are those without a shift, so each side is taken from its own bound.
    margin = t_quantile(found.confidence, count - 1.0) * math.sqrt(variance)
    lower = found.estimate - math.hypot(found.estimate - found.lower, margin)
    upper = found.estimate + math.hypot(found.upper - found.estimate, margin)
    return replace(both, lower=min(both.lower, lower), upper=max(both.upper, upper))
