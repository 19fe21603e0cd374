"""What a frontier summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.shared_rows import SAE_SCORES

KIND = Kind(
    name="frontier",
    description="What does each architecture reach at equal data, steps and sparsity?",
    baselines=("dense_probe", "unknown"),
    measures=SAE_SCORES,
)
