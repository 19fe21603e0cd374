"""The verdict as a check run, against a server on this machine; nothing that happens to it decides anything."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import SCRIPT, environment

from gatekit.github.annotations import Annotation
from gatekit.github.check_run import check_run_name, publish
from tests.github.rest_server import State, serving

SHA = "a" * 40


@pytest.fixture
def server() -> Iterator[State]:
    with serving(State()) as state:
        yield state


def env(state: State, **changes: str) -> dict[str, str]:
    return {"GITHUB_API_URL": state.url, "GITHUB_REPOSITORY": "octo/cat", "GITHUB_SHA": SHA, **changes}


def made(state: State, code: int = 0, advisory: bool = False, remarks: Any = (), markdown: str = "x\n") -> Any:
    assert publish(env(state), "t0ken", code, advisory, "", markdown, list(remarks)) is None
    return state.checks[-1]


def test_the_check_run_has_the_report_and_belongs_to_the_commit(server: State) -> None:
    check = made(server, 2, markdown="## gatekit: blocked\n")
    assert (check["name"], check["head_sha"], check["status"]) == ("gatekit / gate report", SHA, "completed")
    assert check["output"]["title"] == "blocked (exit 2)"
    assert check["output"]["summary"] == "## gatekit: blocked\n"
    assert server.tokens == {"Bearer t0ken"}
    assert [path for _, path, _ in server.requests] == ["/repos/octo/cat/check-runs"]


@pytest.mark.parametrize(
    ("code", "advisory", "conclusion"),
    [
        (0, False, "success"),
        (2, False, "failure"),
        (3, False, "failure"),
        (4, False, "failure"),
        (5, False, "action_required"),
        (64, False, "failure"),
        (70, False, "failure"),
        (2, True, "neutral"),
        (3, True, "neutral"),
        (4, True, "failure"),
        (5, True, "action_required"),
    ],
)
def test_only_a_pass_is_a_success(server: State, code: int, advisory: bool, conclusion: str) -> None:
    assert made(server, code, advisory)["conclusion"] == conclusion


def test_it_is_never_named_as_the_required_check_is() -> None:
    assert check_run_name("", "refs/heads/main") == "gatekit / gate report (refs/heads/main)"
    assert check_run_name("packages/sae", "refs/heads/main") == "gatekit / gate packages/sae report (refs/heads/main)"
    assert not check_run_name("", "").startswith("gatekit / gate (")


def test_the_name_has_the_base_that_the_event_names(server: State, tmp_path: Path) -> None:
    side = {"ref": "main", "sha": "b" * 40, "repo": {"id": 1}}
    head = {"ref": "x", "sha": "c" * 40, "repo": {"id": 1}}
    event = {
        "repository": {"id": 1, "full_name": "octo/cat"},
        "pull_request": {"number": 7, "labels": [], "base": side, "head": head},
    }
    (tmp_path / "event.json").write_text(json.dumps(event))
    given = env(server, GITHUB_EVENT_NAME="pull_request", GITHUB_EVENT_PATH=str(tmp_path / "event.json"))
    assert publish(given, "t", 0, False, "", "x", []) is None
    # The last commit of the change, which people look at, and not the merge that GitHub tests.
    assert (server.checks[0]["name"], server.checks[0]["head_sha"]) == (
        "gatekit / gate report (refs/heads/main)",
        "c" * 40,
    )


def test_remarks_stand_at_their_files_the_most_severe_first_and_fifty_at_a_time(server: State) -> None:
    remarks = [Annotation("notice", "n", "m", "a.md", 1)] * 3
    remarks += [Annotation("error", "e", "m", f"evidence/{number}.json", number + 1) for number in range(120)]
    remarks += [Annotation("error", "no file", "m"), Annotation("error", "outside", "m", "../x")]
    remarks += [Annotation("error", "absolute", "m", "/etc/passwd")]
    found = made(server, remarks=remarks)["output"]["annotations"]
    assert [len(data["output"]["annotations"]) for _, _, data in server.requests if data] == [50, 50, 21]
    assert [item["annotation_level"] for item in found] == ["failure"] * 120 + ["notice"]
    assert found[4] == {
        "path": "evidence/4.json",
        "start_line": 5,
        "end_line": 5,
        "annotation_level": "failure",
        "title": "e",
        "message": "m",
    }


def test_a_long_report_is_cut_to_what_a_check_run_takes(server: State) -> None:
    summary = made(server, markdown="line\n" * 40_000)["output"]["summary"]
    assert len(summary) <= 65_535 and "lines left out" in summary


def test_what_others_wrote_is_inert_in_a_remark(server: State) -> None:
    [shown] = made(server, remarks=[Annotation("error", "\x1b[31m", "::error::\u202ex", "a.md", 0)])["output"][
        "annotations"
    ]
    assert "\x1b" not in shown["title"] and "\u202e" not in shown["message"]
    assert shown["start_line"] == 1


@pytest.mark.parametrize("status", [401, 403, 404, 422, 500])
def test_a_refusal_is_one_line(server: State, status: int) -> None:
    server.failures = [(status, {})]
    said = publish(env(server), "t0ken", 0, False, "", "x", [])
    assert said is not None and str(status) in said and "t0ken" not in said and "\n" not in said


def test_a_server_that_is_not_there_is_one_line() -> None:
    given = {"GITHUB_API_URL": "http://127.0.0.1:9", "GITHUB_REPOSITORY": "octo/cat", "GITHUB_SHA": SHA}
    assert "no answer" in (publish(given, "t", 0, False, "", "x", []) or "")
    assert "sent over https only" not in (
        publish({**given, "GITHUB_API_URL": "http://x.org"}, "t", 0, False, "", "x", []) or ""
    )


def action(folder: Path, state: State, **more: str) -> subprocess.CompletedProcess[str]:
    """The action's step on a folder without policies, which ends in 64."""
    (folder / "w").mkdir()
    given = {
        "GITHUB_WORKSPACE": str(folder / "w"),
        "RUNNER_TEMP": str(folder),
        "GATEKIT_INPUT_MODE": "check",
        "GATEKIT_INPUT_CHECK_TOKEN": "t0ken",
        "no_proxy": "127.0.0.1",
        "PATH": os.environ["PATH"],
    }
    return subprocess.run(
        [str(SCRIPT), "action"],
        env=environment(**given, **env(state), **more),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_action_makes_the_check_run_and_a_failure_to_is_a_warning(server: State, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    done = action(tmp_path / "a", server)
    assert done.returncode == 64
    assert server.checks[0]["conclusion"] == "failure"
    server.failures = [(403, {})]
    again = action(tmp_path / "b", server)
    assert again.returncode == 64
    [warning] = [line for line in again.stdout.splitlines() if "no check run" in line]
    assert warning.startswith("::warning title=gatekit::no check run: POST")
    assert "t0ken" not in done.stdout + done.stderr + again.stdout + again.stderr
