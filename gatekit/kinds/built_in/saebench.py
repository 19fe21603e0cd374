"""What a saebench summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import dead_fraction, l0, r2, row
from gatekit.kinds.shared_rows import APART, PROBES, PROBES_ABOVE_BASELINE

KIND = Kind(
    name="saebench",
    description=(
        "How well do the SAE's latents probe labelled text, against a named baseline, and how much of the model's "
        "behaviour do they keep?"
    ),
    baselines=("dense_probe", "public_sae", "random_sae", "untrained", "none", "unknown"),
    measures=(
        *PROBES_ABOVE_BASELINE,
        row(
            "auc_win_rate",
            "1 where the k-sparse SAE probe's test AUC exceeds the baseline's, 0 where it falls short, 0.5 where "
            "they are equal, per seed and dataset.",
            "share of wins",
            "higher",
            (0, 1),
            "per_seed_dataset",
            lattice=2,
            structural=True,
        ),
        *PROBES,
        row(
            "ce_loss_score",
            "SAEBench core: fraction of the cross-entropy lost by ablation that the SAE recovers.",
            "fraction of loss",
            "higher",
            (-1000, 1000),
            "per_seed",
        ),
        row(
            "kl_div_score",
            "SAEBench core: fraction of the KL divergence caused by ablation that the SAE removes.",
            "fraction of divergence",
            "higher",
            (-1000, 1000),
            "per_seed",
        ),
        row(
            "cossim",
            "SAEBench core: mean cosine of activations and their reconstruction.",
            "cosine",
            "higher",
            (-1, 1),
            "per_seed",
        ),
        row(
            "mse",
            "SAEBench core: its mse field, in squared activation units.",
            "squared activation",
            "lower",
            (0, 1e30),
            "per_seed",
        ),
        l0("l0", "Mean number of active latents per token."),
        dead_fraction(
            "dead_fraction",
            "Fraction of latents never active on the evaluated tokens (held-out ones, or SAEBench core's: 1 - "
            "frac_alive).",
        ),
        r2(
            "r2",
            "1 - SSE/SST about the per-dimension mean, computed by our own runner; never SAEBench's "
            "explained_variance.",
        ),
        *APART,
    ),
)
