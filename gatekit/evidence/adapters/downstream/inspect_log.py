"""Inspect (inspect_ai) logs, `.eval` or JSON: one task of one model, with every sample where samples were logged.

Of a sample that ran for several epochs the mean is taken, as Inspect does unless it is told otherwise; with another
reducer the scores of samples are not imported.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.adapters.building import Json
from gatekit.evidence.adapters.contract import ImportedSummary, ImportOptions
from gatekit.evidence.adapters.downstream.inspect_archive import read_archive
from gatekit.evidence.adapters.downstream.model_arguments import recorded_arguments
from gatekit.evidence.adapters.downstream.runs import Run, TaskScore, check_mean, run_summaries
from gatekit.evidence.adapters.fields import Field, root
from gatekit.evidence.adapters.recorded_settings import recorded_settings, setting
from gatekit.evidence.adapters.saebench.sources import seed_and_path
from gatekit.evidence.strict_json import JsonLimits, read_json

LIMITS = JsonLimits(size=96 << 20, depth=64, values=2_000_000, string=1 << 22, keep_nonfinite=True)

VERSIONS = (2, 3)
"""Of the log; 3 keeps messages that several events share once, and scores as 2 does."""

# Inspect's letters for correct, partly correct, incorrect and no answer.
LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
SPREADS = frozenset({"stderr", "std", "var", "bootstrap_stderr", "ci"})
MEANS = frozenset({"accuracy", "mean"})

# How a run is carried out and logged, which changes no score.
CONFIG_NOT_SETTINGS = frozenset(
    {
        *("log_samples", "log_realtime", "log_images", "log_buffer", "log_shared", "log_model_api", "log_level"),
        *("log_level_transcript", "log_refusals", "score_display", "sandbox_cleanup", "max_samples", "max_tasks"),
        *("max_subprocesses", "max_sandboxes", "max_connections", "max_dataset_memory", "acp_server"),
    }
)


def import_files(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """Return the summary in Inspect logs.

    Args:
        paths: `SEED=LOG.eval` or `SEED=LOG.json`, several of one seed where they are of several tasks; without a seed,
            of the model without the SAE.
        options: `subject`; `measure` names the metric (`accuracy`, `match/accuracy`) where logs have several.

    Raises:
        GatekitError: `json.*`; `adapter.*` for logs that do not fit together or hold no score.
        UsageError: an option is missing, or cannot be used.
    """
    if options.kind is not None or options.context or options.k is not None:
        raise UsageError("inspect logs need neither --kind, --context nor --k")
    runs: list[Run] = []
    seen: dict[str, str] = {}
    for given in paths:
        seed, path = seed_and_path(given)
        document = read_archive(path, LIMITS) if path.endswith(".eval") else read_json(path, LIMITS)
        if document.sha256 in seen:
            message = f"the same bytes as {seen[document.sha256]}"
            raise GatekitError("adapter.repeated", message, Location(path), "name it once")
        seen[document.sha256] = path
        runs.append(_run(root(document), seed, options.measure))
    return run_summaries(runs, options, "inspect")


def _run(file: Field, seed: int | None, wanted: str | None) -> Run:
    version, status = file["version"], file["status"]
    if version.integer(0) not in VERSIONS:
        raise version.refuse("shape", f"version {version.value} of Inspect's logs is not read, only 2 and 3")
    if status.text() != "success":
        raise status.refuse("incomplete", f"the run ended as '{status.text()[:40]}': a part of it is no score")
    marked = file.get("invalidated")
    if marked is not None and marked.boolean():
        raise marked.refuse("incomplete", "the log is marked as invalidated: samples of it do not count")
    about = file["eval"]
    results = file["results"]
    total, completed = results["total_samples"].integer(1), results["completed_samples"].integer(0)
    if completed != total:
        raise results["completed_samples"].refuse("incomplete", f"{completed} of {total} samples were scored")
    chosen = _chosen(results, wanted)
    metric, at = chosen.metric, chosen.at
    config = about["config"] if about.has("config") else Field(file.document, ("eval", "config"), {})
    samples, digest = _samples(file, config, chosen)
    if samples is not None and metric in MEANS:
        check_mean(at, samples)
    elif samples is not None:
        samples = None  # a metric of another kind is not their mean
    task = TaskScore(
        name=Field(about.document, about["task"].tokens, about["task"].text().rpartition("/")[2]),
        at=at,
        metric=metric,
        rows=total,
        sha256=digest,
        samples=samples,
        how={**_how(file, about, chosen), **({} if digest is not None else _which_samples(about))},
    )
    return Run(
        file=file,
        documents=(file.document,),
        seed=seed,
        tasks={task.name.label(): task},
        settings={
            **recorded_settings(config, CONFIG_NOT_SETTINGS),
            **_generation(file, about),
            **recorded_arguments(_value(about, "model_args")),
            "metric": metric,
        },
        packages=_packages(about),
        model=about["model"].text(),
        millis=_millis(file["stats"]["completed_at"]),
    )


@dataclass(frozen=True)
class ChosenScore:
    """One number among those of a log."""

    name: str
    """Of the score: the scorer's, or where a scorer gives several values a sample, the key of one of them."""
    scorer: str
    """Under which a sample has it."""
    metric: str
    reducer: str | None
    """How the epochs of a sample became one; None where the log does not say."""
    at: Field


