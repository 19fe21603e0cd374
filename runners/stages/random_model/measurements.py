"""What a summary of the runner `random_model` measures: the candidate beside every control that there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from runners.arms.random_models import Columns, compared
from runners.arms.saes import Saes
from runners.arrays import Floats
from runners.metrics.chance import BesideChance, score_beside_chance
from runners.metrics.consistency import mean_row_cosine
from runners.metrics.reconstruction import Reconstruction
from runners.progress import showing
from runners.stages.random_model.plan import KIND, RandomModelConfig
from runners.summary_writing import Json


@dataclass(frozen=True)
class _ArmScores:
    """An arm and how it did."""

    held_out: Reconstruction
    agreement: BesideChance


@dataclass(frozen=True)
class Start:
    """The candidate before its first step."""

    decoders: Floats
    """(seeds, d_sae, d_model) rows."""


def measurements_of(
    config: RandomModelConfig,
    candidate: Saes,
    controls: Sequence[Saes],
    extra: Mapping[str, Saes],
    start: Start | None,
    device: str,
) -> Json:
    """Return every measure that these arms allow.

    Args:
        config: of the run.
        candidate: the SAEs.
        controls: on each re-initialised model, in the order of their seeds; none where there is no such control.
        extra: the extra ones, by name.
        start: the candidate before its first step; None where nobody has it.
        device: to reconstruct on.
    """
    seeds, d_model, draws = config.seeds, config.subject.d_model, config.controls.gaussian_draws
    pairs = len(seeds) * (len(seeds) - 1) // 2
    arms = 1 + len(controls) + len(extra) + (start is not None)
    with showing("matching latents", pairs * (1 + draws) * arms, "pairs") as progress:

        def scored(arm: Saes) -> _ArmScores:
            held_out = arm.reconstruction(device)
            cut = config.controls.matched_cosine
            return _ArmScores(
                held_out, score_beside_chance(arm.decoders, held_out.live, seeds, d_model, draws, progress, cut)
            )

        ours_scored = scored(candidate)
        on_random = [scored(arm) for arm in controls]
        others = {name: [scored(arm)] for name, arm in extra.items()}
        live = ours_scored.held_out.live
        untrained = (
            None if start is None else score_beside_chance(start.decoders, live, seeds, d_model, draws, progress)
        )
    ours, held_out = ours_scored.agreement, ours_scored.held_out
    others = {**({"control": on_random} if on_random else {}), **others}
    theirs = {name: [other.agreement for other in arm] for name, arm in others.items()}
    if untrained is not None:
        theirs["untrained"] = [untrained]
    by_pair = {"seed_a": [a for a, _ in ours.scores.pairs], "seed_b": [b for _, b in ours.scores.pairs]}
    entries = _agreement(ours, theirs)
    seeds_of_models = config.controls.model_seeds
    found = {name: compared(KIND, name, by_pair, *values, seeds_of_models) for name, values in entries.items()}
    per_seed: dict[str, Columns] = {
        "r2": (held_out.r2, ()),
        "l0": (held_out.l0, ()),
        "dead_fraction": (held_out.dead_fraction, ()),
        **{name: (values, ()) for name, values in held_out.apart.items()},
        **{f"r2_above_{name}": (held_out.r2, [each.held_out.r2 for each in arm]) for name, arm in others.items()},
    }
    if start is not None:
        ends = zip(candidate.decoders, start.decoders, strict=True)
        per_seed["similarity_to_init"] = ([mean_row_cosine(after, before, d_model) for after, before in ends], ())
    by_seed = {"seed": seeds}
    return found | {name: compared(KIND, name, by_seed, *values, seeds_of_models) for name, values in per_seed.items()}


def _agreement(ours: BesideChance, theirs: Mapping[str, Sequence[BesideChance]]) -> dict[str, Columns]:
    """Return every measure by pair: alone, beside chance, and beside each of the others by its name."""
    entries: dict[str, Columns] = {}
    for name in ("pw_mcc", "mmcs"):
        entries[name] = (getattr(ours.scores, name), ())
        entries[f"{name}_live"] = (getattr(ours.scores, f"{name}_live"), ())
        entries[f"{name}_above_gaussian"] = (getattr(ours.scores, name), [getattr(ours.floor, name)])
    for other, agreement in theirs.items():
        entries |= _above("pw_mcc", other, ours, agreement)
    for other in ("control", "untrained"):
        if other in theirs:
            entries |= _above("mmcs", other, ours, theirs[other])
    entries["pw_mcc_chance_corrected"] = (ours.corrected("pw_mcc"), ())
    entries["pw_mcc_live_chance_corrected"] = (ours.corrected("pw_mcc_live"), ())
    entries["pw_mcc_live_above_gaussian"] = (ours.scores.pw_mcc_live, [ours.floor.pw_mcc_live])
    entries["matched_fraction"] = (ours.scores.matched_fraction, ())
    if "control" in theirs:
        fractions = [each.scores.matched_fraction for each in theirs["control"]]
        entries["matched_fraction_above_control"] = (ours.scores.matched_fraction, fractions)
    if "untrained" in theirs:
        (untrained,) = theirs["untrained"]
        entries["similarity_at_init"] = (untrained.scores.pw_mcc, ())
    entries["matching_shortfall"] = (_shortfall([ours, *chain.from_iterable(theirs.values())]), ())
    return entries


def _above(name: str, other: str, ours: BesideChance, theirs: Sequence[BesideChance]) -> dict[str, Columns]:
    """Return one score beside one control's: as it is, over live latents, and both corrected for chance."""
    found: dict[str, Columns] = {}
    for score in (name, f"{name}_live"):
        found[f"{score}_above_{other}"] = (
            getattr(ours.scores, score),
            [getattr(each.scores, score) for each in theirs],
        )
        corrected = [each.corrected(score) for each in theirs]
        found[f"{score}_chance_corrected_above_{other}"] = (ours.corrected(score), corrected)
    return found


def _shortfall(arms: Sequence[BesideChance]) -> list[float]:
    """Return for every pair of seeds what any of its scores may lack of the best matching's."""
    columns = [scores.shortfall for arm in arms for scores in (arm.scores, arm.floor)]
    return [max(of_pair) for of_pair in zip(*columns, strict=True)]
