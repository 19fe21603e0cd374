"""The Cycle: what a whole programme measures, in which order, on which seeds, and what ends a branch of it early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from gatekit.errors import Location
from gatekit.registration.model import PLANS

Phase = Literal["pilot", "full"]
PHASES: tuple[Phase, ...] = ("pilot", "full")
FOLDER = PLANS
GIB = 1 << 30

Settings = tuple[tuple[str, str], ...]
"""(dotted key of a runner's configuration, its value as JSON), in the order of the file."""


@dataclass(frozen=True)
class Needs:
    """What one task takes of a machine."""

    gpus: int = 0
    memory: int = 0
    """Bytes of host memory that must be free before it starts; 0 where nothing is said."""
    disk: int = GIB
    """Bytes that must be free where runs are written before it starts."""
    wall: timedelta | None = None
    """After this long it is ended, and counts as failed."""


@dataclass(frozen=True)
class Budget:
    """What may be spent; where a limit is reached, nothing new starts."""

    device_hours: float | None = None
    """Hours of devices that tasks hold: of every GPU, and of a slot for a task that holds none."""
    wall: timedelta | None = None
    """Since the cycle was first run."""
    disk: int | None = None
    """Bytes of the cycle's own folder."""


@dataclass(frozen=True)
class Branch:
    """One variant of a stage, which can be stopped alone."""

    name: str
    """Also a folder's name; "all" where a stage has one branch only."""
    settings: Settings


ONLY_BRANCH = "all"


@dataclass(frozen=True)
class PolicyStop:
    """A branch is stopped where a stop policy is shown to fail on its pilot; inconclusive means go on."""

    policy: str
    """Path, relative to the repository's root."""
    base: str | None
    """What `not_worse_than` compares with: a stage of the cycle, or a path of evidence."""
    location: Location


@dataclass(frozen=True)
class ParetoStop:
    """A stage is stopped where every one of its branches is dominated, by a policy's `selection`, by the base."""

    policy: str
    base: str
    location: Location


@dataclass(frozen=True)
class KeepBest:
    """Of a stage's branches, those that a policy's `selection` ranks first go on; the others count as compared."""

    policy: str
    count: int
    location: Location


@dataclass(frozen=True)
class FailedRuns:
    """A stage is stopped where more than a share of its runs failed."""

    more_than: float
    """In [0, 1)."""
    of_at_least: int
    """Runs that must have ended before the share is looked at."""
    location: Location


StopRule = PolicyStop | ParetoStop | KeepBest | FailedRuns


@dataclass(frozen=True)
class CycleStage:
    """Runners with one configuration, in one or several branches."""

    name: str
    runners: tuple[str, ...]
    config: str
    """Path, relative to the repository's root."""
    after: tuple[str, ...]
    """Stages that must have ended before."""
    phases: Mapping[Phase, Settings]
    """What is measured, with the settings of each phase alone."""
    settings: Settings
    """Over the configuration, for all branches."""
    branches: tuple[Branch, ...]
    branches_of: str | None
    """The stage whose branches these are: a branch that is stopped in one stage is stopped in all."""
    saes_of: str | None
    """The stage whose SAEs are measured, branch by branch: those that it left with a `saes.yaml` beside them."""
    needs: Needs
    budget: Budget
    stops: tuple[StopRule, ...]
    record: str | None
    """Why it is measured although nothing judges it; None of a stage that something judges."""
    location: Location


@dataclass(frozen=True)
class Selecting:
    """Which of the measured subjects is the candidate."""

    policy: str
    among: tuple[str, ...]
    """Stages."""
    location: Location


@dataclass(frozen=True)
class Finish:
    """What is done once all stages have ended."""

    check: str | None = None
    """The policy that judges; its exit code is the cycle's."""
    select: Selecting | None = None
    base: str | None = None
    """What `not_worse_than` compares with: a stage, or a path of evidence."""
    dossier: bool = False
    claims: bool = False
    """Whether the repository's claims are audited too."""


@dataclass(frozen=True)
class Cycle:
    """One `cycles/NAME.yaml`."""

    path: str
    sha256: str
    """sha256 of the file's bytes."""
    id: str
    description: str
    claim: str | None
    """Id of the claim that the evidence is for; None where nothing is to be claimed."""
    after_cycle: str | None
    """Id of the cycle that must have finished before."""
    seeds: Mapping[Phase, tuple[int, ...]]
    """Of each phase; the pilot's come first among the full ones, so that they are looks of one registration."""
    budget: Budget
    retries: int
    """Of a task whose worker was lost or failed inside; what is refused is never tried again."""
    stages: Mapping[str, CycleStage]
    finish: Finish
    location: Location
    files: tuple[tuple[str, Location], ...] = field(default=())
    """Every path that the plan names, and where."""
