"""selected_candidate.json and selection_summary.json: the group that HUSAI's selector put first.

The selector wrote the lower bound over the mean's own field (`saebench_delta`); mean, bound and number of seeds are
read from the fields that say which they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gatekit.evidence.adapters.building import Json, file_name, reported, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary
from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.context import Context, checkpoint_key, failed
from gatekit_husai.importing.frontier import BenchmarkRun, evaluated, pooled

NORMAL_CONFIDENCE = 0.975
"""One-sided, as HUSAI claims; with 3 to 5 seeds a normal quantile holds less often than that."""

BOUND_METHOD = "mean - 1.96 sd / sqrt(n), normal"

# Kind, our measure, HUSAI's metric.
METRICS = (
    ("saebench", "auc_delta", "saebench_delta"),
    ("cebench", "interpretability_delta", "cebench_interp_delta_vs_baseline"),
    ("cebench", "interpretability", "cebench_interpretability_max"),
)


@dataclass(frozen=True)
class Pool:
    """What the candidate was chosen from."""

    candidates: int
    known: bool


def import_candidate(file: Field, context: Context) -> list[ImportedSummary]:
    """Return the SAEBench and CE-Bench summaries of a selected candidate; the file has no time of its own."""
    return _candidate(file, file, None, context)


def import_selection(file: Field, context: Context) -> list[ImportedSummary]:
    """Return the same from the selector's full output, which also says how many groups there were, and when."""
    pool = file.at("counts", "eligible_candidates").integer(1, 1_000_000)
    return _candidate(file, file["selected_candidate"], Pool(pool, True), context)


def _candidate(file: Field, candidate: Field, pool: Pool | None, context: Context) -> list[ImportedSummary]:
    seeds = _seeds(candidate)
    pool = pool or _pool(candidate, context)
    stated = file["run_metadata"]["timestamp_utc"] if file.has("run_metadata") else None
    finished = context.finished(stated, file)
    imported = []
    for kind in ("saebench", "cebench"):
        if (reason := failed(candidate["returncodes"].get(kind))) is not None:
            raise candidate.at("returncodes", kind).refuse("failed_run", reason)
        measurements = {
            measure: _measurement(candidate["metrics"], kind, measure, metric, len(seeds))
            for of_kind, measure, metric in METRICS
            # null is a benchmark that the group does not have; a field that is not there is another file's shape.
            if of_kind == kind and candidate["metrics"][f"{metric}_mean"].value is not None
        }
        if not measurements:
            continue
        subject, protocol = _identity(candidate, kind, context)
        settings = {**protocol["settings"], "bound_method": BOUND_METHOD}
        if not pool.known:
            settings["selection_pool"] = "unrecorded; at least this one"
        document = summary_document(
            adapter="husai",
            kind=kind,
            subject=subject,
            protocol={
                **protocol,
                "seeds": seeds,
                "selection": {"candidates": pool.candidates, "seeds": seeds},
                "settings": settings,
            },
            measurements=measurements,
            sources=[file.document],
            config={
                "group_id": candidate["group_id"].text(),
                "representative_seed": candidate["seed"].seed(),
            },
            finished=finished,
        )
        imported.append(ImportedSummary(file_name(kind, file.document), document))
    return imported


def _seeds(candidate: Field) -> list[int]:
    members = candidate["seed_candidates"].items()
    seeds = sorted(member["seed"].seed() for member in members)
    if len(set(seeds)) != len(seeds) or candidate["seed_count"].integer(1, 10_000) != len(seeds):
        raise candidate["seed_candidates"].refuse("contradiction", "a seed is there twice or is missing")
    return seeds


def _measurement(metrics: Field, kind: str, measure: str, metric: str, seeds: int) -> Json:
    """Return mean and lower bound of one metric; one seed has no bound, whatever the file says."""
    mean, n = metrics[f"{metric}_mean"], metrics[f"{metric}_n"]
    if n.integer(1, 10_000) != seeds:
        raise n.refuse("contradiction", f"the group has {seeds} seeds")
    if seeds == 1:
        return reported(kind, measure, mean.number(), mean, n_seeds=1)
    low, spread = metrics[f"{metric}_ci95_low"], metrics[f"{metric}_std"].number(0)
    expected = mean.number() - 1.96 * spread / math.sqrt(seeds)
    if not abs(low.number() - expected) <= 1e-9 * max(1.0, abs(expected)):
        raise low.refuse("contradiction", f"says {low.value!r}, but {BOUND_METHOD} is {expected!r}")
    return reported(kind, measure, mean.number(), mean, lower=low.number(), confidence=NORMAL_CONFIDENCE, n_seeds=seeds)


def _identity(candidate: Field, kind: str, context: Context) -> tuple[Json, Json]:
    """Return subject and protocol of the group: from the results file of its members, or from the user.

    The candidate's file names checkpoints by path and no digest, so none enters the subject.
    """
    found = _members(candidate, kind, context)
    if found:
        subject, protocol = pooled(found)
        subject = {**subject, "checkpoints": []}
    else:
        subject = context.subject(candidate, "a selected candidate does not record its model and width")
        protocol = {
            "name": f"husai.{kind}",
            "rows": 0,
            "datasets": [],
            "ks": [],
            "baseline": {"kind": "dense_probe" if kind == "saebench" else "public_sae", "subject": None},
            "settings": {"protocol_from": "unrecorded: the results file of the group is not at hand"},
        }
    for key, field in (("architecture", candidate["architecture"]), ("hook", candidate["hook_name"])):
        if field.text() != subject[key]:
            raise field.refuse("contradiction", f"the subject's {key} is '{subject[key]}'")
    return subject, protocol


def _members(candidate: Field, kind: str, context: Context) -> list[BenchmarkRun]:
    """Return the group's records from the results at hand: all of them, or none."""
    wanted = {checkpoint_key(member["checkpoint"]): member for member in candidate["seed_candidates"].items()}
    found: dict[str, BenchmarkRun] = {}
    for file in context.files:
        if not file.has("records") or not (file.has("aggregate") or file.has("aggregates")):
            continue
        for record in file["records"].items():
            key = checkpoint_key(record["checkpoint"])
            if key in wanted and (one := evaluated(record, kind, context)) is not None:
                _agree(wanted[key], one)
                found[key] = one
    if found and len(found) < len(wanted):
        missing = sorted(set(wanted) - set(found))[0]
        raise wanted[missing].refuse("incomplete", "no results file at hand has this member of the group")
    if found:
        context.used.add("context")
    return [found[key] for key in sorted(found)]


def _agree(member: Field, one: BenchmarkRun) -> None:
    """Refuse a candidate whose member scored otherwise in the results that it was selected from."""
    for kind, measure, metric in METRICS:
        if kind != one.kind or measure not in one.measurements:
            continue
        stated = member.at("metrics", metric)
        value = one.measurements[measure]["reported"]["estimate"]
        if stated.number() != value:
            source = one.measurements[measure]["reported"]["source"]
            raise stated.refuse("contradiction", f"{stated.value!r} here, {value!r} at {source}")


def _pool(candidate: Field, context: Context) -> Pool:
    """Return the number of groups from a selection summary at hand that selected this candidate."""
    for file in context.files:
        if file.has("ranked_candidates") and file["selected_candidate"].value == candidate.value:
            context.used.add("context")
            return Pool(file.at("counts", "eligible_candidates").integer(1, 1_000_000), True)
    return Pool(1, False)
