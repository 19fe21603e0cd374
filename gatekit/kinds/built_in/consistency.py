"""What a consistency summary measures."""

from __future__ import annotations

from typing import Unpack

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec
from gatekit.kinds.rows import (
    MMCS,
    PW_MCC,
    SHAPE_FLOOR,
    More,
    agreement,
    chance_corrected,
    latent_share_of_pair,
    r2,
    row,
)
from gatekit.kinds.shared_rows import APART, DEAD_FRACTION, L0


def _alignment(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """How near the decoder of a seed is to a reference."""
    return row(name, description, "cosine", "higher", (-1, 1), "per_seed", **more)


KIND = Kind(
    name="consistency",
    description="Does training toward a reference decoder make SAEs agree that share no reference, and at what price?",
    baselines=("matched_sae", "unknown"),
    measures=(
        agreement(
            "pw_mcc_above_control",
            f"{PW_MCC} of each seed pair, every seed trained toward a reference of its own, so that no pair shares "
            "one, minus the same for the same seeds trained without the alignment term.",
            difference_of="pw_mcc",
        ),
        agreement(
            "pw_mcc_above_copying",
            f"{PW_MCC} of each seed pair, every seed trained toward a reference of its own, so that no pair shares "
            "one, minus the same for SAEs whose decoders are those references themselves, held.",
            difference_of="pw_mcc",
        ),
        agreement(
            "pw_mcc_above_longer_training",
            f"{PW_MCC} of each seed pair, every seed trained toward a reference of its own, so that no pair shares "
            "one, minus the same for the same seeds trained without the alignment term for twice the steps, as many"
            " as a seed and its reference had together.",
            difference_of="pw_mcc",
        ),
        agreement(
            "pw_mcc_above_gaussian",
            f"{PW_MCC} of each seed pair, every seed trained toward a reference of its own, so that no pair shares "
            "one, minus the same for Gaussian dictionaries of the same shape.",
            difference_of="pw_mcc",
        ),
        chance_corrected(
            "pw_mcc_chance_corrected_above_control",
            f"As pw_mcc_above_control, each side corrected for chance: {SHAPE_FLOOR}.",
            compares=True,
        ),
        agreement(
            "pw_mcc_live_above_control",
            "As pw_mcc_above_control, over latents that are active on held-out tokens, divided by the larger number"
            " of them.",
            difference_of="pw_mcc_live",
        ),
        agreement(
            "pw_mcc",
            f"{PW_MCC} of each seed pair, every seed trained toward a reference of its own, so that no pair shares "
            "one.",
        ),
        agreement("pw_mcc_live", "As pw_mcc, over live latents only."),
        agreement(
            "mmcs_above_control",
            f"{MMCS} of each seed pair, every seed trained toward a reference of its own, so that no pair shares "
            "one, minus the same for the same seeds trained without the alignment term.",
            difference_of="mmcs",
        ),
        agreement(
            "mmcs",
            f"{MMCS} of each seed pair, every seed trained toward a reference of its own, so that no pair shares one.",
        ),
        latent_share_of_pair(
            "matched_fraction_above_control",
            "Fraction of latents whose match has a cosine of at least the protocol's matched_cosine, pairs as in "
            "pw_mcc, minus the same for the same seeds trained without the alignment term.",
            difference_of="matched_fraction",
            lattice="d_sae",
            structural=True,
        ),
        latent_share_of_pair(
            "matched_fraction",
            "Fraction of latents whose match has a cosine of at least the protocol's matched_cosine, pairs as in "
            "pw_mcc.",
            lattice="d_sae",
            structural=True,
        ),
        agreement(
            "shared_reference_pw_mcc",
            f"{PW_MCC} of each seed pair in a second training of the same seeds toward ONE shared reference: "
            "agreement through the reference, which says nothing about the model and is no measure of consistency.",
        ),
        agreement(
            "shared_reference_pw_mcc_above_copying",
            "shared_reference_pw_mcc minus the same for decoders that copy the shared reference, which agree wholly"
            " and learned nothing.",
            difference_of="shared_reference_pw_mcc",
        ),
        _alignment("alignment_to_reference", f"{PW_MCC} of each seed's decoder with its own reference's."),
        _alignment(
            "alignment_to_reference_above_control",
            f"{PW_MCC} of each seed's decoder with its own reference's, minus the same for that seed trained without"
            " the alignment term.",
            difference_of="alignment_to_reference",
        ),
        row(
            "alignment_to_reference_above_others",
            f"{PW_MCC} of each seed's decoder with its own reference's, minus the mean of the same with the other "
            "seeds' references: what is copied from the one reference and found in no other.",
            "cosine",
            "lower",
            (-1, 1),
            "per_seed",
            difference_of="alignment_to_reference",
        ),
        r2(
            "r2",
            "1 - SSE/SST about the per-dimension mean, float64, on held-out tokens; each seed trained toward a "
            "reference of its own.",
        ),
        r2(
            "r2_above_control",
            "r2, minus the same for the same seeds trained without the alignment term: the price of the term.",
            difference_of="r2",
        ),
        r2(
            "r2_above_longer_training",
            "r2, minus the same for the same seeds trained without the alignment term for twice the steps.",
            difference_of="r2",
        ),
        r2(
            "r2_above_copying",
            "r2, minus the same for SAEs of the same seeds whose decoder is their reference's, held, while encoder "
            "and biases learn.",
            difference_of="r2",
        ),
        L0,
        DEAD_FRACTION,
        *APART,
    ),
)
