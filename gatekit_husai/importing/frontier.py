"""Frontier, Matryoshka, routed and scaling results: one record per trained SAE, with both benchmarks in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gatekit.evidence.adapters.building import Json, file_name, reported, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary
from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.context import Context, checkpoint_key, checkpoint_name, failed
from gatekit_husai.importing.external import (
    EvaluatedSae,
    cebench_measurements,
    cebench_protocol,
    sae_subject,
    saebench_measurements,
    saebench_protocol,
)

BENCHMARKS = ("saebench", "cebench")


@dataclass(frozen=True)
class BenchmarkRun:
    """One benchmark of one record that ended well."""

    kind: str
    record: Field
    summary: Field
    trained: EvaluatedSae
    subject: Json
    protocol: Json
    measurements: Json


def evaluated(record: Field, kind: str, context: Context, trained: EvaluatedSae | None = None) -> BenchmarkRun | None:
    """Return one benchmark of a record, or None when it was not run or failed.

    Args:
        record: holds the benchmarks' summaries and return codes.
        kind: `saebench` or `cebench`.
        context: what else is at hand.
        trained: the SAE, where the record itself does not say which seed it is.
    """
    summary = record.get(kind)
    if summary is None or failed(record.get(f"{kind}_returncode")) is not None:
        return None
    if trained is None:
        own = EvaluatedSae(record["seed"].seed(), None, checkpoint_name(record["checkpoint"]))
        trained = trained_of(record, record["checkpoint"], own)
    if kind == "saebench":
        protocol, measurements = saebench_protocol(summary, trained), saebench_measurements(summary)
        training = record.get("train_metrics")
        if training is not None:
            l0 = training["l0"]
            measurements["l0"] = reported("saebench", "l0", l0.number(), l0, n_seeds=1)
    else:
        protocol, measurements = cebench_protocol(summary, trained, context), cebench_measurements(summary)
    subject = sae_subject(summary, trained)
    architecture = record.get("architecture")
    if architecture is not None and architecture.identifier() != subject["architecture"]:
        raise architecture.refuse("contradiction", f"the {kind} summary says '{subject['architecture']}'")
    return BenchmarkRun(kind, record, summary, trained, subject, protocol, measurements)


def trained_of(record: Field, checkpoint: Field, trained: EvaluatedSae) -> EvaluatedSae:
    """Return the SAE of a record; the digest that its CE-Bench summary states holds for its SAEBench summary too.

    Both must have evaluated this very checkpoint.
    """
    own = checkpoint_key(checkpoint)
    digest = None
    for kind in BENCHMARKS:
        summary = record.get(kind)
        if summary is None:
            continue
        path = summary.at("config", "checkpoint")
        if checkpoint_key(path) != own:
            raise path.refuse("contradiction", f"the record's checkpoint is {own}")
        digest = summary["config"].get("checkpoint_sha256") or digest
    return replace(trained, sha256=None if digest is None else digest.sha256())


def import_frontier(file: Field, context: Context) -> list[ImportedSummary]:
    """Return a summary per record and benchmark, and one per architecture with the recorded mean over seeds."""
    return _records(file, context) + _groups(file, context)


def import_scaling(file: Field, context: Context) -> list[ImportedSummary]:
    """Return a summary per record and benchmark. The file's aggregates pool different SAEs and are left out."""
    return _records(file, context)


def _records(file: Field, context: Context) -> list[ImportedSummary]:
    finished = context.finished(file.get("timestamp_utc"), file)
    imported = []
    for record in file["records"].items():
        part = checkpoint_name(record["checkpoint"])
        for kind in BENCHMARKS:
            found = evaluated(record, kind, context)
            if found is not None:
                stated = found.summary.get("timestamp_utc")
                document = summary_document(
                    adapter="husai",
                    kind=kind,
                    subject=found.subject,
                    protocol=found.protocol,
                    measurements=found.measurements,
                    sources=[file.document],
                    config={"config_hash": found.summary["config_hash"].text()},
                    finished=context.finished(stated, file) if stated is not None else finished,
                    device=found.summary.at("config", "device").text(),
                )
            elif (reason := failed(record.get(f"{kind}_returncode"))) is not None:
                document = _failure(file, record, kind, reason, finished)
            else:
                continue
            imported.append(ImportedSummary(file_name(kind, file.document, part), document))
    return imported