def _chosen(results: Field, wanted: str | None) -> ChosenScore:
    """Return the score that the user names, or the only one; never the best of several.

    Its name is SCORER/METRIC, and SCORER/METRIC/REDUCER where the epochs were reduced in several ways.
    """
    scores = [_named_score(score) for score in results["scores"].items()]
    ways = Counter(score["name"].text() for score, _ in scores)
    found: dict[str, ChosenScore] = {}
    for score, reducer in scores:
        scorer = score["name"].text()
        unscored = score.get("unscored_samples")
        if unscored is not None and unscored.integer(0) > 0:
            raise unscored.refuse("incomplete", f"'{scorer}' left {unscored.value} samples without a score")
        for _, entry in score["metrics"].members():
            metric = entry["name"].text().rpartition("/")[2]
            if metric in SPREADS:
                continue
            key = f"{scorer}/{metric}" + (f"/{reducer}" if ways[scorer] > 1 else "")
            if key in found:
                raise score["name"].refuse("duplicate", f"there are two scores '{key[:80]}'")
            sample_has = score["scorer"].text() if score.has("scorer") else scorer
            found[key] = ChosenScore(scorer, sample_has, metric, reducer, entry["value"])
    if not found:
        raise results["scores"].refuse("incomplete", "the run was not scored")
    fitting = [name for name, one in found.items() if wanted in (None, name, one.metric, f"{one.name}/{one.metric}")]
    listed = ", ".join(f"'{name}'" for name in found)
    if not fitting:
        raise results["scores"].refuse("metric", f"no metric '{str(wanted)[:80]}'; there are {listed}")
    if len(fitting) > 1:
        of_ways = "/REDUCER" if max(ways.values()) > 1 else ""
        raise UsageError(f"{results.document.path} has {listed}", f"choose one with --measure SCORER/METRIC{of_ways}")
    return found[fitting[0]]


def _named_score(score: Field) -> tuple[Field, str | None]:
    reducer = score.get("reducer")
    return score, None if reducer is None else reducer.text()


