"""A second opinion on `gatekit check`, sharing no code with it: does this evidence pass these policies?

It reads what is published (schemas/, docs/policies.md, section 4 of the design) and decides with other means: numpy for
the spread, scipy's t distribution for the bounds, jackknives by really leaving a seed out. Whatever goes wrong on the
way means that the evidence does not pass.

    passes([Path("policies/p.yaml")], [Path("evidence/a.json")], now)      # True, False, or raises Abstain

It abstains from signatures (`signed_by`), from fallbacks of legacy policies and from subjects named by their digest; it
is given no base branch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import rfc8785
from conformance.verify_input import (
    KEYS,
    LEVELS,
    Abstain,
    Json,
    feasible,
    identity,
    limits,
    need,
    read_policy,
    read_summary,
    refuse_contradictions,
    says_same,
    thresholds,
    time,
)
from scipy import stats

SLACK = 1e-12
"""Rounding: what meets its threshold to within this meets it."""
RATIOS = {"relative_drop": ("auc_drop", "id_auc"), "relative_drop_capped": ("auc_drop_capped", "id_auc")}
"""Means that are divided: the drop, and the AUC above one half."""
MAY_BE_CONSTANT = {"l0", "dead_fraction", "auc_drop_capped", "relative_drop_capped", "flat_pairs"}
MAY_BE_CONSTANT |= {"matched_fraction_above_control"}
"""Of the measures in the cases those that may be equal for every seed."""
TRAINED = {"random_model", "random_sae", "untrained", "matched_sae", "transcoder"}
"""Kinds of baseline of which every seed has its own."""
ONE_CANDIDATE = {"embedding_r2_above_control", "embedding_r2_above_shuffled"}
"""Of one transformer, whatever the seed."""
SKEWED = 10
"""Draws from which on their skewness counts."""
DEFAULTS = {"confidence": 0.95, "min_seeds": 5, "max_age": None, "allow_reported": False, "selected_from": 1}


def passes(policies: Sequence[Path], evidence: Sequence[Path], now: datetime) -> bool:
    """Whether every policy passes on evidence that is sound."""
    try:
        loaded = [read_policy(path, now) for path in policies]
        need(loaded and len({policy["id"] for policy in loaded}) == len(loaded), "policies")
        summaries = [read_summary(path, now) for path in evidence]
        refuse_contradictions(summaries)
        releasing = [policy for policy in loaded if policy.get("purpose") != "stop"]
        return bool(releasing) and all(policy_passes(policy, summaries, now) for policy in releasing)
    except (ValueError, KeyError, TypeError, OSError, RecursionError, AttributeError):
        return False
    except Exception as error:
        if type(error).__module__.startswith(("ruamel", "jsonschema")):
            return False
        raise


def policy_passes(policy: Json, summaries: Sequence[Json], now: datetime) -> bool:
    results = outcomes(policy, summaries, now)
    waived = {waiver["gate"] for waiver in policy.get("waivers", [])}
    counted = [
        results[name]
        for name, gate in policy["gates"].items()
        if gate.get("required", True) and gate.get("level", "enforce") == "enforce" and name not in waived
    ]
    return bool(counted) and all(result == "pass" for result in counted)


def outcomes(policy: Json, summaries: Sequence[Json], now: datetime) -> dict[str, str]:
    """Gate -> pass, fail or inconclusive."""
    if "signed_by" in policy:
        raise Abstain("signatures")
    kinds = {rule["from"] for rule in thresholds(policy)}
    mine = [s for s in summaries if s["kind"] in kinds and is_read(policy, s["place"])]
    mine = [s for s in mine if matches(policy.get("subject", {}), s["subject"])]
    lost = {c["sha256"] for s in summaries if diverged(s) for c in s["subject"]["checkpoints"]}
    several = policy.get("one_subject", True) and len({identity(s["subject"]) for s in mine}) > 1
    several = several or (not policy.get("legacy") and two_names([s["subject"]["model"] for s in mine]))

    def judge(rule: Json, alternatives: int = 1) -> str:
        if "first_of" in rule:
            raise Abstain("a fallback")
        parts = rule.get("all_of", rule.get("any_of"))
        if parts is None:
            return "inconclusive" if several else threshold(rule, policy, mine, now, alternatives, lost)
        paid = alternatives * len(parts) if "any_of" in rule and not policy.get("legacy") else alternatives
        found = [judge(part, paid) for part in parts]
        decisive, other = ("fail", "pass") if "all_of" in rule else ("pass", "fail")
        return decisive if decisive in found else "inconclusive" if "inconclusive" in found else other

    return {name: judge(gate) for name, gate in policy["gates"].items()}


def is_read(policy: Json, place: str) -> bool:
    named = policy.get("evidence", "evidence")
    return any(
        f"{place}/".startswith(path.rstrip("/") + "/") for path in ([named] if isinstance(named, str) else named)
    )


def two_names(models: Sequence[Json]) -> bool:
    """Whether one digest has the names of two models, folders, case and punctuation aside."""
    plain = {(m["digest"], re.sub(r"[\W_]", "", re.split(r"[/\\]", m["name"])[-1].casefold())) for m in models}
    digests = [digest for digest, _ in plain if digest]
    return len(digests) > len(set(digests))


def matches(wanted: Json, subject: Json) -> bool:
    digest = sha256(identity(subject)).hexdigest()
    there = {**subject, "model": subject["model"]["name"], "model_digest": subject["model"]["digest"]}
    asked = {key: value for key, value in wanted.items() if key != "digest"}
    if "digest" in wanted and subject["model"]["digest"]:
        raise Abstain(f"a subject named by gatekit's digest {digest[:12]}")
    return all(there[key] == value for key, value in asked.items())


def threshold(
    rule: Json, policy: Json, summaries: Sequence[Json], now: datetime, alternatives: int, lost: set[str]
) -> str:
    above, below = RATIOS.get(rule["measure"], (rule["measure"], rule["measure"]))
    usable = [s for s in summaries if s["kind"] == rule["from"] and {above, below} <= set(s["measurements"])]
    usable = [s for s in usable if s["protocol"]["name"] == rule.get("protocol", s["protocol"]["name"])]
    if len({(identity(s["subject"]), rfc8785.dumps(s["protocol"])) for s in usable}) != 1:
        return "inconclusive"
    if "not_worse_than" in rule:
        return "inconclusive"  # nobody gave a base branch
    setting = DEFAULTS | policy.get("defaults", {}) | rule
    summary = max(usable, key=lambda s: s["producer"]["finished"])
    measurement, protocol = summary["measurements"][above], summary["protocol"]
    divisor = summary["measurements"][below] if below != above else None
    if setting["max_age"]:
        hours = int(setting["max_age"][:-1]) * {"h": 1, "d": 24, "w": 168}[setting["max_age"][-1]]
        if now - time(summary["producer"]["finished"]) > timedelta(hours=hours):
            return "inconclusive"
    reused = set(protocol["selection"]["seeds"]) & set(protocol["seeds"]) or not protocol["seeds"]
    # What was chosen on the same datasets pays too where the bound speaks of others.
    level, over = LEVELS.get(measurement["design"]), setting.get("generalize_over", ())
    reused = reused or (level in (over or (level,)) and level is not None and not apart(protocol))
    candidates = max(setting["selected_from"], protocol["selection"]["candidates"] if reused else 1)
    confidence = 1 - (1 - setting["confidence"]) / candidates / alternatives
    constant = False
    if measurement["design"] == "reported":
        said = measurement["reported"]
        seeds, estimate, lower, upper = (said[key] for key in ("n_seeds", "estimate", "lower", "upper"))
        enough = (said["confidence"] or confidence) >= confidence - SLACK
        if not setting["allow_reported"]:
            return "inconclusive"
    else:
        control = measurement.get("baseline_columns", measurement["columns"])
        names = KEYS[measurement["design"]][: 2 if measurement["design"] == "per_seed_pair" else 1]
        seeds = min(len({seed for n in names for seed in group[n]}) for group in (measurement["columns"], control))
        families = protocol.get("families", {}).get(f"{level}s")
        estimate, lower, upper = ends(measurement, divisor, confidence, over, families)
        enough, constant = (
            True,
            no_spread(measurement, divisor, over) or one_value(measurement | {"name": rule["measure"]}, protocol),
        )
        constant = constant and not says_same(summary)
        if not policy.get("legacy") and impossible(summary, measurement):
            return "inconclusive"
    if (seeds or 1) < setting["min_seeds"]:
        return "inconclusive"
    own = {checkpoint["sha256"] for checkpoint in summary["subject"]["checkpoints"]}
    gone = (diverged(summary) or own & lost) and not policy.get("legacy")
    free = rule["measure"] in MAY_BE_CONSTANT or rule.get("bound") == "point" or policy.get("legacy")
    if "every_seed" in rule:
        need(measurement["design"] == "per_seed" and "baseline" not in measurement["columns"], "values of seeds")
        low, high = limits(rule)
        values = measurement["columns"]["candidate"]
        met = all((low is None or v >= low) and (high is None or v <= high) for v in values)
        return "inconclusive" if met and (gone or (constant and not free)) else "pass" if met else "fail"
    if rule.get("bound") == "point":
        lower, upper, enough = estimate, estimate, True
    low, high = limits(rule)
    if not enough or (low is not None and lower is None) or (high is not None and upper is None):
        return "inconclusive"
    columns = measurement.get("columns", {})
    known = summary["protocol"]["settings"].get(f"baseline_{rule['measure'].removesuffix('_delta')}", 0.0)
    baseline = float(np.mean(columns["baseline"])) if "baseline" in columns else known
    need(policy.get("legacy") or feasible(rule, summary["subject"]["d_sae"], baseline), "infeasible")
    slack = SLACK * max(1.0, abs(estimate))
    met = (low is None or lower >= low - slack) and (high is None or upper <= high + slack)
    return "inconclusive" if met and (gone or (constant and not free)) else "pass" if met else "fail"


def ends(measurement: Json, divisor: Json | None, confidence: float, over: Sequence[str], families: Json | None) -> Any:
    """(estimate, lower, upper); of a ratio of means by Fieller's quadratic, from margins that are quadratic forms."""
    if divisor is None:
        estimate, margin = bounds(measurement, confidence, over, families)
        if margin is None:
            return estimate, None, None
        # The side of a long tail is asked alone: a bound is the wider of that with Johnson's shift and that without.
        below, above = (bounds(measurement, confidence, over, families, tail=sign)[1] for sign in (-1.0, 1.0))
        return estimate, estimate - max(margin, below or 0.0), estimate + max(margin, above or 0.0)
    n = np.array(measurement["columns"]["candidate"], float)
    d = np.array(divisor["columns"]["candidate"], float) - 0.5
    need(measurement["columns"]["seed"] == divisor["columns"]["seed"] and d.mean() > 0, "a ratio")
    # With Johnson's shift the margin is no quadratic form.
    need(len(set(measurement["columns"][LEVELS[measurement["design"]]])) < SKEWED, "a ratio over few levels")

    found = []
    # The wider of two margins ends at the wider of their two roots.
    for clusters in (None,) if families is None else (None, families):

        def margin_of(values: Any, clusters: Json | None = clusters) -> float:
            columns = {**measurement["columns"], "candidate": values}
            margin = bounds({**measurement, "columns": columns}, confidence, over, clusters, widest=False)[1]
            return math.nan if margin is None else margin**2

        nn, dd, sum_of_both = margin_of(n), margin_of(d), margin_of(n + d)
        nd = (sum_of_both - nn - dd) / 2
        if not d.mean() ** 2 > dd:
            return n.mean() / d.mean(), None, None
        # (mean n - r mean d)^2 = nn - 2 r nd + r^2 dd
        found += list(np.roots([d.mean() ** 2 - dd, -2 * (n.mean() * d.mean() - nd), n.mean() ** 2 - nn]).real)
    return n.mean() / d.mean(), float(min(found)), float(max(found))


