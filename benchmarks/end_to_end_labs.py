"""What labs draw and show, for `benchmarks/end_to_end.py`: looks, dropped seeds, deleted losers, families.

Every measure stands at its threshold in truth. A lab is a list of looks, of which it publishes the first that passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

Rng = np.random.Generator
Shown = Mapping[str, Any]
"""Kind, seeds and observations of one summary, and what its protocol says beside them."""

ALONE = "  g: {from: saebench, measure: cossim, at_least: 0.5}\n"
DATASETS = "  g: {from: saebench, measure: auc_delta, at_least: 0.0}\n"
THREE = (
    "  g:\n    any_of:\n"
    "      - {from: saebench, measure: cossim, at_least: 0.5}\n"
    "      - {from: saebench, measure: ce_loss_score, at_least: 0.5}\n"
    "      - {from: saebench, measure: kl_div_score, at_least: 0.5}\n"
)
NESTED = (
    "  g:\n    any_of:\n"
    "      - {from: saebench, measure: cossim, at_least: 0.5}\n"
    "      - any_of:\n"
    "          - {from: saebench, measure: ce_loss_score, at_least: 0.5}\n"
    "          - {from: saebench, measure: kl_div_score, at_least: 0.5}\n"
)
WITHIN = (
    "  g:\n    any_of:\n"
    "      - {from: saebench, measure: cossim, at_least: 0.5}\n"
    "      - all_of:\n"
    "          - {from: saebench, measure: cossim, at_least: 0.1}\n"
    "          - any_of:\n"
    "              - {from: saebench, measure: ce_loss_score, at_least: 0.5}\n"
    "              - {from: saebench, measure: kl_div_score, at_least: 0.5}\n"
)
MARGIN = 0.03
NOT_WORSE = f"  g: {{from: saebench, measure: cossim, not_worse_than: {{base: {MARGIN}}}}}\n"
RARE = 0.1
"""Dead latents that a seed has on average."""
RARELY_DEAD = f"  g: {{from: saebench, measure: dead_fraction, at_most: {RARE / 4096}}}\n"
EVERY = "  g: {from: saebench, measure: cossim, every_seed: {at_least: 0.46}}\n"
"""Four standard deviations below what a good seed gives, six above what a collapsed one does."""
DEAD_SHARE = 60 / 4096
DEAD = f"  g: {{from: saebench, measure: dead_fraction, at_most: {DEAD_SHARE}}}\n"
TRUTH, SD = 0.5, 0.01
FAMILY_SIZES = (6, 5, 4, 3, 3, 2, 1)
ICC = 0.84


@dataclass(frozen=True)
class Look:
    """What a lab shows at once."""

    shown: Shown
    base: Shown | None = None
    """What lies on the base branch."""


@dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    promised: bool
    draw: Callable[[Rng], Sequence[Look]]
    """One lab: its looks, in order; every lab of a scenario has as many."""
    gates: str = ALONE
    registered: str = "shown"
    registrations: Mapping[str, str] = field(default_factory=dict)
    every_look: bool = False
    """Whether the lab passes falsely only where all of its looks do."""


def registration(seeds: int, looks: Sequence[int], more: str = "", candidates: Sequence[str] = ()) -> dict[str, str]:
    """Return `registrations/r.yaml`, of saebench by the protocol `p`, or by one for each of the candidates."""
    ways = [f"  - {{kind: saebench, protocol: p-{c}, candidate: {c}}}" for c in candidates]
    ways = ways or ["  - {kind: saebench, protocol: p}"]
    more += f"candidates: [{', '.join(candidates)}]\n" if candidates else ""
    text = "schema: gatekit.registration/1\nid: r\nclaim: c\nmeasurements:\n" + "\n".join(ways)
    return {"r.yaml": f"{text}\nseeds: {list(range(seeds))}\nlooks: {list(looks)}\n{more}"}


def one(seeds: Sequence[int], values: Sequence[float], **more: Any) -> Shown:
    """Return a summary of one number a seed."""
    return {"kind": "saebench", "seeds": seeds, "observations": {"cossim": list(values)}, "protocol": "p", **more}


def drawn(rng: Rng, count: int) -> list[float]:
    """Return values of so many seeds around the threshold."""
    found: list[float] = (TRUTH + SD * rng.standard_normal(count)).tolist()
    return found


def best_seeds(measured: int, kept: int) -> Callable[[Rng], list[Look]]:
    """The best seeds are shown, the others never were."""

    def lab(rng: Rng) -> list[Look]:
        values = drawn(rng, measured)
        seeds = sorted(sorted(range(measured), key=lambda seed: -values[seed])[:kept])
        return [Look(one(seeds, [values[seed] for seed in seeds]))]

    return lab


def looks_at(*counts: int) -> Callable[[Rng], list[Look]]:
    """More seeds are measured until the gate passes."""

    def lab(rng: Rng) -> list[Look]:
        values = drawn(rng, counts[-1])
        return [Look(one(range(count), values[:count])) for count in counts]

    return lab


def extended(rng: Rng) -> list[Look]:
    """Five seeds are on the base branch; ten, and then fifteen are shown."""
    values = drawn(rng, 15)
    base = one(range(5), values[:5])
    return [Look(one(range(count), values[:count]), base) for count in (10, 15)]


def one_more(first: int, last: int) -> Callable[[Rng], list[Look]]:
    """A seed is added at each look; what was shown before is the base."""

    def lab(rng: Rng) -> list[Look]:
        values = drawn(rng, last)
        shown = [one(range(count), values[:count]) for count in range(first, last + 1)]
        return [Look(now, base) for now, base in zip(shown, [None, *shown], strict=False)]

    return lab


def extended_until_it_passes(rng: Rng) -> list[Look]:
    """Five seeds are judged, and are the base from then on; what is added one by one is shown where it passes."""
    values = drawn(rng, 15)
    shown = [one(range(count), values[:count]) for count in range(5, 16)]
    return [Look(shown[0]), *(Look(now, shown[0]) for now in shown[1:])]


def best_five_of_six_again(rng: Rng) -> list[Look]:
    """Ten times one seed more, of which the worst of six is left out; what was shown before is the base."""
    values = drawn(rng, 15)
    kept = list(range(5))
    shown = [one(kept, [values[seed] for seed in kept])]
    for added in range(5, 15):
        kept = sorted(sorted([*kept, added], key=lambda seed: -values[seed])[:5])
        shown.append(one(kept, [values[seed] for seed in kept]))
    return [Look(now, base) for now, base in zip(shown, [None, *shown], strict=False)]


def trained_again(rng: Rng) -> list[Look]:
    """The SAEs of the same five seeds, trained three times; what was shown before is the base."""
    shown = [one(range(5), drawn(rng, 5), trained_again=times) for times in range(3)]
    return [Look(now, base) for now, base in zip(shown, [None, *shown], strict=False)]


def worse(steps: int, loss: float, against: str) -> Callable[[Rng], list[Look]]:
    """Each change loses so much of what the one before it had.

    Args:
        steps: how many changes.
        loss: of each, in the unit of the measure.
        against: `before` compares each with the one before it; `tag` the last one with what was there first.
    """

    def lab(rng: Rng) -> list[Look]:
        values = [[value - loss * step for value in drawn(rng, 5)] for step in range(steps + 1)]
        shown = [one(range(5), found, trained_again=step) for step, found in enumerate(values)]
        if against == "tag":
            return [Look(shown[-1], shown[0])]
        return [Look(now, base) for base, now in pairwise(shown)]

    return lab


def rare_counts(rng: Rng) -> list[Look]:
    """Dead latents of five seeds, so rare that most have none."""
    values = [int(dead) / 4096 for dead in rng.poisson(RARE, 5)]
    return [Look({"kind": "saebench", "seeds": range(5), "observations": {"dead_fraction": values}, "protocol": "p"})]


def swapped(rng: Rng) -> list[Look]:
    """Five seeds, then five others in their place, then five more; what was shown before is the base."""
    values = drawn(rng, 15)
    shown = [one(range(start, start + 5), values[start : start + 5]) for start in (0, 5, 10)]
    return [Look(now, base) for now, base in zip(shown, [None, *shown], strict=False)]


def best_kept(measured: int, kept: int) -> Callable[[Rng], list[Look]]:
    """All seeds are shown, and then the best of them, with all as the base."""

    def lab(rng: Rng) -> list[Look]:
        values = drawn(rng, measured)
        everything = one(range(measured), values)
        best = sorted(sorted(range(measured), key=lambda seed: -values[seed])[:kept])
        return [Look(everything), Look(one(best, [values[seed] for seed in best]), everything)]

    return lab


def best_of(candidates: int, said: str) -> Callable[[Rng], list[Look]]:
    """The best of some candidates is shown, the others' evidence is deleted."""

    def lab(rng: Rng) -> list[Look]:
        values = [drawn(rng, 5) for _ in range(candidates)]
        best = max(range(candidates), key=lambda index: sum(values[index]))
        if said == "registered":
            return [Look(one(range(5), values[best], protocol=f"p-{'abcdefgh'[best]}"))]
        chosen = {"selection": {"candidates": candidates, "seeds": list(range(5))}}
        return [Look(one(range(5), values[best], changes=chosen if said == "said" else {}))]

    return lab


