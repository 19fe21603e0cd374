"""Which commit judges and what is judged, for two names and for the events of GitHub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from repositories import Builder, git

from gatekit.errors import GatekitError
from gatekit.github import event as github_event
from gatekit.github.event import Event, read_event
from gatekit.repo import BaseAndHead, Repository, between

Open = Callable[[Path], Repository]


class Change:
    """main, a pull request from its first commit, main's next commit, and the merge that GitHub makes of both."""

    def __init__(self, folder: Path) -> None:
        self.repo = Builder(folder)
        self.fork = self.repo.commit("main", {"policy": "1", "code": "1"})
        self.base = self.repo.commit("main", {"other": "1"})
        self.head = self.repo.commit("refs/pull/7/head", {"code": "2"}, parents=[self.fork])
        self.merge = self.repo.merge("refs/pull/7/merge", self.base, self.head)
        self.repo.branch("refs/remotes/origin/main", self.base)

    def event(self, **changes: Any) -> Event:
        fields: dict[str, Any] = {
            "name": "pull_request",
            "repository": "o/r",
            "repository_id": 1,
            "base_ref": "main",
            "base_sha": self.base,
            "head_ref": "topic",
            "head_sha": self.head,
            "merge_sha": self.merge,
            "number": 7,
            "labels": frozenset(),
            "author": None,
            "from_fork": False,
        }
        return Event(**fields | changes)

    def sides(self, event: Event | None, base: str | None = None, head: str | None = None) -> BaseAndHead:
        with Repository.open(self.repo.save()) as repository:
            return github_event.sides(repository, event, base, head)

    def files(self, sides: BaseAndHead) -> tuple[dict[str, bytes], dict[str, bytes]]:
        with Repository.open(self.repo.save()) as repository:
            sides = between(repository, sides.base, sides.head)
            before, after = sides.trees(repository)
            return before.read_all(before.entries), after.read_all(after.entries)


@pytest.fixture
def change(tmp_path: Path) -> Change:
    return Change(tmp_path / "r")


def refused(error_id: str, exit_code: int, call: Callable[..., object], *arguments: object) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        call(*arguments)
    error = caught.value
    assert (error.error_id, int(error.exit_code)) == (error_id, exit_code)
    assert len(str(error).splitlines()) == 1
    return error


def test_a_head_that_contains_the_base_is_judged_as_it_is(change: Change) -> None:
    sides = change.sides(None, change.base, change.merge)
    assert (sides.base, sides.head, sides.result, sides.merged) == (change.base, change.merge, change.merge, False)


def test_a_head_that_does_not_contain_the_base_is_judged_merged_into_it(change: Change) -> None:
    sides = change.sides(None, "main", "refs/pull/7/head")
    assert (sides.base, sides.head, sides.merged) == (change.base, change.head, True)
    before, after = change.files(sides)
    assert before == {"policy": b"1", "code": b"1", "other": b"1"}
    assert after == {"policy": b"1", "code": b"2", "other": b"1"}


def test_without_a_head_the_commit_that_is_checked_out_is_judged(change: Change) -> None:
    change.repo.commit("topic", {"code": "3"}, parents=[change.base])
    with Repository.open(change.repo.save(head="topic")) as repository:
        sides = github_event.sides(repository, None, change.base)
    assert (sides.head, sides.head_name) == (change.repo.refs["refs/heads/topic"], "HEAD")


def test_without_an_event_a_base_must_be_named(change: Change) -> None:
    refused("usage", 64, change.sides, None)
    refused("usage", 64, change.sides, None, None, "HEAD")


def test_base_equal_to_head_is_inconclusive(change: Change) -> None:
    refused("repo.equal", 3, change.sides, None, "main", change.base)


def test_a_head_that_base_already_contains_is_inconclusive(change: Change) -> None:
    refused("repo.merged_already", 3, change.sides, None, "main", change.fork)


def test_a_conflict_is_inconclusive(change: Change) -> None:
    change.repo.commit("main", {"code": "3"})
    refused("repo.conflict", 3, change.sides, None, "main", change.head)