def no_spread(measurement: Json, divisor: Json | None, over: Sequence[str]) -> bool:
    """Whether a factor of the bound, or a control of its own, has draws that all agree to single precision."""
    columns, design = measurement["columns"], measurement["design"]
    values = np.array(columns["candidate"], float) - np.array(columns.get("baseline", 0.0), float)
    if divisor is not None:
        below = np.array(divisor["columns"]["candidate"], float) - 0.5
        values = values - values.mean() / below.mean() * below
    control = measurement.get("baseline_columns", {})
    raw = [*columns["candidate"], *columns.get("baseline", []), *control.get("value", [])]
    floor = 4 * float(np.finfo(np.float32).eps) * max(map(abs, raw))
    groups = [(columns, values)] + ([(control, np.array(control["value"], float))] if control else [])
    level = LEVELS.get(design)
    factors = [name for name in ("seed", level) if level and name in (over or ("seed", level))] or ["seed"]
    for keys, numbers in groups:
        for factor in factors:
            names = ("seed_a", "seed_b") if design == "per_seed_pair" else (factor,)
            drawn = {key for name in names for key in keys[name]}
            means = [np.concatenate([numbers[np.array(keys[name]) == key] for name in names]).mean() for key in drawn]
            if len(means) > 1 and max(means) - min(means) <= floor:
                return True
    return False


