"""What a ood summary measures."""

from __future__ import annotations

from typing import Unpack

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec, RatioOf
from gatekit.kinds.rows import More, probe_score, row


def _auc_drop(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """What a probe loses when the texts shift."""
    return row(name, description, "AUC", "lower", (-1, 1), "per_seed_dataset", **more)


def _relative_drop(name: str, description: str, drop: str, **more: Unpack[More]) -> MeasureSpec:
    """A mean drop over a mean advantage."""
    unit = "fraction of the in-distribution advantage"
    more.setdefault("ratio_of", RatioOf(drop, "id_auc", less=0.5))
    # Of a number without observations, which a summary may state; what is computed has no other range than its parts.
    low = 0 if drop == "auc_drop_capped" else -1e6
    return row(name, description, unit, "lower", (low, 1e6), "per_seed_dataset", **more)


KIND = Kind(
    name="ood",
    description="How much probing quality is lost out of distribution?",
    baselines=("dense_probe", "none", "unknown"),
    measures=(
        _auc_drop(
            "auc_drop",
            "In-distribution minus out-of-distribution test AUC of the SAE probe, per seed and dataset; absolute.",
        ),
        row(
            "auc_drop_capped",
            "auc_drop, with 0 for every drop below 0: a dataset on which the shift helps makes up for no other.",
            "AUC",
            "lower",
            (0, 1),
            "per_seed_dataset",
            structural=True,
        ),
        _relative_drop(
            "relative_drop",
            "Mean auc_drop over the mean in-distribution advantage over chance (id_auc - 0.5): what share of the "
            "advantage is lost. A ratio of means over seeds and datasets: a dataset without an advantage adds nothing "
            "to divide by.",
            "auc_drop",
        ),
        _relative_drop(
            "relative_drop_capped",
            "As relative_drop, with 0 for every drop below 0.",
            "auc_drop_capped",
            structural=True,
        ),
        _auc_drop(
            "auc_drop_above_baseline",
            "auc_drop minus the dense baseline's own drop on the same slices.",
            difference_of="auc_drop",
        ),
        _auc_drop(
            "baseline_auc_drop",
            "As auc_drop, of the dense baseline: the same for every seed.",
            structural=True,
        ),
        _relative_drop(
            "baseline_relative_drop",
            "As relative_drop, of the dense baseline: the same for every seed.",
            "baseline_auc_drop",
            ratio_of=RatioOf("baseline_auc_drop", "id_auc_delta", less=0.5, of_baseline=True),
            structural=True,
        ),
        probe_score("id_auc", "AUC", "Test AUC of the SAE probe in distribution, per seed and dataset."),
        probe_score(
            "id_auc_delta",
            "AUC",
            "id_auc minus the dense baseline's on the same rows.",
            difference_of="id_auc",
        ),
        probe_score("ood_auc", "AUC", "AUC of the same SAE probe on the shifted texts, per seed and dataset."),
        probe_score(
            "ood_auc_delta",
            "AUC",
            "ood_auc minus the dense baseline's on the same rows.",
            difference_of="ood_auc",
        ),
    ),
)
