"""What a ablation summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import (
    LIVE_FLOOR,
    MMCS,
    PW_MCC,
    agreement,
    chance_corrected,
)
from gatekit.kinds.shared_rows import (
    AGREEMENT,
    AGREEMENT_ABOVE_GAUSSIAN,
    AGREEMENT_CHANCE_CORRECTED,
    AGREEMENT_OF_LIVE,
    RECONSTRUCTION,
    SIMILARITY_AT_INIT,
)

KIND = Kind(
    name="ablation",
    description=(
        "Does agreement across seeds depend on k and on the number of latents once chance at each shape is "
        "accounted for?"
    ),
    baselines=("untrained", "unknown"),
    measures=(
        AGREEMENT,
        AGREEMENT_OF_LIVE,
        AGREEMENT_CHANCE_CORRECTED,
        chance_corrected("pw_mcc_live_chance_corrected", f"pw_mcc_live corrected for chance; floor = {LIVE_FLOOR}."),
        agreement(
            "pw_mcc_above_untrained",
            f"{PW_MCC} of each seed pair, minus the same for the same SAEs before training.",
            difference_of="pw_mcc",
        ),
        AGREEMENT_ABOVE_GAUSSIAN,
        agreement("pw_mcc_live_above_gaussian", f"pw_mcc_live, minus {LIVE_FLOOR}.", difference_of="pw_mcc_live"),
        agreement("mmcs", f"{MMCS} of each seed pair."),
        agreement(
            "mmcs_above_gaussian",
            f"{MMCS} of each seed pair, minus the same for Gaussian dictionaries of the same shape.",
            difference_of="mmcs",
        ),
        SIMILARITY_AT_INIT,
        agreement(
            "untrained_above_gaussian",
            f"{PW_MCC} of each seed pair before training, minus the same for Gaussian dictionaries of the same "
            "shape; a value away from 0 would say that the score favours this shape.",
            difference_of="similarity_at_init",
        ),
        *RECONSTRUCTION,
    ),
)
