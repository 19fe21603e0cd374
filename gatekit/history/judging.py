"""A branch -> the verdict at each of its commits that changed policies or evidence.

Each is what `gatekit check` would have said in a checkout of that commit, at the time when it was committed: its
policies, kinds, registrations and keys, its evidence, and whether that was stale there. What `not_worse_than` compares
with is the evidence of the commit before it. Old files are read by this gatekit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from gatekit.errors import GatekitError
from gatekit.evidence.summary import Summary
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import Verdict
from gatekit.kinds import FOLDER as KINDS
from gatekit.pull_request.registered import base_registrations
from gatekit.pull_request.side import CLAIMS, EVIDENCE, KEYS, POLICIES, BranchContents, Reader
from gatekit.pull_request.signatures import change_signers
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS
from gatekit.registration.standing import Standing
from gatekit.repo import Repository, Tree, below, in_repository
from gatekit.repo.repository import LineCommit

JUDGING = (POLICIES, EVIDENCE, KINDS, REGISTRATIONS, PLANS, KEYS)
"""A commit that changed none of them has the verdict of the one before it, but for its age."""


@dataclass(frozen=True)
class JudgedCommit:
    """One commit of the branch, and what its gates said of its evidence."""

    oid: str
    time: datetime
    subject: str
    """First line of its message: anybody's text."""
    tags: tuple[str, ...]
    """Of this commit, and of later ones that changed nothing that judges or is judged."""
    verdict: Verdict | None
    """None where it could not be judged."""
    problem: str | None
    """Why not."""


@dataclass(frozen=True)
class History:
    """Verdicts along a branch."""

    name: str
    """What the branch was asked for by."""
    tip: str
    root: str
    """Folder of the project, from the top of the repository."""
    commits: tuple[JudgedCommit, ...]
    """Newest first."""
    more: bool
    """Whether older ones were left out because of the limit."""
    cut: str | None
    """The oldest commit that a shallow clone has; None where the whole history is there."""


def read_history(repository: Repository, name: str, root: str = "", limit: int = 20, releases: bool = False) -> History:
    """Judge the newest commits of a branch that changed what judges or is judged.

    Args:
        repository: its objects.
        name: of the branch, or of a commit.
        root: folder of the project.
        limit: so many commits at most.
        releases: only commits that have a tag.

    Raises:
        GatekitError: the branch is not there, or its history cannot be read.
    """
    tip = repository.commit(name)
    line = repository.main_line(tip)
    tagged = repository.tags()
    if releases:
        listed = [commit for commit in line if commit.oid in tagged][: limit + 1]
        tags = {commit.oid: tuple(tagged[commit.oid]) for commit in listed}
    else:
        listed = repository.main_line(tip, [in_repository(root, path) for path in JUDGING], limit + 1)
        tags = _tags_since([commit.oid for commit in line], {commit.oid for commit in listed}, tagged)
    return History(
        name=name,
        tip=tip,
        root=root,
        commits=tuple(reversed(list(_judged(repository, root, listed[::-1], tags, len(listed) > limit)))),
        more=len(listed) > limit,
        cut=line[-1].oid if repository.is_shallow() and line else None,
    )


Tags = dict[str, tuple[str, ...]]
"""Names of tags by commit."""


def _tags_since(line: Sequence[str], listed: set[str], tagged: Mapping[str, Sequence[str]]) -> Tags:
    """Return the tags of each listed commit and of those between it and the next one.

    Args:
        line: commits, newest first.
        listed: those of them that are wanted.
        tagged: names of tags by commit.
    """
    found: Tags = {}
    waiting: list[str] = []
    for oid in line:
        waiting += tagged.get(oid, ())
        if oid in listed:
            found[oid] = tuple(waiting)
            waiting = []
    return found


def _judged(
    repository: Repository,
    root: str,
    oldest_first: Sequence[LineCommit],
    tags: Tags,
    more: bool,
) -> Iterator[JudgedCommit]:
    """Yield the commits in their order; the first is only compared with where `more` came before it."""
    reader = Reader(repository)
    before: BranchContents | None = None
    for index, commit in enumerate(oldest_first):
        time = datetime.fromtimestamp(commit.time, UTC)
        verdict, problem = None, None
        try:
            side = reader.side(_without_claims(below(repository.tree(commit.oid), root)))
            if index or not more:
                base = None if before is None else before.summaries
                verdict = _verdict(repository, commit.oid, side, base, time)
                if verdict is None:
                    problem = "it has no policy"
            before = side
        except GatekitError as error:
            problem = str(error)
        if index or not more:
            yield JudgedCommit(commit.oid, time, commit.subject, tags.get(commit.oid, ()), verdict, problem)


def _verdict(
    repository: Repository, commit: str, side: BranchContents, base: Sequence[Summary] | None, time: datetime
) -> Verdict | None:
    if not side.judging and not side.errors:
        return None
    signers, _, unsound = change_signers(side, side, side.judging, time)
    standings: Mapping[str, Standing] = {}
    if side.registrations:
        standings = base_registrations(repository, commit, side).standings(side)
    errors = [*side.errors, *unsound]
    return evaluate(
        side.judging, side.summaries, time, errors, base=base, signers=signers, stale=side.stale, standings=standings
    )


def _without_claims(tree: Tree) -> Tree:
    """Return a tree without its claims: gates do not need them, and documents are slow to read."""
    if CLAIMS not in tree:
        return tree
    entries = {path: entry for path, entry in tree.entries.items() if path != CLAIMS}
    return Tree(tree.oid, MappingProxyType(entries), tree.source, tree.root, tree.around)
