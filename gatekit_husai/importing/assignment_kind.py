"""What a lambda of HUSAI's assignment sweep measures beside the benchmarks: a kind of this plug-in's own.

No kind of the gate fits: the pairs share a reference, so their agreement is that with the reference.
"""

from __future__ import annotations

from gatekit.kinds import Kind, MeasureSpec

ABOVE_GAUSSIAN = "mmcs_above_gaussian"
VARIANCE_DROP = "explained_variance_drop"

KIND = Kind(
    name="husai_assignment",
    description="How far do SAEs that are trained toward one reference agree, and at what price?",
    baselines=("unknown",),
    measures=(
        MeasureSpec(
            ABOVE_GAUSSIAN,
            "MMCS (mean over latents of the largest |cosine|, symmetrised; not one-to-one) of each pair among one "
            "reference SAE and the SAEs trained toward it, minus the same for Gaussian dictionaries of the same shape: "
            "agreement through the reference, which says nothing about the model.",
            unit="cosine",
            direction="higher",
            range=(-1, 1),
            design="per_seed_pair",
            compares=True,
        ),
        MeasureSpec(
            VARIANCE_DROP,
            "Mean explained variance of the sweep's SAEs at lambda 0 minus that at this lambda, the reference among "
            "both, on the rows that they were trained on: the price of the alignment.",
            unit="fraction of variance",
            direction="lower",
            range=(-1e6, 1e6),
            design="per_seed",
        ),
    ),
)
