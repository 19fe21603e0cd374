"""A history as JSON that follows `schemas/history.schema.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatekit import __version__
from gatekit.gates.following import decisive_bounds
from gatekit.history.judging import History, JudgedCommit
from gatekit.history.series import Point, Series
from gatekit.report.json_values import text, text_or_null, time, tool, written

SCHEMA = "gatekit.history/1"


def render(history: History, series: Sequence[Series]) -> str:
    """Return the JSON document, ending in a line feed.

    Raises:
        ValueError: a number is not finite. The gate never computes one, so this is a fault of gatekit.
    """
    return written(
        {
            "schema": SCHEMA,
            "tool": tool(__version__),
            "name": text(history.name),
            "tip": history.tip,
            "root": text(history.root),
            "more": history.more,
            "cut": history.cut,
            "commits": list(map(_commit, history.commits)),
            "series": list(map(_series, series)),
        }
    )


def _commit(commit: JudgedCommit) -> dict[str, Any]:
    verdict = commit.verdict
    return {
        "commit": commit.oid,
        "time": time(commit.time),
        "subject": text(commit.subject),
        "tags": list(map(text, commit.tags)),
        "verdict": None if verdict is None else verdict.word,
        "exit_code": None if verdict is None else int(verdict.code),
        "problem": text_or_null(commit.problem),
        "errors": [] if verdict is None else [text(str(error)) for error in verdict.errors],
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "policy": text(series.policy),
        "gate": text(series.gate),
        "rule": text(series.name),
        "points": list(map(_point, series.points)),
    }


def _point(point: Point) -> dict[str, Any]:
    measured = point.rule.measured
    return {
        "commit": point.commit.oid,
        "gate_outcome": point.gate.outcome.value,
        "enforced": point.gate.enforced,
        "outcome": point.rule.outcome.value,
        "why": point.rule.why.value,
        "asks": text(point.rule.effect.asks),
        "low": point.rule.effect.low,
        "high": point.rule.effect.high,
        "bound": point.rule.bound,
        "estimate": None if measured is None else measured.estimate,
        "lower": None if measured is None else measured.lower,
        "upper": None if measured is None else measured.upper,
        "compared": list(decisive_bounds(point.rule)),
        "n_seeds": None if measured is None else measured.n_seeds,
        "evidence": None if point.rule.evidence is None else text(point.rule.evidence.path),
    }