def test_a_missing_base_or_head_is_inconclusive(change: Change) -> None:
    refused("repo.missing_ref", 3, change.sides, None, "absent", change.head)
    refused("repo.missing_ref", 3, change.sides, None, "main", "1" * 40)


def test_a_shallow_clone_is_inconclusive_even_where_both_sides_are_there(change: Change, tmp_path: Path) -> None:
    root = change.repo.save()
    git(tmp_path, "init", "-q", "shallow")
    fetch = ["fetch", "-q", "--depth=2", root.as_uri(), "refs/pull/7/merge:merge", "main:main"]
    git(tmp_path / "shallow", *fetch)
    with Repository.open(tmp_path / "shallow") as repository:
        error = refused("repo.shallow", 3, between, repository, change.base, change.merge)
        refused("repo.shallow", 3, github_event.sides, repository, change.event())
    assert "fetch-depth: 0" in str(error)


def test_a_clone_that_lacks_the_base_because_it_is_shallow_says_so(change: Change, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", "--single-branch", change.repo.save().as_uri(), "shallow")
    with Repository.open(tmp_path / "shallow") as repository:
        refused("repo.shallow", 3, between, repository, "origin/absent", "HEAD")
        refused("repo.shallow", 3, github_event.sides, repository, change.event(base_sha=change.fork))


def test_a_pull_request_is_judged_by_the_branch_and_as_the_merge_commit(change: Change) -> None:
    sides = change.sides(change.event())
    assert (sides.base, sides.head, sides.result) == (change.base, change.merge, change.merge)
    assert (sides.base_name, sides.notes) == ("refs/remotes/origin/main", ())


def test_a_run_that_is_started_again_is_judged_by_the_base_of_today(change: Change) -> None:
    event = change.event()
    today = change.repo.commit("refs/remotes/origin/main", {"policy": "2"})
    sides = change.sides(event)
    assert (sides.base, sides.head, sides.merged) == (today, change.head, True)
    before, after = change.files(sides)
    assert before["policy"] == after["policy"] == b"2"
    assert after["code"] == b"2"


def test_without_the_branch_the_commit_of_the_event_is_the_base_and_said_to_be_frozen(change: Change) -> None:
    del change.repo.refs["refs/remotes/origin/main"]
    sides = change.sides(change.event())
    assert sides.base == change.base
    assert "no refs/remotes/origin/main" in sides.notes[0]


def test_a_clone_older_than_the_event_does_not_judge_by_its_old_branch(change: Change) -> None:
    change.repo.branch("refs/remotes/origin/main", change.fork)
    sides = change.sides(change.event())
    assert sides.base == change.base
    assert "older" in sides.notes[0]


def test_a_branch_that_was_rewritten_is_the_base_as_it_is_now(change: Change) -> None:
    rewritten = change.repo.commit("refs/remotes/origin/main", {"policy": "2"}, parents=[change.fork])
    sides = change.sides(change.event())
    assert sides.base == rewritten
    assert change.files(sides)[1] == {"policy": b"2", "code": b"2"}


def test_a_local_branch_or_tag_of_the_base_s_name_is_not_the_base(change: Change) -> None:
    for name in ("refs/heads/main", "refs/tags/main", "refs/heads/origin/main", "refs/tags/origin/main"):
        change.repo.branch(name, change.fork)
    assert change.sides(change.event()).base == change.base


def test_a_merge_commit_of_another_push_is_not_judged(change: Change) -> None:
    newer = change.repo.commit("refs/pull/7/head", {"code": "3"})
    sides = change.sides(change.event(head_sha=newer))
    assert (sides.head, sides.merged) == (newer, True)
    assert change.files(sides)[1]["code"] == b"3"


@pytest.mark.parametrize("merge", [None, "1" * 40])
def test_without_the_merge_commit_the_merge_is_computed(change: Change, merge: str | None) -> None:
    sides = change.sides(change.event(merge_sha=merge))
    assert (sides.head, sides.merged) == (change.head, True)
    assert change.files(sides)[1] == {"policy": b"1", "code": b"2", "other": b"1"}


def test_an_ordinary_commit_is_not_taken_for_the_merge_commit(change: Change) -> None:
    child = change.repo.commit("child", {"code": "9"}, parents=[change.head])
    assert change.sides(change.event(merge_sha=child)).head == change.head


def test_a_pull_request_that_is_merged_already_is_inconclusive(change: Change) -> None:
    change.repo.branch("refs/remotes/origin/main", change.merge)
    refused("repo.merged_already", 3, change.sides, change.event())


def test_a_pull_request_of_commits_that_are_not_here_is_inconclusive(change: Change) -> None:
    refused("repo.missing_ref", 3, change.sides, change.event(head_sha="1" * 40))
    del change.repo.refs["refs/remotes/origin/main"]
    refused("repo.missing_ref", 3, change.sides, change.event(base_sha="1" * 40))


def test_a_merge_group_is_judged_by_the_commits_that_it_names(change: Change) -> None:
    event = change.event(name="merge_group", base_sha=change.fork, head_sha=change.merge, merge_sha=None, number=None)
    sides = change.sides(event)
    assert (sides.base, sides.head) == (change.fork, change.merge)


def test_names_that_the_user_gives_win_over_the_event(change: Change) -> None:
    event = change.event()
    assert change.sides(event, change.fork, change.base).base == change.fork
    assert change.sides(event, change.fork, change.base).head == change.base
    assert change.sides(event, base=change.fork).head == change.head
    only_head = change.sides(event, head=change.head)
    assert (only_head.base, only_head.head) == (change.base, change.head)


def pull_request_document(change: Change) -> dict[str, Any]:
    """The part of GitHub's event that is read, and some that is not."""
    repository = {"id": 77, "full_name": "octo-org/octo.repo", "private": False}
    return {
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "number": 7,
            "body": "Text\r\nwith \U0001f600 " + "x" * 65_000,
            "user": {"login": "ada"},
            "labels": [{"id": 1, "name": "gatekit-approved"}, {"id": 2, "name": "good first issue: ü"}],
            "base": {"ref": "main", "sha": change.base, "repo": repository},
            "head": {"ref": "feat/$(touch${IFS}PWN)", "sha": change.head, "repo": repository},
        },
        "repository": repository,
        "sender": {"login": "octocat"},
    }


