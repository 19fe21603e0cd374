"""What a summary of the runner `transcoder` measures, from the scores of both arms."""

from __future__ import annotations

from collections.abc import Sequence

from runners.arms.scored_arms import ScoredArm
from runners.stages.transcoder.plan import KIND
from runners.summary_writing import Json, measurement


def measurements_of(seeds: Sequence[int], sae: ScoredArm, transcoder: ScoredArm) -> Json:
    """Return every measure: by pair of seeds, and by seed."""
    ours, theirs = sae.agreement, transcoder.agreement
    per_pair: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {
        "sae_minus_transcoder": (ours.scores.pw_mcc, theirs.scores.pw_mcc),
        "sae_minus_transcoder_live": (ours.scores.pw_mcc_live, theirs.scores.pw_mcc_live),
        "sae_minus_transcoder_mmcs": (ours.scores.mmcs, theirs.scores.mmcs),
        "pw_mcc": (ours.scores.pw_mcc, None),
        "pw_mcc_live": (ours.scores.pw_mcc_live, None),
    }
    for name in ("pw_mcc", "pw_mcc_live"):
        corrected = (ours.corrected(name), theirs.corrected(name))
        per_pair[f"sae_minus_transcoder{name.removeprefix('pw_mcc')}_chance_corrected"] = corrected
        per_pair[f"{name}_chance_corrected"] = (corrected[0], None)
    per_seed: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {
        "r2_minus_transcoder": (sae.held_out.r2, transcoder.held_out.r2),
        "dead_fraction_minus_transcoder": (sae.held_out.dead_fraction, transcoder.held_out.dead_fraction),
        "r2": (sae.held_out.r2, None),
        "l0": (sae.held_out.l0, None),
        "dead_fraction": (sae.held_out.dead_fraction, None),
        **{name: (values, None) for name, values in sae.held_out.apart.items()},
    }
    measured = {name: measurement(KIND, name, sae.pair_keys, *values) for name, values in per_pair.items()}
    return measured | {name: measurement(KIND, name, {"seed": seeds}, *values) for name, values in per_seed.items()}