def impossible(summary: Json, measurement: Json) -> bool:
    """Whether a run took half a year, saw one row or none, or is compared with nothing that anybody names."""
    run = time(summary["producer"]["finished"]) - time(summary["producer"]["started"])
    compared = "baseline" in measurement["columns"] or "baseline_columns" in measurement
    unnamed = compared and summary["protocol"]["baseline"]["kind"] in ("unknown", "none")
    rows = summary["protocol"]["rows"]
    return run > timedelta(days=180) or rows == 0 or (rows == 1 and measurement["design"] != "per_seed_row") or unnamed


def diverged(summary: Json) -> bool:
    """Whether it says so, or an SAE of it is worse than the mean or has no latent that lives."""

    def values(name: str) -> Sequence[float]:
        measurement = summary["measurements"].get(name, {})
        return measurement["columns"]["candidate"] if measurement.get("design") == "per_seed" else []

    return (
        summary["status"] == "diverged"
        or min(values("r2"), default=0) < 0
        or max(values("dead_fraction"), default=0) == 1
    )


def one_value(measurement: Json, protocol: Json) -> bool:
    """Whether a compared candidate, or controls that were trained, are one number under all seeds of each level.

    Or, of five and more that no level parts, one of two. No end of the range, which all of them may reach.
    """
    columns, design = measurement["columns"], measurement["design"]
    other = measurement.get("baseline_columns", {})
    control = columns.get("baseline") or other.get("value", [])
    if not control or measurement["name"] in ONE_CANDIDATE:
        return False
    largest = max(map(abs, [*control, *columns["candidate"]]))
    sides = [(columns, columns["candidate"])]
    sides += [(other or columns, control)] if protocol["baseline"]["kind"] in TRAINED else []
    for keys, values in sides:
        levels = keys.get(LEVELS.get(design), ["all"] * len(values))
        groups = [[v for v, of in zip(values, levels, strict=True) if of == one] for one in sorted(set(levels))]
        floor = 4 * float(np.finfo(np.float32).eps) * largest
        equal = all(max(own) - min(own) <= floor for own in groups)
        low, high = min(values), max(values)
        two = design not in LEVELS and len(values) >= 5 and high - low > floor
        two = two and all(min(v - low, high - v) <= floor for v in values)
        if two and not {low, high} & set(measurement["range"]):
            return True
        if equal and len(values) > len(groups) and any(own[0] not in measurement["range"] for own in groups):
            return True
    return False


