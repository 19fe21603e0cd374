"""What a schema cannot say: whether a summary is complete and agrees with itself.

Each check has its own error with file and JSON pointer. Nothing is repaired: a file with one wrong number is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, pairwise, product
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.canonical import sha256_of_shared
from gatekit.evidence.control_models import check_control_models, check_named_models
from gatekit.evidence.families import check_families
from gatekit.evidence.lattices import is_off, lattice_size
from gatekit.evidence.own_control import check_control, says_so
from gatekit.evidence.source_digest import rule_for
from gatekit.evidence.summary import KEY_COLUMNS, MEASURED
from gatekit.evidence.times import parse_time
from gatekit.kinds import Kind, MeasureSpec

AGGREGATE_TOLERANCE = 1e-9
"""Relative to the size of the numbers averaged: a double's rounding in a mean of a million values, and no more."""

Refuse = Callable[[str, str, str], GatekitError]


def check_document(document: Mapping[str, Any], path: str, kind: Kind) -> None:
    """Refuse a schema-valid summary that is incomplete or contradicts itself.

    Raises:
        GatekitError: `summary.*` with the JSON pointer of the first fault.
    """

    def refuse(error_id: str, message: str, pointer: str) -> GatekitError:
        return GatekitError(f"summary.{error_id}", message, Location(path, pointer=pointer))

    _check_producer(document["producer"], refuse)
    _check_subject(document["subject"], "/subject", refuse)
    _check_protocol(document, refuse)
    check_control(document, kind, refuse)
    check_named_models(document, refuse)
    is_own_control = says_so(document, kind)
    check_families(document, refuse)
    measurements: Mapping[str, Any] = document["measurements"]
    observed = False
    for name, measurement in measurements.items():
        pointer = f"/measurements/{name}"
        if measurement["design"] == "reported":
            _check_reported(measurement, kind.by_name[name], pointer, refuse)
        else:
            observed = True
            _check_observations(measurement, document, pointer, refuse)
            if not is_own_control:
                _check_compared(measurement["columns"], pointer, refuse)
    _check_agreement(measurements, kind, refuse)
    _check_ceilings(document, kind, refuse)
    _check_lattices(document, kind, refuse)
    if observed or document["status"] not in MEASURED:
        _check_identified(document["subject"], document["status"], refuse)


def _check_agreement(measurements: Mapping[str, Any], kind: Kind, refuse: Refuse) -> None:
    """What is measured alone and again beside its control is one quantity, and must have one value per key."""
    for name, compared in measurements.items():
        alone = measurements.get(kind.by_name[name].difference_of or "")
        if alone is None or "columns" not in compared or "columns" not in alone:
            continue
        values = _by_key(alone)
        for index, (key, value) in enumerate(_by_key(compared).items()):
            if values.get(key, value) != value:
                named = ", ".join(str(part) for part in key)
                raise refuse(
                    "disagreement",
                    f"the candidate's value at ({named}) is {value!r} here and {values[key]!r} without its control",
                    f"/measurements/{name}/columns/candidate/{index}",
                )


def _by_key(measurement: Mapping[str, Any]) -> dict[tuple[Any, ...], float]:
    columns = measurement["columns"]
    keys = zip(*(columns[key] for key in KEY_COLUMNS[measurement["design"]]), strict=True)
    pairs = measurement["design"] == "per_seed_pair"
    return dict(zip((tuple(sorted(key)) if pairs else key for key in keys), columns["candidate"], strict=True))


def _check_ceilings(document: Mapping[str, Any], kind: Kind, refuse: Refuse) -> None:
    """No more latents can be active than there are."""
    most = document["subject"]["d_sae"]
    for name, measurement in document["measurements"].items():
        if kind.by_name[name].ceiling != "d_sae" or "columns" not in measurement:
            continue
        for index, value in enumerate(measurement["columns"]["candidate"]):
            if value > most:
                place = f"/measurements/{name}/columns/candidate/{index}"
                raise refuse("impossible", f"{name} {value} exceeds d_sae={most}, all that can be active", place)


