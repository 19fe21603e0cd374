"""What one run of an evaluation says, and how the runs of all seeds become evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.adapters.building import Json, named_datasets, stated_time
from gatekit.evidence.adapters.contract import ImportedSummary, ImportOptions
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.recorded_settings import differing, setting
from gatekit.evidence.adapters.sae_scores import EvalScores, RecordedSae, same_model
from gatekit.evidence.adapters.seed_summaries import seed_summaries
from gatekit.evidence.strict_json import Document

ROWS_PER_TASK = 10_000_000
"""Where the next task's samples begin: more than any task has."""

# Metrics where less is better, and the measure that each is of; every other metric is a score between 0 and 1.
LOWER = {
    "perplexity": "perplexity",
    "word_perplexity": "perplexity",
    "byte_perplexity": "perplexity",
    "bits_per_byte": "bits_per_byte",
}


@dataclass(frozen=True)
class TaskScore:
    """One task of a run."""

    name: Field
    at: Field
    """Where the score stands."""
    metric: str
    """Its name, without a filter."""
    rows: int
    sha256: str | None
    """Over what the model was asked; None where the log does not hold it."""
    samples: Mapping[int, float] | None
    """Place in the task -> score."""
    how: Json
    """What makes the score comparable: version, shots, arguments, filter."""

    @property
    def score(self) -> float:
        """The number, in the range of its measure."""
        return self.at.number(0, 1 if self.measure == "score" else 1e30)

    @property
    def measure(self) -> str:
        """What it is of."""
        return LOWER.get(self.metric, "score")


@dataclass(frozen=True)
class Run:
    """One log, or all logs of a seed put together."""

    file: Field
    documents: tuple[Document, ...]
    seed: int | None
    tasks: Mapping[str, TaskScore]
    settings: Json
    """What is common to all tasks."""
    packages: Mapping[str, str]
    model: str | None
    millis: int
    backend: str | None = None
    """What ran the model, where the tool can choose: the SAE's may be another than the bare model's."""


def run_summaries(runs: Sequence[Run], options: ImportOptions, adapter: str) -> list[ImportedSummary]:
    """Return the one summary of all runs.

    Raises:
        GatekitError: `adapter.mixed`: two runs differ in anything but the seed; `adapter.subject`,
            `adapter.incomplete`, `adapter.contradiction` as `seed_summaries`.
        UsageError: an option that no log needs.
    """
    stated_time(options.finished)
    if options.finished is not None:
        raise UsageError("every log states its own time", "drop --finished")
    baseline: Run | None = None
    by_seed: dict[int, Run] = {}
    for run in runs:
        if run.seed is None:
            baseline = run if baseline is None else _together(baseline, run)
        else:
            known = by_seed.get(run.seed)
            by_seed[run.seed] = run if known is None else _together(known, run)
    if not by_seed:
        place = Location(runs[0].file.document.path)
        raise GatekitError("adapter.seed", "no log is of a seed", place, "name it as SEED=FILE")
    if options.subject is None:
        file = next(iter(by_seed.values())).file
        raise file.refuse("subject", "a log does not say which SAE was in the model", "say so with --subject FILE")
    first = by_seed[min(by_seed)]
    for run in (*by_seed.values(), *([] if baseline is None else [baseline])):
        _same_run(first, run)
        if run.seed is not None and run.backend != first.backend:
            message = f"run by '{run.backend}' here, by '{first.backend}' in {first.file.document.path}"
            raise run.file.refuse("mixed", message)
    return seed_summaries([_scores(run, baseline) for run in by_seed.values()], options, adapter)


def _together(one: Run, other: Run) -> Run:
    """Return two logs of one seed as one run."""
    _same_settings(one, other)
    for task in other.tasks:
        if task in one.tasks:
            whose = "the baseline" if one.seed is None else f"seed {one.seed}"
            message = f"{whose} has the task '{task}' in {one.file.document.path} too"
            raise other.tasks[task].name.refuse("duplicate", message)
    return replace(
        one,
        documents=(*one.documents, *other.documents),
        tasks={**one.tasks, **other.tasks},
        millis=max(one.millis, other.millis),
    )


def _same_run(first: Run, run: Run) -> None:
    """Refuse a run of other tasks, other settings or another version than the first."""
    if first.tasks.keys() != run.tasks.keys():
        task = sorted(first.tasks.keys() ^ run.tasks.keys())[0]
        here, there = ("here", "there") if task in run.tasks else ("there", "here")
        path = first.file.document.path
        raise run.file.refuse("mixed", f"other tasks than {path}: '{task}' is {here} and not {there}")
    _same_settings(first, run)
    for task, score in first.tasks.items():
        ours, theirs = _comparable(score), _comparable(run.tasks[task])
        if names := differing(ours, theirs):
            path = first.file.document.path
            said = f"{', '.join(names)} of '{task}' differ"
            raise run.tasks[task].at.refuse("mixed", f"another protocol than {path}: {said}")


