"""One comment per policy on a pull request, kept up to date in place.

It is found again by a hidden marker and by its author: whoever can comment can copy the marker. The comment is a
courtesy; nothing that happens to it changes a verdict.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from gatekit.github.annotations import Annotation
from gatekit.github.api import Api, ApiError, segment
from gatekit.github.event import FinishedRun
from gatekit.github.judgement import Judgement
from gatekit.github.summary import COMMENT_LIMIT, fit
from gatekit.report import inert

T = TypeVar("T")
Mode = Literal["always", "on-change", "on-failure", "never"]
MODES: tuple[Mode, ...] = ("always", "on-change", "on-failure", "never")

MARKDOWN_LIMIT = 4 << 20
"""Bytes of a report in Markdown that is shown."""
AUTHOR = "github-actions[bot]"
"""Who comments with the token of a workflow."""

TRIES = 4
LISTED = 20
"""Gates of one kind, and remarks, that a comment names; the report names all."""
SENTENCE = 500
"""Characters of one remark."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,63}", re.ASCII)
_STATE = re.compile(r"<!-- gatekit:state:([0-9a-f]{64}) -->")


@dataclass(frozen=True)
class CommentPlace:
    """The pull request to comment on."""

    repository: str
    """OWNER/NAME."""
    number: int

    @property
    def comments(self) -> str:
        """Path of the list of comments."""
        owner, _, name = self.repository.partition("/")
        return f"/repos/{segment(owner)}/{segment(name)}/issues/{self.number}/comments"

    def comment(self, identifier: int) -> str:
        """Path of one comment."""
        owner, _, name = self.repository.partition("/")
        return f"/repos/{segment(owner)}/{segment(name)}/issues/comments/{identifier}"


def is_identifier(text: str) -> bool:
    """Whether text has the form of a policy's id, which is all that a marker can hold."""
    return _IDENTIFIER.fullmatch(text) is not None


def marker(identifier: str) -> str:
    """Return the hidden first line of the comment of this policy."""
    if not is_identifier(identifier):
        raise ValueError(f"no identifier: {identifier!r}")
    return f"<!-- gatekit:v1:{identifier} -->"


def body(identifier: str, report: Judgement, markdown: str | None, link: str | None) -> str:
    """Return the comment, at most as long as GitHub takes.

    Args:
        identifier: the policy's id, or another name of that form.
        report: what the comment says; its text is made inert.
        markdown: a report that is shown instead of the list of gates. It goes out as it is, so it must come from a
            job that ran none of the pull request's own code or workflows.
        link: address of the run.
    """
    state = hashlib.sha256(
        repr((report.word, report.failed, report.inconclusive, report.loosened)).encode()
    ).hexdigest()
    head = f"{marker(identifier)}\n<!-- gatekit:state:{state} -->\n"
    text = _short(report) if markdown is None else markdown
    tail = "" if link is None else f"\n[The run and its whole report]({link})\n"
    note = "The comment would be longer than GitHub takes; the run has the whole report."
    return head + fit(text, COMMENT_LIMIT - len(head) - len(tail) - 1, note, count_bytes=False) + tail