def _failure(file: Field, record: Field, kind: str, reason: str, finished: str) -> Json:
    """Return the summary of a benchmark that failed, its subject from the record and the run's configuration."""
    config = file["config"]
    architecture = record.get("architecture")
    trained_as = "unrecorded" if architecture is None else architecture.identifier()
    data = record.get("train_summary") or config
    d_model = data.at("data" if data is not config else "data_meta", "d_model")
    subject = {
        "model": {"name": config["model_name"].name(), "digest": None},
        "hook": (record.get("hook_name") or config["hook_name"]).name(),
        "d_model": d_model.integer(1),
        "architecture": trained_as,
        "d_sae": (record.get("d_sae") or config["d_sae"]).integer(1),
        # One configuration serves all architectures; these two have no k.
        "k": None if trained_as in ("relu", "jumprelu") else config["k"].integer(1),
        "checkpoints": [],
    }
    protocol = {
        "name": f"husai.{kind}",
        "seeds": [record["seed"].seed()],
        "rows": 0,
        "datasets": [],
        "ks": [],
        "baseline": {"kind": "unknown", "subject": None},
        "selection": {"candidates": 1, "seeds": []},
        "settings": {"checkpoint_name": checkpoint_name(record["checkpoint"])},
    }
    return summary_document(
        adapter="husai",
        kind=kind,
        subject=subject,
        protocol=protocol,
        measurements={},
        sources=[file.document],
        config={},
        finished=finished,
        failure=reason,
    )


# Our measure, the key of the aggregate.
_AGGREGATES = {
    "saebench": {"auc_delta": "saebench_best_minus_llm_auc", "auc": "saebench_best_auc", "l0": "train_l0"},
    "cebench": {
        "interpretability_delta": "cebench_interp_delta_vs_baseline",
        "interpretability": "cebench_interpretability_max",
        "contrastive": "cebench_contrastive_max",
    },
}


def _groups(file: Field, context: Context) -> list[ImportedSummary]:
    finished = context.finished(file.get("timestamp_utc"), file)
    records: dict[str, list[Field]] = {}
    for record in file["records"].items():
        records.setdefault(record["architecture"].identifier(), []).append(record)
    imported = []
    for architecture, members in sorted(records.items()):
        # A file of one architecture (Matryoshka, routed) holds its aggregate without the name.
        aggregate = file["aggregate"]
        if aggregate.has(architecture):
            aggregate = aggregate[architecture]
        elif len(records) > 1:
            raise aggregate.refuse("missing", f"there is no aggregate of '{architecture}'")
        for kind in BENCHMARKS:
            found = [one for record in members if (one := evaluated(record, kind, context)) is not None]
            # One record is its own mean, and a group of which some failed is not the group that was planned.
            if len(found) != len(members) or len(found) < 2:
                continue
            subject, protocol = pooled(found)
            measurements = {}
            for measure, key in _AGGREGATES[kind].items():
                statistics = aggregate.get(key)
                if statistics is None or statistics["n"].integer(0) == 0:
                    continue
                if statistics["n"].value != len(found):
                    raise statistics["n"].refuse("contradiction", f"the file has {len(found)} such records")
                mean = statistics["mean"]
                measurements[measure] = reported(kind, measure, mean.number(), mean, n_seeds=len(found))
            if not measurements:
                continue
            document = summary_document(
                adapter="husai",
                kind=kind,
                subject=subject,
                protocol=protocol,
                measurements=measurements,
                sources=[file.document],
                config={},
                finished=finished,
            )
            imported.append(ImportedSummary(file_name(kind, file.document, f"{architecture}_seeds"), document))
    return imported


def pooled(found: list[BenchmarkRun]) -> tuple[Json, Json]:
    """Return the subject and protocol of several seeds of one SAE configuration under one protocol.

    Raises:
        GatekitError: `adapter.mixed`: they differ in more than the seed.
    """
    first = found[0]
    seeds: dict[int, str | None] = {}
    for one in found:
        for what, own, other in (
            ("subject", {**one.subject, "checkpoints": []}, {**first.subject, "checkpoints": []}),
            ("protocol", _without_seed(one.protocol), _without_seed(first.protocol)),
        ):
            if own != other:
                keys = ", ".join(sorted(key for key in own if own[key] != other[key]))
                raise one.record.refuse("mixed", f"{what} differs from {first.record.source} in {keys}")
        seed = one.trained.seed
        if seed is None or seed in seeds:
            raise one.record.refuse("mixed", f"seed {seed} is there twice")
        seeds[seed] = one.trained.sha256
    ordered = sorted(seeds)
    checkpoints = [{"seed": seed, "sha256": seeds[seed]} for seed in ordered if seeds[seed] is not None]
    subject = {**first.subject, "checkpoints": checkpoints if len(checkpoints) == len(ordered) else []}
    return subject, {**_without_seed(first.protocol), "seeds": ordered}


def _without_seed(protocol: Json) -> Json:
    settings = {key: value for key, value in protocol["settings"].items() if key != "checkpoint_name"}
    return {**protocol, "seeds": [], "settings": settings}
