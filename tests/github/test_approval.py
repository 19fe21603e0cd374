"""An approval is for one commit: by a label that carries it, or by a code owner's review of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import builders
import pytest
import repositories
from acceptance.console_script import gatekit
from github.rest_server import State, serving

from gatekit.pull_request.approval import ApprovalSource, Reviewers, approval
from gatekit.pull_request.codeowners import parse
from tests.pull_request.change import BASE, CLAIMS, repository

NO_EVENT = {"GITHUB_EVENT_NAME": "", "GITHUB_EVENT_PATH": "", "GITHUB_SHA": ""}
HEAD = "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d"
OTHER = "9" * 40
POLICY = "policies/demo.yaml"
LOOSE: Mapping[str, repositories.Content] = {POLICY: str(BASE[POLICY]).replace("at_least: 0.1", "at_least: 0.0")}


def by(*labels: str, owners: str = "", logins: tuple[str, ...] = (), files: tuple[str, ...] = (POLICY,)) -> str | None:
    given = ApprovalSource(HEAD, frozenset(labels), reviewers=lambda: Reviewers(frozenset(logins)))
    return approval(given, files, parse(owners)).by


@pytest.mark.parametrize("digits", [7, 12, 16, 40])
def test_a_label_that_carries_the_commit_approves(digits: int) -> None:
    label = f"gatekit-approved-{HEAD[:digits]}"
    assert by(label) == label


@pytest.mark.parametrize(
    "label",
    [
        "gatekit-approved",
        "gatekit-approved-",
        "gatekit-approved-1a2b3c",
        "gatekit-approved-1A2B3C4",
        "gatekit-approved-9999999",
        f"gatekit-approved-{HEAD}0",
        "gatekit-approved-1a2b3c4 ",
        "Gatekit-approved-1a2b3c4",
        "1a2b3c4",
    ],
)
def test_any_other_label_does_not(label: str) -> None:
    assert by(label) is None


def test_outside_of_a_pull_request_nothing_approves() -> None:
    assert approval(ApprovalSource(None, frozenset({"gatekit-approved-1a2b3c4"})), [POLICY], []).by is None


def test_a_code_owner_of_every_file_approves_by_a_review() -> None:
    owners = "* @nobody\npolicies/ @Ada @bo\ntrust/ @ada\n"
    assert by(owners=owners, logins=("bo",)) == "@bo"
    assert by(owners=owners, logins=("ada",), files=(POLICY, "trust/keys.yaml")) == "@ada"
    assert by(owners=owners, logins=("bo",), files=(POLICY, "trust/keys.yaml")) is None
    assert by(owners=owners, logins=("eve",)) is None


def test_without_owners_a_review_approves_nothing() -> None:
    assert by(logins=("ada",)) is None
    assert by(owners="docs/ @ada\n", logins=("ada",)) is None


def review(login: str, state: str = "APPROVED", commit: str = "HEAD") -> dict[str, Any]:
    return {"user": {"login": login}, "state": state, "commit_id": commit}


@pytest.mark.parametrize(
    ("reviews", "code"),
    [
        ([review("ada")], 0),
        ([review("ADA")], 0),
        ([review("ada"), review("ada", "COMMENTED")], 0),
        ([review("ada", commit=OTHER)], 5),
        ([review("ada"), review("ada", "CHANGES_REQUESTED")], 5),
        ([review("ada", "DISMISSED")], 5),
        ([review("ada", "COMMENTED")], 5),
        ([review("eve")], 5),
        ([review("author")], 5),
        ([], 5),
    ],
    ids=[
        "owner",
        "case",
        "commented since",
        "old commit",
        "taken back",
        "dismissed",
        "comment",
        "no owner",
        "own",
        "none",
    ],
)
def test_gatekit_pr_asks_the_api_for_reviews_of_the_last_commit(
    tmp_path: Path, reviews: list[dict[str, Any]], code: int
) -> None:
    done, state = reviewed(tmp_path, reviews)
    assert done.returncode == code
    assert state.requests[0][1].startswith("/repos/octo/cat/pulls/3/reviews?")
    if code == 0:
        assert "Approved by a code owner's review of this commit: '@ada'." in " ".join(done.stdout.split())


@pytest.mark.parametrize(("login", "code"), [("ada", 0), ("bo", 5)])
def test_the_bar_of_a_claim_is_its_registrys_owners_to_lower(tmp_path: Path, login: str, code: int) -> None:
    moved: dict[str, repositories.Content] = {"claims.yaml": CLAIMS.replace("gates: [alive]", "gates: [random_model]")}
    owners = "* @bo\nclaims.yaml @ada\n"
    done, _ = reviewed(tmp_path, [review(login)], owners=owners, change=moved)
    assert "claim alive" in done.stdout
    assert done.returncode == code


@pytest.mark.parametrize(("login", "code"), [("ada", 0), ("bo", 5)])
def test_a_first_policy_is_its_folders_owners_to_accept(tmp_path: Path, login: str, code: int) -> None:
    owners = "* @bo\npolicies/ @ada\n"
    given: dict[str, Any] = {"owners": owners, "change": {POLICY: BASE[POLICY]}, "base": {POLICY: None}}
    done, _ = reviewed(tmp_path, [review(login)], **given)
    assert "the base has no policy that could judge" in done.stdout
    assert done.returncode == code


def test_an_api_that_does_not_answer_approves_nothing(tmp_path: Path) -> None:
    done, _ = reviewed(tmp_path, [review("ada")], failures=[(500, {})])
    assert done.returncode == 5
    assert "Reviews could not be read: " in done.stdout


def test_without_a_token_nobody_is_asked(tmp_path: Path) -> None:
    done, state = reviewed(tmp_path, [review("ada")], token="")
    assert (done.returncode, state.requests) == (5, [])


def reviewed(
    folder: Path,
    reviews: list[dict[str, Any]],
    token: str = "secret",
    owners: str = "* @ada @author\n",
    change: Mapping[str, repositories.Content] = LOOSE,
    base: Mapping[str, repositories.Content] | None = None,
    **state: Any,
) -> tuple[Any, State]:
    """The verdict on a loosened policy, or another change, with these reviews; ada and the author own all."""
    builder = repository(folder / "r", change, {"CODEOWNERS": owners, **(base or {})})
    head = builder.refs["refs/heads/feature"]
    for one in reviews:
        one["commit_id"] = head if one["commit_id"] == "HEAD" else one["commit_id"]
    repo = {"full_name": "octo/cat", "id": 1}
    pull = {
        "number": 3,
        "labels": [],
        "user": {"login": "author"},
        "base": {"ref": "main", "sha": builder.refs["refs/heads/main"]},
        "head": {"ref": "feature", "sha": head, "repo": repo},
    }
    event = folder / "event.json"
    event.write_text(json.dumps({"repository": repo, "pull_request": pull}))
    with serving(State(reviews=reviews, **state)) as server:
        variables = {
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_API_URL": server.url,
            "GITHUB_TOKEN": token,
            "no_proxy": "127.0.0.1",
        }
        return gatekit("pr", f"--now={builders.NOW}", cwd=folder / "r", env=NO_EVENT | variables), server


@pytest.mark.parametrize("tag", ["refs/remotes/origin/main", "HEAD", "refs/heads/main", "refs/heads/feature"])
def test_a_pushed_tag_that_makes_a_name_ambiguous_changes_nothing(tmp_path: Path, tag: str) -> None:
    builder = repository(tmp_path / "r", {"docs/notes.md": "More.\n"})
    builder.branch("refs/remotes/origin/main", builder.refs["refs/heads/main"])
    builder.branch(f"refs/tags/{tag}", builder.refs["refs/heads/feature"])
    builder.save(head="refs/heads/feature")
    repo = {"full_name": "octo/cat", "id": 1}
    pull = {
        "number": 3,
        "labels": [],
        "base": {"ref": "main", "sha": builder.refs["refs/heads/main"]},
        "head": {"ref": "feature", "sha": builder.refs["refs/heads/feature"], "repo": repo},
    }
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": repo, "pull_request": pull}))
    variables = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event)}
    assert gatekit("pr", f"--now={builders.NOW}", cwd=tmp_path / "r", env=NO_EVENT | variables).returncode == 0
    local = gatekit("pr", f"--now={builders.NOW}", "--base=refs/heads/main", cwd=tmp_path / "r", env=NO_EVENT)
    assert local.returncode == 0
    assert repositories.git(tmp_path / "r", "tag", "--list")
