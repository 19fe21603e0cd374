"""What a adaptive_l0 summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import LIVE_FLOOR, MMCS, PW_MCC, SHAPE_FLOOR, agreement, chance_corrected, dead_fraction, r2
from gatekit.kinds.shared_rows import AGREEMENT, AGREEMENT_OF_LIVE, APART, DEAD_FRACTION, L0, R2

KIND = Kind(
    name="adaptive_l0",
    description="Does the k that was chosen on some seeds beat a fixed k on others, at an equal number of latents?",
    baselines=("matched_sae", "unknown"),
    control_differs_in="k",
    measures=(
        agreement(
            "pw_mcc_above_control",
            f"{PW_MCC} of each seed pair, minus the same for SAEs of the control's k on the same seeds.",
            difference_of="pw_mcc",
        ),
        agreement(
            "pw_mcc_live_above_control",
            "As pw_mcc_above_control, over latents that are active on held-out tokens; divided by the larger number"
            " of them.",
            difference_of="pw_mcc_live",
        ),
        chance_corrected(
            "pw_mcc_chance_corrected_above_control",
            f"As pw_mcc_above_control, each side corrected for chance: {SHAPE_FLOOR}.",
            difference_of="pw_mcc_chance_corrected",
        ),
        chance_corrected(
            "pw_mcc_live_chance_corrected_above_control",
            "As pw_mcc_live_above_control, each side corrected for chance; floor = the score of as many Gaussian "
            "rows as that side has live latents.",
            difference_of="pw_mcc_live_chance_corrected",
        ),
        agreement(
            "mmcs_above_control",
            f"{MMCS} of each seed pair, minus the same for SAEs of the control's k on the same seeds.",
            compares=True,
        ),
        AGREEMENT,
        AGREEMENT_OF_LIVE,
        chance_corrected("pw_mcc_chance_corrected", f"pw_mcc corrected for chance: {SHAPE_FLOOR}."),
        chance_corrected("pw_mcc_live_chance_corrected", f"pw_mcc_live corrected for chance; floor = {LIVE_FLOOR}."),
        R2,
        r2(
            "r2_above_control",
            "r2 minus r2 of the control's SAEs, per seed, on the same held-out rows: what the other k costs or gains.",
            difference_of="r2",
        ),
        L0,
        DEAD_FRACTION,
        dead_fraction(
            "dead_fraction_above_control",
            "Fraction of latents never active on the held-out tokens, minus that of the control.",
            difference_of="dead_fraction",
        ),
        *APART,
    ),
)
