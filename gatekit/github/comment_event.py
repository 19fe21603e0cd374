"""Which pull request a comment goes to, and the address of the run that it tells of."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gatekit.github import comment
from gatekit.github.api import Api
from gatekit.github.event import CommentEvent, FinishedRun


def number_of_event(server: Api, repository: str, event: CommentEvent) -> int:
    """Return the number of the pull request that an event is about; a finished run's is asked of the server.

    Raises:
        ApiError: the server does not say.
    """
    run = event.run
    if run is not None:
        return comment.retried(lambda: comment.number_of(server, repository, run))
    assert event.number is not None, "an event that was read has a run or a number"
    return event.number


def link_to_run(environment: Mapping[str, str], repository: str, run: FinishedRun | None) -> str | None:
    """Return the address of the run that judged, made from its number alone."""
    number = environment.get("GITHUB_RUN_ID", "") if run is None else run.id
    server = environment.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    if not str(number).isdecimal() or not re.fullmatch(r"https?://[A-Za-z0-9.:-]+", server, re.ASCII):
        return None
    return f"{server}/{repository}/actions/runs/{number}"
