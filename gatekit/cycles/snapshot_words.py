"""The words of every snapshot of a cycle: its standing, the states of tasks, lengths of time, what rules found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gatekit.cycles.progress import ORDER, CycleProgress
from gatekit.exit_codes import ExitCode

STATES: Mapping[str, str] = {word: word.replace("_", " ") for word in ORDER}
OUTCOMES = ("pass", "fail", "inconclusive")


ENDS = {
    ExitCode.PASS: "pass",
    ExitCode.BLOCKED: "blocked",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.REFUSED: "refused",
}


def ended_as(code: int) -> str:
    """Return what an exit code of the finish says."""
    return ENDS.get(ExitCode(code), f"exit code {code}")


def found_by_rules(judged: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (branch, policy, gate or rule, outcome, why) of all that stop rules found, oldest first."""
    for one in judged:
        branch = str(one["decision"]).removeprefix("decide/")
        for gate in one.get("gates", ()):
            yield branch, str(one["policy"]), str(gate["name"]), str(gate["outcome"]), str(gate["why"])
        for found in one.get("candidates", ()):
            said = f"rank {found['rank']}" if found["rank"] is not None else "; ".join(found["reasons"])
            front = ", on the front" if found["on_front"] else ""
            root = branch.split("/")[0]
            standing = str(found["standing"]).replace("_", " ")
            yield f"{root}/{found['branch']}", str(one["policy"]), str(one["rule"]), standing, said + front


def standing_words(progress: CycleProgress) -> tuple[str, str]:
    """Return the standing in a word or two, and what more is to be said of it."""
    if progress.standing == "running":
        return "running", str(progress.holder)
    if progress.standing == "halted":
        return "halted", str(progress.halted)
    if progress.standing == "left behind":
        return "left behind by a driver that is dead", f"`gatekit cycle run {progress.cycle}` goes on"
    if progress.code is not None:
        return f"finished with exit code {progress.code}", ended_as(progress.code)
    return progress.standing, ""


def duration(seconds: float) -> str:
    """Return a length of time in the two largest units that it has."""
    whole = max(0, round(seconds))
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s"


def written_time(moment: datetime) -> str:
    """Return a moment as files of ours write it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
