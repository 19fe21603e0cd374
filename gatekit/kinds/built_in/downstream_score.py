"""What a downstream_score summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import row

OF_MODEL = "minus that of the model without the SAE"

KIND = Kind(
    name="downstream_score",
    description=(
        "How well does the model do a task with the SAE in its place, as lm-evaluation-harness or Inspect scored it? "
        "The metric, its filter, shots and the task's version stand in the protocol: other metrics are other numbers."
    ),
    baselines=("original_model", "random_sae", "public_sae", "none", "unknown"),
    measures=(
        row(
            "score_delta",
            f"score {OF_MODEL}, per seed and task.",
            "score",
            "higher",
            (0, 1),
            "per_seed_dataset",
            difference_of="score",
            structural=True,
        ),
        row(
            "score",
            "The task's score between 0 and 1 (accuracy, exact match, F1), per seed and task.",
            "score",
            "higher",
            (0, 1),
            "per_seed_dataset",
            structural=True,
        ),
        row(
            "mean_score_delta",
            f"mean_score {OF_MODEL}, per seed.",
            "score",
            "higher",
            (0, 1),
            "per_seed",
            difference_of="mean_score",
            structural=True,
        ),
        row(
            "mean_score",
            "Mean of score over these tasks, per seed: it says nothing about other tasks, and has a bound where there "
            "is one task only.",
            "score",
            "higher",
            (0, 1),
            "per_seed",
            structural=True,
        ),
        row(
            "sample_score_delta",
            f"sample_score {OF_MODEL}, per seed and sample.",
            "score",
            "higher",
            (0, 1),
            "per_seed_row",
            difference_of="sample_score",
            structural=True,
        ),
        row(
            "sample_score",
            "The score of one sample, per seed and sample: row is 10,000,000 times the task's place in "
            "protocol.datasets, plus the sample's place in the task.",
            "score",
            "higher",
            (0, 1),
            "per_seed_row",
            structural=True,
        ),
        row(
            "perplexity_delta",
            f"perplexity {OF_MODEL}, per seed and task.",
            "perplexity",
            "lower",
            (0, 1e30),
            "per_seed_dataset",
            difference_of="perplexity",
        ),
        row(
            "perplexity",
            "The task's perplexity, by word, byte or token as the metric says, per seed and task.",
            "perplexity",
            "lower",
            (0, 1e30),
            "per_seed_dataset",
        ),
        row(
            "bits_per_byte_delta",
            f"bits_per_byte {OF_MODEL}, per seed and task.",
            "bits per byte",
            "lower",
            (0, 1_000_000),
            "per_seed_dataset",
            difference_of="bits_per_byte",
        ),
        row(
            "bits_per_byte",
            "The task's bits per byte, per seed and task.",
            "bits per byte",
            "lower",
            (0, 1_000_000),
            "per_seed_dataset",
        ),
    ),
)
