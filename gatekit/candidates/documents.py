"""candidate.json and selection.json: what a selection leaves for the gate and for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gatekit import __version__
from gatekit.candidates.robustness import Robustness, StableRange
from gatekit.candidates.scoring import Value
from gatekit.candidates.selecting import ComparedCandidate, SelectionResult
from gatekit.evidence.summary import Subject, Summary
from gatekit.exit_codes import ExitCode
from gatekit.policy.model import Score, Selection, Threshold

Json = dict[str, Any]

OUTCOMES = {ExitCode.PASS: "selected", ExitCode.BLOCKED: "blocked", ExitCode.INCONCLUSIVE: "inconclusive"}
"""What selection.json calls the exit code of a selection without errors."""


def candidate_document(selected: SelectionResult, winner: ComparedCandidate) -> Json:
    """Return candidate.json, which follows `schemas/candidate.schema.json`."""
    selection = selected.selection
    total = sum(score.weight for score in selection.scores)
    by_name = {_name(value.rule): value for value in winner.values if "score" in value.roles}
    ranked = [c for c in selected.candidates if c.rank is not None and c is not winner]
    scores = []
    for score in selection.scores:
        value = by_name[_name(score.value)]
        share = score.weight / total
        scores.append({**_read(score.value), "value": value.value, "score": value.score, "weight": share})
    runner_up = None
    if ranked:
        second = ranked[0]
        runner_up = {
            "subject_digest": second.subject.digest,
            "words": second.subject.words,
            "score": second.score,
        }
    return {
        "schema": "gatekit.candidate/1",
        **_about(selected),
        "subject": subject_value(winner.subject),
        "subject_digest": winner.subject.digest,
        "words": winner.subject.words,
        "selection": {"candidates": selected.compared, "seeds": list(selected.seeds)},
        "confirmation": None if selection.confirm_seeds is None else {"seeds": list(selection.confirm_seeds)},
        "score": winner.score,
        "scores": scores,
        "on_front": winner.on_front,
        "runner_up": runner_up,
        "candidates": [_standing(candidate) for candidate in selected.candidates],
        "evidence": _evidence(selected.evidence),
    }


def selection_document(selected: SelectionResult, robust: Robustness | None) -> Json:
    """Return selection.json, which follows `schemas/selection.schema.json`, also where nothing was selected.

    Args:
        selected: without errors.
        robust: of the choice; None where there is none.
    """
    winner = selected.winner
    selection = selected.selection
    confirm = selection.confirm_seeds
    return {
        "schema": "gatekit.selection/1",
        **_about(selected),
        "outcome": OUTCOMES[selected.code],
        "selected": None if winner is None else winner.subject.digest,
        "seeds": {"select": list(selected.seeds), "confirm": None if confirm is None else list(confirm)},
        "compared": selected.compared,
        "settings": _settings(selection),
        "candidates": list(map(_candidate, selected.candidates)),
        "robustness": None if robust is None else _robustness(robust),
        "evidence": _evidence(selected.evidence),
    }


def _settings(selection: Selection) -> Json:
    return {
        "scores": list(map(_scale, selection.scores)),
        "eligibility": list(selection.eligibility),
        "pareto": list(map(_read, selection.pareto)),
        "ties": list(map(_read, selection.ties)),
        "may_differ": list(selection.may_differ),
        "weight_grid": selection.weight_grid,
    }


def _candidate(candidate: ComparedCandidate) -> Json:
    gates = [
        {"gate": gate.name, "outcome": gate.outcome.value, "reason": gate.result.reason} for gate in candidate.gates
    ]
    return {
        **_standing(candidate),
        "subject": subject_value(candidate.subject),
        "dominated_by": list(candidate.dominated_by),
        "gates": gates,
        "values": list(map(_value, candidate.values)),
    }


def subject_value(subject: Subject) -> Json:
    """Return a subject as a summary writes it."""
    return {
        "model": {"name": subject.model_name, "digest": subject.model_digest},
        "hook": subject.hook,
        "d_model": subject.d_model,
        "architecture": subject.architecture,
        "d_sae": subject.d_sae,
        "k": subject.k,
        "checkpoints": [{"seed": c.seed, "sha256": c.sha256} for c in subject.checkpoints],
    }


def _about(selected: SelectionResult) -> Json:
    policy = selected.policy
    return {
        "tool": {"name": "gatekit", "version": __version__},
        "now": _time(selected.now),
        "policy": {"path": policy.path, "id": policy.id, "sha256": policy.sha256},
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(rule: Threshold) -> tuple[str, str]:
    return (rule.kind, rule.measure.name)


def _read(rule: Threshold) -> Json:
    return {"from": rule.kind, "measure": rule.measure.name, "use": "point" if rule.point else "bound"}


def _scale(score: Score) -> Json:
    numbers = {"worst": score.worst, "best": score.best, "weight": score.weight}
    return {**_read(score.value), **numbers, "confidence": score.value.confidence}


def _standing(candidate: ComparedCandidate) -> Json:
    return {
        "subject_digest": candidate.subject.digest,
        "words": candidate.subject.words,
        "outcome": candidate.standing.value,
        "rank": candidate.rank,
        "score": candidate.score,
        "on_front": candidate.on_front,
        "reasons": list(candidate.reasons),
    }


def _value(value: Value) -> Json:
    return {
        **_read(value.rule),
        "roles": list(value.roles),
        "value": value.value,
        "estimate": value.estimate,
        "confidence": value.confidence,
        "n_seeds": value.n_seeds,
        "score": value.score,
        "clamped": value.clamped,
        "reason": value.reason,
        "evidence": value.evidence,
    }


def _robustness(robust: Robustness) -> Json:
    def stand(item: StableRange) -> Json:
        place = {"from": item.kind, "measure": item.measure}
        return {**place, "now": item.now, "range": {"low": item.low, "high": item.high}}

    return {
        "weights": list(map(stand, robust.weights)),
        "scales": [{**stand(item), "end": item.what} for item in robust.scales],
        "thresholds": [{**stand(item), "gate": item.gate, "operator": item.what} for item in robust.thresholds],
        "grid": {
            "steps": robust.grid_steps,
            "points": robust.grid_points,
            "selected": robust.grid_selected,
        },
    }


def _evidence(summaries: Sequence[Summary]) -> list[Json]:
    return [{"path": s.path, "sha256": s.sha256, "kind": s.kind, "subject_digest": s.subject.digest} for s in summaries]
