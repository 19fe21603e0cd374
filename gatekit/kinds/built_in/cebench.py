"""What a cebench summary measures."""

from __future__ import annotations

from typing import Unpack

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec
from gatekit.kinds.rows import More, l0, row, with_random_model


def _z_score(name: str, description: str, difference_of: str | None = None) -> MeasureSpec:
    """A maximum of z-scores over latents, so at most (d_sae - 1) / sqrt(d_sae)."""
    return row(
        *(name, description, "standard deviations", "higher", (0, 10_000), "per_seed_row"),
        difference_of=difference_of,
        ceiling="z_score",
    )


_SUM = "contrastive plus independence, the combination that the paper calls interpretability"


def _sum(name: str, description: str, difference_of: str | None = None) -> MeasureSpec:
    """A sum of two z-scores, so at most twice (d_sae - 1) / sqrt(d_sae)."""
    return row(
        *(name, description, "standard deviations", "higher", (0, 20_000), "per_seed_row"),
        difference_of=difference_of,
    )


def _mean(name: str, of: str) -> MeasureSpec:
    """A mean over pairs that CE-Bench itself wrote, one per SAE; it writes no scores of pairs."""
    return row(
        name,
        f"Mean over story pairs of {of}, as CE-Bench's own results.json has it, per seed.",
        "standard deviations",
        "higher",
        (0, 10_000),
        "per_seed",
        ceiling="z_score",
    )


def _share_of_ceiling(name: str, description: str, **more: Unpack[More]) -> MeasureSpec:
    """A z-score as a share of the most that this width can score."""
    return row(name, description, "fraction of the ceiling", "higher", (0, 1), "per_seed_row", **more)


_MEASURES = (
    _z_score(
        "interpretability_delta",
        "The joint score that CE-Bench's released code calls interpretability (max z of |V1 - V2| + |I1 - I2|), "
        "minus the matched baseline's, per seed and row. The paper's is interpretability_sum.",
        difference_of="interpretability",
    ),
    _z_score(
        "interpretability",
        "The joint score that CE-Bench's released code calls interpretability (max z of |V1 - V2| + |I1 - I2|), "
        "per seed and row. The paper's is interpretability_sum.",
    ),
    _sum(
        "interpretability_sum_delta",
        f"{_SUM[0].upper()}{_SUM[1:]}, minus the matched baseline's, per seed and row.",
        difference_of="interpretability_sum",
    ),
    _sum(
        "interpretability_sum",
        f"{_SUM[0].upper()}{_SUM[1:]} (without its fitted weights and without its term for sparsity), per seed and "
        "row.",
    ),
    _share_of_ceiling(
        "interpretability_normalised_delta",
        "As interpretability_delta, each side divided by its own ceiling (F - 1) / sqrt(F).",
        compares=True,
    ),
    _z_score(
        "contrastive_delta",
        "CE-Bench contrastive score (max z of |V1 - V2|) minus the matched baseline's, per seed and row.",
        difference_of="contrastive",
    ),
    _z_score("contrastive", "CE-Bench contrastive score (max z of |V1 - V2|), per seed and row."),
    _share_of_ceiling(
        "contrastive_normalised_delta",
        "As contrastive_delta, each side divided by its own ceiling (F - 1) / sqrt(F).",
        compares=True,
    ),
    _z_score(
        "independence_delta",
        "CE-Bench independence score (max z of |I1 - I_avg|) minus the matched baseline's, per seed and row.",
        difference_of="independence",
    ),
    _z_score("independence", "CE-Bench independence score (max z of |I1 - I_avg|), per seed and row."),
    _share_of_ceiling(
        "independence_normalised_delta",
        "As independence_delta, each side divided by its own ceiling (F - 1) / sqrt(F).",
        compares=True,
    ),
    _mean("interpretability_mean", "interpretability, the joint score of its code"),
    row(
        "interpretability_sum_mean",
        f"Mean over story pairs of {_SUM}: the sum of the two means in CE-Bench's own results.json, per seed.",
        "standard deviations",
        "higher",
        (0, 20_000),
        "per_seed",
    ),
    _mean("contrastive_mean", "contrastive"),
    _mean("independence_mean", "independence"),
    row(
        "flat_pairs",
        "Fraction of pairs on which a distance is the same at every latent, so that its score is 0; above all "
        "pairs on which no latent is active.",
        "fraction of pairs",
        "lower",
        (0, 1),
        "per_seed",
        lattice="rows",
        structural=True,
    ),
    l0("l0", "Mean number of active latents per token of the stories."),
    l0("baseline_l0", "As l0, of the baseline's SAE of the same seed.", ceiling=None),
)

KIND = Kind(
    name="cebench",
    description=(
        "Contrastive evaluation on story pairs. A z-score over F latents cannot exceed (F - 1) / sqrt(F), so scores"
        " are comparable at equal width only."
    ),
    baselines=("public_sae", "random_model", "random_sae", "untrained", "none", "unknown"),
    measures=with_random_model(_MEASURES),
)
