"""What keeps a driver from going on: a signal, a request, a full disk, another driver, files that are not as they were.

It is looked for before anything is started, decided or recorded, so that what is measured and judged is what the plan
said when the cycle was begun, and nothing is written into a ledger that is another's.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatekit.cycles.ledger import NAME
from gatekit.cycles.meaning import WatchedFiles
from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode

STOP_REQUEST = "stop"
"""File in the cycle's folder that asks the driver to end."""


class Halted(Exception):
    """The cycle does not go on by itself.

    Args:
        reason: one line for people.
        code: exit code of the command.
    """

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.reason, self.code = reason, code


class Ousted(Halted):
    """The cycle is not this process's any more: what runs here is ended, and nothing more is written."""


@dataclass
class Watch:
    """What one driver looks at."""

    cycle: str
    folder: Path
    is_held: Callable[[], bool]
    """Whether the lease of the cycle is still this process's."""
    files: WatchedFiles
    received: Mapping[str, int] = field(default_factory=dict)
    """`signal` -> the number of one that asked it to end."""
    full: str | None = None
    """Which disk is full."""

    def look(self) -> None:
        """Return where nothing keeps the driver from going on.

        Raises:
            Halted: something does.
            GatekitError: `cycle.changed`: a file that the plan names is not as it was.
        """
        self.own()
        if "signal" in self.received:
            number = self.received["signal"]
            raise Halted(f"ended by {signal.Signals(number).name}", 128 + number)
        if (self.folder / STOP_REQUEST).exists():
            message = f"stopped as asked; `gatekit cycle resume {self.cycle}` goes on"
            raise Halted(message, ExitCode.INCONCLUSIVE)
        if self.full is not None:
            raise Halted(f"{self.full}; make room, and give the same command again", ExitCode.INCONCLUSIVE)
        changed = self.files.changed()
        if changed is not None:
            message = f"this file has changed while the cycle '{self.cycle}' runs, which measures and judges by it"
            remedy = "put it back, or give the changed plan an id of its own"
            raise GatekitError("cycle.changed", message, Location(changed), remedy)

    def own(self) -> None:
        """Return where the ledger is there, and this process's to write.

        Raises:
            Ousted: it is not.
        """
        if not self.is_held():
            raise Ousted("another process drives the cycle now", ExitCode.INCONCLUSIVE)
        ledger = self.folder / NAME
        if not ledger.exists():
            message = f"{ledger} is gone, and with it what was done; the same command begins anew"
            raise Ousted(message, ExitCode.INCONCLUSIVE)
