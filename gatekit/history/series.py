"""The thresholds of a history, each followed over the commits that judged it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.gates.verdict import GateResult, ThresholdResult, thresholds_in
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
    found: dict[tuple[str, str, str, int], list[Point]] = {}
    for commit in history.commits:
        for policy in commit.verdict.policies if commit.verdict is not None else ():
            for gate in policy.gates:
                if gates and gate.name not in gates and f"{policy.id}/{gate.name}" not in gates:
                    continue
                seen: Counter[str] = Counter()
                for rule in thresholds_in(gate.result):
                    name = rule.effect.name_in(gate.name)
                    key = (policy.id, gate.name, name, seen[name])
                    seen[name] += 1
                    found.setdefault(key, []).append(Point(commit, gate, rule))
    return [Series(policy, gate, name, tuple(points)) for (policy, gate, name, _), points in found.items()]