def _samples(file: Field, config: Field, chosen: ChosenScore) -> tuple[dict[int, float] | None, str | None]:
    """Return the score of every sample by its place in the order of ids, and a digest over what was asked."""
    listed = file.get("samples")
    if listed is None or not listed.items():
        return None, None
    asked: dict[str, Any] = {}
    epochs: dict[str, dict[int, Field]] = {}
    for sample in listed.items():
        name = json.dumps(sample["id"].value)
        asked[name] = [sample["input"].value, sample["target"].value]
        epoch = sample["epoch"].integer(1)
        if epoch in epochs.setdefault(name, {}):
            raise sample["id"].refuse("duplicate", f"sample {name[:80]} is there twice in epoch {epoch}")
        epochs[name][epoch] = sample
    names = sorted(epochs)
    text = json.dumps([[name, *asked[name]] for name in names], sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    several = any(len(found) > 1 for found in epochs.values())
    if several and not _is_mean(config, chosen):
        return None, digest
    scores: dict[int, float] = {}
    for place, name in enumerate(names):
        values = [_sample_score(sample, chosen) for _, sample in sorted(epochs[name].items())]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None, digest
        scores[place] = math.fsum(known) / len(known)
    return scores, digest


def _is_mean(config: Field, chosen: ChosenScore) -> bool:
    """Say whether the mean over a sample's epochs is its score, as it is unless the run asked for something else."""
    asked = config.get("epochs_reducer")
    reducers = ["mean"] if asked is None else [one.text() for one in asked.items()]
    if chosen.reducer is not None and chosen.reducer in reducers:
        return chosen.reducer == "mean"
    return reducers == ["mean"]


def _sample_score(sample: Field, chosen: ChosenScore) -> float | None:
    """Return one score as a number; None for a value that is no single score, as an object of several."""
    found = sample.get("scores")
    if found is None or not found.has(chosen.scorer):
        raise sample.refuse("incomplete", f"this sample has no score by '{chosen.scorer}'")
    value = found[chosen.scorer]["value"]
    if isinstance(value.value, dict) and value.has(chosen.name):
        value = value[chosen.name]
    if isinstance(value.value, bool):
        return float(value.value)
    if isinstance(value.value, str):
        return LETTERS.get(value.value)
    return value.number(0, 1) if isinstance(value.value, int | float) else None


def _how(file: Field, about: Field, chosen: ChosenScore) -> Json:
    """Return what makes a task's score comparable."""
    steps = [[step["solver"].text(), _value(step, "params")] for step in _items(file, "plan", "steps")]
    scorers = [entry.value for entry in _items(file, "eval", "scorers")]
    dataset = about["dataset"] if about.has("dataset") else None
    return {
        "task_version": setting(_value(about, "task_version")),
        "task_args": setting(_value(about, "task_args")),
        "dataset": None if dataset is None else setting(_value(dataset, "name")),
        "solvers": setting(steps),
        "scorer": chosen.name,
        "scorers": setting(scorers),
        "metric": chosen.metric,
        "reducer": chosen.reducer,
    }


def _which_samples(about: Field) -> Json:
    """Return what a log without samples tells of those that were asked: the dataset's size, order, and their ids."""
    dataset = about.get("dataset")
    found = {} if dataset is None else {name: _value(dataset, name) for name in ("samples", "shuffled", "sample_ids")}
    return {f"dataset_{name}": setting(value) for name, value in found.items() if value is not None}


def _generation(file: Field, about: Field) -> Json:
    """Return how answers were generated: temperature, tokens, seed."""
    found: Json = {}
    plan = file.get("plan")
    for holder in (None if plan is None else plan.get("config"), about.get("model_generate_config")):
        if holder is not None:
            found |= recorded_settings(holder, {"max_connections", "max_retries", "timeout"}, "generate_")
    return found


def _items(file: Field, *keys: str) -> list[Field]:
    found: Field | None = file
    for key in keys:
        found = None if found is None else found.get(key)
    return [] if found is None else found.items()


def _value(holder: Field, name: str) -> Any:
    found = holder.get(name)
    return None if found is None else found.value


def _packages(about: Field) -> dict[str, str]:
    found = about.get("packages")
    if found is None:
        return {}
    named = {name.replace("_", "-"): version.text() for name, version in found.members()}
    return {name: version for name, version in named.items() if re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", version)}


def _millis(at: Field) -> int:
    try:
        moment = datetime.fromisoformat(at.text())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.timestamp() < 0:
        raise at.refuse("time", f"{at.text()[:40]!r} is not a time with its zone")
    return int(moment.timestamp() * 1000)
