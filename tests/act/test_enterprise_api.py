"""What the action asks of GitHub Enterprise Server, whose API is below /api/v3: reviews, a check run, a comment.

The server listens on this machine and answers nothing that does not begin so.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from act.journey import LOOSE, NEEDS_ACT, NOTES, Journey, workflow_of_the_page
from act.scene import Ran
from act.test_other_workflows import SERVER
from github.rest_server import State, serving

from tests.pull_request.change import FILE, random_model

pytestmark = NEEDS_ACT
OWNERS = {"CODEOWNERS": "* @ada\n"}
TOKEN = "Bearer a-token-of-nobody"


@pytest.fixture
def server() -> Iterator[State]:
    with serving(State(prefix="/api/v3")) as state:
        yield state


def workflow() -> str:
    """What docs/github.md shows for a server, with a comment in any case."""
    page = workflow_of_the_page("- id: gate\n        uses: OWNER/gatekit@COMMIT")
    return page.replace("outputs.report-json }}\n", "outputs.report-json }}\n          mode: always\n")


def ran_on_the_server(journey: Journey, server: State, change: dict[str, object], **event: object) -> Ran:
    """The journey of a change; a review of the commit HEAD becomes one of the change's last commit."""

    def approve(head: str) -> None:
        for review in server.reviews:
            review["commit_id"] = head if review["commit_id"] == "HEAD" else review["commit_id"]

    variables = {"GITHUB_API_URL": server.url, "STAND_IN_REFUSES_ARTIFACTS": "1"}
    given = {"instance": SERVER, "platforms": ["self-hosted", "linux"], "variables": variables, "tell_head": approve}
    return journey.done(journey.scene(workflow(), OWNERS, **given).pull_request(change, **event))


def test_a_code_owners_review_on_an_enterprise_server_approves(journey: Journey, server: State) -> None:
    server.reviews = [{"user": {"login": "ada"}, "state": "APPROVED", "commit_id": "HEAD"}]
    ran = ran_on_the_server(journey, server, LOOSE)
    assert ran.passed, ran.text
    asked = [(verb, path.partition("?")[0]) for verb, path, _ in server.requests]
    assert asked[0] == ("GET", "/repos/octo/cat/pulls/7/reviews")
    assert (server.astray, server.tokens) == ([], {TOKEN})


def test_a_label_on_an_enterprise_server_approves_the_commit_that_it_names(journey: Journey, server: State) -> None:
    ran = ran_on_the_server(journey, server, LOOSE, labels=["gatekit-approved-{0:.16}"])
    assert ran.passed, ran.text
    (check,) = server.checks
    assert check["conclusion"] == "success"


def test_a_blocked_change_has_its_check_run_and_comment_on_an_enterprise_server(
    journey: Journey, server: State
) -> None:
    ran = ran_on_the_server(journey, server, {FILE: random_model(above=0.01)})
    assert ran.codes == [2], ran.text
    (check,) = server.checks
    assert (check["name"], check["conclusion"]) == ("gatekit / gate report (refs/heads/main)", "failure")
    (comment,) = server.comments
    assert f"](https://{SERVER}/octo/cat/actions/runs/" in comment["body"]
    assert "github.com" not in comment["body"] + check["output"]["summary"]
    assert (server.astray, server.tokens) == ([], {TOKEN})


def test_an_enterprise_server_that_answers_nothing_changes_no_verdict(journey: Journey, server: State) -> None:
    server.failures = [(404, {})] * 20
    ran = ran_on_the_server(journey, server, NOTES)
    assert ran.passed, ran.text
    assert ran.text.count("was answered with 404") >= 2