def _check_lattices(document: Mapping[str, Any], kind: Kind, refuse: Refuse) -> None:
    """A share of so many latents, or of a fixed number of trials, is a count over them."""
    control = document["protocol"]["baseline"]["subject"]
    widths = {"candidate": document["subject"]["d_sae"], "baseline": control and control["d_sae"]}
    for name, measurement in document["measurements"].items():
        pointer = f"/measurements/{name}"
        columns = measurement.get("columns", {})
        shares = [(f"{pointer}/columns/candidate", widths["candidate"], columns.get("candidate", ()))]
        models = measurement.get("baseline_models")
        if models is None:
            shares.append((f"{pointer}/columns/baseline", widths["baseline"], columns.get("baseline", ())))
        else:
            # The baseline is a mean of counts then, and none itself.
            places = [f"{pointer}/baseline_models/values/{index}" for index in range(len(models["values"]))]
            shares += [(at, widths["baseline"], own) for at, own in zip(places, models["values"], strict=True)]
        for place, width, values in shares:
            size = lattice_size(kind.by_name[name], width)
            for index, value in enumerate(values if size is not None else ()):
                if is_off(float(value), size or 1):
                    message = f"{value} is no count over {size}, which every {name} is"
                    raise refuse("off_lattice", message, f"{place}/{index}")


def _check_producer(producer: Mapping[str, Any], refuse: Refuse) -> None:
    times = {}
    for name in ("started", "finished"):
        try:
            times[name] = parse_time(producer[name])
        except ValueError:
            raise refuse("time", f"{producer[name]} is not a day and time that exists", f"/producer/{name}") from None
    if times["finished"] < times["started"]:
        raise refuse("time_order", "the run finished before it started", "/producer/finished")
    paths = [source["path"] for source in producer.get("sources", ())]
    if len(set(paths)) != len(paths):
        raise refuse("duplicate_source", "a source is listed twice", "/producer/sources")
    for index, source in enumerate(producer.get("sources", ())):
        if source.get("by") == "syntax_tree" and rule_for(source["path"]) != "syntax_tree":
            message = f"'{source['path']}' is no Python file and is digested by its bytes"
            raise refuse("source_rule", message, f"/producer/sources/{index}/by")
    digest = sha256_of_shared(producer["config"])
    if digest != producer["config_sha256"]:
        message = f"config_sha256 is not the digest of config (RFC 8785), which is {digest}"
        raise refuse("config_digest", message, "/producer/config_sha256")


def _check_subject(subject: Mapping[str, Any], pointer: str, refuse: Refuse) -> None:
    seeds = [checkpoint["seed"] for checkpoint in subject["checkpoints"]]
    if any(later <= earlier for earlier, later in pairwise(seeds)):
        raise refuse(
            "checkpoint_order", "checkpoints must be one per seed in increasing order of seed", f"{pointer}/checkpoints"
        )
    first: dict[str, int] = {}
    for index, checkpoint in enumerate(subject["checkpoints"]):
        if checkpoint["sha256"] in first:
            raise refuse(
                "checkpoint_repeated",
                f"seeds {first[checkpoint['sha256']]} and {checkpoint['seed']} are the same checkpoint",
                f"{pointer}/checkpoints/{index}/sha256",
            )
        first[checkpoint["sha256"]] = checkpoint["seed"]
    if subject["k"] is not None and subject["k"] > subject["d_sae"]:
        raise refuse("subject_shape", f"k={subject['k']} exceeds d_sae={subject['d_sae']}", f"{pointer}/k")


def _check_identified(subject: Mapping[str, Any], status: str, refuse: Refuse) -> None:
    if status in MEASURED and subject["model"]["digest"] is None:
        raise refuse("unidentified", "observations need the model's digest", "/subject/model/digest")
    if status in MEASURED and not subject["checkpoints"]:
        raise refuse("unidentified", "observations need a checkpoint per seed", "/subject/checkpoints")


