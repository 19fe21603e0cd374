"""Which branches end with their pilot: stop policies, Pareto dominance, ranks, and runs that fail too often.

Stopping never lets anything pass: it only saves what the rest would cost. So a rule stops a branch where the pilot
shows that it fails; what the pilot leaves open goes on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gatekit.candidates import CandidateStatus, ComparedCandidate, SelectionResult, select
from gatekit.candidates.front import from_fewer_seeds
from gatekit.cycles.graph import Decision, base_stages, family, phase_for
from gatekit.cycles.plan import Cycle, CycleStage, FailedRuns, KeepBest, ParetoStop, PolicyStop
from gatekit.cycles.state import CycleState, Decided
from gatekit.errors import GatekitError
from gatekit.evidence import Summary, find_summaries, read_summaries
from gatekit.exit_codes import ExitCode
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import Outcome, why_not
from gatekit.kinds import Kinds
from gatekit.policy import read_policies
from gatekit.policy.model import Policy, Selection

MOST_REASONS = 5
"""Gates named in the reason of one stop."""


@dataclass(frozen=True)
class StopJudge:
    """Reads what the stages of a cycle wrote and applies its rules."""

    cycle: Cycle
    evidence: Path
    """Folder of the cycle's summaries."""
    kinds: Kinds

    def decide(self, decision: Decision, state: CycleState, now: datetime) -> Decided:
        """Apply the rules of one decision.

        Args:
            decision: what is to be decided.
            state: of the cycle, whose stopped branches are not judged again.
            now: aware UTC time for the ages of evidence.

        Raises:
            GatekitError: a policy or evidence is refused: nobody is stopped, or goes on, by what cannot be read.
        """
        stopped: dict[str, str] = {}
        judged: list[Mapping[str, Any]] = []
        for stage, rule in decision.rules:
            if isinstance(rule, PolicyStop):
                reasons, said = self._by_policy(decision, rule, now)
                found = {decision.branch: "; ".join(reasons)} if reasons and decision.branch is not None else {}
            elif isinstance(rule, ParetoStop):
                found, said = self._by_front(decision, rule, {**_stopped(decision, state), **stopped}, now)
            elif isinstance(rule, KeepBest):
                found, said = self._by_rank(decision, rule, {**_stopped(decision, state), **stopped}, now)
            else:
                continue
            judged.append({**said, "stage": stage, "line": rule.location.line})
            for branch, reason in found.items():
                stopped.setdefault(str(branch), reason)
        return Decided(stopped, judged)

    def _by_policy(self, decision: Decision, rule: PolicyStop, now: datetime) -> tuple[list[str], dict[str, Any]]:
        summaries = self._read(decision, [decision.branch or ""])
        base = None if rule.base is None else self._base(rule.base)
        verdict = evaluate([self._policy(rule.policy)], summaries, now, base=base)
        _refuse(verdict.errors)
        gates = [gate for policy in verdict.policies for gate in policy.gates]
        said = {"rule": "policy", "policy": rule.policy, "code": int(verdict.code), "gates": [_gate(g) for g in gates]}
        if verdict.code is not ExitCode.BLOCKED:
            return [], said
        failing = [gate for gate in gates if gate.enforced and gate.outcome is Outcome.FAIL]
        reasons = [f"{rule.policy}: {gate.name}: {why_not(gate.result)}" for gate in failing[:MOST_REASONS]]
        if len(failing) > MOST_REASONS:
            reasons.append(f"and {len(failing) - MOST_REASONS} more gates")
        return reasons, said

    def _by_front(
        self, decision: Decision, rule: ParetoStop, gone: Mapping[str, str], now: datetime
    ) -> tuple[dict[str, str], dict[str, Any]]:
        branches = self._going_on(decision, gone)
        base = self._base(rule.base)
        result = self._selected(rule.policy, [*self._read(decision, branches), *base], now)
        known = {one.subject.digest for one in base}
        placed = self._by_branch(decision, branches, result)
        said = {"rule": "pareto", "policy": rule.policy, "candidates": _table(placed)}
        dominated = {
            branch: all(c.rank is not None and not c.on_front for c in placed[branch])
            and any(set(c.dominated_by) & known for c in placed[branch])
            for branch in branches
            if placed.get(branch)
        }
        if not branches or len(dominated) < len(branches) or not all(dominated.values()):
            return {}, said
        reason = f"{rule.policy}: every new candidate is dominated by {rule.base} on its Pareto measures"
        return dict.fromkeys(branches, reason), said

    def _by_rank(
        self, decision: Decision, rule: KeepBest, gone: Mapping[str, str], now: datetime
    ) -> tuple[dict[str, str], dict[str, Any]]:
        branches = self._going_on(decision, gone)
        result = self._selected(rule.policy, self._read(decision, branches), now)
        placed = self._by_branch(decision, branches, result)
        said = {"rule": "keep_best", "count": rule.count, "policy": rule.policy, "candidates": _table(placed)}
        stopped = {}
        ranks = {name: min((c.rank for c in placed[name] if c.rank is not None), default=None) for name in branches}
        ranked = sorted((rank, name) for name, rank in ranks.items() if rank is not None)
        for place, (rank, name) in enumerate(ranked, 1):
            # Equal ranks at the border all go on: nothing separates them.
            if place > rule.count and rank > ranked[rule.count - 1][0]:
                stopped[name] = f"{rule.policy} ranks it {rank} of {len(ranked)}; the best {rule.count} go on"
        for name in branches:
            if placed[name] and all(c.standing is CandidateStatus.NOT_ELIGIBLE for c in placed[name]):
                failed = [c for c in placed[name] if any(gate.outcome is Outcome.FAIL for gate in c.gates)]
                if len(failed) == len(placed[name]):
                    stopped[name] = f"{rule.policy}: not eligible: {'; '.join(failed[0].reasons[:MOST_REASONS])}"
        return stopped, said

    def _going_on(self, decision: Decision, gone: Mapping[str, str]) -> list[str]:
        return [branch.name for branch in self.cycle.stages[decision.stage].branches if branch.name not in gone]

    def _selected(self, path: str, summaries: Sequence[Summary], now: datetime) -> SelectionResult:
        policy = self._policy(path)
        if not isinstance(policy.selection, Selection):
            raise GatekitError("cycle.policy", f"{path} has no selection that ranks candidates", self.cycle.location)
        policy = from_fewer_seeds(policy, len(self.cycle.seeds["pilot"]))
        assert isinstance(policy.selection, Selection)
        result = select(policy, policy.selection, summaries, now)
        _refuse(result.errors)
        return result

    def _by_branch(
        self, decision: Decision, branches: Sequence[str], result: SelectionResult
    ) -> dict[str, list[ComparedCandidate]]:
        """Return the candidates that each branch measured; a sweep in one runner measures several."""
        folders = {name: [f"{folder}{os.sep}" for folder in self._folders(decision, name)] for name in branches}
        of_subject: dict[str, set[str]] = {}
        for summary in result.evidence:
            for name, inside in folders.items():
                if summary.path.startswith(tuple(inside)):
                    of_subject.setdefault(summary.subject.digest, set()).add(name)
        return {
            name: [c for c in result.candidates if name in of_subject.get(c.subject.digest, ())] for name in branches
        }

    def _folders(self, decision: Decision, branch: str) -> list[str]:
        members = family(self.cycle, decision.stage)
        return [str(self.evidence / "pilot" / stage.name / branch) for stage in members if "pilot" in stage.phases]

    def _read(self, decision: Decision, branches: Sequence[str]) -> list[Summary]:
        folders = [folder for branch in branches for folder in self._folders(decision, branch)]
        return self._summaries(folders)

    def _base(self, base: str) -> list[Summary]:
        stage: CycleStage | None = self.cycle.stages.get(base)
        if stage is None:
            return self._summaries([base])
        stages = base_stages(self.cycle, stage)
        return self._summaries([str(self.evidence / phase_for(one, "pilot") / one.name) for one in stages])

    def _summaries(self, folders: Sequence[str]) -> list[Summary]:
        there = [folder for folder in folders if os.path.isdir(folder)]
        summaries, errors = read_summaries(find_summaries(there), self.kinds) if there else ([], [])
        _refuse(errors)
        return summaries

    def _policy(self, path: str) -> Policy:
        policies, errors = read_policies([path], self.kinds)
        _refuse(errors)
        return policies[0]