def alternatives(rng: Rng) -> list[Look]:
    """Three measures, of which one has to meet its threshold."""
    measures = {name: drawn(rng, 5) for name in ("cossim", "ce_loss_score", "kl_div_score")}
    return [Look({"kind": "saebench", "seeds": range(5), "observations": measures, "protocol": "p"})]


def datasets(named: bool, candidates: int = 1) -> Callable[[Rng], list[Look]]:
    """AUC above a baseline on 24 datasets in families; of candidates the one that was best on five other seeds."""
    labels = [family for family, size in enumerate(FAMILY_SIZES) for _ in range(size)]

    def lab(rng: Rng) -> list[Look]:
        shared = rng.standard_normal((candidates, len(FAMILY_SIZES)))[:, labels]
        own = rng.standard_normal((candidates, len(labels)))
        effects = math.sqrt(ICC) * shared + math.sqrt(1.0 - ICC) * own
        first, second = (effects[:, None] + 0.2 * rng.standard_normal((candidates, 5, len(labels))) for _ in range(2))
        best = int(first.mean(axis=(1, 2)).argmax())
        table = SD * second[best]
        baseline = [0.5] * table.size
        names = dataset_names(len(labels))
        changes: dict[str, Any] = {}
        if candidates > 1:
            changes["selection"] = {"candidates": candidates, "seeds": list(range(100, 105))}
        if named:
            families: dict[str, list[str]] = {}
            for name, label in zip(names, labels, strict=True):
                families.setdefault(f"family-{label}", []).append(name)
            changes["families"] = {"datasets": families}
        values = (baseline + table.ravel()).tolist()
        shown = {"auc_delta": (values, baseline)}
        return [
            Look({"kind": "saebench", "seeds": range(5), "observations": shown, "protocol": "p", "changes": changes})
        ]

    return lab


