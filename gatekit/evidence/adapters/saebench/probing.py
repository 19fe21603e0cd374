"""Probing results, one entry per dataset: SAEBench's own sparse probing, and its wrapper around sae-probes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.errors import UsageError
from gatekit.evidence.adapters.building import Json, named_datasets
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.recorded_settings import recorded_settings
from gatekit.evidence.adapters.sae_scores import EvalScores, OwnNumber
from gatekit.evidence.adapters.saebench.measured import (
    measured_number,
    not_measured,
    plain,
    seed_of,
    versions,
)
from gatekit.evidence.adapters.saebench.recorded_sae import recorded_sae
from gatekit.evidence.adapters.saebench.sources import SeedFile
from gatekit.evidence.dataset_families import dataset_families


@dataclass(frozen=True)
class Dialect:
    """Where the two evals differ."""

    kind: str
    ks: str
    metrics: dict[str, str]
    """Our measure, the metric's name in the file."""
    settings: tuple[str, ...]
    """What the configuration must say; whatever else it says is recorded too."""
    read_elsewhere: frozenset[str]
    """What is no setting: read for something else, or unable to change a number."""
    suffix: str
    """What the eval appends to a dataset's name in its details."""


SPARSE_PROBING = Dialect(
    kind="sparse_probing",
    ks="k_values",
    metrics={"accuracy": "test_accuracy"},
    settings=("random_seed", "probe_train_set_size", "probe_test_set_size", "context_length", "llm_dtype"),
    read_elsewhere=frozenset(
        {"model_name", "dataset_names", "k_values", "sae_batch_size", "llm_batch_size", "lower_vram_usage"}
    ),
    suffix="_results",
)

SAE_PROBES = Dialect(
    kind="sae_probes",
    ks="ks",
    metrics={"auc": "test_auc", "accuracy": "test_accuracy", "f1": "test_f1"},
    settings=("random_seed", "reg_type", "setting", "binarize", "baseline_method"),
    read_elsewhere=frozenset(
        {"model_name", "dataset_names", "ks", "results_path", "model_cache_path", "include_llm_baseline"}
    ),
    suffix="",
)


def choose_k(ks: Sequence[int], wanted: int | None, at: Field, what: str = "probes") -> int:
    """Return the number of latents to import, of probes or of whatever else was tried at several.

    Never the best on the test set: that choice would be a selection on what the gate judges.

    Raises:
        UsageError: several were probed and none was asked for.
        GatekitError: `adapter.k`: the one asked for was not probed.
    """
    listed = ", ".join(map(str, ks))
    if wanted is None:
        if len(ks) != 1:
            raise UsageError(f"{at.document.path} has {what} of {listed} latents", "choose one with --k")
        return ks[0]
    if wanted not in ks:
        raise at.refuse("k", f"no {what.removesuffix('s')} of {wanted} latents; there are {listed}")
    return wanted


