"""What a transcoder summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import LIVE_FLOOR, MMCS, PW_MCC, SHAPE_FLOOR, agreement, chance_corrected, dead_fraction, r2
from gatekit.kinds.shared_rows import AGREEMENT_OF_LIVE, RECONSTRUCTION

KIND = Kind(
    name="transcoder",
    description="Is the SAE as reproducible as a transcoder of matched capacity, compute and data, in the same space?",
    baselines=("transcoder", "unknown"),
    measures=(
        agreement(
            "sae_minus_transcoder",
            "PW-MCC of SAE decoders minus PW-MCC of transcoder decoders, per seed pair.",
            difference_of="pw_mcc",
        ),
        agreement(
            "sae_minus_transcoder_live",
            "As sae_minus_transcoder, over latents that are active on held-out tokens; divided by the larger number"
            " of them.",
            difference_of="pw_mcc_live",
        ),
        chance_corrected(
            "sae_minus_transcoder_chance_corrected",
            f"As sae_minus_transcoder, each side corrected for chance: {SHAPE_FLOOR}.",
            difference_of="pw_mcc_chance_corrected",
        ),
        chance_corrected(
            "sae_minus_transcoder_live_chance_corrected",
            "As sae_minus_transcoder_live, each side corrected for chance; floor = the score of as many Gaussian "
            "rows as that side has live latents.",
            difference_of="pw_mcc_live_chance_corrected",
        ),
        agreement(
            "sae_minus_transcoder_mmcs",
            f"{MMCS} of SAE decoders minus that of transcoder decoders, per seed pair.",
            compares=True,
        ),
        r2(
            "r2_minus_transcoder",
            "r2 of the SAE minus r2 of the transcoder, per seed, on the same held-out rows of the subject's hook.",
            difference_of="r2",
        ),
        dead_fraction(
            "dead_fraction_minus_transcoder",
            "Fraction of the SAE's latents never active on the held-out tokens, minus that of the transcoder's.",
            difference_of="dead_fraction",
        ),
        agreement("pw_mcc", f"{PW_MCC} of each pair of SAEs."),
        AGREEMENT_OF_LIVE,
        chance_corrected("pw_mcc_chance_corrected", f"pw_mcc corrected for chance: {SHAPE_FLOOR}."),
        chance_corrected("pw_mcc_live_chance_corrected", f"pw_mcc_live corrected for chance; floor = {LIVE_FLOOR}."),
        *RECONSTRUCTION,
        agreement(
            "mmcs_transcoder_minus_sae",
            "Imported only: MMCS of transcoders minus MMCS of SAEs. A more reproducible SAE makes it smaller; use "
            "sae_minus_transcoder.",
            compares=True,
        ),
    ),
)
