"""The event that a workflow runs for: which branches and commits it names, and which labels the pull request had.

The only reader of GitHub's event file: `gatekit pr` and `gatekit action` take an `Event` from it, `gatekit comment` a
`CommentEvent`.

GitHub writes the event file when the event is made. A run that is started again gets the same file: its commits and
labels are those of the first run, so a label that was taken off since is still in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gatekit.errors import GatekitError, Location, UsageError, did_you_mean
from gatekit.evidence.strict_json import Document, JsonLimits, read_json, value_pointer
from gatekit.repo import BaseAndHead, Repository, between, pull_request

EVENTS = ("pull_request", "merge_group")
EVENT_LIMITS = JsonLimits(size=25 << 20, string=1 << 20)
"""GitHub sends no payload of more than 25 MB; the longest text in one is the description of a pull request."""
MAX_LABELS = 100
"""GitHub's own limit for one pull request."""

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}", re.ASCII)
# The rules of git check-ref-format; what they refuse cannot be a branch.
_NOT_IN_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|^[./]|[./]$|^@$")
_BRANCH_LIMIT = 255
_LABEL_LIMIT = 200
_LOGIN_LIMIT = 100

_OTHER_EVENTS = {
    "pull_request_target": "use on: pull_request, which gives the judged code no secrets and no right to write",
    "workflow_run": "use on: pull_request, and workflow_run only to post the comment",
}


@dataclass(frozen=True)
class Event:
    """What gatekit takes from an event; everything else in the file is ignored."""

    name: Literal["pull_request", "merge_group"]
    repository: str
    """Owner and name, like `octo-org/octo-repo`."""
    repository_id: int
    base_ref: str
    """The branch that the change goes to, without refs/heads/."""
    base_sha: str
    """Its commit when the event was made."""
    head_ref: str
    """The branch of the change; in a fork its name there. Chosen by the author: text, never an argument."""
    head_sha: str
    merge_sha: str | None
    """GITHUB_SHA of a pull_request: the merge commit that GitHub tests."""
    number: int | None
    """Of the pull request; a merge group has none."""
    labels: frozenset[str]
    """Of the pull request when the event was made; a merge group has none."""
    author: str | None
    """Login of who opened the pull request; None where the event does not say."""
    from_fork: bool
    """The head is in another repository, or in one that is gone."""


@dataclass(frozen=True)
class FinishedRun:
    """A run of a workflow that has ended, as a `workflow_run` event tells it; None where the event does not say."""

    id: int | None
    conclusion: str | None
    """`success`, `failure`, `cancelled`, ..."""
    head_sha: str | None
    """The last commit of the branch that the run was for."""
    head_branch: str | None
    head_owner: str | None
    """Login of the owner of the repository that the branch is in; a fork that was deleted has none."""


@dataclass(frozen=True)
class CommentEvent:
    """Where a comment may go: to the pull request of the event, or to the one that a finished run was for."""

    number: int | None
    """Of the pull request, where the event is one's."""
    run: FinishedRun | None
    """The run, where the event is `workflow_run`."""


def is_repository(name: str) -> bool:
    """Whether a name has the form OWNER/NAME of a repository."""
    return _REPOSITORY.fullmatch(name) is not None


def read_event(environment: Mapping[str, str]) -> Event | None:
    """Read the event that GITHUB_EVENT_NAME and GITHUB_EVENT_PATH name; None outside of Actions.

    Raises:
        UsageError: the event is none of EVENTS, or has no file.
        GatekitError: `event.field` with the JSON pointer of a field that is missing or not what it must be; `json.*`.
    """
    name = environment.get("GITHUB_EVENT_NAME", "")
    if not name:
        return None
    if name not in EVENTS:
        known = f"known: {', '.join(EVENTS)}; for others give --base and --head"
        remedy = _OTHER_EVENTS.get(name) or did_you_mean(name, EVENTS) or known
        raise UsageError(f"the event {name[:80]!r} is not one that a change can be read from", remedy)
    fields = _event_file(environment, "give --base and --head")
    return _pull_request(fields, environment) if name == "pull_request" else _merge_group(fields)


def read_comment_event(environment: Mapping[str, str]) -> CommentEvent:
    """Read from the event file what `gatekit comment` needs, whatever the event is called.

    A finished run's own file of results names no pull request that can be believed, so only the event is asked.

    Raises:
        UsageError: there is no event file, or its event is for no pull request.
        GatekitError: `event.field`, `json.*`: the file is no event.
    """
    fields = _event_file(environment, "run this in GitHub Actions")
    if isinstance(fields.value("workflow_run"), dict):
        return CommentEvent(None, _finished_run(fields))
    number = fields.value("pull_request", "number")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UsageError("the event is for no pull request", "comment on pull_request or workflow_run events only")
    return CommentEvent(number, None)


def sides(repository: Repository, event: Event | None, base: str | None = None, head: str | None = None) -> BaseAndHead:
    """Return what to compare: the names that the user gives, and the event for those that are not given.

    Without an event, base must be given, and head is HEAD.

    Raises:
        UsageError: neither a base nor an event.
        GatekitError: as `gatekit.repo.between`.
    """
    if base is None and event is None:
        raise UsageError("there is no event to take the base from", "give --base, like --base main")
    if event is None or base is not None:
        return between(repository, base or "", head or (event.head_sha if event else "HEAD"))
    if event.name == "merge_group":
        return between(repository, event.base_sha, head or event.head_sha)
    merge = event.merge_sha if head is None else None
    return pull_request(repository, event.base_ref, event.base_sha, head or event.head_sha, merge)


