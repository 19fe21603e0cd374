"""What a stability summary measures."""

from __future__ import annotations

from typing import Unpack

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec
from gatekit.kinds.rows import PW_MCC, More, agreement, latent_share_of_pair, row
from gatekit.kinds.shared_rows import (
    AGREEMENT,
    AGREEMENT_OF_LIVE,
    MATCHING_SHORTFALL,
    RECONSTRUCTION,
    SIMILARITY_AT_INIT,
)


def _functional(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """A mean cosine of ablation effects, which is never negative."""
    return row(name, description, "cosine", "higher", (0, 1), "per_seed_pair", **more)


def _similarity_to_init(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """How near the decoder still is to its start."""
    return row(name, description, "cosine", "lower", (-1, 1), "per_seed", **more)


KIND = Kind(
    name="stability",
    description=(
        "How does agreement across seeds come about along the training, and do latents that look alike do alike?"
    ),
    baselines=("untrained", "none", "unknown"),
    measures=(
        AGREEMENT,
        AGREEMENT_OF_LIVE,
        agreement(
            "pw_mcc_above_untrained",
            f"{PW_MCC} of each seed pair, minus the same for the same SAEs before training.",
            difference_of="pw_mcc",
        ),
        SIMILARITY_AT_INIT,
        agreement("pw_mcc_at_1_8", f"{PW_MCC} of each seed pair, after an eighth of the training."),
        agreement("pw_mcc_at_1_4", f"{PW_MCC} of each seed pair, after a quarter of the training."),
        agreement("pw_mcc_at_1_2", f"{PW_MCC} of each seed pair, after half of the training."),
        agreement(
            "pw_mcc_gain_0_to_1_8",
            f"{PW_MCC} of each seed pair, after an eighth of the training, minus the same before the first step.",
            difference_of="pw_mcc_at_1_8",
        ),
        agreement(
            "pw_mcc_gain_1_8_to_1_4",
            f"{PW_MCC} of each seed pair, after a quarter of the training, minus the same after an eighth of the "
            "training.",
            difference_of="pw_mcc_at_1_4",
        ),
        agreement(
            "pw_mcc_gain_1_4_to_1_2",
            f"{PW_MCC} of each seed pair, after half of the training, minus the same after a quarter of the training.",
            difference_of="pw_mcc_at_1_2",
        ),
        agreement(
            "pw_mcc_gain_1_2_to_1",
            f"{PW_MCC} of each seed pair, at the end of the training, minus the same after half of the training.",
            difference_of="pw_mcc",
        ),
        _functional(
            "functional_pw_mcc",
            "Mean cosine of the ablation effects (change of the reconstruction of every held-out token) of latents "
            "matched one to one by that cosine, over live latents; a latent without partner counts as 0.",
        ),
        _functional(
            "functional_pw_mcc_above_untrained",
            "Mean cosine of the ablation effects (change of the reconstruction of every held-out token) of latents "
            "matched one to one by that cosine, over live latents; a latent without partner counts as 0; minus the "
            "same for the same SAEs before training.",
            difference_of="functional_pw_mcc",
        ),
        agreement(
            "functional_pw_mcc_above_pw_mcc_live",
            "functional_pw_mcc minus pw_mcc_live: negative where latents that point the same way are not active "
            "together.",
            difference_of="functional_pw_mcc",
        ),
        _functional(
            "functional_pw_mcc_of_cosine_matches",
            "Mean cosine of the ablation effects of live latents matched by the cosine of their decoder rows: at "
            "most functional_pw_mcc.",
        ),
        latent_share_of_pair(
            "matchings_agree",
            "Share of live latents to which matching by ablation effects and matching by decoder cosine give the "
            "same partner.",
            lattice="live_latents",
        ),
        latent_share_of_pair(
            "matchings_agree_above_untrained",
            "matchings_agree minus the same for the same SAEs before training.",
            difference_of="matchings_agree",
            lattice="live_latents",
        ),
        MATCHING_SHORTFALL,
        _similarity_to_init(
            "similarity_to_init",
            "Mean cosine of each decoder row with its own row before training: how much of the dictionary was learnt.",
        ),
        _similarity_to_init("similarity_to_init_at_1_8", "As similarity_to_init, after an eighth of the training."),
        _similarity_to_init("similarity_to_init_at_1_4", "As similarity_to_init, after a quarter of the training."),
        _similarity_to_init("similarity_to_init_at_1_2", "As similarity_to_init, after half of the training."),
        *RECONSTRUCTION,
    ),
)
