"""Who approved a pull request's last commit by a review, as GitHub's API tells it."""

from __future__ import annotations

from collections.abc import Mapping

from gatekit.errors import UsageError
from gatekit.github.api import ApiError, api
from gatekit.github.event import Event
from gatekit.pull_request.approval import NOBODY, Reviewers

_DECIDES = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
"""States of a review that replace what the same person said before; a comment does not."""


def approving_reviewers(environment: Mapping[str, str], event: Event) -> Reviewers:
    """Return who approves exactly the event's last commit, and has not taken it back; never the author.

    Nobody where the environment holds no token, or the API does not answer: then only a label approves.

    Args:
        environment: with GITHUB_API_URL and GITHUB_TOKEN.
        event: of a pull request.
    """
    if event.number is None or not (environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN")):
        return NOBODY
    last: dict[str, tuple[object, object]] = {}
    try:
        for page in api(environment).pages(f"/repos/{event.repository}/pulls/{event.number}/reviews"):
            for review in page:
                user = review.get("user")
                login = user.get("login") if isinstance(user, dict) else None
                if isinstance(login, str) and review.get("state") in _DECIDES:
                    last[login.lower()] = (review.get("state"), review.get("commit_id"))
    except (ApiError, UsageError) as error:
        return Reviewers(frozenset(), f"Reviews could not be read: {error}.")
    author = (event.author or "").lower()
    approving = {login for login, said in last.items() if said == ("APPROVED", event.head_sha)}
    return Reviewers(frozenset(approving - {author}) if author else frozenset())
