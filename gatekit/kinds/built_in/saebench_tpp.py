"""What a saebench_tpp summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import row

KIND = Kind(
    name="saebench_tpp",
    description=(
        "SAEBench targeted probe perturbation (Karvonen et al. 2411.18895): with the k latents of one class ablated, "
        "how much accuracy does that class's probe lose, and how much do the others?"
    ),
    baselines=("none", "public_sae", "random_sae", "untrained", "unknown"),
    measures=(
        row(
            "total_metric",
            "SAEBench's tpp_threshold_k_total_metric: intended minus unintended loss of accuracy, per seed and "
            "dataset.",
            "accuracy",
            "higher",
            (-2, 2),
            "per_seed_dataset",
            structural=True,
        ),
        row(
            "intended_diff_only",
            "SAEBench's tpp_threshold_k_intended_diff_only: accuracy that the class's own probe loses, per seed and "
            "dataset.",
            "accuracy",
            "higher",
            (-1, 1),
            "per_seed_dataset",
            structural=True,
        ),
        row(
            "unintended_diff_only",
            "SAEBench's tpp_threshold_k_unintended_diff_only: mean accuracy that the other classes' probes lose, per "
            "seed and dataset.",
            "accuracy",
            "lower",
            (-1, 1),
            "per_seed_dataset",
            structural=True,
        ),
    ),
)
