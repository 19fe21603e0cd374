"""lm-evaluation-harness 0.4: `results_*.json`, and `samples_TASK_*.jsonl` beside it where samples were logged."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.adapters.contract import ImportedSummary, ImportOptions
from gatekit.evidence.adapters.downstream.model_arguments import recorded_arguments
from gatekit.evidence.adapters.downstream.runs import LOWER, Run, TaskScore, check_mean, run_summaries
from gatekit.evidence.adapters.fields import Field, root
from gatekit.evidence.adapters.recorded_settings import recorded_settings, setting
from gatekit.evidence.adapters.saebench.sources import seed_and_path
from gatekit.evidence.strict_json import Document, JsonLimits, parse_json, read_json, read_regular_file

LIMITS = JsonLimits(size=64 << 20, values=2_000_000, string=1 << 22, keep_nonfinite=True)
SAMPLE = JsonLimits(size=4 << 20, values=100_000, string=1 << 22, keep_nonfinite=True)

# Read elsewhere, or of the machine and the moment. Whatever else stands at the top is a setting.
NOT_SETTINGS = frozenset(
    {
        *("results", "groups", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples"),
        *("config", "git_hash", "date", "pretty_env_info", "transformers_version", "lm_eval_version", "samples"),
        *("upper_git_hash", "task_hashes", "model_source", "model_name", "model_name_sanitized", "start_time"),
        *("end_time", "total_evaluation_time_seconds"),
    }
)
CONFIG_NOT_SETTINGS = frozenset(
    {"model", "model_args", "batch_size", "batch_sizes", "device", "use_cache", "bootstrap_iters"}
)
NOT_METRICS = frozenset({"alias", "name", "samples", "sample_len", "sample_count"})


def import_files(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """Return the summary in result files of lm-evaluation-harness.

    Args:
        paths: `SEED=results_*.json`, `SEED=samples_*.jsonl`; without a seed, of the model without the SAE.
        options: `subject`; `measure` names the metric (`acc`, `exact_match,strict-match`) where tasks have several.

    Raises:
        GatekitError: `json.*`; `adapter.*` for files that do not fit together or hold no score.
        UsageError: an option is missing, or cannot be used.
    """
    if options.kind is not None or options.context or options.k is not None:
        raise UsageError("lm_eval results need neither --kind, --context nor --k")
    results: list[tuple[int | None, Field]] = []
    samples: dict[int | None, list[str]] = {}
    seen: dict[str, str] = {}
    for given in paths:
        seed, path = seed_and_path(given)
        if path.endswith(".jsonl"):
            samples.setdefault(seed, []).append(path)
            continue
        document = read_json(path, LIMITS)
        if document.sha256 in seen:
            message = f"the same bytes as {seen[document.sha256]}"
            raise GatekitError("adapter.repeated", message, Location(path), "name it once")
        seen[document.sha256] = path
        results.append((seed, root(document)))
    if not results:
        raise GatekitError("adapter.nothing", "there are only samples here", Location(paths[0]), "name the results too")
    runs = [_run(file, seed, options.measure, samples.get(seed, [])) for seed, file in results]
    used = {document.path for run in runs for document in run.documents}
    for path in (path for several in samples.values() for path in several):
        if path not in used:
            message = "no result here is of the task that this file's name says: samples_TASK_TIME.jsonl"
            raise GatekitError("adapter.unplanned", message, Location(path))
    return run_summaries(runs, options, "lm_eval")


def _run(file: Field, seed: int | None, wanted: str | None, samples: Sequence[str]) -> Run:
    subtasks = file.get("group_subtasks")
    groups = set() if subtasks is None else {name for name, members in subtasks.members() if members.items()}
    names = [name for name, _ in file["results"].members() if name not in groups]
    if not names:
        raise file["results"].refuse("incomplete", "there is no task here")
    metric, by_task = _chosen(file, names, wanted)
    tasks: dict[str, TaskScore] = {}
    documents = [file.document]
    for name in names:
        path = _samples_of(name, names, samples)
        task = _task(file, name, metric, by_task[name], path)
        if path is not None:
            documents.append(task[1])
        label = task[0].name.label()
        if label in tasks:
            raise task[0].name.refuse("duplicate", f"two tasks have the label '{label}'")
        tasks[label] = task[0]
    config = file["config"] if file.has("config") else Field(file.document, ("config",), {})
    model, arguments = file.get("model_name"), config.get("model_args")
    return Run(
        file=file,
        documents=tuple(documents),
        seed=seed,
        tasks=tasks,
        settings={
            **recorded_settings(file, NOT_SETTINGS),
            **recorded_settings(config, CONFIG_NOT_SETTINGS),
            **recorded_arguments(None if arguments is None else arguments.value),
            "metric": metric,
        },
        packages=_packages(file),
        model=None if model is None or not model.value else model.text(),
        millis=int(file["date"].number(0, 1e11) * 1000),
        backend=_backend(config),
    )


def _backend(config: Field) -> str | None:
    """Return the name of lm-evaluation-harness's class for the model, such as `hf`, `vllm` or `steered`."""
    found = config.get("model")
    return found.value if found is not None and isinstance(found.value, str) else None


