"""What the second opinion reads: strict JSON and YAML, the published schemas, and whether a summary is whole.

No code is shared with gatekit: jsonschema checks the contract, ruamel's loader reads YAML. Whatever is not plainly in
order raises an exception.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import rfc8785
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from ruamel.yaml import YAML

SCHEMAS = Path(__file__).parents[2] / "schemas"
LEVELS = {"per_seed_dataset": "dataset", "per_seed_row": "row"}
KEYS = {"per_seed": ("seed",), "per_seed_pair": ("seed_a", "seed_b")} | {d: ("seed", k) for d, k in LEVELS.items()}
SHAPE = ("hook", "d_model", "architecture", "d_sae", "k")
UNSURE = re.compile(r"(?i)~|null|y|n|yes|no|on|off|=|[-+]?\.?(nan|inf|infinity)|[-+.0-9].*")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
DEPTH = 8
"""Rules in rules."""

Json = Mapping[str, Any]


class Abstain(Exception):
    """This verifier does not know."""


def need(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(what)


def find(folder: Path, *suffixes: str) -> list[Path]:
    """Every visible file of these suffixes at any depth; a link is listed, to be refused when it is read."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in suffixes or path.is_symlink()]
    shown = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return [path for path in shown if not path.name.endswith((".dsse.json", ".sigstore.json"))]


def read_text(path: Path, limit: int) -> str:
    need(path.is_file() and not path.is_symlink() and path.stat().st_size <= limit, "no regular file of a sane size")
    text = path.read_bytes().decode("utf-8")
    need(not text.startswith("\ufeff"), "byte order mark")
    return text


def real(text: str) -> float:
    value = float(text)
    need(math.isfinite(value) and len(text) <= 32, "not finite, or too long")
    need(value or not re.search("[1-9]", re.split("[eE]", text)[0]), "underflow")
    return value


def read_json(path: Path) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(items)) == len(items), "a key twice")
        return dict(items)

    def integer(text: str) -> int:
        need(abs(int(text)) < 2**53, "inexact")
        return int(text)

    hooks = {"object_pairs_hook": pairs, "parse_int": integer, "parse_float": real, "parse_constant": int}
    value = json.loads(read_text(path, 16 << 20), **hooks)
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair has no UTF-8
    return value


@cache
def validator(name: str) -> Draft202012Validator:
    def schema(stem: str) -> Any:  # `$` also matches before a line feed at the end; \Z does not
        return json.loads((SCHEMAS / f"{stem}.schema.json").read_text("utf-8").replace('$"', '\\\\Z"'))

    shared = Resource.from_contents(schema("summary"))
    return Draft202012Validator(schema(name), registry=Registry().with_resource("summary.schema.json", shared))


@cache
def measures(kind: str) -> dict[str, dict[str, Any]]:
    """Name -> range of the effect, direction and design, from the kind's published schema."""
    found = {}
    for name, said in validator(kind).schema["properties"]["measurements"]["properties"].items():
        low, high = said["properties"]["range"]["const"]
        if said["$ref"].endswith("with_baseline") and not said["$ref"].endswith("without_baseline"):
            low, high = low - high, high - low
        direction = said["properties"]["direction"]["const"]
        found[name] = {"range": (low, high), "direction": direction, "design": said["properties"]["design"]["enum"][0]}
    return found


