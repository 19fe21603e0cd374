"""From what SAEs scored to summaries: seeds side by side under one protocol, or one file's own numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.adapters.building import (
    Json,
    file_name,
    observed,
    read_datasets,
    read_subject,
    reported,
    stated_time,
    summary_document,
)
from gatekit.evidence.adapters.contract import ImportedSummary, ImportOptions
from gatekit.evidence.adapters.recorded_settings import differing
from gatekit.evidence.adapters.sae_scores import EvalScores, RecordedSae, plain_name, same_model
from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.strict_json import Document
from gatekit.kinds import INSTALLED


def seed_summaries(measured: Sequence[EvalScores], options: ImportOptions, adapter: str) -> list[ImportedSummary]:
    """Return one summary per protocol with all seeds in it; without a subject, one per file.

    Args:
        measured: what the files say, each of one SAE.
        options: `subject`, `datasets` and `finished` are used.
        adapter: its name.

    Raises:
        GatekitError: `adapter.*` for files that do not fit together or are not about the subject.
        UsageError: no file states a time, and the user does not either.
    """
    if options.datasets is not None:
        measured = [_with_digests(one, options.datasets) for one in measured]
    if options.subject is None:
        return [_reported(one, options, adapter) for one in measured]
    subjects = {path: read_subject(path) for path in (options.subject, *options.more_subjects)}
    groups: dict[tuple[str, str], list[EvalScores]] = {}
    for one in measured:
        groups.setdefault((_subject_of(one, subjects), one.protocol["name"]), []).append(one)
    return [_observed(group, subjects[path], path, options, adapter) for (path, _), group in sorted(groups.items())]


def _subject_of(one: EvalScores, subjects: Mapping[str, Json]) -> str:
    """Return the only subject whose model, hook and shape the file records; where there is one only, it is that."""
    if len(subjects) == 1:
        return next(iter(subjects))
    fitting = [path for path, subject in subjects.items() if not _contradictions(one, subject)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(fitting or subjects)
    message = f"it could be about each of {listed}" if fitting else f"it is about none of {listed}"
    raise one.file.refuse("subject", f"{message}: model, hook, width and k tell subjects apart", "import them apart")


def _with_digests(one: EvalScores, path: str) -> EvalScores:
    """Put the content digests of the user's file in the place of the digests of names."""
    known = read_datasets(path)
    for dataset in one.protocol["datasets"]:
        if dataset["name"] not in known:
            raise GatekitError("adapter.datasets", f"no digest of '{dataset['name']}' here", Location(path, pointer=""))
    datasets = [known[dataset["name"]] for dataset in one.protocol["datasets"]]
    settings = {**one.protocol["settings"], "dataset_sha256_of": "content"}
    return EvalScores(**{**vars(one), "protocol": {**one.protocol, "datasets": datasets, "settings": settings}})


def _observed(
    group: Sequence[EvalScores], subject: Json, subject_path: str, options: ImportOptions, adapter: str
) -> ImportedSummary:
    """Return one summary with an observation per seed, or per seed and dataset."""
    by_seed = _by_seed(group, subject, subject_path)
    seeds = sorted(by_seed)
    first = by_seed[seeds[0]]
    for seed in seeds[1:]:
        _same_protocol(first, by_seed[seed])
    measurements = {}
    for name in sorted(first.values):
        columns: dict[str, list[int | str | float]] = {"seed": [], "candidate": []}
        design = INSTALLED.measures(first.table)[name].design
        if design == "per_seed_dataset":
            columns["dataset"] = []
        if design == "per_seed_row":
            columns["row"] = []
        if INSTALLED.measures(first.table)[name].compares:
            columns["baseline"] = []
        for seed in seeds:
            for dataset, (candidate, baseline) in by_seed[seed].values[name].items():
                columns["seed"].append(seed)
                columns["candidate"].append(candidate)
                if "dataset" in columns:
                    columns["dataset"].append(dataset)
                if "row" in columns:
                    columns["row"].append(int(dataset))
                if "baseline" in columns and baseline is not None:
                    columns["baseline"].append(baseline)
        measurements[name] = observed(first.table, name, columns)
    documents = _documents([by_seed[seed] for seed in seeds])
    started, finished = _times([by_seed[seed] for seed in seeds], options)
    digest = sha256_of([document.sha256 for document in documents])
    document = summary_document(
        adapter=adapter,
        kind=first.table,
        subject=subject,
        protocol={**first.protocol, "seeds": seeds, "selection": {"candidates": 1, "seeds": []}},
        measurements=measurements,
        sources=documents,
        config={**first.config, **_absent(documents)},
        started=started,
        finished=finished,
        packages=first.packages,
    )
    return ImportedSummary(f"{adapter}-{first.kind}-{subject['architecture']}-{digest[:8]}.json", document)


