"""What the record of a cycle says in words: how it ended, what that allows, what was chosen, what became of runs."""

from __future__ import annotations

from collections.abc import Mapping

from gatekit.cycles.finishing import unexcused
from gatekit.cycles.plan import Cycle
from gatekit.cycles.snapshot_words import ended_as
from gatekit.cycles.state import CycleState, State
from gatekit.exit_codes import ExitCode
from gatekit.report.inert import markdown_code as code

NOTHING_UPGRADED = "No claim may be upgraded."


def outcome(state: CycleState) -> str:
    """Return how the cycle ended, in a word or a phrase."""
    if state.code is None:
        return f"not finished: {state.halted or 'it is not at its end'}"
    return ended_as(state.code)


def meaning(state: CycleState) -> str:
    """Return what the end of a cycle allows, and what it hangs on."""
    if state.code is None:
        return "Nothing may be claimed yet."
    judged = state.steps.get("check")
    if judged is None:
        if state.steps.get("select"):
            return "No candidate could be selected, so none was judged; nothing may be claimed."
        return "Nothing was judged by a policy, so nothing may be claimed from it."
    if judged == ExitCode.BLOCKED:
        return f"At least one gate of the final policy fails. {NOTHING_UPGRADED}"
    if judged != ExitCode.PASS:
        return f"At least one gate of the final policy could not be decided. {NOTHING_UPGRADED}"
    if state.code == ExitCode.PASS:
        return "Every gate of the final policy passed."
    missing = len(unexcused(state))
    if missing:
        return f"Every gate of the final policy passed, but {missing} planned runs are not measured. {NOTHING_UPGRADED}"
    return (
        f"Every gate of the final policy passed, but the audit of the repository's claims did not. {NOTHING_UPGRADED}"
    )


def chosen(cycle: Cycle, state: CycleState, subject: str | None) -> list[str]:
    """Return which candidate was chosen among which stages, where a plan chooses one.

    Args:
        cycle: the plan.
        state: at its end.
        subject: what the verdict is about, in its words; None where nothing was judged.
    """
    select = cycle.finish.select
    if select is None or subject is None or state.steps.get("select") != ExitCode.PASS:
        return []
    among = " and ".join(code(name) for name in select.among)
    return ["", f"Selected: {code(subject)}, among all that {among} compared; its bounds pay for every one of them."]


def exploratory(cycle: Cycle) -> list[str]:
    """Return that a plan without a claim promised nothing."""
    if cycle.claim is not None:
        return []
    return ["", "The plan names no claim, so its evidence is exploratory: nobody announced it before it was measured."]


def counted(counts: Mapping[State, int]) -> str:
    """Return how many runs became what, in one sentence."""
    words: Mapping[State, str] = {
        "failed": "failed",
        "stopped": "stopped by a rule of the plan",
        "not_run": "not run, for want of one that was not done",
        "running": "running",
        "waiting": "waiting",
    }
    rest = [f"{counts[name]} {said}" for name, said in words.items() if counts[name]]
    done = f"{counts['done']} of {sum(counts.values())} runs were done"
    return "; ".join([done, ", ".join(rest)] if rest else [done]) + "."


def audited(state: CycleState) -> list[str]:
    """Return what the audit of the claims came to, where the plan asks for one."""
    if "claims" not in state.steps:
        return []
    return ["", f"Audit of the claims that this repository publishes: {ended_as(state.steps['claims'])}."]
