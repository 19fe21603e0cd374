"""What sae-probes writes itself: one array per dataset, an entry per probe size, and a file per dense baseline.

The files name the dataset, the hook and how the probes were trained: model, width and seed come from the user.

`num_train` stands in an SAE's entries in the scarcity setting, `frac` in the imbalance setting, neither in the normal
one; a baseline always has `num_train`. Whatever else an entry holds is a setting too: no two settings are mixed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError, Location
from gatekit.evidence.adapters.building import Json, named_datasets
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.recorded_settings import differing, recorded_settings
from gatekit.evidence.adapters.sae_scores import EvalScores, RecordedSae
from gatekit.evidence.adapters.saebench.measured import measured_number
from gatekit.evidence.adapters.saebench.probing import choose_k
from gatekit.evidence.adapters.saebench.sources import SeedFile

# Our measure, sae-probes' metric.
METRICS = {"auc": "test_auc", "accuracy": "test_acc", "f1": "test_f1"}

# What an entry holds beside its settings. `indices` are the probe's latents, `val_auc` is what sae-probes chose by.
NOT_SETTINGS = frozenset({*METRICS.values(), "val_auc", "k", "dataset", "hook_name", "indices"})
BASELINE_NOT_SETTINGS = frozenset({*METRICS.values(), "val_auc", "dataset", "hook_name", "method"})


@dataclass(frozen=True)
class _ProbeEntry:
    """The entry of the chosen k in one file."""

    entry: Field
    dataset: Field
    hook: str
    ks: tuple[int, ...]
    settings: Json


def raw_results(sources: Sequence[SeedFile], wanted_k: int | None) -> list[EvalScores]:
    """Read sae-probes files: those with `SEED=` are an SAE's, those with a `method` are baselines of all seeds.

    Raises:
        GatekitError: a dataset is there twice, or has no baseline while others have one.
    """
    baselines: dict[str, Field] = {}
    method = ""
    probed: dict[int, list[_ProbeEntry]] = {}
    for source in sources:
        entries = source.file.items()
        if not entries:
            raise source.file.refuse("incomplete", "the file has no entry")
        if entries[0].has("method"):
            baseline = _only(entries)
            dataset = baseline["dataset"].label()
            if dataset in baselines:
                raise baseline["dataset"].refuse("duplicate", f"'{dataset}' has a baseline in another file")
            if method not in ("", baseline["method"].text()):
                raise baseline["method"].refuse("mixed", f"other baselines are by {method}")
            method = baseline["method"].text()
            baselines[dataset] = baseline
            continue
        if source.seed is None:
            raise source.file.refuse("seed", "sae-probes records no seed", "name the file as SEED=FILE")
        probed.setdefault(source.seed, []).append(_probed(entries, wanted_k))
    if not probed:
        raise GatekitError("adapter.nothing", "there are only baselines here", Location(sources[0].file.document.path))
    _same_settings([member for _, members in sorted(probed.items()) for member in members])
    return [_measured(seed, members, baselines, method) for seed, members in sorted(probed.items())]


def _same_settings(members: Sequence[_ProbeEntry]) -> None:
    """Refuse probes that were trained in different ways, whether of two seeds or of two datasets of one."""
    first = members[0]
    for member in members[1:]:
        if names := differing(first.settings, member.settings):
            shown = "; ".join(
                f"{name} is {_shown(member.settings, name)} here and {_shown(first.settings, name)} there"
                for name in names
            )
            other = first.entry.document.path
            raise member.entry.refuse("mixed", f"another protocol than {other}: {shown}")


def _shown(settings: Json, name: str) -> str:
    return "absent" if settings.get(name) is None else repr(settings[name])


def _only(entries: Sequence[Field]) -> Field:
    if len(entries) != 1:
        raise entries[1].refuse("contradiction", "a baseline file has one entry")
    return entries[0]


def _probed(entries: Sequence[Field], wanted_k: int | None) -> _ProbeEntry:
    first = entries[0]
    by_k: dict[int, Field] = {}
    for entry in entries:
        for key in ("dataset", "hook_name", "reg_type", "binarize"):
            entry[key].equals(first[key])
        if names := differing(_settings(first), _settings(entry)):
            raise entry.refuse("mixed", f"another protocol than entry {first.source}: {', '.join(names)} differ")
        k = entry["k"].integer(1, 1_000_000)
        if k in by_k:
            raise entry["k"].refuse("duplicate", f"k={k} is there twice")
        by_k[k] = entry
    k = choose_k(sorted(by_k), wanted_k, first)
    return _ProbeEntry(by_k[k], first["dataset"], first["hook_name"].name(), tuple(sorted(by_k)), _settings(first))


def _settings(entry: Field) -> Json:
    """Return how an SAE's probe was trained."""
    entry["reg_type"].text()
    entry["binarize"].boolean()
    if (rows := entry.get("num_train")) is not None:
        rows.integer(1)
    if (share := entry.get("frac")) is not None:
        share.number(0, 1)
    return {"num_train": None, "frac": None, **recorded_settings(entry, NOT_SETTINGS)}


