"""What a saebench_absorption summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import row

KIND = Kind(
    name="saebench_absorption",
    description=(
        "SAEBench absorption (Chanin et al. 2409.14507): how often does a latent for a word's first letter stay silent "
        "because a latent for the word took its place?"
    ),
    baselines=("none", "public_sae", "random_sae", "untrained", "unknown"),
    measures=(
        row(
            "mean_absorption_fraction_score",
            "Mean over letters of absorption_fraction, SAEBench's main number.",
            "fraction absorbed",
            "lower",
            (0, 1),
            "per_seed",
            structural=True,
        ),
        row(
            "mean_full_absorption_score",
            "Mean over letters of full_absorption_rate.",
            "fraction of words",
            "lower",
            (0, 1),
            "per_seed",
            structural=True,
        ),
        row(
            "mean_num_split_features",
            "Mean over letters of num_split_features.",
            "latents per letter",
            "lower",
            (0, 1_000_000),
            "per_seed",
            structural=True,
        ),
        row(
            "absorption_fraction",
            "Share of the letter's direction that other latents than the letter's own carry, mean over the words that "
            "the probe gets right, per seed and letter.",
            "fraction absorbed",
            "lower",
            (0, 1),
            "per_seed_dataset",
            structural=True,
        ),
        row(
            "full_absorption_rate",
            "Share of the words that the probe gets right on which no latent of the letter is active and another one "
            "carries it, per seed and letter.",
            "fraction of words",
            "lower",
            (0, 1),
            "per_seed_dataset",
            structural=True,
        ),
        row(
            "num_split_features",
            "Latents that one letter is spread over: as many as the sparse probe needs, per seed and letter.",
            "latents per letter",
            "lower",
            (0, 1_000_000),
            "per_seed_dataset",
            structural=True,
        ),
    ),
)
