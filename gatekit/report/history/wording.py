"""What reports about a history say of it, in raw text that each format makes inert."""

from __future__ import annotations

from gatekit.history.judging import History, JudgedCommit
from gatekit.report.verdict.wording import headline as verdict_headline


def headline(history: History) -> str:
    """Return what was judged."""
    count = len(history.commits)
    what = f"{count} commit{'' if count == 1 else 's'} that changed policies or evidence"
    where = f" of project {history.root}" if history.root else ""
    return f"{history.name} at {history.tip[:12]}{where}: {what}, each judged by the policies of its time"


def limits(history: History, option: str = "--limit") -> list[str]:
    """Return how far back this history goes, where it is not all; `option` is the command's that takes more."""
    found = []
    if history.more:
        found.append(f"there are older ones; {option} shows more")
    if history.cut is not None:
        found.append(
            f"this clone is shallow and ends at {history.cut[:12]}: what was before cannot be seen; "
            "fetch the whole history (git fetch --unshallow; actions/checkout: fetch-depth: 0)"
        )
    return found


def state(commit: JudgedCommit) -> str:
    """Return the verdict on a commit in one line, or why there is none."""
    if commit.verdict is None:
        return f"not judged: {commit.problem or ''}"
    errors = commit.verdict.errors
    return f"{verdict_headline(commit.verdict)}{f': {errors[0]}' if errors else ''}"
