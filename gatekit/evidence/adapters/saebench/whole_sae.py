"""SAEBench's evals that score an SAE as a whole: absorption, RAVEL, unlearning, automated interpretability.

Means are SAEBench's own. Where the file holds what they are means of, they are computed again and must agree; letters
of absorption are observations of their own. Its standard deviations over letters or latents are not taken over: what a
gate needs is the spread over seeds, which it computes itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.evidence.adapters.building import Json, named_datasets
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.recorded_settings import recorded_settings
from gatekit.evidence.adapters.sae_scores import EvalScores, OwnNumber
from gatekit.evidence.adapters.saebench.measured import (
    measured_number,
    not_measured,
    seed_of,
    unpathed,
    versions,
)
from gatekit.evidence.adapters.saebench.recorded_sae import recorded_sae
from gatekit.evidence.adapters.saebench.sources import SeedFile
from gatekit.kinds import INSTALLED

SAME = 1e-6
"""Relative: scores of a torch mean in float32."""


@dataclass(frozen=True)
class WholeEval:
    """Where the evals differ."""

    kind: str
    table: str
    """The kind of its summary; its measures have the names of SAEBench's metrics."""
    category: str
    """Where in `eval_result_metrics` the metrics stand."""
    metrics: tuple[str, ...]
    read_elsewhere: frozenset[str]
    """Members of the configuration that are no setting."""
    dataset: str | None = None
    """The member that names a dataset, or a list of them."""
    tuned: bool = False
    """Whether the eval is run on a tuned form of the SAE's model."""


# Our measure per letter, its key in the details, the mean of it.
LETTERS = {
    "absorption_fraction": ("mean_absorption_fraction", "mean_absorption_fraction_score"),
    "full_absorption_rate": ("full_absorption_rate", "mean_full_absorption_score"),
    "num_split_features": ("num_split_features", "mean_num_split_features"),
}

WHOLE = {
    "absorption_first_letter": WholeEval(
        kind="absorption",
        table="saebench_absorption",
        category="mean",
        metrics=tuple(mean for _, mean in LETTERS.values()),
        read_elsewhere=frozenset({"model_name", "llm_batch_size", "eval_k_sparse_probe_batch_size"}),
    ),
    "ravel": WholeEval(
        kind="ravel",
        table="saebench_ravel",
        category="ravel",
        metrics=("disentanglement_score", "cause_score", "isolation_score"),
        read_elsewhere=frozenset({"model_name", "llm_batch_size", "artifact_dir", "force_dataset_recompute"}),
    ),
    "unlearning": WholeEval(
        kind="unlearning",
        table="saebench_unlearning",
        category="unlearning",
        metrics=("unlearning_score",),
        read_elsewhere=frozenset({"model_name", "llm_batch_size", "save_metrics", "dataset_names"}),
        dataset="dataset_names",
        tuned=True,
    ),
    "autointerp": WholeEval(
        kind="autointerp",
        table="saebench_autointerp",
        category="autointerp",
        metrics=("autointerp_score",),
        read_elsewhere=frozenset({"model_name", "llm_batch_size", "dataset_name"}),
        dataset="dataset_name",
    ),
}


def whole_result(source: SeedFile, dialect: WholeEval) -> EvalScores:
    """Read one result.

    Raises:
        GatekitError: a metric is missing or cannot be its measure; `adapter.contradiction`: a mean is not the mean of
            what the file says it is of.
    """
    file = source.file
    config = file["eval_config"]
    own: dict[str, OwnNumber] = {}
    for name in dialect.metrics:
        field = file.at("eval_result_metrics", dialect.category, name)
        own[name] = OwnNumber(_number(field, dialect.table, name), field, field.source)
    values: dict[str, dict[str, tuple[float, float | None]]] = {
        name: {"": (one.value, None)} for name, one in own.items()
    }
    datasets = _datasets(config, dialect)
    scored: Json = {}
    if dialect.kind == "absorption":
        datasets, letters = _letters(file, own)
        values.update(letters)
    elif dialect.kind == "ravel":
        halves = [own["cause_score"].value, own["isolation_score"].value]
        _same_mean(own["disentanglement_score"], halves, "cause and isolation")
    elif dialect.kind == "autointerp":
        scored = {"latents_scored": _scored_latents(file, own["autointerp_score"])}
    shape = recorded_sae(file, tuned=dialect.tuned)
    trained_on = {} if shape.trained_on is None else {"sae_trained_on": shape.trained_on}
    return EvalScores(
        kind=dialect.kind,
        file=file,
        documents=(file.document,),
        seed=seed_of(file, source.seed),
        shape=shape,
        protocol={
            "name": f"saebench.{dialect.kind}",
            "rows": 0,
            "datasets": datasets,
            "ks": [],
            "baseline": {"kind": "none", "subject": None},
            "settings": {
                **recorded_settings(config, dialect.read_elsewhere),
                **trained_on,
                "dataset_sha256_of": "name",
            },
        },
        values=values,
        own=own,
        millis=file["datetime_epoch_millis"].integer(0, 9_999_999_999_999),
        packages=versions(file),
        config={"sae_bench_commit": file["sae_bench_commit_hash"].text(), **scored},
        table=dialect.table,
    )


def _number(field: Field, table: str, name: str) -> float:
    if field.value is None:
        raise not_measured(field)
    measure = INSTALLED.measures(table)[name]
    return measured_number(field, measure.low, measure.high)


def _datasets(config: Field, dialect: WholeEval) -> list[Json]:
    if dialect.dataset is None:
        return []
    named = config[dialect.dataset]
    return named_datasets([unpathed(name) for name in (named.items() if isinstance(named.value, list) else [named])])


def _letters(
    file: Field, own: dict[str, OwnNumber]
) -> tuple[list[Json], dict[str, dict[str, tuple[float, float | None]]]]:
    """Return the letters as datasets, and their scores; SAEBench leaves out letters that its probe does not know."""
    details = {detail["first_letter"].label(): detail for detail in file["eval_result_details"].items()}
    if not details:
        raise file["eval_result_details"].refuse("incomplete", "there is no letter, so no mean over letters")
    letters = named_datasets([detail["first_letter"] for detail in file["eval_result_details"].items()])
    values: dict[str, dict[str, tuple[float, float | None]]] = {}
    for measure, (key, mean) in LETTERS.items():
        scores = {letter: _number(detail[key], "saebench_absorption", measure) for letter, detail in details.items()}
        _same_mean(own[mean], list(scores.values()), "the letters")
        values[measure] = {letter: (score, None) for letter, score in scores.items()}
    return letters, values


def _scored_latents(file: Field, own: OwnNumber) -> int | None:
    """Return how many latents the score is the mean of, where the file lists them."""
    listed = file.get("eval_result_unstructured")
    if listed is None:
        return None
    scores = [latent["score"].number(0, 1) for _, latent in listed.members()]
    _same_mean(own, scores, "the latents")
    return len(scores)


def _same_mean(own: OwnNumber, parts: Sequence[float], of: str) -> None:
    mean = math.fsum(parts) / len(parts) if parts else math.nan
    if not abs(own.value - mean) <= SAME * max(1.0, abs(mean)):
        raise own.at.refuse("contradiction", f"says {own.value!r}, the mean over {of} is {mean!r}")