def _comparable(score: TaskScore) -> Json:
    return {**score.how, "samples": score.rows, "documents": score.sha256, "per_sample": score.samples is not None}


def _same_settings(first: Run, run: Run) -> None:
    names = differing({**first.settings, **first.packages}, {**run.settings, **run.packages})
    if names:
        path = first.file.document.path
        raise run.file.refuse("mixed", f"another protocol than {path}: {', '.join(names)} differ")
    if first.model is not None and run.model is not None and not same_model(first.model, run.model):
        raise run.file.refuse("mixed", f"'{run.model}' here, '{first.model}' in {first.file.document.path}")


def _scores(run: Run, baseline: Run | None) -> EvalScores:
    """Return a seed's run beside the baseline's."""
    names = sorted(run.tasks)
    values: dict[str, dict[str, tuple[float, float | None]]] = {}
    for index, task in enumerate(names):
        ours = run.tasks[task]
        dense = None if baseline is None else baseline.tasks[task]
        _put(values, ours.measure, {task: ours.score}, None if dense is None else {task: dense.score})
        if ours.samples is None:
            continue
        rows = {str(index * ROWS_PER_TASK + row): value for row, value in ours.samples.items()}
        dense_rows = None
        if dense is not None and dense.samples is not None:
            dense_rows = {str(index * ROWS_PER_TASK + row): value for row, value in dense.samples.items()}
        _put(values, "sample_score", rows, dense_rows)
    if "score" in values:
        original = None if baseline is None else {"": _mean([baseline.tasks[task].score for task in names])}
        _put(values, "mean_score", {"": _mean([run.tasks[task].score for task in names])}, original)
    if any(run.tasks[task].samples is None for task in names):
        # Samples of some tasks only would be another mean than that of the scores.
        values.pop("sample_score", None)
        values.pop("sample_score_delta", None)
    documents = {document.sha256: document for document in run.documents}
    documents |= {} if baseline is None else {document.sha256: document for document in baseline.documents}
    return EvalScores(
        kind="tasks",
        file=run.file,
        documents=tuple(documents.values()),
        seed=run.seed,
        shape=RecordedSae(run.model, None, None, None, None, None, f"seed{run.seed}"),
        protocol={
            "name": "downstream_score/1",
            "rows": 0,
            "datasets": _datasets([run.tasks[task] for task in names]),
            "ks": [],
            "baseline": {"kind": "none" if baseline is None else "original_model", "subject": None},
            "settings": {
                **run.settings,
                "tasks": setting({task: run.tasks[task].how for task in names}),
                "dataset_sha256_of": "name" if any(run.tasks[task].sha256 is None for task in names) else "content",
            },
        },
        values=values,
        own={},
        millis=run.millis if baseline is None else max(run.millis, baseline.millis),
        packages=run.packages,
        config={},
        table="downstream_score",
    )


def _mean(scores: Sequence[float]) -> float:
    return math.fsum(scores) / len(scores)


def _put(
    values: dict[str, dict[str, tuple[float, float | None]]],
    measure: str,
    candidate: Mapping[str, float],
    baseline: Mapping[str, float] | None,
) -> None:
    values.setdefault(measure, {}).update({key: (value, None) for key, value in candidate.items()})
    if baseline is not None:
        paired: dict[str, tuple[float, float | None]] = {
            key: (value, baseline[key]) for key, value in candidate.items() if key in baseline
        }
        values.setdefault(f"{measure}_delta", {}).update(paired)


def _datasets(tasks: Sequence[TaskScore]) -> list[Json]:
    """Return the tasks as datasets: by content where every log holds it."""
    named = named_datasets([task.name for task in tasks])
    digests = [task.sha256 for task in tasks]
    for dataset, task in zip(named, tasks, strict=True):
        dataset["rows"] = task.rows
        if None not in digests:
            dataset["sha256"] = task.sha256
    return named


def check_mean(score: Field, samples: Mapping[int, float]) -> None:
    """Refuse a score that is not the mean over the samples beside it: they are of another run, or another metric.

    Raises:
        GatekitError: `adapter.contradiction`.
    """
    mean = math.fsum(samples.values()) / len(samples) if samples else math.nan
    if not abs(score.number() - mean) <= 1e-6:
        raise score.refuse("contradiction", f"says {score.value!r}, the mean over the samples is {mean!r}")
