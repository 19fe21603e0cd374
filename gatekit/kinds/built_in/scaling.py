"""What a scaling summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import chance_corrected, probe_score, r2, row
from gatekit.kinds.shared_rows import SAE_SCORES

KIND = Kind(
    name="scaling",
    description="How do measurements move with tokens, layer and number of latents?",
    baselines=("dense_probe", "unknown"),
    measures=(
        *SAE_SCORES,
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
