"""HUSAI's candidate selector, so that its recorded choices can be reproduced from its own result files.

Nothing here selects for a release. It scores against the pool at hand, so that removing a loser can change the winner;
it reads 0.0 as missing, counts rows for seeds, bounds with 1.96 at any n, and merges whatever shares a name. Those are
its rules, kept as they were; only a policy with `legacy: true` may call it, and what it writes is no candidate file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.policy.mode_selection import ModeSelection
from gatekit.policy.model import Policy
from gatekit_husai.settings import HusaiSettings

Json = dict[str, Any]

SAEBENCH, CEBENCH, TRAIN_EV = "saebench_delta", "cebench_interp_delta_vs_baseline", "train_explained_variance"
METRICS = (SAEBENCH, CEBENCH, TRAIN_EV, "cebench_interpretability_max")
NORMAL = 1.96
"""Whatever the number of seeds: with three of them a bound of this width holds in 81 % of cases, not in 97.5 %."""
_SEED = re.compile(r"_seed\d+$")


@dataclass(frozen=True)
class ResultFile:
    """One of HUSAI's result files."""

    path: str
    """As it is shown."""
    content: Json


def select_as_husai(policy: Policy, files: Sequence[ResultFile]) -> Json:
    """Return what HUSAI's selector would have written: counts, groups, Pareto front and ranking.

    Args:
        policy: with `legacy: true` and a legacy selection: its weights, and what it leaves out.
        files: frontier, scaling and assignment results, told apart by their records.

    Returns:
        A document with `counts`, `grouping_diagnostics`, `selected_candidate` (None when nothing is left),
        `pareto_front` and `ranked_candidates`.

    Raises:
        GatekitError: `legacy.policy`: the policy is not a legacy one; `legacy.records`: a file has no records of a
            known kind.
    """
    selection = policy.selection
    settings = selection.settings if isinstance(selection, ModeSelection) else None
    if not policy.legacy or not isinstance(settings, HusaiSettings):
        message = "HUSAI's selector scores against the pool: only a policy with legacy: true may use it"
        raise GatekitError("legacy.policy", message, Location(policy.path))
    order: tuple[Callable[[ResultFile], list[Json] | None], ...] = (_frontier, _scaling, _assignment)
    read = [
        (file, [(rank, found) for rank, reader in enumerate(order) if (found := reader(file)) is not None])
        for file in files
    ]
    for file, kinds in read:
        if not kinds:
            raise GatekitError(
                "legacy.records",
                "no frontier, scaling or assignment records are in it",
                Location(file.path, pointer="/records"),
                "name HUSAI's own results.json files",
            )
    total = [
        candidate
        for rank in range(len(order))
        for _, kinds in read
        for r, found in kinds
        if r == rank
        for candidate in found
    ]
    eligible = [candidate for candidate in total if _is_eligible(candidate, settings)]
    _score(eligible, settings)
    groups: dict[str, list[Json]] = {}
    for candidate in eligible:
        groups.setdefault(_SEED.sub("", candidate["condition_id"]), []).append(candidate)
    kept = {name: rows for name, rows in groups.items() if len(rows) >= settings.min_seeds_per_group}
    found = [_grouped(name, rows, settings) for name, rows in kept.items()]
    _score(found, settings)
    front = [candidate for candidate in found if candidate["selection"]["is_pareto"]]
    ranked = sorted(
        found, key=lambda c: (c["selection"]["is_pareto"], c["selection"]["joint_score"], *_external(c)), reverse=True
    )
    kept_sizes = {name: len(rows) for name, rows in sorted(kept.items())}
    dropped_sizes = {name: len(rows) for name, rows in sorted(groups.items()) if name not in kept}
    return {
        "counts": {
            "total_candidates": len(total),
            "eligible_seed_candidates": len(eligible),
            "eligible_candidates": len(ranked),
            "pareto_count": len(front),
        },
        "grouping_diagnostics": {
            "total_groups": len(groups),
            "min_seeds_per_group": settings.min_seeds_per_group,
            "kept_group_count": len(kept),
            "dropped_group_count": len(groups) - len(kept),
            "kept_groups": kept_sizes,
            "dropped_groups": dropped_sizes,
        },
        "selected_candidate": ranked[0] if ranked else None,
        "pareto_front": front,
        "ranked_candidates": ranked,
    }


