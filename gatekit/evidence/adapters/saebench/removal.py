"""SAEBench SCR and TPP: what probes lose or get back when k latents are ablated, one entry per dataset.

SAEBench writes null where a number of latents was not tried, never -1, which an SCR score can be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.evidence.adapters.building import named_datasets
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.recorded_settings import recorded_settings
from gatekit.evidence.adapters.sae_scores import EvalScores, OwnNumber
from gatekit.evidence.adapters.saebench.measured import not_measured, seed_of, versions
from gatekit.evidence.adapters.saebench.probing import choose_k
from gatekit.evidence.adapters.saebench.recorded_sae import recorded_sae
from gatekit.evidence.adapters.saebench.sources import SeedFile
from gatekit.evidence.dataset_families import dataset_families
from gatekit.kinds import INSTALLED

READ_ELSEWHERE = frozenset(
    {
        *("model_name", "dataset_names", "n_values", "perform_scr", "sae_batch_size", "llm_batch_size"),
        *("lower_vram_usage", "probe_test_batch_size"),
    }
)
SUFFIX = "_results"
"""What SAEBench appends to the name of a run in its details."""


@dataclass(frozen=True)
class RemovalEval:
    """Where the two evals differ."""

    kind: str
    table: str
    category: str
    metrics: dict[str, str]
    """Our measure, the metric's name with `{k}` for the number of latents."""


REMOVAL = {
    "scr": RemovalEval(
        kind="scr",
        table="saebench_scr",
        category="scr_metrics",
        metrics={name: f"{name}_threshold_{{k}}" for name in ("scr_metric", "scr_dir1", "scr_dir2")},
    ),
    "tpp": RemovalEval(
        kind="tpp",
        table="saebench_tpp",
        category="tpp_metrics",
        metrics={
            name: f"tpp_threshold_{{k}}_{name}"
            for name in ("total_metric", "intended_diff_only", "unintended_diff_only")
        },
    ),
}


def removal_result(source: SeedFile, dialect: RemovalEval, wanted_k: int | None) -> EvalScores:
    """Read one result: the scores at k latents, per dataset.

    Raises:
        GatekitError: a dataset is missing, is there twice or was not planned; a score is missing; a mean is not the
            mean over the datasets.
        UsageError: several numbers of latents were tried and none was chosen.
    """
    file = source.file
    config = file["eval_config"]
    ks = [item.integer(1, 1_000_000) for item in config["n_values"].items()]
    k = choose_k(ks, wanted_k, config["n_values"], "ablations")
    planned = _planned(config, dialect)
    details = _details(file, planned)
    values: dict[str, dict[str, tuple[float, float | None]]] = {}
    own: dict[str, OwnNumber] = {}
    for measure, metric in dialect.metrics.items():
        name = metric.format(k=k)
        scores = {dataset: _number(detail[name], dialect, measure) for dataset, detail in details.items()}
        stated = file.at("eval_result_metrics", dialect.category, name)
        own[measure] = OwnNumber(_number(stated, dialect, measure), stated, stated.source)
        mean = math.fsum(scores.values()) / len(scores)
        if not abs(own[measure].value - mean) <= 1e-6 * max(1.0, abs(mean)):
            raise stated.refuse("contradiction", f"says {stated.value!r}, the mean over the datasets is {mean!r}")
        values[measure] = {dataset: (score, None) for dataset, score in scores.items()}
    rows = config["test_set_size"].integer(1)
    return EvalScores(
        kind=dialect.kind,
        file=file,
        documents=(file.document,),
        seed=seed_of(file, source.seed),
        shape=recorded_sae(file),
        protocol={
            "name": f"saebench.{dialect.kind}",
            "rows": rows,
            "datasets": [{**dataset, "rows": rows} for dataset in named_datasets(planned)],
            **dataset_families([field.label() for field in planned]),
            "ks": [k],
            "baseline": {"kind": "none", "subject": None},
            "settings": {**recorded_settings(config, READ_ELSEWHERE), "dataset_sha256_of": "name"},
        },
        values=values,
        own=own,
        millis=file["datetime_epoch_millis"].integer(0, 9_999_999_999_999),
        packages=versions(file),
        config={"ks_tried": ks, "sae_bench_commit": file["sae_bench_commit_hash"].text()},
        table=dialect.table,
    )


def _planned(config: Field, dialect: RemovalEval) -> list[Field]:
    """Return the name of every run: a dataset for TPP, a dataset and a pair of classes for SCR."""
    if config["perform_scr"].boolean() is not (dialect.kind == "scr"):
        raise config["perform_scr"].refuse(
            "contradiction", f"{config['perform_scr'].value} in results of {dialect.kind}"
        )
    planned: list[Field] = []
    for dataset in config["dataset_names"].items():
        if dialect.kind == "tpp":
            planned.append(Field(dataset.document, dataset.tokens, f"{dataset.text()}_tpp"))
            continue
        for pair in config["column1_vals_lookup"][dataset.text()].items():
            classes = "_".join(item.text() for item in pair.items())
            planned.append(Field(pair.document, pair.tokens, f"{dataset.text()}_scr_{classes}"))
    if not planned:
        raise config["dataset_names"].refuse("incomplete", "no dataset was planned")
    return planned


def _details(file: Field, planned: Sequence[Field]) -> dict[str, Field]:
    """Return the entry of every planned run by its label, and no other."""
    expected = {name.text() + SUFFIX: name.label() for name in planned}
    found: dict[str, Field] = {}
    for detail in file["eval_result_details"].items():
        name = detail["dataset_name"]
        if name.text() not in expected:
            raise name.refuse("unplanned", f"{name.text()[:80]!r} does not follow from eval_config")
        if expected[name.text()] in found:
            raise name.refuse("duplicate", f"{name.text()[:80]!r} is there twice")
        found[expected[name.text()]] = detail
    if missing := [label for label in expected.values() if label not in found]:
        raise file["eval_result_details"].refuse("incomplete", f"there is no result for '{missing[0]}'")
    return {label: found[label] for label in expected.values()}


def _number(field: Field, dialect: RemovalEval, measure: str) -> float:
    if field.value is None:
        raise not_measured(field)
    spec = INSTALLED.measures(dialect.table)[measure]
    return field.number(spec.low, spec.high)
