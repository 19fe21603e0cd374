"""The thresholds of a history, each followed over the commits that judged it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.gates.following import ThresholdKey, followed
from gatekit.gates.verdict import GateResult, ThresholdResult
from gatekit.history.judging import History, JudgedCommit


@dataclass(frozen=True)
class Point:
    """One threshold at one commit."""

    commit: JudgedCommit
    gate: GateResult
    rule: ThresholdResult

    @property
    def said(self) -> tuple[object, ...]:
        """What a reader would see change."""
        measured = self.rule.measured
        numbers = None if measured is None else (measured.estimate, measured.lower, measured.upper)
        return (self.rule.outcome, self.gate.enforced, self.rule.effect.asks, self.rule.bound, numbers)


@dataclass(frozen=True)
class Series:
    """One threshold over time."""

    policy: str
    gate: str
    name: str
    """What it is called inside its gate."""
    points: tuple[Point, ...]
    """Newest first, one a commit that has it."""

    @property
    def is_measured(self) -> bool:
        """Whether there is a number at any of the commits."""
        return any(point.rule.measured is not None for point in self.points)

    @property
    def changes(self) -> tuple[Point, ...]:
        """The points that say something else than the one before them in time, newest first."""
        older: Sequence[Point | None] = (*self.points[1:], None)
        pairs = zip(self.points, older, strict=True)
        return tuple(point for point, before in pairs if before is None or point.said != before.said)


def series_of(history: History, gates: Sequence[str] = ()) -> list[Series]:
    """Return every threshold that any of the commits judged, in the order of the newest one that has it.

    Args:
        history: what to follow.
        gates: only these, by `GATE` or `POLICY/GATE`; all where none is named.
    """
    found: dict[ThresholdKey, list[Point]] = {}
    for commit in history.commits:
        for key, gate, rule in followed(commit.verdict):
            if not gates or gate.name in gates or f"{key[0]}/{gate.name}" in gates:
                found.setdefault(key, []).append(Point(commit, gate, rule))
    return [Series(policy, gate, name, tuple(points)) for (policy, gate, name, _), points in found.items()]