def _frontier(file: ResultFile) -> list[Json] | None:
    """One candidate per architecture and seed."""
    records = _records(file, "architecture")
    config = file.content.get("config") or {}
    return (
        None
        if records is None
        else [
            _candidate(file, index, "frontier", f"{r['architecture']}_seed{r['seed']}", r["architecture"], r, config)
            for index, r in records
            if isinstance(r.get("checkpoint"), str)
        ]
    )


def _scaling(file: ResultFile) -> list[Json] | None:
    """One candidate per token budget, layer, width and seed."""
    records = _records(file, "token_budget")
    return (
        None
        if records is None
        else [
            _candidate(file, index, "scaling", r["condition_id"], "topk", r, r)
            for index, r in records
            if isinstance(r.get("checkpoint"), str)
        ]
    )


def _assignment(file: ResultFile) -> list[Json] | None:
    """One candidate per lambda: the checkpoint that the sweep itself selected, with the mean EV over its seeds."""
    records = _records(file, "lambda_consistency")
    if records is None:
        return None
    config = file.content.get("config") or {}
    found = []
    for index, record in records:
        checkpoint = record.get("selected_checkpoint")
        if not isinstance(checkpoint, str):
            continue
        named = re.search(r"seed(\d+)", PurePosixPath(checkpoint).name)
        seed = int(named[1]) if named else None
        flat = {**(record.get("external_eval") or {}), "checkpoint": checkpoint, "seed": seed}
        flat["train_metrics"] = {"explained_variance": _at(record, "explained_variance", "mean")}
        name = f"assignv3_lambda{record['lambda_consistency']}_seed{seed}"
        found.append(
            {
                **_candidate(file, index, "assignment", name, "topk", flat, config),
                "assignment": {
                    "lambda_consistency": record["lambda_consistency"],
                    "internal_lcb": _at(record, "selection_metrics", "internal_lcb"),
                    "ev_drop": _at(record, "selection_metrics", "ev_drop"),
                },
            }
        )
    return found


def _records(file: ResultFile, key: str) -> list[tuple[int, Json]] | None:
    records = file.content.get("records") if isinstance(file.content, dict) else None
    if not isinstance(records, list) or not records or not all(isinstance(r, dict) and key in r for r in records):
        return None
    return list(enumerate(records))


def _candidate(
    file: ResultFile, index: int, source: str, condition: str, architecture: str, record: Json, hook: Mapping[str, Any]
) -> Json:
    checkpoint = str(record["checkpoint"])
    # A value of exactly 0.0 is passed over here, as `or` does: one of the rules that are reproduced.
    saebench = _at(record, "saebench", "summary", "best_minus_llm_auc") or _at(record, "saebench", "best_minus_llm_auc")
    variance = _at(record, "train_metrics", "explained_variance")
    return {
        "source": source,
        "source_results": file.path,
        "row_index": index,
        "condition_id": condition,
        "architecture": architecture,
        "seed": record.get("seed"),
        "hook_layer": hook.get("hook_layer"),
        "hook_name": hook.get("hook_name"),
        "checkpoint": checkpoint,
        "saebench_summary_path": record.get("saebench_summary_path")
        or _summary_path(checkpoint, condition, "saebench"),
        "cebench_summary_path": record.get("cebench_summary_path") or _summary_path(checkpoint, condition, "cebench"),
        "metrics": {
            SAEBENCH: saebench,
            CEBENCH: _at(record, "cebench", "delta_vs_matched_baseline", "interpretability_score_mean_max"),
            "cebench_interpretability_max": _at(record, "cebench", "custom_metrics", "interpretability_score_mean_max"),
            TRAIN_EV: variance or _at(record, "train_summary", "final_metrics", "explained_variance"),
        },
        "returncodes": {name: record.get(f"{name}_returncode") for name in ("saebench", "cebench")},
    }


def _summary_path(checkpoint: str, condition: str, benchmark: str) -> str:
    file = {"saebench": "husai_custom_sae_summary.json", "cebench": "husai_custom_cebench_summary.json"}[benchmark]
    parents = PurePosixPath(checkpoint).parents
    root = parents[2] if len(parents) > 2 else parents[-1]
    return str(root / "external_eval" / condition / benchmark / file)