def _measured(seed: int, members: Sequence[_ProbeEntry], baselines: dict[str, Field], method: str) -> EvalScores:
    first = members[0].entry
    cells: dict[str, Field] = {}
    for member in sorted(members, key=lambda m: m.dataset.label()):
        for key in ("hook_name", "k"):
            member.entry[key].equals(first[key])
        name = member.dataset.label()
        if name in cells:
            raise member.dataset.refuse("duplicate", f"seed {seed} has '{name}' twice")
        cells[name] = member.entry
    compared = [name for name in cells if name in baselines]
    if compared and len(compared) < len(cells):
        missing = next(name for name in cells if name not in baselines)
        raise cells[missing].refuse("incomplete", f"there is no baseline file for '{missing}'")
    values: dict[str, dict[str, tuple[float, float | None]]] = {}
    for measure, metric in METRICS.items():
        scores = {name: measured_number(entry[metric], 0, 1) for name, entry in cells.items()}
        values[measure] = {name: (score, None) for name, score in scores.items()}
        if compared:
            values[f"{measure}_delta"] = {
                name: (score, measured_number(_baseline(baselines[name], first, metric), 0, 1))
                for name, score in scores.items()
            }
    dense = {name: _baseline_settings(baselines[name], first) for name in compared}
    used = [*cells.values(), *(baselines[name] for name in compared)]
    documents = {field.document.sha256: field.document for field in used}
    datasets = named_datasets([entry["dataset"] for entry in cells.values()])
    return EvalScores(
        kind="sae_probes",
        file=first,
        documents=tuple(sorted(documents.values(), key=_order)),
        seed=seed,
        shape=RecordedSae(None, members[0].hook, None, None, None, None, f"seed{seed}"),
        protocol={
            "name": "sae_probes.raw",
            "rows": 0,
            "datasets": datasets,
            "ks": [first["k"].integer(1)],
            "baseline": {"kind": "dense_probe" if compared else "none", "subject": None},
            "settings": {
                **members[0].settings,
                **_side_by_side(dense),
                "baseline_method": method if compared else None,
                "dataset_sha256_of": "name",
            },
        },
        values=values,
        own={},
        millis=None,
        packages={},
        config={"ks_probed": list(members[0].ks)},
    )


def _baseline(baseline: Field, first: Field, metric: str) -> Field:
    baseline["hook_name"].equals(first["hook_name"])
    return baseline[metric]


def _baseline_settings(baseline: Field, probe: Field) -> Json:
    """Return how a dense probe was trained; where the SAE's entries say the same of theirs, both must agree."""
    for key in ("num_train", "frac"):
        ours, dense = probe.get(key), baseline.get(key)
        if ours is None and (dense is None or key == "num_train"):
            continue  # the normal setting, whose baseline alone says its rows
        if ours is None or dense is None or ours.value != dense.value:
            here = "absent" if ours is None else repr(ours.value)
            there = "absent" if dense is None else repr(dense.value)
            place, message = baseline.document.path, f"{key} is {here} here and {there} in the baseline"
            raise probe.refuse("mixed", f"another protocol than {place}: {message}")
    return recorded_settings(baseline, BASELINE_NOT_SETTINGS, "baseline_")


def _side_by_side(dense: dict[str, Json]) -> Json:
    """Return the settings of all baselines: one value where they agree, or the datasets by value."""
    names = sorted({name for settings in dense.values() for name in settings})
    found: Json = {}
    for name in names:
        datasets: dict[str, list[str]] = {}
        for dataset, settings in dense.items():
            datasets.setdefault(_shown(settings, name), []).append(dataset)
        values = [settings.get(name) for settings in dense.values()]
        found[name] = values[0] if len(datasets) == 1 else _by_value(datasets)
    return found


def _by_value(datasets: dict[str, list[str]]) -> str:
    """Return `900: a, b; 1024: c`, or how many datasets have which value and a digest of which these are."""
    text = "; ".join(f"{value}: {', '.join(sorted(names))}" for value, names in sorted(datasets.items()))
    if len(text) <= 1000:
        return text
    counts = "; ".join(f"{value}: {len(names)} datasets" for value, names in sorted(datasets.items()))
    return f"{counts[:900]} sha256:{hashlib.sha256(text.encode('utf-8')).hexdigest()}"


def _order(document: object) -> str:
    return str(getattr(document, "sha256", ""))