def publish(
    api: Api,
    place: CommentPlace,
    text: str,
    passes: bool,
    mode: Mode,
    author: str = AUTHOR,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Create or change the comment as `mode` says, and return in a few words what was done.

    `on-failure` starts with the first verdict that is not a pass and then keeps the comment true. A failed try starts
    again with the list of comments, so that a comment whose answer was lost is found and not made twice.

    Raises:
        ApiError: it could not be done.
    """
    if mode == "never":
        return "not wanted"
    return retried(lambda: _publish(api, place, text, passes, mode, author), pause)


def retried(call: Callable[[], T], pause: Callable[[float], None] = time.sleep) -> T:
    """Call until it works, it says that it will not, or it has failed `TRIES` times.

    Raises:
        ApiError: of the last try.
    """
    for attempt in range(TRIES - 1):
        try:
            return call()
        except ApiError as error:
            if error.wait is None:
                raise
            pause(max(error.wait, float(2**attempt)))
    return call()


def number_of(api: Api, repository: str, run: FinishedRun) -> int:
    """Return the number of the pull request that a finished run was for.

    The event names pull requests of the same repository only. For a fork it is the open one whose branch and last
    commit are the run's; the artifact of the run could name any number, so it is not asked.

    Args:
        api: where to look.
        repository: OWNER/NAME that the run belongs to.
        run: what the event says of the run.

    Raises:
        ApiError: there is none, or more than one.
    """
    if run.head_sha is None or run.head_branch is None or run.head_owner is None:
        raise ApiError("the event does not say which branch the run was for")
    here, _, name = repository.partition("/")
    path = f"/repos/{segment(here)}/{segment(name)}/pulls"
    found = set()
    for page in api.pages(path, state="open", head=f"{run.head_owner}:{run.head_branch}"):
        for item in page:
            head, number = item.get("head"), item.get("number")
            if isinstance(head, dict) and head.get("sha") == run.head_sha and isinstance(number, int):
                found.add(number)
    if len(found) != 1:
        raise ApiError(f"{len(found)} open pull requests end with commit {run.head_sha[:12]}; the comment needs one")
    return found.pop()


def _publish(api: Api, place: CommentPlace, text: str, passes: bool, mode: Mode, author: str) -> str:
    first_line = text.partition("\n")[0]
    mine = next(
        (
            comment
            for page in api.pages(place.comments)
            for comment in page
            if _author(comment) == author and str(comment.get("body") or "").partition("\n")[0].rstrip() == first_line
        ),
        None,
    )
    if mine is None:
        if mode == "on-failure" and passes:
            return "nothing to say: the verdict is a pass"
        made = api.send("POST", place.comments, {"body": text})
        if _author(made) != author:
            return f"created, but by {_author(made)}: say so with --author, or the next run will not find it"
        return "created"
    before = str(mine.get("body") or "").replace("\r\n", "\n")
    if before.strip() == text.strip() or (mode == "on-change" and _state(before) == _state(text)):
        return "unchanged"
    identifier = mine.get("id")
    if not isinstance(identifier, int):
        raise ApiError("a comment has no id")
    api.send("PATCH", place.comment(identifier), {"body": text})
    return "updated"


def _author(comment: dict[str, Any]) -> str | None:
    user = comment.get("user")
    login = user.get("login") if isinstance(user, dict) else None
    return login if isinstance(login, str) else None


def _state(text: str) -> str | None:
    found = _STATE.search(text)
    return found[1] if found else None


def _item(remark: Annotation) -> str:
    place = ""
    if remark.path is not None:
        place = inert.markdown_code(remark.path + (f":{remark.line}" if remark.line is not None else "")) + ": "
    return f"- {place}{inert.markdown_text(remark.message, SENTENCE)} ({inert.markdown_code(remark.title)})"


def _moved(report: Judgement) -> list[str]:
    """Return the folded table of what moved since the base; nothing where nothing did."""
    if not report.moved:
        return []

    def both(before: str, after: str) -> str:
        return inert.markdown_text(before if before == after else f"{before} → {after}")

    count = len(report.moved)
    title = f"What moved since the base: {count} threshold{'' if count == 1 else 's'}"
    lines = ["", f"<details><summary>{title}</summary>", ""]
    lines += ["| gate | estimate | bound | threshold | outcome |", "| :-- | :-- | :-- | :-- | :-- |"]
    for each in report.moved[:LISTED]:
        outcome, estimate, bound = (both(*pair) for pair in zip(each.before, each.after, strict=True))
        asks = inert.markdown_text(each.asks)
        lines.append(f"| {inert.markdown_code(each.name)} | {estimate} | {bound} | {asks} | {outcome} |")
    more = [f"{count - LISTED} more are in the report.", ""] if count > LISTED else []
    return [*lines, "", *more, "</details>"]


def _short(report: Judgement) -> str:
    project = f" in {inert.markdown_code(report.root)}" if report.root else ""
    lines = [f"## gatekit: {report.word}{project}", ""]
    if report.because is not None:
        lines += [inert.markdown_text(report.because, SENTENCE), ""]
    table = [("fails", report.failed), ("is inconclusive", report.inconclusive), ("is loosened", report.loosened)]
    rows = [f"| {inert.markdown_code(name)} | {what} |" for what, names in table for name in names[:LISTED]]
    if rows:
        lines += ["| gate | |", "| :-- | :-- |", *rows, ""]
    remarks = [remark for remark in report.annotations if remark.level == "error"]
    lines += [_item(remark) for remark in remarks[:LISTED]]
    left = sum(max(0, len(found) - LISTED) for found in (*(names for _, names in table), remarks))
    if left:
        lines += ["", f"{left} more are in the report."]
    lines += _moved(report)
    if report.head is not None:
        by = "" if report.base is None else f", by base {inert.markdown_code(report.base[:12])}"
        lines += ["", f"Judged: {inert.markdown_code(report.head[:12])}{by}"]
    return "\n".join(lines) + "\n"