def spread(means: Any) -> float:
    """Variance of the mean of independent values."""
    return float(np.var(means, ddof=1) / len(means))


def jackknife(columns: Json, values: Any) -> tuple[int, float, float | None]:
    """(seeds, mean, variance of the mean) of values per pair of seeds, by leaving out one seed at a time."""
    pairs = list(zip(columns["seed_a"], columns["seed_b"], strict=True))
    seeds = sorted({seed for pair in pairs for seed in pair})
    if len(seeds) < 3:
        return len(seeds), float(np.mean(values)), None
    without = [np.mean([v for pair, v in zip(pairs, values, strict=True) if seed not in pair]) for seed in seeds]
    variance = (len(seeds) - 1) / len(seeds) * np.sum((without - np.mean(without)) ** 2)
    return len(seeds), float(np.mean(values)), float(variance)


def apart(protocol: Json) -> bool:
    """Whether the choice says its datasets, none of which is measured."""
    chosen, here = protocol["selection"].get("datasets", []), protocol["datasets"]
    return bool(chosen and here) and all(a[key] != b[key] for a in chosen for b in here for key in ("name", "sha256"))


def clustered(means: dict[Any, float], families: Json) -> tuple[float, float]:
    """Variance of the mean over levels in families, and its degrees of freedom."""
    every, n = np.mean(list(means.values())), len(means)
    sums = [sum(means[member] - every for member in members) for members in families.values()]
    variance = len(sums) / (len(sums) - 1) * sum(s * s for s in sums) / n**2
    return variance, n**2 / sum(len(members) ** 2 for members in families.values()) - 1