def _at(record: Any, *path: str) -> Any:
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _is_eligible(candidate: Json, settings: HusaiSettings) -> bool:
    if settings.require_both and any(candidate["metrics"][name] is None for name in (SAEBENCH, CEBENCH)):
        return False
    return all(code in (None, 0) for code in candidate["returncodes"].values())


def _score(candidates: Sequence[Json], settings: HusaiSettings) -> None:
    """Add joint scores, each metric scaled to [0, 1] by the smallest and largest of these very candidates."""
    weights = (settings.weight_saebench, settings.weight_cebench, settings.weight_train_ev)
    scaled = {name: _min_max([c["metrics"][name] for c in candidates]) for name in (SAEBENCH, CEBENCH, TRAIN_EV)}
    for index, candidate in enumerate(candidates):
        parts = [scaled[name][index] for name in (SAEBENCH, CEBENCH, TRAIN_EV)]
        candidate["selection"] = {
            **candidate.get("selection", {}),
            "joint_score": sum(w * part for w, part in zip(weights, parts, strict=True) if part is not None),
            "normalized_components": dict(
                zip(("saebench_norm", "cebench_delta_norm", "train_ev_norm"), parts, strict=True)
            ),
            "weights": dict(zip(("saebench", "cebench_delta", "train_ev"), weights, strict=True)),
            "is_pareto": not any(_dominates(_external(other), _external(candidate)) for other in candidates),
        }


def _min_max(values: Sequence[float | None]) -> list[float | None]:
    known = [value for value in values if value is not None]
    if not known:
        return [None] * len(values)
    low, high = min(known), max(known)

    def scaled(value: float) -> float:
        return 0.5 if high == low else (value - low) / (high - low)

    return [None if value is None else scaled(value) for value in values]


def _external(candidate: Json) -> tuple[float, float]:
    values = (candidate["metrics"][SAEBENCH], candidate["metrics"][CEBENCH])
    return (-math.inf if values[0] is None else values[0], -math.inf if values[1] is None else values[1])


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    if not all(map(math.isfinite, (*one, *other))):
        return False
    return one[0] >= other[0] and one[1] >= other[1] and one != other


def _grouped(name: str, rows: list[Json], settings: HusaiSettings) -> Json:
    """One group under the name that its rows share: bounds over rows, and the row that scored best to stand for it."""
    best = max(rows, key=lambda row: row["selection"]["joint_score"])
    metrics: Json = {}
    for metric in METRICS:
        values = [row["metrics"][metric] for row in rows if row["metrics"][metric] is not None]
        statistics = _statistics(values)
        metrics[metric] = statistics["ci95_low" if settings.use_lower_bound else "mean"]
        metrics |= {f"{metric}_{key}": value for key, value in statistics.items()}
    shared = {key: best[key] for key in best if key not in ("metrics", "selection", "source", "condition_id")}
    members = [
        {
            "seed": row["seed"],
            "condition_id": row["condition_id"],
            "checkpoint": row["checkpoint"],
            "joint_score": row["selection"]["joint_score"],
            "metrics": row["metrics"],
        }
        for row in sorted(rows, key=lambda row: str(row["condition_id"]))
    ]
    return {
        **shared,
        "source": "grouped",
        "condition_id": name,
        "metrics": metrics,
        "selection": {
            "grouped_from_seed_candidates": len(rows),
            "uncertainty_mode": "lcb" if settings.use_lower_bound else "point",
            "representative_seed": best["seed"],
        },
        "sources": sorted({row["source"] for row in rows}),
        "group_id": name,
        "representative_condition_id": best["condition_id"],
        "seed_count": len(rows),
        "seed_candidates": members,
    }


def _statistics(values: Sequence[float]) -> Json:
    n = len(values)
    if n == 0:
        return {"mean": None, "std": None, "ci95_low": None, "ci95_high": None, "n": 0}
    mean = math.fsum(values) / n
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else 0.0
    half = NORMAL * deviation / math.sqrt(n)
    return {"mean": mean, "std": deviation, "ci95_low": mean - half, "ci95_high": mean + half, "n": n}
