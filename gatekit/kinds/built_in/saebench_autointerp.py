"""What a saebench_autointerp summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import row

KIND = Kind(
    name="saebench_autointerp",
    description=(
        "SAEBench automated interpretability (Paulo et al. 2410.13928): can a language model tell, from its own "
        "explanation of a latent, on which texts the latent is active?"
    ),
    baselines=("none", "public_sae", "random_sae", "untrained", "unknown"),
    measures=(
        row(
            "autointerp_score",
            "Share of texts that the judge places rightly, mean over the sampled latents.",
            "fraction of texts",
            "higher",
            (0, 1),
            "per_seed",
        ),
    ),
)
