"""The two sides of a change: the base that judges, and the head merged into it, which is judged."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.repo.faults import FETCH_ALL, inconclusive
from gatekit.repo.repository import Repository
from gatekit.repo.tree import Tree

REMOTE = "refs/remotes/origin/"
"""Where a clone keeps the tips of the branches that it was made from."""


@dataclass(frozen=True)
class BaseAndHead:
    """What a change is judged by, and what is judged."""

    base: str
    """Commit: policies, schemas, keys and rules are read from here."""
    head: str
    """Commit that the change ends with."""
    result: str
    """Commit, or tree, of head merged into base: evidence, claims and documents are read from here."""
    merged: bool
    """True when the merge was computed here, because head does not contain base."""
    base_name: str
    """What base was asked for by, for people."""
    head_name: str
    notes: tuple[str, ...] = ()
    """Sentences that a report shows: how sure it is that these are the sides."""

    def trees(self, repository: Repository) -> tuple[Tree, Tree]:
        """Return the files of the base and of the merge result."""
        return repository.tree(self.base), repository.tree(self.result)


def between(repository: Repository, base: str, head: str) -> BaseAndHead:
    """Return the sides for two names that the user gives.

    Raises:
        GatekitError: `repo.missing_ref`, `repo.shallow`, `repo.equal`, `repo.merged_already`, `repo.unrelated`,
            `repo.conflict`, `repo.git_version`, `repo.missing_object`, all inconclusive; `repo.bad_ref`,
            `repo.ambiguous_ref` and `repo.not_a_commit`, which are errors of usage.
    """
    repository.refuse_shallow()
    return _sides(repository, repository.commit(base), repository.commit(head), base, head, ())


def pull_request(
    repository: Repository, base_branch: str, base_at_event: str, head: str, merge: str | None = None
) -> BaseAndHead:
    """Return the sides of a pull request.

    The base is the branch as this clone has it, because the commit in the event is frozen when the event is made: a
    run that is started again much later would be judged by an old policy. The head is the platform's merge commit
    where there is one, so that what is judged is what would be merged.

    Args:
        repository: the clone.
        base_branch: name of the branch that the pull request goes to, like `main`.
        base_at_event: its commit when the event was made.
        head: the last commit of the pull request.
        merge: the platform's merge commit; one whose parents are not base and head is of another time, and the merge
            is computed instead.

    Raises:
        GatekitError: as `between`.
    """
    repository.refuse_shallow()
    base, name, notes = _live_base(repository, base_branch, base_at_event)
    tested = repository.commit(head)
    _refuse_no_change(repository, base, tested)
    if merge is not None and repository.find(merge) is not None and repository.parents(merge) == (base, tested):
        tested = merge
    return _sides(repository, base, tested, name, head, notes)


def _live_base(repository: Repository, branch: str, at_event: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the base commit, what it is called, and what is to be said about it."""
    name = REMOTE + branch
    tip, frozen = repository.find(name), repository.find(at_event)
    if tip is not None and (frozen is None or tip == frozen or not repository.is_ancestor(tip, frozen)):
        return tip, name, ()
    if frozen is None:
        raise inconclusive("repo.missing_ref", f"neither {name} nor {at_event} is a commit of this clone", FETCH_ALL)
    why = f"this clone has no {name}" if tip is None else f"{name} of this clone is older"
    return frozen, branch, (f"The base is {frozen[:12]}, as it was when the event was made: {why}.",)


def _sides(
    repository: Repository, base: str, head: str, base_name: str, head_name: str, notes: tuple[str, ...]
) -> BaseAndHead:
    _refuse_no_change(repository, base, head)
    if repository.is_ancestor(base, head):
        return BaseAndHead(base, head, head, False, base_name, head_name, notes)
    return BaseAndHead(base, head, repository.merge_tree(base, head), True, base_name, head_name, notes)


def _refuse_no_change(repository: Repository, base: str, head: str) -> None:
    if base == head:
        message = f"base and head are the same commit {base[:12]}: there is no change to judge"
        raise inconclusive("repo.equal", message, "compare two different commits")
    if repository.is_ancestor(head, base):
        message = f"head {head[:12]} is already part of base {base[:12]}: there is no change to judge"
        raise inconclusive("repo.merged_already", message, "look whether base and head are swapped")