def _chosen(file: Field, names: Sequence[str], wanted: str | None) -> tuple[str, dict[str, str]]:
    """Return the metric's name and each task's member with it; never the best of several."""
    members = {name: _metrics(file["results"][name]) for name in names}
    if wanted is None:
        found = sorted({key for keys in members.values() for key in keys})
        if len({key.partition(",")[0] for key in found}) != 1 or any(len(keys) != 1 for keys in members.values()):
            listed = ", ".join(f"'{key}'" for key in found)
            raise UsageError(f"{file.document.path} has {listed}", "choose one with --measure METRIC")
        wanted = found[0].partition(",")[0]
    chosen: dict[str, str] = {}
    for name, keys in members.items():
        fitting = [key for key in keys if wanted in (key, key.partition(",")[0])]
        if len(fitting) != 1:
            several = "several filters" if fitting else "no such metric"
            listed = ", ".join(f"'{key}'" for key in keys)
            raise file["results"][name].refuse("metric", f"'{wanted[:80]}': {several} here; there are {listed}")
        chosen[name] = fitting[0]
    return wanted.partition(",")[0], chosen


def _metrics(task: Field) -> list[str]:
    """Return the members that are metrics: `acc,none`, or `acc` as older versions have it."""
    names = [name for name, _ in task.members() if name not in NOT_METRICS]
    return [name for name in names if not name.partition(",")[0].endswith("_stderr")]


def _task(file: Field, name: str, metric: str, member: str, path: str | None) -> tuple[TaskScore, Document]:
    at = file["results"][name][member]
    better = _entry(file, "higher_is_better", name)
    more = None if better is None else better.get(metric)
    if metric not in LOWER and more is not None and not more.boolean():
        raise at.refuse("metric", f"less is better of '{metric}', and it is none of {', '.join(LOWER)}")
    chosen_filter = member.partition(",")[2] or "none"
    counted, config = _entry(file, "n-samples", name), _entry(file, "configs", name)
    told = {} if config is None else {key: member.value for key, member in config.members() if key != "metadata"}
    stated = _entry(file, "task_hashes", name)
    digest = None if stated is None else stated.sha256()
    samples, document = None, file.document
    if path is not None:
        samples, found, document = _samples(path, metric, chosen_filter)
        if digest is not None and digest != found:
            message = (
                f"these samples are not of the run in {file.document.path}: their hash is not its task_hashes/{name}"
            )
            raise GatekitError("adapter.contradiction", message, Location(path))
        digest = found
        if samples is not None:
            check_mean(at, samples)
    place = Field(file.document, ("results", name), name)
    how = {
        "version": _plain(file, "versions", name),
        "n_shot": _plain(file, "n-shot", name),
        "filter": chosen_filter,
        "config": setting(told),
    }
    rows = 0 if counted is None else counted["effective"].integer(1)
    return TaskScore(place, at, metric, rows, digest, samples, how), document


def _samples(path: str, metric: str, chosen_filter: str) -> tuple[dict[int, float] | None, str, Document]:
    """Return the score of every document under one filter, and lm-evaluation-harness's own hash over all lines.

    None in place of the scores where a document has none of its own: its line then holds what the metric is computed
    from, a log-likelihood (and words) for a perplexity, the right answer and the given one for F1, MCC or BLEU.
    """
    data = read_regular_file(path, "json", LIMITS.size)
    scores: dict[int, float | None] = {}
    hashes: list[str] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        sample = root(parse_json(line, f"{path}:{number}", SAMPLE))
        hashes += [sample[key].text() for key in ("doc_hash", "prompt_hash", "target_hash")]
        given = sample.get("filter")
        if given is not None and given.text() != chosen_filter:
            continue
        row = sample["doc_id"].integer(0, 9_999_999)
        if row in scores:
            raise sample["doc_id"].refuse("duplicate", f"document {row} is there twice")
        scores[row] = _sample_score(sample[metric], metric)
    if not scores:
        raise GatekitError("adapter.nothing", f"no sample has the filter '{chosen_filter}'", Location(path))
    digest = hashlib.sha256("".join(hashes).encode("utf-8")).hexdigest()
    known = {row: score for row, score in scores.items() if score is not None}
    document = Document(path, None, hashlib.sha256(data).hexdigest(), len(data))
    return known if len(known) == len(scores) else None, digest, document


def _sample_score(value: Field, metric: str) -> float | None:
    if metric in LOWER or isinstance(value.value, list):
        return None
    return float(value.value) if isinstance(value.value, bool) else value.number(0, 1e30)


def _samples_of(task: str, tasks: Sequence[str], paths: Sequence[str]) -> str | None:
    """Return the file whose name says the task; a task's name may begin with that of another."""
    for path in paths:
        stem = os.path.basename(path).removeprefix("samples_")
        fitting = [name for name in tasks if stem.startswith(f"{name}_") or stem == f"{name}.jsonl"]
        if fitting and max(fitting, key=len) == task:
            return path
    return None


def _packages(file: Field) -> dict[str, str]:
    names = {"lm-eval": "lm_eval_version", "transformers": "transformers_version"}
    found = {package: file.get(member) for package, member in names.items()}
    return {package: field.text() for package, field in found.items() if field is not None and _named(field)}


def _named(field: Field) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", field.text(), re.ASCII) is not None


def _entry(file: Field, name: str, task: str) -> Field | None:
    """Return what one of the tables by task says of a task; None where it says nothing, or null."""
    table = file.get(name)
    return None if table is None else table.get(task)


def _plain(file: Field, name: str, task: str) -> str | float | bool | None:
    found = _entry(file, name, task)
    return None if found is None else setting(found.value)