def time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def read_summary(path: Path, now: datetime) -> Json:
    document = read_json(path)
    validator(document["kind"]).validate(document)
    subject, producer, protocol = document["subject"], document["producer"], document["protocol"]
    started, finished = time(producer["started"]), time(producer["finished"])
    need(started <= finished <= now + timedelta(minutes=10), "times")
    config = rfc8785.dumps(producer["config"])
    need(sha256(config).hexdigest() == producer["config_sha256"], "config digest")
    seeds, datasets = protocol["seeds"], [dataset["name"] for dataset in protocol["datasets"]]
    for names in (seeds, datasets, [source["path"] for source in producer.get("sources", [])]):
        need(len(set(names)) == len(names), "named twice")
    control = protocol["baseline"]["subject"]
    twins = [model["subject"] for model in protocol["baseline"].get("models", [])]
    for one in (subject, *([control] if control else []), *twins):
        digests = [checkpoint["sha256"] for checkpoint in one["checkpoints"]]
        ordered = [checkpoint["seed"] for checkpoint in one["checkpoints"]]
        need(ordered == sorted(set(ordered)) and len(set(digests)) == len(digests), "checkpoints")
        need(one["k"] is None or one["k"] <= one["d_sae"], "shape")
    same = says_same(document)
    need(not same or (control and control["checkpoints"] == subject["checkpoints"] != []), "not the same")
    if control and not same:
        shared = {c["sha256"] for c in control["checkpoints"]} & {c["sha256"] for c in subject["checkpoints"]}
        need(not shared and identity(control) != identity(subject), "its own baseline")
        need(document["kind"] != "adaptive_l0" or control["k"] != subject["k"], "another k was not compared")
        alone = control["model"]["digest"] != subject["model"]["digest"] or control["model"]["digest"] is None
        need(protocol["baseline"]["kind"] != "random_model" or alone, "the model is no re-initialised one")
    check_models(document, control, twins)
    observed = [m for m in document["measurements"].values() if m["design"] != "reported"]
    if observed:
        need(subject["model"]["digest"] and subject["checkpoints"], "unidentified")
        need(sorted(seeds) == [checkpoint["seed"] for checkpoint in subject["checkpoints"]], "seeds")
    for name, measurement in document["measurements"].items():
        if measurement["design"] == "reported":
            check_reported(measurement["reported"], measures(document["kind"])[name]["range"])
        else:
            trained = [checkpoint["seed"] for checkpoint in control["checkpoints"]] if control else []
            check_columns(measurement, seeds, datasets, trained)
            columns = measurement["columns"]
            if same:
                need("_above_" not in name or columns["candidate"] == columns["baseline"], "not the same values")
            else:
                own = columns.get("baseline") == columns["candidate"] and len(set(columns["candidate"])) > 2
                need(not own, "compared with itself")
            alone = name.removesuffix("_delta") if name.endswith("_delta") else name.partition("_above_")[0]
            other = document["measurements"].get(alone, measurement)
            need("columns" not in other or paired(other) == paired(measurement), "one quantity, two values")
    columns = [m["columns"] for m in observed if m["design"] == "per_seed_row"]
    there = {"datasets": sorted(datasets), "rows": sorted({row for each in columns for row in each["row"]})}
    digests = [dataset["sha256"] for dataset in protocol["datasets"]]
    need(len(set(digests)) == len(digests), "datasets that are one by their bytes are one family")
    for part, families in protocol.get("families", {}).items():
        need(sorted(member for members in families.values() for member in members) == there[part], "families")
    if "columns" in document["measurements"].get("l0", {}):
        most = subject["d_sae"]
        need(max(document["measurements"]["l0"]["columns"]["candidate"]) <= most, "more active than can be")
    for share in document["measurements"].get("dead_fraction", {}).get("columns", {}).get("candidate", []):
        count, digits = share * subject["d_sae"], len(repr(share).partition(".")[2])
        off = abs(count - round(count)) / subject["d_sae"]
        need(share == 0 or (count >= 0.5 and off <= max(0.5 * 10.0**-digits, 2.5e-7)), "no count of latents")
    root = next(parent for parent in path.parents if (parent / "policies").is_dir())
    return {**document, "place": path.relative_to(root).as_posix()}