def _check_protocol(document: Mapping[str, Any], refuse: Refuse) -> None:
    protocol = document["protocol"]
    if len(set(protocol["seeds"])) != len(protocol["seeds"]):
        raise refuse("duplicate_seed", "a seed is listed twice", "/protocol/seeds")
    names = [dataset["name"] for dataset in protocol["datasets"]]
    if len(set(names)) != len(names):
        raise refuse("duplicate_dataset", "a dataset is listed twice", "/protocol/datasets")
    for index, model in enumerate(protocol["baseline"].get("models", ())):
        _check_subject(model["subject"], f"/protocol/baseline/models/{index}/subject", refuse)
    baseline = protocol["baseline"]["subject"]
    if baseline is None:
        return
    _check_subject(baseline, "/protocol/baseline/subject", refuse)


def _check_reported(measurement: Mapping[str, Any], spec: MeasureSpec, pointer: str, refuse: Refuse) -> None:
    reported = measurement["reported"]
    low, high = spec.effect_range
    for key in ("estimate", "lower", "upper"):
        value = reported[key]
        if value is not None and not low <= value <= high:
            raise refuse("out_of_range", f"{value} is outside [{low:g}, {high:g}]", f"{pointer}/reported/{key}")
    lower, upper = reported["lower"], reported["upper"]
    if lower is not None and lower > reported["estimate"]:
        raise refuse("reported_order", "the lower bound exceeds the estimate", f"{pointer}/reported/lower")
    if upper is not None and upper < reported["estimate"]:
        raise refuse("reported_order", "the upper bound is below the estimate", f"{pointer}/reported/upper")
    if (lower is not None or upper is not None) and reported["confidence"] is None:
        raise refuse("reported_confidence", "a bound needs its confidence", f"{pointer}/reported/confidence")


def _check_compared(columns: Mapping[str, Any], pointer: str, refuse: Refuse) -> None:
    if columns.get("baseline") == columns["candidate"] and len(set(columns["candidate"])) > 2:
        # Where a measure takes one or two values only, two models may well agree on all of them.
        message = "every value of the baseline is the candidate's own: it was compared with itself"
        raise refuse("self_baseline", message, f"{pointer}/columns/baseline")


def _check_observations(
    measurement: Mapping[str, Any], document: Mapping[str, Any], pointer: str, refuse: Refuse
) -> None:
    design = measurement["design"]
    columns = measurement["columns"]
    _check_lengths(columns, f"{pointer}/columns", refuse)
    low, high = measurement["range"]
    for column in ("candidate", "baseline"):
        if column in columns:
            _check_values(columns[column], low, high, f"{pointer}/columns/{column}", refuse)
    seeds = document["protocol"]["seeds"]
    checkpoints = [checkpoint["seed"] for checkpoint in document["subject"]["checkpoints"]]
    if sorted(seeds) != checkpoints:
        raise refuse("seeds", "protocol.seeds and the subject's checkpoints name different seeds", "/protocol/seeds")
    datasets = [dataset["name"] for dataset in document["protocol"]["datasets"]]
    _check_keys(design, columns, seeds, datasets, f"{pointer}/columns", refuse)
    estimate = _mean_effect(columns)
    group = measurement.get("baseline_columns")
    scale = max(1.0, max(map(abs, columns["candidate"])))
    check_control_models(measurement, AGGREGATE_TOLERANCE, f"{pointer}/baseline_models", refuse)
    if group is not None:
        _check_lengths(group, f"{pointer}/baseline_columns", refuse)
        _check_values(group["value"], low, high, f"{pointer}/baseline_columns/value", refuse)
        control = document["protocol"]["baseline"]["subject"]
        planned = [checkpoint["seed"] for checkpoint in control["checkpoints"]] if control else []
        members = planned or sorted({seed for key in KEY_COLUMNS[design] for seed in group[key]})
        _check_keys(design, group, members, [], f"{pointer}/baseline_columns", refuse)
        estimate -= math.fsum(group["value"]) / len(group["value"])
    aggregates = measurement.get("aggregates", {})
    stated = aggregates.get("estimate")
    if stated is not None and not abs(stated - estimate) <= AGGREGATE_TOLERANCE * scale:
        raise refuse(
            "aggregate_mismatch",
            f"says {stated!r}, the observations say {estimate!r}",
            f"{pointer}/aggregates/estimate",
        )
    n_seeds = aggregates.get("n_seeds")
    if n_seeds is not None and n_seeds != len(seeds):
        raise refuse(
            "aggregate_mismatch", f"says {n_seeds} seeds, there are {len(seeds)}", f"{pointer}/aggregates/n_seeds"
        )


