"""The base's registrations in a pull request: what evidence is to them, and whether the change touches one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gatekit.evidence.summary import Summary
from gatekit.pull_request.evidence_history import OldEvidence
from gatekit.pull_request.side import BranchContents
from gatekit.registration.dating import dated
from gatekit.registration.left_out import way_of
from gatekit.registration.standing import DatedRegistration, Look, Standing, begun, look_in, standings
from gatekit.repo import Repository


@dataclass(frozen=True)
class BaseRegistrations:
    """What was announced, and looked at, on the base branch before this change."""

    dated: tuple[DatedRegistration, ...]
    base: BranchContents
    looks: tuple[Look, ...]
    """At evidence that stood on the base branch once."""
    past_known: bool
    """Whether these are all such looks."""

    def standings(self, side: BranchContents) -> Mapping[str, Standing]:
        """Return sha256 of a summary's bytes -> what it is to the base's registrations."""
        return standings(side.summaries, self.dated, self.base.summaries, self.looks, past_known=self.past_known)

    def same_look(self, old: Summary, new: Summary) -> bool:
        """Whether two summaries are runs of one registered look: announced once, it was taken twice."""
        if set(old.protocol.seeds) != set(new.protocol.seeds) or old.protocol.name != new.protocol.name:
            return False
        if way_of(old) != way_of(new):
            return False
        return all(standings([one], self.dated)[one.sha256].state != "exploratory" for one in (old, new))


def base_registrations(repository: Repository, commit: str, base: BranchContents) -> BaseRegistrations:
    """Read what the base branch says and said: its registrations with their times, and its evidence of old.

    Args:
        repository: the objects.
        commit: full id of the base's commit.
        base: its tree.
    """
    found = dated(base.registrations, repository, commit, base.kinds, base.tree.root)
    old = OldEvidence(repository, commit, base)
    looks = tuple(_looks(old))
    return BaseRegistrations(found, base, looks, old.unread is None)


def _looks(old: OldEvidence) -> Iterator[Look]:
    for _, data in old:
        look = look_in(data)
        if look is not None:
            yield look


@dataclass(frozen=True)
class RegistrationChange:
    """One registration that a change adds, changes or removes."""

    path: str
    what: str
    """For people."""
    judges: bool
    """Whether its measurements have begun, so that the change is one of what judges."""


def registration_changes(base: BranchContents, head: BranchContents) -> list[RegistrationChange]:
    """Return what a change does to registrations, in order of their paths.

    One that is added only binds what is measured later. One that is changed or removed after a first run has looked at
    its seeds takes back a promise.
    """
    found = []
    after = {one.path: one for one in head.registrations}
    for old in base.registrations:
        new = after.pop(old.path, None)
        if old.path in head.unread or (new is not None and new.meaning == old.meaning):
            continue
        what = "removed" if new is None else "changed"
        run = begun(old, [*base.summaries, *head.summaries])
        if run is None:
            found.append(RegistrationChange(old.path, f"{what}: nothing of it was measured yet", False))
        else:
            found.append(RegistrationChange(old.path, f"{what}, although {run.path} has begun to measure it", True))
    added = [RegistrationChange(path, "added: it holds for runs that start after the merge", False) for path in after]
    return sorted([*found, *added], key=lambda change: change.path)
