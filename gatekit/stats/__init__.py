"""Estimates and one-sided bounds from raw observations, one function per design; no numpy, no scipy."""

from gatekit.stats.binomial import MOST_TRIALS, exact_bounds, with_counting_error
from gatekit.stats.control_draws import with_control_draws
from gatekit.stats.crossed import crossed
from gatekit.stats.interval import Interval, reported, selection_confidence
from gatekit.stats.noncentral_t import noncentral_t_cdf, noncentrality
from gatekit.stats.per_seed import per_seed, per_seed_two_groups
from gatekit.stats.per_seed_pair import per_seed_pair, per_seed_pair_two_groups
from gatekit.stats.planning import SeedsNeeded, minimum_detectable, power_with, seeds_needed, true_power_range
from gatekit.stats.ratio import ratio_of_means
from gatekit.stats.student_t import t_cdf, t_quantile
from gatekit.stats.worsening import largest_safe_deviation, lower_after_worsening

__all__ = [
    "MOST_TRIALS",
    "Interval",
    "SeedsNeeded",
    "crossed",
    "exact_bounds",
    "largest_safe_deviation",
    "lower_after_worsening",
    "minimum_detectable",
    "noncentral_t_cdf",
    "noncentrality",
    "per_seed",
    "per_seed_pair",
    "per_seed_pair_two_groups",
    "per_seed_two_groups",
    "power_with",
    "ratio_of_means",
    "reported",
    "seeds_needed",
    "selection_confidence",
    "t_cdf",
    "t_quantile",
    "true_power_range",
    "with_control_draws",
    "with_counting_error",
]
