"""What a random_model summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec
from gatekit.kinds.rows import (
    LIVE_FLOOR,
    MMCS,
    PW_MCC,
    SHAPE_FLOOR,
    agreement,
    chance_corrected,
    latent_share_of_pair,
    r2,
    row,
    with_random_model,
)
from gatekit.kinds.shared_rows import (
    AGREEMENT,
    AGREEMENT_ABOVE_GAUSSIAN,
    APART,
    DEAD_FRACTION,
    L0,
    MATCHING_SHORTFALL,
    R2,
    SIMILARITY_AT_INIT,
)

FROZEN_DECODER = "SAEs whose decoder stays as it was drawn (frozen decoder, Korznikov et al. 2602.14111)"
SOFT_FROZEN_DECODER = (
    "SAEs whose decoder rows keep a cosine of at least 0.8 with their start (soft-frozen decoder, Korznikov et al. "
    "2602.14111)"
)
FROZEN_ENCODER = "SAEs whose encoder directions stay as they were drawn (frozen encoder, Korznikov et al. 2602.14111)"
SHARED_START = "SAEs whose seeds all start from the same weights"


def _above(control: str, words: str, aside: str = "") -> tuple[MeasureSpec, ...]:
    """PW-MCC minus that of one more control: over all latents and over live ones, each also corrected for chance."""
    whole, live = f"pw_mcc_above_{control}", f"pw_mcc_live_above_{control}"
    return (
        agreement(whole, f"{PW_MCC} of each seed pair, minus the same for {words}{aside}.", difference_of="pw_mcc"),
        chance_corrected(
            f"pw_mcc_chance_corrected_above_{control}",
            f"As {whole}, each side corrected for chance: {SHAPE_FLOOR}.",
            difference_of="pw_mcc_chance_corrected",
        ),
        agreement(
            live,
            f"As {whole}, over latents that are active on held-out tokens in both members of the pair.",
            difference_of="pw_mcc_live",
        ),
        chance_corrected(
            f"pw_mcc_live_chance_corrected_above_{control}",
            f"As {live}, each side corrected for chance: floor = {LIVE_FLOOR}.",
            difference_of="pw_mcc_live_chance_corrected",
        ),
    )


_MEASURES = (
    agreement(
        "pw_mcc_above_control",
        f"{PW_MCC} of each seed pair, minus the same for SAEs trained the same way on the re-initialised model "
        "(the random model).",
        difference_of="pw_mcc",
    ),
    agreement(
        "pw_mcc_above_untrained",
        f"{PW_MCC} of each seed pair, minus the same for the same SAEs before training.",
        difference_of="pw_mcc",
    ),
    AGREEMENT_ABOVE_GAUSSIAN,
    chance_corrected(
        "pw_mcc_chance_corrected_above_control",
        f"As pw_mcc_above_control, each side corrected for chance: {SHAPE_FLOOR}.",
        difference_of="pw_mcc_chance_corrected",
    ),
    agreement(
        "pw_mcc_live_above_control",
        "As pw_mcc_above_control, over latents that are active on held-out tokens in both members of the pair.",
        difference_of="pw_mcc_live",
    ),
    AGREEMENT,
    agreement("pw_mcc_live", "As pw_mcc, over live latents only."),
    chance_corrected(
        "pw_mcc_live_chance_corrected_above_control",
        f"As pw_mcc_live_above_control, each side corrected for chance: floor = {LIVE_FLOOR}.",
        difference_of="pw_mcc_live_chance_corrected",
    ),
    chance_corrected(
        "pw_mcc_chance_corrected_above_untrained",
        f"As pw_mcc_above_untrained, each side corrected for chance: {SHAPE_FLOOR}.",
        difference_of="pw_mcc_chance_corrected",
    ),
    agreement(
        "pw_mcc_live_above_untrained",
        "As pw_mcc_above_untrained, over latents that are active on held-out tokens in both members of the "
        "pair. The latents before training are the same ones, whether or not they were active then.",
        difference_of="pw_mcc_live",
    ),
    chance_corrected(
        "pw_mcc_live_chance_corrected_above_untrained",
        f"As pw_mcc_live_above_untrained, each side corrected for chance: floor = {LIVE_FLOOR}.",
        difference_of="pw_mcc_live_chance_corrected",
    ),
    *_above("frozen_decoder", FROZEN_DECODER),
    *_above("soft_frozen_decoder", SOFT_FROZEN_DECODER),
    *_above("frozen_encoder", FROZEN_ENCODER),
    *_above("shared_start", SHARED_START, "; negative by as much as a shared initialisation would add"),
    chance_corrected(
        "pw_mcc_chance_corrected",
        f"PW-MCC of each seed pair, corrected for chance: {SHAPE_FLOOR}.",
    ),
    chance_corrected(
        "pw_mcc_live_chance_corrected",
        f"PW-MCC over live latents, corrected for chance: floor = {LIVE_FLOOR}.",
    ),
    agreement(
        "pw_mcc_live_above_gaussian",
        f"PW-MCC over live latents, minus {LIVE_FLOOR}.",
        difference_of="pw_mcc_live",
    ),
    agreement(
        "mmcs_above_control",
        f"{MMCS} of each seed pair, minus the same for SAEs trained the same way on the re-initialised model "
        "(the random model).",
        difference_of="mmcs",
    ),
    agreement(
        "mmcs_above_untrained",
        f"{MMCS} of each seed pair, minus the same for the same SAEs before training.",
        difference_of="mmcs",
    ),
    agreement(
        "mmcs_above_gaussian",
        f"{MMCS} of each seed pair, minus the same for Gaussian dictionaries of the same shape.",
        difference_of="mmcs",
    ),
    chance_corrected(
        "mmcs_chance_corrected_above_control",
        f"As mmcs_above_control, each side corrected for chance: {SHAPE_FLOOR}.",
        compares=True,
    ),
    agreement(
        "mmcs_live_above_control",
        "As mmcs_above_control, over latents that are active on held-out tokens in both members of the pair.",
        difference_of="mmcs_live",
    ),
    agreement("mmcs", f"{MMCS} of each seed pair."),
    agreement("mmcs_live", "As mmcs, over live latents only."),
    chance_corrected(
        "mmcs_live_chance_corrected_above_control",
        f"As mmcs_live_above_control, each side corrected for chance: floor = {LIVE_FLOOR}.",
        compares=True,
    ),
    chance_corrected(
        "mmcs_chance_corrected_above_untrained",
        f"As mmcs_above_untrained, each side corrected for chance: {SHAPE_FLOOR}.",
        compares=True,
    ),
    agreement(
        "mmcs_live_above_untrained",
        "As mmcs_above_untrained, over latents that are active on held-out tokens in both members of the pair. "
        "The latents before training are the same ones, whether or not they were active then.",
        difference_of="mmcs_live",
    ),
    chance_corrected(
        "mmcs_live_chance_corrected_above_untrained",
        f"As mmcs_live_above_untrained, each side corrected for chance: floor = {LIVE_FLOOR}.",
        compares=True,
    ),
    latent_share_of_pair(
        "matched_fraction_above_control",
        "Fraction of matched latents whose cosine reaches the cut in the protocol's settings, minus the same "
        "for the random model.",
        difference_of="matched_fraction",
        lattice="d_sae",
        structural=True,
    ),
    latent_share_of_pair(
        "matched_fraction",
        "Fraction of matched latents whose cosine reaches the cut in the protocol's settings.",
        lattice="d_sae",
        structural=True,
    ),
    SIMILARITY_AT_INIT,
    row(
        "similarity_to_init",
        "Mean cosine of each decoder row with its own row before training: how much of the dictionary was learnt.",
        "cosine",
        "lower",
        (-1, 1),
        "per_seed",
    ),
    R2,
    r2(
        "r2_above_control",
        "r2 minus the r2 of the random model's SAEs on the random model's activations.",
        difference_of="r2",
    ),
    L0,
    DEAD_FRACTION,
    MATCHING_SHORTFALL,
    r2("r2_above_frozen_decoder", f"r2 minus the r2 of {FROZEN_DECODER}.", difference_of="r2"),
    r2("r2_above_soft_frozen_decoder", f"r2 minus the r2 of {SOFT_FROZEN_DECODER}.", difference_of="r2"),
    r2("r2_above_frozen_encoder", f"r2 minus the r2 of {FROZEN_ENCODER}.", difference_of="r2"),
    r2("r2_above_shared_start", f"r2 minus the r2 of {SHARED_START}.", difference_of="r2"),
    *APART,
)

KIND = Kind(
    name="random_model",
    description=(
        "Does training on the real model make SAEs agree across seeds more than training on a re-initialised one does?"
    ),
    baselines=("random_model", "none", "unknown"),
    measures=with_random_model(_MEASURES, "_above_control"),
)
