"""A hole: one way around the gate that only a setting can close, and what an administrator exported about settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gatekit.exit_codes import ExitCode

Json = Mapping[str, Any]

GATE_WORKFLOW = ".github/workflows/gate.yml"
GPU_WORKFLOWS = (".github/workflows/gpu-evidence.yml",)
TRUST_ROOT = {
    ".github/": (".github/workflows/any-name.yml", ".github/CODEOWNERS"),
    "action.yml": ("action.yml",),
    "comment/": ("comment/any-name.yml",),
    "requirements/": ("requirements/any-name.lock", "requirements/any-name.sh"),
    "kinds/": ("kinds/any-name.yaml",),
    "policies/": ("policies/any-name.yaml",),
    "schemas/": ("schemas/any-name.schema.json",),
    "trust/": ("trust/any-name.yaml",),
    "claims.yaml": ("claims.yaml",),
}
"""The parts of what judges pull requests, each with files that it may hold: a folder has an owner only where a file has
one whose name nobody foresaw."""


class HoleState(StrEnum):
    """What is known about a hole."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Hole:
    """One way around the gate."""

    setting: int
    """Which group of settings closes it, 1 to 5."""
    name: str
    state: HoleState
    finding: str
    remedy: str


@dataclass(frozen=True)
class Names:
    """What things are called in this repository."""

    branch: str = "main"
    check: str = "gatekit / gate"
    """Of the job; behind it, in brackets, may stand the base that judges."""
    environments: tuple[str, ...] = ("gpu-evidence", "gpu-evidence-signing")
    """The first one lets measure, and needs reviewers; every one lets in the branch only."""
    runner_group: str = "gpu-evidence"

    def is_check(self, name: object) -> bool:
        """Whether this is what the gate's check is called, or its job in a workflow."""
        return isinstance(name, str) and (name == self.check or name.startswith(f"{self.check} ("))

    def guards(self, context: object) -> bool:
        """Whether a required check is the gate's for the protected branch."""
        return context in (self.check, f"{self.check} (refs/heads/{self.branch})", f"{self.check} ({self.branch})")


@dataclass(frozen=True)
class Exports:
    """What an administrator exported; None and empty: not given."""

    rules: Sequence[Json] | None = None
    """GET /repos/O/R/rules/branches/B."""
    rulesets: Sequence[Json] = ()
    """GET /repos/O/R/rulesets/ID, each."""
    environments: Sequence[Json] | None = None
    branch_policies: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    """Environment -> its deployment branch policies."""
    runner_groups: Sequence[Json] | None = None
    repository_runners: Sequence[Json] | None = None
    actions: Json = field(default_factory=dict)
    """GET /repos/O/R/actions/permissions, .../workflow and .../fork-pr-contributor-approval, merged."""
    owners: str | None = None
    """Text of CODEOWNERS on the branch."""


def exit_code(holes: Iterable[Hole]) -> ExitCode:
    """Return BLOCKED when a hole is open, PASS when some are closed and none is open, else INCONCLUSIVE."""
    states = {hole.state for hole in holes}
    if HoleState.OPEN in states:
        return ExitCode.BLOCKED
    return ExitCode.PASS if HoleState.CLOSED in states else ExitCode.INCONCLUSIVE


def objects(value: Any) -> list[Json]:
    """Return the objects in a list, none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def is_number(value: Any) -> bool:
    """Whether a value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)
