"""Runner `adaptive_l0`: does the k that was chosen on some seeds beat a fixed k on others?

k is searched on seeds of its own: among those whose r2 is surely above a floor, the one whose agreement across seeds
has the largest lower bound. SAEs of that k and of the control's k are then trained on other seeds, equal in everything
else, and compared. With a single k there is nothing to choose, and that k is compared as it is.

What the result establishes: over the confirming seeds, whether SAEs of the chosen k agree more than those of the
control's, at the price in r2 that stands beside it. What it does not: that fewer active latents are better latents (the
control explains more with more of them); that the chosen k is the best of all; or that the order would be the same
after longer training, in which small k may gain longer. The texts of search and confirmation are the same.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from runners.config import Bounds
from runners.places import derived, place_of, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.stage.chance_plan import ChancePlan, agreement_settings
from runners.stage.planned_pieces import Planned, own_arm
from runners.stage.sae_subject import (
    check_saes,
    planned_subject,
    shrink_saes,
    training_settings,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "adaptive_l0"
PROTOCOL = "adaptive_l0/1"


@dataclass(frozen=True)
class SearchPlan:
    """How k is chosen."""

    ks: Annotated[tuple[int, ...], Bounds(1, 10_000_000)]
    """Candidates; the control's k may be one of them."""
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)] | None
    """None of them among the configuration's; null where there is one candidate."""
    r2_floor: Annotated[float, Bounds(-1.0, 1.0)] | None
    """What the lower bound of a candidate's r2 must reach; null where there is one candidate."""
    confidence: Annotated[float, Bounds(0.5, 0.999)]
    """Of the one-sided bounds on the search's seeds."""


@dataclass(frozen=True)
class AdaptiveL0Config:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    """Of the confirmation."""
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan
    """The control; the candidate differs in k only."""
    training: TrainingPlan
    search: SearchPlan
    chance: ChancePlan


def with_k(config: AdaptiveL0Config, k: int | None) -> AdaptiveL0Config:
    """Return the configuration with another k; None where it is not known yet."""
    ks = config.search.ks
    places = {"k": place_of(config, f"search.ks[{ks.index(k)}]")} if k in ks else None
    return derived(config, sae=derived(config.sae, places, k=k))


def check(config: AdaptiveL0Config) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    search, own = config.search, config.sae.k
    chosen_from, looked_at = len(search.ks), search.seeds or ()
    stated = {search.seeds is not None, search.r2_floor is not None}
    refuse_first(
        config,
        ("sae", "the control has no k to be compared with", own is None),
        ("search.ks", "'ks' must be different and in increasing order", list(search.ks) != sorted(set(search.ks))),
        (("search.ks", "sae.k"), f"the only candidate is the control's own k={own}", search.ks == (own,)),
        (
            "search",
            "several candidates need seeds to search on and an r2 floor; one needs neither",
            stated != {chosen_from > 1},
        ),
        (
            "search.seeds",
            "the search's seeds must be at least three, different and in increasing order",
            chosen_from > 1 and (len(looked_at) < 3 or list(looked_at) != sorted(set(looked_at))),
        ),
        (
            ("search.seeds", "seeds"),
            "a seed that was searched on cannot confirm",
            bool(set(looked_at) & set(config.seeds)),
        ),
    )
    check_saes(config)
    for k in search.ks:
        check_saes(with_k(config, k))


def shrink(config: AdaptiveL0Config, small: AdaptiveL0Config) -> AdaptiveL0Config:
    """Return the configuration's model and hook at the smoke configuration's size and with its search."""
    return taking(shrink_saes(config, small), small, "search")


def protocol_of(
    config: AdaptiveL0Config, datasets: Sequence[Json], baseline: Json | None, found: Json | None = None
) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared.

    Args:
        config: of the run.
        datasets: the texts, by digest.
        baseline: subject of the control.
        found: what the search saw of each k.
    """
    search = config.search
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": config.texts.held_out_tokens,
        "datasets": list(datasets),
        "ks": [],
        "baseline": {"kind": "matched_sae", "subject": baseline},
        "selection": selection_json(SelectionPlan(len(search.ks), search.seeds)),
        "settings": {
            "control_k": config.sae.k,
            "search_criterion": "largest lower bound of pw_mcc, chance-corrected, among those whose r2 bound >= floor",
            "search_r2_floor": search.r2_floor,
            "search_confidence": search.confidence,
            **agreement_settings(config.chance.gaussian_draws),
            **(found or {}),
            **training_settings(config),
        },
    }


def subject_of(config: AdaptiveL0Config) -> Json:
    """Return the subject as far as it is known before a k is chosen."""
    ks = config.search.ks
    return planned_subject(with_k(config, ks[0] if len(ks) == 1 else None))


def pieces(config: AdaptiveL0Config) -> Sequence[Planned]:
    """Return what can be made ahead: the control, and the candidate, or where there are several what is searched on."""
    search = config.search
    control = own_arm(config, "control")
    if len(search.ks) == 1:
        return [own_arm(with_k(config, search.ks[0])), control]
    searched = [own_arm(with_k(config, k), f"search_k_{k}") for k in search.ks]
    return [control, *(replace(arm, seeds=search.seeds or ()) for arm in searched)]