def environment(tmp_path: Path, name: str, document: Any, **more: str) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)} | more


def test_a_pull_request_event_is_read(change: Change, tmp_path: Path) -> None:
    found = read_event(environment(tmp_path, "pull_request", pull_request_document(change), GITHUB_SHA=change.merge))
    assert found == Event(
        name="pull_request",
        repository="octo-org/octo.repo",
        repository_id=77,
        base_ref="main",
        base_sha=change.base,
        head_ref="feat/$(touch${IFS}PWN)",
        head_sha=change.head,
        merge_sha=change.merge,
        number=7,
        labels=frozenset({"gatekit-approved", "good first issue: ü"}),
        author="ada",
        from_fork=False,
    )


@pytest.mark.parametrize("repo", [None, {"id": 78}])
def test_a_head_in_another_or_a_deleted_repository_is_a_fork(change: Change, tmp_path: Path, repo: Any) -> None:
    document = pull_request_document(change)
    document["pull_request"]["head"]["repo"] = repo
    found = read_event(environment(tmp_path, "pull_request", document))
    assert found is not None and found.from_fork and found.merge_sha is None


def test_a_merge_group_event_is_read(change: Change, tmp_path: Path) -> None:
    group = {
        "head_sha": change.merge,
        "head_ref": "refs/heads/gh-readonly-queue/main/pr-7-0123",
        "base_sha": change.base,
        "base_ref": "refs/heads/main",
    }
    document = {"action": "checks_requested", "merge_group": group, "repository": {"id": 77, "full_name": "o/r"}}
    found = read_event(environment(tmp_path, "merge_group", document, GITHUB_SHA="not read"))
    assert found is not None
    assert (found.base_ref, found.base_sha, found.head_sha) == ("main", change.base, change.merge)
    assert (found.head_ref, found.number, found.labels) == ("gh-readonly-queue/main/pr-7-0123", None, frozenset())


def test_outside_of_actions_there_is_no_event() -> None:
    assert read_event({}) is None
    assert read_event({"GITHUB_EVENT_NAME": "", "GITHUB_EVENT_PATH": "/absent"}) is None


