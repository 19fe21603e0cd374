"""What a scaling summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import PW_MCC, SHAPE_FLOOR, agreement, chance_corrected, dead_fraction, l0, probe_score, r2, row

KIND = Kind(
    name="scaling",
    description="How do measurements move with tokens, layer and number of latents?",
    baselines=("dense_probe", "unknown"),
    measures=(
        agreement("pw_mcc", f"{PW_MCC} of each seed pair."),
        agreement(
            "pw_mcc_live",
            "As pw_mcc, over latents that are active on held-out tokens; divided by the larger number of them.",
        ),
        agreement(
            "pw_mcc_above_gaussian",
            f"{PW_MCC} of each seed pair, minus the same for Gaussian dictionaries of the same shape.",
            difference_of="pw_mcc",
        ),
        chance_corrected(
            "pw_mcc_chance_corrected",
            f"pw_mcc corrected for chance: {SHAPE_FLOOR}. The one to compare between shapes.",
        ),
        r2("r2", "1 - SSE/SST about the per-dimension mean, float64, on held-out tokens."),
        l0("l0", "Mean number of active latents per held-out token."),
        dead_fraction("dead_fraction", "Fraction of latents never active on the held-out tokens."),
        probe_score("auc", "AUC", "Test AUC of the k-sparse SAE probe, per seed and dataset."),
        probe_score(
            "accuracy",
            "accuracy",
            "Test accuracy of the k-sparse SAE probe, per seed and dataset.",
            lattice="rows",
        ),
        probe_score("f1", "F1", "Test F1 of the k-sparse SAE probe, per seed and dataset."),
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
        chance_corrected(
            "pw_mcc_chance_corrected_above_base",
            "PW-MCC between chance (0) and identity (1), minus the same in the grid's first cell, per seed pair.",
            difference_of="pw_mcc_chance_corrected",
        ),
        chance_corrected(
            "pw_mcc_chance_corrected_axis_effect",
            "PW-MCC between chance (0) and identity (1), mean over all cells of the grid at this cell's value of "
            "the one axis in which it differs from the first, minus the mean over those at the first value, per "
            "seed pair.",
            compares=True,
        ),
        row(
            "pw_mcc_chance_corrected_interaction",
            "PW-MCC between chance (0) and identity (1): effect of the later of the two axes in which this cell "
            "differs from the first, at this cell's value of the earlier one, minus the same effect at its first "
            "value, per seed pair.",
            "fraction of the way from chance to identity",
            "higher",
            (-21, 21),
            "per_seed_pair",
            compares=True,
        ),
        r2("r2_above_base", "r2, minus the same in the grid's first cell, per seed.", difference_of="r2"),
        r2(
            "r2_axis_effect",
            "r2, mean over all cells of the grid at this cell's value of the one axis in which it differs from the "
            "first, minus the mean over those at the first value, per seed.",
            compares=True,
        ),
        row(
            "r2_interaction",
            "r2: effect of the later of the two axes in which this cell differs from the first, at this cell's "
            "value of the earlier one, minus the same effect at its first value, per seed.",
            "fraction of variance",
            "higher",
            (-1000001, 1000001),
            "per_seed",
            compares=True,
        ),
        probe_score(
            "auc_above_base",
            "AUC",
            "Test AUC of the k-sparse probe, minus the same in the grid's first cell, per seed and dataset.",
            difference_of="auc",
        ),
        probe_score(
            "auc_axis_effect",
            "AUC",
            "Test AUC of the k-sparse probe, mean over all cells of the grid at this cell's value of the one axis "
            "in which it differs from the first, minus the mean over those at the first value, per seed and "
            "dataset.",
            compares=True,
        ),
        row(
            "auc_interaction",
            "Test AUC of the k-sparse probe: effect of the later of the two axes in which this cell differs from "
            "the first, at this cell's value of the earlier one, minus the same effect at its first value, per seed"
            " and dataset.",
            "AUC",
            "higher",
            (-1, 1),
            "per_seed_dataset",
            compares=True,
        ),
    ),
)