def _by_seed(group: Sequence[EvalScores], subject: Json, subject_path: str) -> dict[int, EvalScores]:
    """Return the files by seed: exactly the subject's seeds, each once, each of the subject's shape."""
    if subject["model"]["digest"] is None or not subject["checkpoints"]:
        place = Location(subject_path, pointer="/model/digest" if subject["checkpoints"] else "/checkpoints")
        raise GatekitError("adapter.subject", "observations need the model's digest and a checkpoint per seed", place)
    by_seed: dict[int, EvalScores] = {}
    for one in group:
        _same_shape(one, subject)
        if one.seed is None:
            raise one.file.refuse("seed", "the file records no seed", "name it as SEED=FILE")
        if one.seed in by_seed:
            other = by_seed[one.seed].file.document.path
            raise one.file.refuse("duplicate", f"seed {one.seed} is also that of {other}")
        by_seed[one.seed] = one
    planned = {checkpoint["seed"] for checkpoint in subject["checkpoints"]}
    if missing := sorted(planned - set(by_seed)):
        names = ", ".join(one.file.document.path for one in group)
        raise GatekitError(
            "adapter.incomplete",
            f"no {group[0].kind} result of seed {missing[0]} among {names}",
            Location(subject_path),
        )
    if extra := sorted(set(by_seed) - planned):
        raise by_seed[extra[0]].file.refuse("seed", f"the subject has no checkpoint of seed {extra[0]}")
    return by_seed


def _same_shape(one: EvalScores, subject: Json) -> None:
    """Refuse a file that is visibly about another SAE."""
    for what, recorded, expected in _contradictions(one, subject):
        raise one.file.refuse("contradiction", f"{what} is {recorded!r} here and {expected!r} in the subject")


def _contradictions(one: EvalScores, subject: Json) -> list[tuple[str, Any, Any]]:
    """Return what the file and the subject say differently; the architecture's name is not compared: libraries differ.

    Returns:
        What, in the file, in the subject.
    """
    shape = one.shape
    fields: list[tuple[str, Any, Any]] = [
        ("hook", shape.hook, subject["hook"]),
        ("d_model", shape.d_model, subject["d_model"]),
        ("d_sae", shape.d_sae, subject["d_sae"]),
        ("k", shape.k, shape.k if subject["k"] is None else subject["k"]),
    ]
    name = subject["model"]["name"]
    if shape.model is not None and not same_model(shape.model, name):
        fields.append(("model", shape.model, name))
    return [field for field in fields if field[1] is not None and field[1] != field[2]]


def _same_protocol(first: EvalScores, other: EvalScores) -> None:
    """Refuse seeds that were measured in different ways, or by different versions; they are never averaged."""
    keys = [key for key in first.protocol if key != "settings" and first.protocol[key] != other.protocol[key]]
    keys += differing(first.protocol["settings"], other.protocol["settings"])
    path = first.file.document.path
    if first.values.keys() != other.values.keys():
        keys.append(f"measures ({', '.join(sorted(first.values.keys() ^ other.values.keys()))})")
    if keys:
        raise other.file.refuse("mixed", f"another protocol than {path}: {', '.join(keys)} differ")
    if names := differing(_sae(first), _sae(other)):
        raise other.file.refuse("mixed", f"another SAE than in {path}: {', '.join(names)} differ")
    ours, theirs = _evaluator(first), _evaluator(other)
    if names := differing(ours, theirs):
        said = "; ".join(f"{name} is {theirs.get(name)!r} here and {ours.get(name)!r} there" for name in names)
        raise other.file.refuse("mixed", f"another evaluator than {path}: {said}", "measure all seeds by one version")