@pytest.mark.parametrize(
    "name", ["push", "workflow_dispatch", "pull_request_target", "workflow_run", "pull-request", "x\n"]
)
def test_other_events_are_errors_of_usage(change: Change, tmp_path: Path, name: str) -> None:
    error = refused("usage", 64, read_event, environment(tmp_path, name, pull_request_document(change)))
    assert error.remedy


def test_an_event_without_a_file_is_an_error_of_usage() -> None:
    refused("usage", 64, read_event, {"GITHUB_EVENT_NAME": "pull_request"})


def test_an_event_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    names = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(tmp_path / "absent")}
    refused("json.missing", 4, read_event, names)


@pytest.mark.parametrize(
    ("text", "error_id"),
    [
        ("", "json.empty"),
        ("{", "json.syntax"),
        ('{"pull_request": {}, "pull_request": {}}', "json.duplicate_key"),
        ('{"number": NaN}', "json.nonfinite"),
        ("{} {}", "json.trailing_data"),
        ("[" * 100_000, "json.depth"),
        ("[]", "event.field"),
        ("{}", "event.field"),
        ('{"repository": 3}', "event.field"),
    ],
)
def test_an_event_file_that_is_malformed_is_refused(tmp_path: Path, text: str, error_id: str) -> None:
    refused(error_id, 4, read_event, environment(tmp_path, "pull_request", text))


REF, SHA, HEAD = ("pull_request", "base", "ref"), ("pull_request", "base", "sha"), ("pull_request", "head")


@pytest.mark.parametrize(
    ("names", "value"),
    [
        *((REF, ref) for ref in ("", None, 3, ["main"], "a b", "a\nb", "a..b", "../x", "/x", "x/", "x.lock", "a//b")),
        *(
            (REF, ref)
            for ref in ("a/.b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "@", "\x1b", "x" * 256)
        ),
        *((SHA, sha) for sha in (None, "", "main", "1" * 39, "1" * 41, "G" * 40, "A" * 40, "1" * 40 + "\n", 10**9)),
        ((*HEAD, "sha"), "--upload-pack=touch PWN"),
        ((*HEAD, "ref"), "a;touch PWN"),
        (HEAD, None),
        (HEAD, "topic"),
        ((*HEAD, "repo"), {}),
        ((*HEAD, "repo"), {"id": True}),
        (("repository", "full_name"), "o"),
        (("repository", "full_name"), "o/r/../x"),
        (("repository", "full_name"), "o/r\n"),
        (("repository", "id"), "77"),
        (("pull_request", "number"), 0),
        (("pull_request", "number"), 7.0),
        (("pull_request", "labels"), None),
        (("pull_request", "labels"), "gatekit-approved"),
        (("pull_request", "labels"), [{"name": "x"}] * 101),
    ],
)
def test_a_field_that_is_not_what_github_writes_is_refused_where_it_stands(
    change: Change, tmp_path: Path, names: tuple[str, ...], value: Any
) -> None:
    document = pull_request_document(change)
    inside = document
    for name in names[:-1]:
        inside = inside[name]
    inside[names[-1]] = value
    error = refused("event.field", 4, read_event, environment(tmp_path, "pull_request", document))
    assert error.location is not None
    assert (error.location.pointer or "").startswith("/" + "/".join(names))


@pytest.mark.parametrize("label", ["gatekit-approved", None, {"name": 3}, {"name": ""}, {"name": "x" * 201}, {}])
def test_a_label_without_a_name_is_refused(change: Change, tmp_path: Path, label: Any) -> None:
    document = pull_request_document(change)
    document["pull_request"]["labels"].append(label)
    error = refused("event.field", 4, read_event, environment(tmp_path, "pull_request", document))
    assert error.location is not None and error.location.pointer == "/pull_request/labels/2/name"


@pytest.mark.parametrize("sha", ["main", "1" * 39, "--x", "1" * 40 + "\n"])
def test_a_merge_commit_that_is_no_id_is_refused(change: Change, tmp_path: Path, sha: str) -> None:
    variables = environment(tmp_path, "pull_request", pull_request_document(change), GITHUB_SHA=sha)
    refused("event.field", 4, read_event, variables)
