"""What a frontier summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import PW_MCC, SHAPE_FLOOR, agreement, chance_corrected, dead_fraction, l0, probe_score, r2

KIND = Kind(
    name="frontier",
    description="What does each architecture reach at equal data, steps and sparsity?",
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
    ),
)
