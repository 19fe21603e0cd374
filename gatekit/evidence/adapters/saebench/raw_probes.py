"""What sae-probes writes itself: one array per dataset, an entry per probe size, and a file per dense baseline.

The files name the dataset and the hook and nothing else: model, width and seed come from the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError, Location
from gatekit.evidence.adapters.building import named_datasets
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.saebench.measured import EvalScores, RecordedSae, measured_number
from gatekit.evidence.adapters.saebench.probing import choose_k
from gatekit.evidence.adapters.saebench.sources import SeedFile

# Our measure, sae-probes' metric.
METRICS = {"auc": "test_auc", "accuracy": "test_acc", "f1": "test_f1"}


@dataclass(frozen=True)
class _ProbeEntry:
    """The entry of the chosen k in one file."""

    entry: Field
    dataset: Field
    hook: str
    ks: tuple[int, ...]


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
    return [_measured(seed, members, baselines, method) for seed, members in sorted(probed.items())]


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
        k = entry["k"].integer(1, 1_000_000)
        if k in by_k:
            raise entry["k"].refuse("duplicate", f"k={k} is there twice")
        by_k[k] = entry
    k = choose_k(sorted(by_k), wanted_k, first)
    return _ProbeEntry(by_k[k], first["dataset"], first["hook_name"].name(), tuple(sorted(by_k)))


def _measured(seed: int, members: Sequence[_ProbeEntry], baselines: dict[str, Field], method: str) -> EvalScores:
    first = members[0].entry
    cells: dict[str, Field] = {}
    for member in sorted(members, key=lambda m: m.dataset.label()):
        for key in ("hook_name", "reg_type", "binarize", "k"):
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
                "reg_type": first["reg_type"].text(),
                "binarize": first["binarize"].boolean(),
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


def _order(document: object) -> str:
    return str(getattr(document, "sha256", ""))