def dataset_names(count: int) -> tuple[str, ...]:
    """Return the names that the tests' builders give to so many datasets."""
    from builders import datasets_for

    return tuple(datasets_for(5 * count, range(5)))


def collapse(rng: Rng) -> list[Look]:
    """One training in ten fails and then falls by 10 standard deviations; the true mean is the threshold."""
    failed = rng.random(5) < 0.1
    values = np.array(drawn(rng, 5)) - 10 * SD * (failed - 0.1)
    return [Look(one(range(5), values.tolist()))]


def collapse_of_some_seed(rng: Rng) -> list[Look]:
    """The same, where each seed is asked for itself: a false pass is one where training fails and no seed shows it."""
    failed = rng.random(5) < 0.1
    values = np.array(drawn(rng, 5)) - 10 * SD * failed
    return [Look(one(range(5), values.tolist()))]


def failed_seeds_left_out(rng: Rng) -> list[Look]:
    """Some of ten seeds fail; the base has them all, and those that did not fail are shown."""
    failed = rng.random(10) < 0.1
    failed[0] = True
    values = np.array(drawn(rng, 10)) - 10 * SD * failed
    good = [seed for seed in range(10) if not failed[seed]]
    return [Look(one(good, [float(values[seed]) for seed in good]), one(range(10), values.tolist()))]


def jittered(rng: Rng) -> list[Look]:
    """One checkpoint's dead latents under five names, told apart by a tenth of a latent."""
    dead = rng.binomial(4096, DEAD_SHARE)
    values = [float(dead + 0.1 * seed) / 4096 for seed in range(5)]
    return [Look({"kind": "saebench", "seeds": range(5), "observations": {"dead_fraction": values}, "protocol": "p"})]


def copies(rng: Rng) -> list[Look]:
    """One checkpoint under five names."""
    return [Look(one(range(5), drawn(rng, 1) * 5))]


