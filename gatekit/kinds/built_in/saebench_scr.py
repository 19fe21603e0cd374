"""What a saebench_scr summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec
from gatekit.kinds.rows import row


def _removed(name: str, description: str) -> MeasureSpec:
    """A share of a gap of accuracies that is at least 0.001 wide, so between -1000 and 1000."""
    return row(
        *(name, description, "fraction of the gap", "higher", (-1000, 1000), "per_seed_dataset"), structural=True
    )


KIND = Kind(
    name="saebench_scr",
    description=(
        "SAEBench spurious correlation removal (Karvonen et al. 2411.18895): with the k latents of one concept "
        "ablated, how much of the accuracy that the correlation cost does a biased probe get back?"
    ),
    baselines=("none", "public_sae", "random_sae", "untrained", "unknown"),
    measures=(
        _removed(
            "scr_metric",
            "SAEBench's scr_metric_threshold_k, per seed and dataset: dir1 where the probe is worse at the profession, "
            "dir2 where it is worse at the gender. Reseeding moves it by about 0.08.",
        ),
        _removed("scr_dir1", "SAEBench's scr_dir1_threshold_k: gender latents ablated, per seed and dataset."),
        _removed("scr_dir2", "SAEBench's scr_dir2_threshold_k: profession latents ablated, per seed and dataset."),
    ),
)
