"""What a saebench_ravel summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec
from gatekit.kinds.rows import row


def _score(name: str, description: str) -> MeasureSpec:
    return row(*(name, description, "fraction of answers", "higher", (0, 1), "per_seed"), structural=True)


KIND = Kind(
    name="saebench_ravel",
    description=(
        "SAEBench RAVEL (Huang et al. 2402.17700): does patching the latents of one attribute of an entity change that "
        "attribute in the model's answer, and no other?"
    ),
    baselines=("none", "public_sae", "random_sae", "untrained", "unknown"),
    measures=(
        _score("disentanglement_score", "Mean of cause_score and isolation_score, SAEBench's main number."),
        _score("cause_score", "Share of answers that change to the patched attribute."),
        _score("isolation_score", "Share of answers that stay when the latents of another attribute are patched."),
    ),
)
