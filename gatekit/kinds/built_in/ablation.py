"""What a ablation summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import (
    LIVE_FLOOR,
    MMCS,
    PW_MCC,
    SHAPE_FLOOR,
    agreement,
    chance_corrected,
    dead_fraction,
    l0,
    r2,
    row,
)

KIND = Kind(
    name="ablation",
    description=(
        "Does agreement across seeds depend on k and on the number of latents once chance at each shape is "
        "accounted for?"
    ),
    baselines=("untrained", "unknown"),
    measures=(
        agreement("pw_mcc", f"{PW_MCC} of each seed pair."),
        agreement(
            "pw_mcc_live",
            "As pw_mcc, over latents that are active on held-out tokens; divided by the larger number of them.",
        ),
        chance_corrected(
            "pw_mcc_chance_corrected",
            f"pw_mcc corrected for chance: {SHAPE_FLOOR}. The one to compare between shapes.",
        ),
        chance_corrected("pw_mcc_live_chance_corrected", f"pw_mcc_live corrected for chance; floor = {LIVE_FLOOR}."),
        agreement(
            "pw_mcc_above_untrained",
            f"{PW_MCC} of each seed pair, minus the same for the same SAEs before training.",
            difference_of="pw_mcc",
        ),
        agreement(
            "pw_mcc_above_gaussian",
            f"{PW_MCC} of each seed pair, minus the same for Gaussian dictionaries of the same shape.",
            difference_of="pw_mcc",
        ),
        agreement("pw_mcc_live_above_gaussian", f"pw_mcc_live, minus {LIVE_FLOOR}.", difference_of="pw_mcc_live"),
        agreement("mmcs", f"{MMCS} of each seed pair."),
        agreement(
            "mmcs_above_gaussian",
            f"{MMCS} of each seed pair, minus the same for Gaussian dictionaries of the same shape.",
            difference_of="mmcs",
        ),
        row(
            "similarity_at_init",
            "PW-MCC of each seed pair before training: what agreement a shared initialisation would bring by itself.",
            "cosine",
            "lower",
            (-1, 1),
            "per_seed_pair",
        ),
        agreement(
            "untrained_above_gaussian",
            f"{PW_MCC} of each seed pair before training, minus the same for Gaussian dictionaries of the same "
            "shape; a value away from 0 would say that the score favours this shape.",
            difference_of="similarity_at_init",
        ),
        r2("r2", "1 - SSE/SST about the per-dimension mean, float64, on held-out tokens."),
        l0("l0", "Mean number of active latents per held-out token."),
        dead_fraction("dead_fraction", "Fraction of latents never active on the held-out tokens."),
    ),
)