def _sae(one: EvalScores) -> Json:
    """Return what the SAEs of all seeds have in common, as far as the file says."""
    shape = one.shape
    model = None if shape.model is None else plain_name(shape.model)
    return {
        "model": model,
        "hook": shape.hook,
        "d_model": shape.d_model,
        "d_sae": shape.d_sae,
        "k": shape.k,
        "architecture": shape.architecture,
        **shape.recipe,
    }


def _evaluator(one: EvalScores) -> Json:
    """Return which version of which code measured, as far as the file says."""
    return {**one.packages, **{name: one.config[name] for name in ("sae_bench_commit",) if name in one.config}}


def _reported(one: EvalScores, options: ImportOptions, adapter: str) -> ImportedSummary:
    """Return SAEBench's own numbers of one SAE."""
    if not one.own:
        raise one.file.refuse("subject", "the file names no model and no SAE", "say which with --subject FILE")
    measurements = {
        name: reported(one.table, name, own.value, own.at, n_seeds=1, source_text=own.source)
        for name, own in sorted(one.own.items())
    }
    protocol = {
        **one.protocol,
        "seeds": [] if one.seed is None else [one.seed],
        "selection": {"candidates": 1, "seeds": []},
        "settings": {**one.protocol["settings"], "sae_name": one.shape.name},
    }
    started, finished = _times([one], options)
    document = summary_document(
        adapter=adapter,
        kind=one.table,
        subject=_recorded_subject(one),
        protocol=protocol,
        measurements=measurements,
        sources=one.documents,
        config={**one.config, **_absent(one.documents)},
        started=started,
        finished=finished,
        packages=one.packages,
    )
    return ImportedSummary(file_name(adapter, one.file.document, one.kind), document)


def _recorded_subject(one: EvalScores) -> Json:
    shape: RecordedSae = one.shape
    for what, value in (("model_name", shape.model), ("hook_name", shape.hook)):
        if value is None:
            raise one.file["sae_cfg_dict"].refuse("subject", f"no {what} is recorded", "say so with --subject FILE")
    return {
        "model": {"name": shape.model, "digest": None},
        "hook": shape.hook,
        "d_model": shape.d_model,
        "architecture": (shape.architecture or "unrecorded").lower().replace("-", "_"),
        "d_sae": shape.d_sae,
        "k": shape.k,
        "checkpoints": [],
    }


def _absent(documents: Sequence[Document]) -> Json:
    """Return how many numbers each file has as NaN or Infinity, none of them in a measure; nothing where none has."""
    counts = [
        {"file": os.path.basename(document.path), "numbers": document.nonfinite}
        for document in documents
        if document.nonfinite
    ]
    return {"absent": counts} if counts else {}


def _documents(group: Sequence[EvalScores]) -> list[Document]:
    """Return every file once, in the order of seeds; baselines are shared."""
    return list({document.sha256: document for one in group for document in one.documents}.values())


def _times(group: Sequence[EvalScores], options: ImportOptions) -> tuple[str, str]:
    """Return the first and the last time that the files state, or the user's."""
    millis = [one.millis for one in group if one.millis is not None]
    if not millis:
        given = stated_time(options.finished)
        if given is None:
            name = os.path.basename(group[0].file.document.path)
            raise UsageError(f"{name} does not say when it was made", "say so with --finished TIME")
        return given, given
    return _utc(min(millis)), _utc(max(millis))


def _utc(millis: int) -> str:
    return datetime.fromtimestamp(millis // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
