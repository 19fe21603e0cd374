"""The exit codes of every gatekit command: an API that pull-request checks rely on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a gatekit process says with its exit status.

    1 is left out because an uncaught Python exception exits 1; click's own 2 for usage errors is mapped to 64.
    """

    PASS = 0
    """At least one gate was evaluated and every required gate passes."""
    BLOCKED = 2
    """A required gate fails."""
    INCONCLUSIVE = 3
    """Missing, stale, too few seeds, another subject: nothing that could be judged."""
    REFUSED = 4
    """An input is malformed, contradicts itself or fails its digest; or a policy is invalid."""
    APPROVAL_NEEDED = 5
    """The change touches what judges it."""
    USAGE = 64
    """The command line is wrong."""
    INTERNAL = 70
    """gatekit itself failed."""


# Worst first: a run that is both refused and blocked is refused.
PRECEDENCE = (
    ExitCode.INTERNAL,
    ExitCode.USAGE,
    ExitCode.REFUSED,
    ExitCode.APPROVAL_NEEDED,
    ExitCode.BLOCKED,
    ExitCode.INCONCLUSIVE,
    ExitCode.PASS,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that decides when several apply; no code at all is INCONCLUSIVE, never PASS."""
    present = set(codes)
    return next((code for code in PRECEDENCE if code in present), ExitCode.INCONCLUSIVE)