def probing_result(source: SeedFile, dialect: Dialect, wanted_k: int | None, *, means_used: bool) -> EvalScores:
    """Read a probing result: per dataset the score of the k-sparse probe and of the dense probe.

    Args:
        source: the file.
        dialect: which of the two evals.
        wanted_k: probe size, None where only one was run.
        means_used: SAEBench's means will be reported, so the dense probe's must cover the same datasets.

    Raises:
        GatekitError: a dataset is missing, is there twice or was not planned (a stale cache); a metric is missing;
            the file's own mean is not the mean of its entries.
    """
    file = source.file
    config = file["eval_config"]
    ks = [item.integer(1, 1_000_000) for item in config[dialect.ks].items()]
    k = choose_k(ks, wanted_k, config[dialect.ks])
    datasets = named_datasets(config["dataset_names"].items(), _test_rows(config))
    details = _details(file, [dataset["name"] for dataset in datasets], dialect)
    values: dict[str, dict[str, tuple[float, float | None]]] = {}
    own: dict[str, OwnNumber] = {}
    compared = False
    for measure, metric in dialect.metrics.items():
        cells = {name: _cell(detail, f"sae_top_{k}_{metric}", f"llm_{metric}") for name, detail in details.items()}
        if len({baseline is None for _, baseline in cells.values()}) > 1:
            without = next(name for name, (_, baseline) in cells.items() if baseline is None)
            raise details[without].refuse("incomplete", f"no llm_{metric} here, though other datasets have one")
        compared = all(baseline is not None for _, baseline in cells.values())
        values[measure] = {name: (candidate, None) for name, (candidate, _) in cells.items()}
        own[measure] = _own_mean(file, "sae", f"sae_top_{k}_{metric}", [candidate for candidate, _ in cells.values()])
        if compared:
            values[f"{measure}_delta"] = cells
            dense = [baseline for _, baseline in cells.values() if baseline is not None]
            own[f"{measure}_delta"] = _own_delta(file, own[measure], f"llm_{metric}", dense if means_used else None)
    return EvalScores(
        kind=dialect.kind,
        file=file,
        documents=(file.document,),
        seed=seed_of(file, source.seed),
        shape=recorded_sae(file),
        protocol={
            "name": f"saebench.{dialect.kind}",
            "rows": _test_rows(config),
            "datasets": datasets,
            **dataset_families([dataset["name"] for dataset in datasets]),
            "ks": [k],
            "baseline": {"kind": "dense_probe" if compared else "none", "subject": None},
            "settings": {**_settings(config, dialect), "dataset_sha256_of": "name"},
        },
        values=values,
        own=own,
        millis=file["datetime_epoch_millis"].integer(0, 9_999_999_999_999),
        packages=versions(file),
        config={"ks_probed": ks, "sae_bench_commit": file["sae_bench_commit_hash"].text()},
    )


def _test_rows(config: Field) -> int:
    size = config.get("probe_test_set_size")
    return 0 if size is None else size.integer(1)


def _settings(config: Field, dialect: Dialect) -> Json:
    for name in dialect.settings:
        plain(config[name])
    if "binarize" in dialect.settings:
        config["binarize"].boolean()
    return recorded_settings(config, dialect.read_elsewhere)


def _details(file: Field, planned: Sequence[str], dialect: Dialect) -> dict[str, Field]:
    """Return the entry of every planned dataset, and no other."""
    found: dict[str, Field] = {}
    for detail in file["eval_result_details"].items():
        field = detail["dataset_name"]
        name = field.label()
        if dialect.suffix and not name.endswith(dialect.suffix):
            raise field.refuse("name", f"expected a name that ends in '{dialect.suffix}'")
        name = name.removesuffix(dialect.suffix)
        if name in found:
            raise field.refuse("duplicate", f"the dataset '{name}' is there twice")
        if name not in planned:
            raise field.refuse("unplanned", f"'{name}' is not in eval_config.dataset_names: a stale results folder?")
        found[name] = detail
    missing = [name for name in planned if name not in found]
    if missing:
        raise file["eval_result_details"].refuse("incomplete", f"there is no result for '{missing[0]}'")
    return {name: found[name] for name in planned}


def _cell(detail: Field, candidate: str, baseline: str) -> tuple[float, float | None]:
    score = detail[candidate]
    if score.value is None:
        raise not_measured(score)
    dense = detail.get(baseline)  # null where no dense probe was trained; NaN is a number that is missing
    return measured_number(score, 0, 1), None if dense is None else measured_number(dense, 0, 1)


def _own_mean(file: Field, side: str, name: str, parts: Sequence[float]) -> OwnNumber:
    stated = _stated(file, side, name)
    _same_mean(stated, parts)
    return OwnNumber(stated.number(), stated, stated.source)


def _own_delta(file: Field, candidate: OwnNumber, name: str, parts: Sequence[float] | None) -> OwnNumber:
    dense = _stated(file, "llm", name)
    if parts is not None:
        # The sae-probes wrapper averages every baseline file in its results folder, whatever the run asked for.
        _same_mean(dense, parts)
    return OwnNumber(candidate.value - dense.number(), dense, f"{candidate.source} minus {dense.source}")


def _stated(file: Field, side: str, name: str) -> Field:
    stated = file.at("eval_result_metrics", side, name)
    if stated.value is None:
        raise not_measured(stated)
    measured_number(stated, 0, 1)
    return stated


def _same_mean(stated: Field, parts: Sequence[float]) -> None:
    mean = math.fsum(parts) / len(parts)
    if not abs(stated.number() - mean) <= 1e-9:
        raise stated.refuse("contradiction", f"says {stated.value!r}, the mean over the datasets is {mean!r}")