def _mean_effect(columns: Mapping[str, Any]) -> float:
    total = math.fsum(columns["candidate"]) - math.fsum(columns.get("baseline", ()))
    return float(total / len(columns["candidate"]))


def _check_lengths(columns: Mapping[str, Sequence[Any]], pointer: str, refuse: Refuse) -> None:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in sorted(lengths.items()))
        raise refuse("column_length", f"columns differ in length: {listed}", pointer)


def _check_values(values: Sequence[float], low: float, high: float, pointer: str, refuse: Refuse) -> None:
    for index, value in enumerate(values):
        # Written as "inside" so that a NaN, should one ever come this far, is outside.
        if isinstance(value, bool) or not low <= value <= high:
            raise refuse("out_of_range", f"{value} is outside [{low:g}, {high:g}]", f"{pointer}/{index}")


def _check_keys(
    design: str,
    columns: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    datasets: Sequence[str],
    pointer: str,
    refuse: Refuse,
) -> None:
    """Every planned observation is there exactly once: dropping a bad seed or dataset must not go unnoticed."""
    if design == "per_seed" and sorted(columns["seed"]) == sorted(set(seeds)):
        return
    keys = list(zip(*(columns[name] for name in KEY_COLUMNS[design]), strict=True))
    if design == "per_seed_pair":
        for index, (a, b) in enumerate(keys):
            if a == b:
                raise refuse("self_pair", f"seed {a} is paired with itself", f"{pointer}/seed_a/{index}")
        keys = [(min(pair), max(pair)) for pair in keys]
    seen: set[tuple[Any, ...]] = set()
    first = KEY_COLUMNS[design][0]
    for index, key in enumerate(keys):
        if key in seen:
            named = ", ".join(str(part) for part in key)
            raise refuse("duplicate_key", f"({named}) is there twice", f"{pointer}/{first}/{index}")
        seen.add(key)
    ordered = sorted(seeds)
    levels: Sequence[Any] = sorted(set(columns["row"] if design == "per_seed_row" else datasets))
    for key in _planned(design, ordered, levels):
        # Each key that is there is met once at most, so a gap shows after as many: never all that is planned is listed.
        if key not in seen:
            named = ", ".join(map(str, key))
            raise refuse("incomplete", f"the observation ({named}) is missing", pointer)
    known, known_levels = set(ordered), set(levels)
    for key in sorted(seen):
        own, level = (key, ()) if design == "per_seed_pair" else (key[:1], key[1:])
        if not known.issuperset(own) or not known_levels.issuperset(level):
            named = ", ".join(map(str, key))
            raise refuse("incomplete", f"the observation ({named}) was not planned", pointer)


def _planned(design: str, seeds: Sequence[int], levels: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
    """Yield every key that a complete measurement has, in order; there can be far more than observations in a file."""
    if design == "per_seed":
        return ((seed,) for seed in seeds)
    return combinations(seeds, 2) if design == "per_seed_pair" else product(seeds, levels)