@dataclass(frozen=True)
class _Fields:
    """Reads fields of the event by their names, and refuses what is not of the needed form."""

    document: Document

    def value(self, *names: str) -> Any:
        """The value, or None where it or something on the way to it is missing or null."""
        found = self.document.value
        for name in names:
            if found is None:
                return None
            if not isinstance(found, dict):
                raise self.refused("an object is needed to look into", *names)
            found = found.get(name)
        return found

    def refused(self, message: str, *names: str | int) -> GatekitError:
        place = Location(self.document.path, pointer=value_pointer(names))
        return GatekitError("event.field", message, place, "this is not an event file that GitHub wrote")

    def number(self, *names: str) -> int:
        value = self.value(*names)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.refused("a positive whole number is needed", *names)
        return value

    def text(self, form: re.Pattern[str], what: str, *names: str) -> str:
        value = self.value(*names)
        if not isinstance(value, str) or not form.fullmatch(value):
            raise self.refused(f"{what} is needed", *names)
        return value

    def oid(self, *names: str) -> str:
        return self.text(_OID, "the full id of a commit", *names)

    def branch(self, *names: str) -> str:
        value = self.value(*names)
        if isinstance(value, str):
            value = value.removeprefix("refs/heads/")
        if not isinstance(value, str) or not is_branch_name(value):
            raise self.refused("the name of a branch is needed", *names)
        return value

    def login(self, *names: str) -> str | None:
        value = self.value(*names)
        return value if isinstance(value, str) and 0 < len(value) <= _LOGIN_LIMIT else None

    def labels(self, *names: str) -> frozenset[str]:
        value = self.value(*names)
        if not isinstance(value, list) or len(value) > MAX_LABELS:
            raise self.refused(f"a list of at most {MAX_LABELS} labels is needed", *names)
        found = set()
        for index, label in enumerate(value):
            name = label.get("name") if isinstance(label, dict) else None
            if not isinstance(name, str) or not 0 < len(name) <= _LABEL_LIMIT:
                raise self.refused("the name of a label is needed", *names, index, "name")
            found.add(name)
        return frozenset(found)


def _event_file(environment: Mapping[str, str], remedy: str) -> _Fields:
    path = environment.get("GITHUB_EVENT_PATH", "")
    if not path:
        raise UsageError("GITHUB_EVENT_PATH is not set, so there is no event to read", remedy)
    fields = _Fields(read_json(path, EVENT_LIMITS))
    if not isinstance(fields.document.value, dict):
        raise fields.refused("the event is not an object")
    return fields


def is_branch_name(name: str) -> bool:
    """Whether git and GitHub allow a branch of this name."""
    return 0 < len(name.encode("utf-8", "replace")) <= _BRANCH_LIMIT and not _NOT_IN_BRANCH.search(name)


def _pull_request(fields: _Fields, environment: Mapping[str, str]) -> Event:
    merge = environment.get("GITHUB_SHA") or None
    if merge is not None and not _OID.fullmatch(merge):
        raise GatekitError("event.field", "GITHUB_SHA is not the full id of a commit", Location("GITHUB_SHA"))
    repository_id = fields.number("repository", "id")
    head_repository = fields.value("pull_request", "head", "repo")
    return Event(
        name="pull_request",
        repository=fields.text(_REPOSITORY, "the owner and name of a repository", "repository", "full_name"),
        repository_id=repository_id,
        base_ref=fields.branch("pull_request", "base", "ref"),
        base_sha=fields.oid("pull_request", "base", "sha"),
        head_ref=fields.branch("pull_request", "head", "ref"),
        head_sha=fields.oid("pull_request", "head", "sha"),
        merge_sha=merge,
        number=fields.number("pull_request", "number"),
        labels=fields.labels("pull_request", "labels"),
        author=fields.login("pull_request", "user", "login"),
        from_fork=head_repository is None or fields.number("pull_request", "head", "repo", "id") != repository_id,
    )


def _merge_group(fields: _Fields) -> Event:
    return Event(
        name="merge_group",
        repository=fields.text(_REPOSITORY, "the owner and name of a repository", "repository", "full_name"),
        repository_id=fields.number("repository", "id"),
        base_ref=fields.branch("merge_group", "base_ref"),
        base_sha=fields.oid("merge_group", "base_sha"),
        head_ref=fields.branch("merge_group", "head_ref"),
        head_sha=fields.oid("merge_group", "head_sha"),
        merge_sha=None,
        number=None,
        labels=frozenset(),
        author=None,
        from_fork=False,
    )


def _finished_run(fields: _Fields) -> FinishedRun:
    def told(*names: str) -> str | None:
        value = fields.value("workflow_run", *names)
        return value if isinstance(value, str) else None

    number = fields.value("workflow_run", "id")
    return FinishedRun(
        id=number if isinstance(number, int) and not isinstance(number, bool) else None,
        conclusion=told("conclusion"),
        head_sha=told("head_sha"),
        head_branch=told("head_branch"),
        head_owner=told("head_repository", "owner", "login"),
    )