def check_models(document: Json, control: Json | None, twins: Sequence[Json]) -> None:
    """Several re-initialised models are distinct, of one shape, and those that were measured."""
    baseline, own = document["protocol"]["baseline"], document["subject"]
    numbers = sorted(model["random_model_seed"] for model in baseline.get("models", []))
    for measurement in document["measurements"].values():
        several = measurement.get("baseline_models")
        if several is None:
            continue
        need(not numbers or sorted(several["random_model_seed"]) == numbers, "other models than the named ones")
        need(len(set(several["random_model_seed"])) == len(several["values"]), "a model twice")
        means = [fmean(values) for values in zip(*several["values"], strict=True)]
        stated = measurement["columns"]["baseline"]
        need(all(abs(a - b) <= 1e-9 for a, b in zip(means, stated, strict=True)), "not the mean of the models")
    if not twins:
        return
    need(baseline["kind"] == "random_model" and control == twins[0], "no re-initialised models")
    need(len(set(numbers)) == len(numbers), "a model twice")
    need(len({json.dumps([one[part] for part in SHAPE]) for one in twins}) == 1, "models of several shapes")
    weights = [own["model"]["digest"], *(one["model"]["digest"] for one in twins)]
    saes = [checkpoint["sha256"] for one in (own, *twins) for checkpoint in one["checkpoints"]]
    need(None not in weights[1:] and len(set(weights)) == len(weights), "weights twice")
    need(len(set(saes)) == len(saes), "an SAE twice")


def says_same(document: Json) -> bool:
    """Whether a choice by layer says that it chose what it is compared with, which leaves one set of SAEs."""
    return document["kind"] == "layer_routing" and document["protocol"]["settings"].get("equal_by_construction") is True


def paired(measurement: Json) -> dict[Any, float]:
    """The candidate's value per key."""
    columns = measurement["columns"]
    keys = zip(*(columns[name] for name in KEYS[measurement["design"]]), strict=True)
    sort = sorted if measurement["design"] == "per_seed_pair" else tuple
    return {tuple(sort(key)): value for key, value in zip(keys, columns["candidate"], strict=True)}


def check_reported(reported: Json, limits: tuple[float, float]) -> None:
    low, estimate, high = (reported[key] for key in ("lower", "estimate", "upper"))
    need(all(limits[0] <= value <= limits[1] for value in (low, estimate, high) if value is not None), "range")
    need((low is None or low <= estimate) and (high is None or high >= estimate), "order")
    need((low is None and high is None) or reported["confidence"], "a bound without its confidence")


def check_columns(measurement: Json, seeds: Sequence[int], datasets: Sequence[str], trained: Sequence[int]) -> None:
    low, high = measurement["range"]
    design = measurement["design"]
    groups = [(measurement["columns"], seeds)]
    if "baseline_columns" in measurement:
        group = measurement["baseline_columns"]
        groups.append((group, trained or {seed for key in KEYS[design] for seed in group[key]}))
    for columns, planned in groups:
        need(len({len(column) for column in columns.values()}) == 1, "columns of different length")
        values = [v for name in ("candidate", "baseline", "value") for v in columns.get(name, [])]
        need(all(not isinstance(value, bool) and low <= value <= high for value in values), "range")
        keys = list(zip(*(columns[name] for name in KEYS[design]), strict=True))
        if design == "per_seed":
            expected = {(seed,) for seed in planned}
        elif design == "per_seed_pair":
            keys = [tuple(sorted(key)) for key in keys]
            expected = set(combinations(sorted(planned), 2))
        else:
            rows = datasets if LEVELS[design] == "dataset" else columns["row"]
            expected = {(seed, level) for seed in planned for level in rows}
        need(set(keys) == expected and len(keys) == len(expected), "not every observation once")
    aggregates = measurement.get("aggregates", {})
    if aggregates:
        parts = [(1, groups[0][0]["candidate"]), (-1, groups[0][0].get("baseline")), (-1, groups[-1][0].get("value"))]
        estimate = math.fsum(sign * fmean(values) for sign, values in parts if values)
        need(abs(aggregates["estimate"] - estimate) <= 1e-9, "aggregate")
        need(aggregates.get("n_seeds", len(seeds)) == len(seeds), "aggregate")


def content(measurement: Json) -> Any:
    if measurement["design"] == "reported":
        return {key: value for key, value in measurement["reported"].items() if key != "source"}
    groups = (measurement["columns"], measurement.get("baseline_columns", {}))
    return [sorted(zip(*(group[name] for name in sorted(group)), strict=True)) for group in groups]


