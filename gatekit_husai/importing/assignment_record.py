"""One lambda of an assignment sweep: read, and its own numbers computed again from the values that it holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.assignment_rules import MOST_DRAWS, RANDOM_SEED, TRAINED_SEED, interval
from gatekit_husai.importing.context import checkpoint_key, close

_CEBENCH_PARTS = ("delta_vs_matched_baseline", "custom_metrics")
PAIR_STATISTICS = (("trained", TRAINED_SEED), ("random", RANDOM_SEED))


@dataclass(frozen=True)
class Record:
    """One lambda: what it trained, and the checkpoint that stands for it."""

    field: Field
    strength: float
    """lambda_consistency, the weight of the alignment term."""
    seeds: list[int]
    """All that were trained, the reference's among them."""
    chosen_seed: int
    """Of `selected_checkpoint`."""
    variance: float
    """Mean explained variance over the seeds."""
    metrics: dict[str, float | None]
    """`selection_metrics`: those that lambdas are scored by, and `ev_drop`."""


def read_record(field: Field, resamples: Field) -> Record:
    """Return a record whose bound and means are what its own pairs and seeds give.

    Raises:
        GatekitError: `adapter.contradiction` at the first number that they do not give; `adapter.missing`, `.type`,
            `.range` for a value that is not there or cannot be.
    """
    seeds = _seeds(field)
    _check_bound(field, len(seeds), resamples)
    trained = field["per_seed_metrics"].items()
    variance = field.at("explained_variance", "mean")
    close(variance, _mean([one["explained_variance"].number(-1e6, 1) for one in trained]), "the mean over the seeds")
    chosen = field["selected_checkpoint"]
    keys = {checkpoint_key(one["checkpoint"]): one["seed"].seed() for one in trained}
    if checkpoint_key(chosen) not in keys:
        raise chosen.refuse("contradiction", "no seed of this record has this checkpoint")
    external = field.get("external_eval")
    if external is not None and checkpoint_key(external["checkpoint"]) != checkpoint_key(chosen):
        raise external["checkpoint"].refuse("contradiction", "this is not the selected checkpoint")
    stated = field["selection_metrics"]
    expected = {"internal_lcb": field["delta_pwmcc_ci_low_conservative"], **_benchmarks(external)}
    for name, source in expected.items():
        if source is not None:
            close(stated[name], source.number(), f"the record's own at {source.source}")
        elif stated[name].value is not None:
            raise stated[name].refuse(
                "contradiction", f"says {stated[name].value!r}, but the record has no such result"
            )
    drop = stated["ev_drop"].number()
    close(stated["ev_neg_drop"], -drop, "-ev_drop")
    return Record(
        field=field,
        strength=field["lambda_consistency"].number(0),
        seeds=seeds,
        chosen_seed=keys[checkpoint_key(chosen)],
        variance=variance.number(),
        metrics={
            **{name: None if source is None else source.number() for name, source in expected.items()},
            "ev_drop": drop,
            "ev_neg_drop": -drop,
        },
    )


def _seeds(field: Field) -> list[int]:
    """Return the seeds, which the record names in three places: the reference and the others, and all of them."""
    planned = [field["seed_ref"].seed(), *(item.seed() for item in field["train_seeds"].items())]
    trained = [one["seed"].seed() for one in field["per_seed_metrics"].items()]
    if sorted(planned) != sorted(trained) or len(set(trained)) != len(trained):
        raise field["per_seed_metrics"].refuse("contradiction", "the seeds are not the reference's and those trained")
    if field["n_models"].integer(2, 10_000) != len(trained):
        raise field["n_models"].refuse("contradiction", f"{len(trained)} seeds are listed")
    return sorted(trained)


def _check_bound(field: Field, models: int, resamples: Field) -> None:
    """Refuse a record whose difference and lower bound are not those of its pairs."""
    ends: dict[str, tuple[float, float]] = {}
    means: dict[str, float] = {}
    pairs = models * (models - 1) // 2
    if resamples.integer(1) * pairs > MOST_DRAWS:
        raise resamples.refuse(
            "range", f"{resamples.value} resamples of {pairs} pairs are more than are computed again"
        )
    for name, seed in PAIR_STATISTICS:
        listed = field[f"{name}_pairwise_pwmcc_values"]
        values = [item.number(-1, 1) for item in listed.items()]
        if len(values) != pairs:
            raise listed.refuse("contradiction", f"{models} seeds have {pairs} pairs, {len(values)} are listed")
        summary = field[f"{name}_pwmcc"]
        means[name] = _mean(values)
        close(summary["mean"], means[name], "the mean of the pairs")
        ends[name] = interval(values, resamples.integer(1), seed)
        what = f"the bootstrap of the pairs with seed {seed}"
        close(summary["ci95_low"], ends[name][0], what)
        close(summary["ci95_high"], ends[name][1], what)
    close(field["delta_pwmcc"], means["trained"] - means["random"], "the difference of the two means")
    bound = ends["trained"][0] - ends["random"][1]
    close(field["delta_pwmcc_ci_low_conservative"], bound, "the trained low end minus the random high end")


def _benchmarks(external: Field | None) -> dict[str, Field | None]:
    """Return where the benchmarks' results stand that lambdas are compared by; None for one that was not run."""
    saebench, cebench = (None if external is None else external.get(name) for name in ("saebench", "cebench"))
    delta, own = (None if cebench is None else cebench.get(part) for part in _CEBENCH_PARTS)
    return {
        "saebench_delta": None if saebench is None else saebench.at("summary", "best_minus_llm_auc"),
        "cebench_delta": None if delta is None else delta["interpretability_score_mean_max"],
        "cebench_interpretability_max": None if own is None else own["interpretability_score_mean_max"],
    }


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