def too_many_failed(stage: CycleStage, state: CycleState, tasks: Sequence[str]) -> str | None:
    """Return why a stage is stopped for the share of its runs that failed; None where it goes on.

    Args:
        stage: with its rules.
        state: of the cycle.
        tasks: ids of the stage's tasks.
    """
    ended = [state.tasks[name].state for name in tasks if state.tasks[name].state in ("done", "failed")]
    failed = ended.count("failed")
    for rule in stage.stops:
        if isinstance(rule, FailedRuns) and len(ended) >= rule.of_at_least and failed > rule.more_than * len(ended):
            return f"{failed} of {len(ended)} runs failed, more than {100 * rule.more_than:g} %"
    return None


def _stopped(decision: Decision, state: CycleState) -> dict[str, str]:
    """Return the branches that decisions of single branches have stopped already."""
    found: dict[str, str] = {}
    for name in decision.after:
        if name in state.decided:
            found.update(state.decided[name].stopped)
    return found


def _refuse(errors: Sequence[GatekitError]) -> None:
    if errors:
        raise errors[0]


def _gate(gate: Any) -> dict[str, str]:
    return {
        "name": gate.name,
        "outcome": gate.outcome.value,
        "why": "" if gate.outcome is Outcome.PASS else why_not(gate.result),
    }


def _table(placed: Mapping[str, Sequence[ComparedCandidate]]) -> list[dict[str, Any]]:
    return [
        {
            "branch": branch,
            "subject": one.subject.digest,
            "standing": one.standing.value,
            "rank": one.rank,
            "on_front": one.on_front,
            "reasons": list(one.reasons[:MOST_REASONS]),
        }
        for branch, several in placed.items()
        for one in several
    ]