def refuse_contradictions(summaries: Sequence[Json]) -> None:
    seen: dict[Any, Any] = {}
    for summary in summaries:
        for name, measurement in summary["measurements"].items():
            key = (summary["kind"], identity(summary["subject"]), rfc8785.dumps(summary["protocol"]), name)
            need(seen.setdefault(key, content(measurement)) == content(measurement), "contradiction")


def identity(subject: Json) -> bytes:
    """Equal for equal subjects; the model's name counts only where it has no digest."""
    model = subject["model"]
    return rfc8785.dumps({**subject, "model": model["digest"] or {"name": model["name"]}})


def rules(rule: Json, depth: int = 0) -> list[Json]:
    """Every threshold in a rule."""
    need(depth <= DEPTH, "rules nested too deep to be read")
    parts = next((rule[word] for word in ("all_of", "any_of", "first_of") if word in rule), None)
    return [rule] if parts is None else [threshold for part in parts for threshold in rules(part, depth + 1)]


def thresholds(policy: Json) -> list[Json]:
    return [threshold for gate in policy["gates"].values() for threshold in rules(gate)]


def limits(rule: Json) -> tuple[float | None, float | None]:
    rule = rule.get("every_seed", rule)
    return tuple(rule["between"]) if "between" in rule else (rule.get("at_least"), rule.get("at_most"))


def read_policy(path: Path, now: datetime) -> Json:
    text = read_text(path, 256 << 10)
    need(not HIDDEN.search(text) and not re.search(r"(?m)^%", text), "hidden characters or a directive")
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        need(kind != "AliasEvent" and not getattr(event, "anchor", None) and depth < 35, "alias, anchor or depth")
        need(kind == "DocumentStartEvent" or not getattr(event, "tag", None), "tag")
        if kind != "ScalarEvent" or event.style is not None:
            continue
        if NUMBER.fullmatch(event.value):
            real(event.value)
        else:
            duration = re.fullmatch("[1-9][0-9]*[hdw]", event.value)
            need(event.value and event.value != "<<" and (duration or not UNSURE.fullmatch(event.value)), "ambiguous")
    policy = YAML(typ="safe", pure=True).load(text)  # refuses doubled keys and second documents
    validator("policy").validate(policy)
    need(policy.get("legacy") or '"first_of"' not in json.dumps(policy["gates"]), "a fallback")
    need(policy.get("purpose") != "stop" or not (policy.get("legacy") or "selection" in policy), "a stop policy")
    for rule in thresholds(policy):
        lint(rule, policy)
    waived = [waiver["gate"] for waiver in policy.get("waivers", [])]
    need(len(set(waived)) == len(waived) and set(waived) <= set(policy["gates"]), "waivers")
    need(all(time(w["expires"] + "T23:59:59Z") >= now for w in policy.get("waivers", [])), "expired waiver")
    return policy


def lint(rule: Json, policy: Json) -> None:
    measure = measures(rule["from"])[rule["measure"]]
    if "not_worse_than" in rule:
        need(rule.get("bound") != "optimistic" or policy.get("purpose") == "stop", "bound")
        return
    (low, high), (least, most) = limits(rule), measure["range"]
    need(all(least <= limit <= most for limit in (low, high) if limit is not None), "out of range")
    need(low is None or high is None or low < high, "empty")
    need(low not in (None, least) or high not in (None, most), "cannot fail")
    worse = "at_most" if measure["direction"] == "higher" else "at_least"
    need(worse not in rule, "direction")
    natural = "lower" if "at_least" in rule else "upper" if "at_most" in rule else None
    lenient = ("point", "optimistic") if policy.get("purpose") == "stop" else ("point",)
    need(rule.get("bound", "point") in (*lenient, natural), "bound")
    if policy.get("subject", {}).get("d_sae") and not policy.get("legacy"):
        need(feasible(rule, policy["subject"]["d_sae"], 0.0), "infeasible")


def feasible(rule: Json, d_sae: int, baseline: float) -> bool:
    """Whether a z-score over so many latents can reach the threshold of a CE-Bench measure."""
    score = rule["from"] == "cebench" and "normalised" not in rule["measure"]
    low = limits(rule)[0]
    return not score or low is None or low <= (d_sae - 1) / math.sqrt(d_sae) - baseline