def johnson(deviations: Sequence[float], variance: float, t: float, levels: int) -> float:
    """Johnson's (1978) shift of a mean over so many levels; of fewer than ten draws none."""
    n = len(deviations)
    if n < SKEWED or variance == 0.0:
        return 0.0
    third = n**2 / (n - 1) / (n - 2) * sum((d / levels) ** 3 for d in deviations)
    return third * (1 + 2 * t * t) / 6 / variance


def bounds(
    measurement: Json,
    confidence: float,
    over: Sequence[str],
    families: Json | None,
    *,
    widest: bool = True,
    tail: float = 0.0,
) -> tuple[float, float | None]:
    """Estimate, and how far a one-sided bound lies from it; None where there is none.

    `tail` is the side, -1 or 1, whose skewness counts too.
    """
    columns, design = measurement["columns"], measurement["design"]
    values = np.array(columns["candidate"], float) - np.array(columns.get("baseline", 0.0), float)

    def t(df: float) -> float:
        return float(stats.t.ppf(confidence, df))

    models = measurement.get("baseline_models")
    means_of_models = [] if models is None else [float(np.mean(own)) for own in models["values"]]
    of_models = t(len(means_of_models) - 1) * math.sqrt(spread(means_of_models)) if means_of_models else 0.0
    if design in LEVELS:
        level = LEVELS[design]
        factors = [name for name in ("seed", level) if name in (over or ("seed", level))] or ["seed"]
        means = {
            name: {key: values[np.array(columns[name]) == key].mean() for key in set(columns[name])} for name in factors
        }
        if min(map(len, means.values())) < 2:
            return float(values.mean()), None
        margins = {name: t(len(m) - 1) * math.sqrt(spread(list(m.values()))) for name, m in means.items()}
        if level in factors and tail:
            drawn = [mean - values.mean() for mean in means[level].values()]
            shift = johnson(drawn, spread(list(means[level].values())), t(len(drawn) - 1), len(drawn))
            margins[level] += max(shift * tail, 0.0)
        if families is not None and level in factors:
            if len(families) < 2:
                return float(values.mean()), None
            variance, df = clustered(means[level], families)
            parts = [sum(means[level][one] - values.mean() for one in members) for members in families.values()]
            own = t(df) * math.sqrt(variance) + johnson(parts, variance, t(df), len(means[level])) * tail
            own = max(own, t(df) * math.sqrt(variance))
            margins[level] = max(margins[level] if widest else 0.0, own)
        return float(values.mean()), math.hypot(*margins.values(), of_models)
    groups = [(columns, values)]
    if "baseline_columns" in measurement:
        groups.append((measurement["baseline_columns"], np.array(measurement["baseline_columns"]["value"], float)))
    sizes, means, variances = [], [], []
    for keys, numbers in groups:
        one = (len(numbers), float(np.mean(numbers)), spread(numbers) if len(numbers) > 1 else None)
        size, mean, variance = jackknife(keys, numbers) if design == "per_seed_pair" else one
        sizes.append(size)
        means.append(mean)
        variances.append(variance)
    estimate = means[0] - sum(means[1:])
    if None in variances:
        return estimate, None
    if len(groups) == 2 and min(sizes) == 2:
        return estimate, math.hypot(*(t(n - 1) * math.sqrt(v) for n, v in zip(sizes, variances, strict=True)))
    if models is not None:
        return estimate, math.hypot(t(sizes[0] - 1) * math.sqrt(variances[0]), of_models)
    total = sum(variances)
    parts = sum((v / total) ** 2 / (n - 1) for n, v in zip(sizes, variances, strict=True)) if total > 0 else 1.0
    return estimate, t(1 / parts) * math.sqrt(total)