SCENARIOS = (
    Scenario("5 seeds, looked at once", True, looks_at(5)),
    Scenario("the worst of six seeds dropped; nothing registered", False, best_seeds(6, 5)),
    Scenario("the same under `registered: required`", True, best_seeds(6, 5), registered="required"),
    Scenario("the same, the six seeds registered", True, best_seeds(6, 5), registrations=registration(6, [6])),
    Scenario("six registered seeds, all shown", True, looks_at(6), registrations=registration(6, [6])),
    Scenario("the best five of ten seeds; nothing registered", False, best_seeds(10, 5)),
    Scenario(
        "the same, the ten registered with looks at 5 and 10",
        True,
        best_seeds(10, 5),
        registrations=registration(10, [5, 10]),
    ),
    Scenario("looks at 5, 10 and 15 seeds; nothing registered, no base", False, looks_at(5, 10, 15)),
    Scenario(
        "registered looks at 5, 10 and 15 seeds, O'Brien-Fleming",
        True,
        looks_at(5, 10, 15),
        registered="required",
        registrations=registration(15, [5, 10, 15]),
    ),
    Scenario(
        "registered looks at 5, 10 and 15 seeds, equal shares",
        True,
        looks_at(5, 10, 15),
        registered="required",
        registrations=registration(15, [5, 10, 15], "spending: equal\n"),
    ),
    Scenario("5 seeds on the base, extended to 10 and then 15; nothing registered", True, extended),
    Scenario("5 seeds, then one more at each of ten looks, the base is what was shown before", True, one_more(5, 15)),
    Scenario("5 seeds, 5 others in their place, 5 more; the base is what was shown before", True, swapped),
    Scenario("6 seeds, then the best five of them; the base has six", True, best_kept(6, 5)),
    Scenario("10 seeds, then the best five of them; the base has ten", True, best_kept(10, 5)),
    Scenario("best of 4 candidates, losers deleted; nothing said", False, best_of(4, "")),
    Scenario("the same, the summary says so", True, best_of(4, "said")),
    Scenario(
        "the same, the 4 registered",
        True,
        best_of(4, "registered"),
        registered="required",
        registrations=registration(5, [5], candidates="abcd"),
    ),
    Scenario("any_of three measures", True, alternatives, THREE),
    Scenario("24 datasets in 7 families (ICC .84), families named", True, datasets(True), DATASETS),
    Scenario("the same, families not named", False, datasets(False), DATASETS),
    Scenario(
        "best of 5 candidates, chosen on other seeds and the same datasets, families named",
        True,
        datasets(True, candidates=5),
        DATASETS,
    ),
    Scenario("one checkpoint under five names", True, copies),
    Scenario("the same, its dead latents told apart by less than one", True, jittered, DEAD),
    Scenario("1 training in 10 fails by 10 sd, bound of the mean", False, collapse),
    Scenario("the same, every_seed: no seed of five failed", False, collapse_of_some_seed, EVERY),
    Scenario(
        "every_seed, and the seeds that failed are left out of the base's ten", True, failed_seeds_left_out, EVERY
    ),
    Scenario("5 seeds are the base, and one more is added until it passes", False, extended_until_it_passes),
    Scenario("ten times the best five of six, the base is what was shown before", False, best_five_of_six_again),
    Scenario(
        "5 seeds, trained again twice under the same numbers, the base is what was shown before", True, trained_again
    ),
    Scenario(
        "the same, the five registered",
        True,
        trained_again,
        registered="required",
        registrations=registration(5, [5]),
    ),
    Scenario("any_of one measure and any_of two more", True, alternatives, NESTED),
    Scenario("any_of one measure and all_of one that holds and any_of two more", True, alternatives, WITHIN),
    Scenario("a change that loses the whole margin of not_worse_than", True, worse(1, MARGIN, "before"), NOT_WORSE),
    Scenario(
        "ten changes that each lose a fifth of the margin, compared with the one before: all ten pass",
        False,
        worse(10, MARGIN / 5, "before"),
        NOT_WORSE,
        every_look=True,
    ),
    Scenario(
        "five changes that each lose a fifth of the margin, the last compared with a tag before the first",
        True,
        worse(5, MARGIN / 5, "tag"),
        NOT_WORSE,
    ),
    Scenario("no dead latent in five seeds, where a seed has 0.1 on average", False, rare_counts, RARELY_DEAD),
)
