"""comment/action.yml under the emulator, against a loopback server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from github.rest_server import State, serving
from workflows.composite import Ran, clean_environment, run
from workflows.invariants import REPO

ACTION = REPO / "comment" / "action.yml"
LINKED = 'ln -s "$THIS_ENVIRONMENT" "$RUNNER_TEMP/gatekit-comment"'
REPORT: dict[str, Any] = {
    "schema": "gatekit.pull_request/1",
    "verdict": "blocked",
    "exit_code": 2,
    "head": "a" * 40,
    "gates": {"failed": ["release/ood"], "inconclusive": []},
    "loosened": [],
}
RUN = {
    "id": 99,
    "conclusion": "failure",
    "head_sha": "a" * 40,
    "head_branch": "patch",
    "head_repository": {"owner": {"login": "fork"}},
}


@pytest.fixture
def server() -> Iterator[State]:
    with serving(State()) as state:
        state.pulls = [{"label": "fork:patch", "number": 5, "head": {"sha": "a" * 40}}]
        yield state


def comment(tmp_path: Path, state: State, **inputs: str) -> Ran:
    (tmp_path / "event.json").write_text(json.dumps({"workflow_run": RUN}))
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    environment = clean_environment(
        tmp_path,
        THIS_ENVIRONMENT=sys.prefix,
        GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
        GITHUB_REPOSITORY="octo/cat",
        GITHUB_API_URL=state.url,
        no_proxy="127.0.0.1",
    )
    given = {"report": str(tmp_path / "report.json"), "token": "t0ken"} | inputs
    return run(ACTION, tmp_path / "emulated", given, environment, instead={"install": LINKED})


def test_the_action_comments_with_the_token_that_it_is_given(tmp_path: Path, server: State) -> None:
    ran = comment(tmp_path, server)
    assert (ran.code, ran.log) == (0, "comment on octo/cat pull request 5: created\n")
    assert server.tokens == {"Bearer t0ken"}
    assert server.comments[0]["body"].startswith("<!-- gatekit:v1:gate -->\n")


@pytest.mark.parametrize("name", ["report", "id", "mode", "author"])
@pytest.mark.parametrize("value", ["$(touch PWN)", '"; touch PWN; "', "--markdown=/etc/passwd", "a\nb"])
def test_a_hostile_input_is_only_text(tmp_path: Path, server: State, name: str, value: str) -> None:
    ran = comment(tmp_path, server, **{name: value})
    assert not list(tmp_path.rglob("PWN"))
    assert "passwd" not in "".join(item["body"] for item in server.comments)
    if name != "author":  # an author that nobody has finds no comment of its own
        assert ran.code in (4, 64)
        assert server.requests == []


def test_a_server_that_refuses_leaves_the_job_green_with_a_warning(tmp_path: Path, server: State) -> None:
    server.failures = [(403, {})]
    ran = comment(tmp_path, server)
    assert ran.code == 0
    assert ran.log.startswith("::warning ")
