"""Rows that several kinds have word for word, because their runners compute them by the same code."""

from __future__ import annotations

from gatekit.kinds.rows import PW_MCC, SHAPE_FLOOR, agreement, chance_corrected, dead_fraction, l0, probe_score, r2, row

AGREEMENT = agreement("pw_mcc", f"{PW_MCC} of each seed pair.")
AGREEMENT_OF_LIVE = agreement(
    "pw_mcc_live",
    "As pw_mcc, over latents that are active on held-out tokens; divided by the larger number of them.",
)
AGREEMENT_ABOVE_GAUSSIAN = agreement(
    "pw_mcc_above_gaussian",
    f"{PW_MCC} of each seed pair, minus the same for Gaussian dictionaries of the same shape.",
    difference_of="pw_mcc",
)
AGREEMENT_CHANCE_CORRECTED = chance_corrected(
    "pw_mcc_chance_corrected", f"pw_mcc corrected for chance: {SHAPE_FLOOR}. The one to compare between shapes."
)

SIMILARITY_AT_INIT = row(
    "similarity_at_init",
    "PW-MCC of each seed pair before training: what agreement a shared initialisation would bring by itself.",
    "cosine",
    "lower",
    (-1, 1),
    "per_seed_pair",
)
MATCHING_SHORTFALL = row(
    "matching_shortfall",
    "The most that any score of this pair may lack of the best one-to-one matching's: 0 up to 16384 "
    "latents, where matchings are the best ones.",
    "cosine",
    "lower",
    (0, 2),
    "per_seed_pair",
    structural=True,
)

R2 = r2(
    "r2",
    "1 - SSE/SST about the per-dimension mean, float64, on held-out tokens. Rows of extreme norm are left out, by the "
    "rule in the protocol: a few of them would carry it.",
)
# A few extreme rows can carry it below 0, of an SAE that has not diverged.
R2_ALL_ROWS = r2("r2_all_rows", "As r2, over the rows of extreme norm too.", divergence=None)
EXTREME_ROWS = row(
    "extreme_rows",
    "How many held-out rows are left out of r2 because their norm is extreme, by the rule in the protocol.",
    "rows",
    "lower",
    (0, 1_000_000_000_000),
    "per_seed",
    structural=True,
)
APART = (R2_ALL_ROWS, EXTREME_ROWS)
"""What a runner writes beside r2."""
L0 = l0("l0", "Mean number of active latents per held-out token.")
DEAD_FRACTION = dead_fraction("dead_fraction", "Fraction of latents never active on the held-out tokens.")
RECONSTRUCTION = (R2, L0, DEAD_FRACTION, *APART)

PROBES = (
    probe_score("auc", "AUC", "Test AUC of the k-sparse SAE probe, per seed and dataset."),
    probe_score(
        "accuracy", "accuracy", "Test accuracy of the k-sparse SAE probe, per seed and dataset.", lattice="rows"
    ),
    probe_score("f1", "F1", "Test F1 of the k-sparse SAE probe, per seed and dataset."),
)
PROBES_ABOVE_BASELINE = (
    probe_score(
        "auc_delta",
        "AUC",
        "Test AUC of the k-sparse SAE probe minus the baseline's, per seed and dataset.",
        difference_of="auc",
    ),
    probe_score(
        "accuracy_delta",
        "accuracy",
        "Test accuracy of the k-sparse SAE probe minus the baseline's, per seed and dataset.",
        difference_of="accuracy",
        lattice="rows",
    ),
    probe_score(
        "f1_delta",
        "F1",
        "Test F1 of the k-sparse SAE probe minus the baseline's, per seed and dataset.",
        difference_of="f1",
    ),
)

SAE_SCORES = (
    AGREEMENT,
    AGREEMENT_OF_LIVE,
    AGREEMENT_ABOVE_GAUSSIAN,
    AGREEMENT_CHANCE_CORRECTED,
    *RECONSTRUCTION,
    *PROBES,
    *PROBES_ABOVE_BASELINE,
)
"""What a sweep measures of the SAEs of every cell."""
