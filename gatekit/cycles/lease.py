"""Who drives a cycle: one process at a time, seen by others, and never held by a dead one.

The lease is a file that its holder touches. Where the holder was on this machine, its process is asked for; where it
was on another, a lease that was not touched for a while is a dead one's.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import JsonLimits, parse_plain_json, read_regular_file
from gatekit.exit_codes import ExitCode

NAME = "driver.lease"
LIMITS = JsonLimits(size=4096)
TOUCHED_EVERY = 5.0
"""Seconds."""
DEAD_AFTER = 60.0
"""Seconds without a touch, where the holder's machine cannot be asked."""


@dataclass(frozen=True)
class Holder:
    """The process that drives."""

    host: str
    pid: int
    born: str
    """When the process started, as its machine counts; tells it from a later one with the same number."""

    @property
    def words(self) -> str:
        """`process 12 on machine-a`."""
        return f"process {self.pid} on {self.host}"


def holder(folder: Path) -> Holder | None:
    """Return who drives the cycle of a folder now; None where nobody alive does."""
    path = folder / NAME
    try:
        value = parse_plain_json(read_regular_file(path, "lease", LIMITS.size), NAME, LIMITS)
        found = Holder(str(value["host"]), int(value["pid"]), str(value["born"]))
        age = time.time() - path.stat().st_mtime
    except (GatekitError, OSError, ValueError, KeyError, TypeError):
        return None
    if found.host == socket.gethostname():
        return found if _born(found.pid) == found.born else None
    return found if age < DEAD_AFTER else None


@contextmanager
def driving(folder: Path, cycle: str) -> Iterator[None]:
    """Hold the lease of a folder while the block runs.

    Raises:
        GatekitError: `cycle.held`, exit code 3: another process drives it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    own = Holder(socket.gethostname(), os.getpid(), _born(os.getpid()))
    text = json.dumps({"host": own.host, "pid": own.pid, "born": own.born}) + "\n"
    _take(path, folder, text, cycle)
    stop = threading.Event()
    touching = threading.Thread(target=_touch, args=(path, text, stop), daemon=True)
    touching.start()
    try:
        yield
    finally:
        stop.set()
        touching.join()
        with contextlib.suppress(OSError, GatekitError):
            if read_regular_file(path, "lease", LIMITS.size) == text.encode():
                path.unlink()


def _take(path: Path, folder: Path, text: str, cycle: str) -> None:
    mine = path.with_name(f".{NAME}.{socket.gethostname()}.{os.getpid()}")
    mine.write_text(text, encoding="utf-8")
    try:
        for _ in range(100):
            try:
                os.link(mine, path)
                return
            except FileExistsError:
                found = holder(folder)
                if found is not None:
                    message = f"the cycle '{cycle}' is driven by {found.words}"
                    remedy = f"`gatekit cycle status {cycle}` shows it, `gatekit cycle stop {cycle}` ends it"
                    raise GatekitError(
                        "cycle.held", message, Location(str(path)), remedy, exit_code=ExitCode.INCONCLUSIVE
                    ) from None
                # A dead one's: whoever of several takes it away, only one of them can link its own.
                gone = path.with_name(f"{mine.name}.dead")
                with contextlib.suppress(FileNotFoundError):
                    os.rename(path, gone)
                    gone.unlink()
        raise GatekitError("cycle.held", f"the lease of '{cycle}' could not be taken", Location(str(path)))
    finally:
        mine.unlink(missing_ok=True)


def _touch(path: Path, text: str, stop: threading.Event) -> None:
    while not stop.wait(TOUCHED_EVERY):
        with contextlib.suppress(OSError, GatekitError):
            if read_regular_file(path, "lease", LIMITS.size) == text.encode():
                os.utime(path)


def _born(pid: int) -> str:
    """Return what tells a process from others of the same number; empty where there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            # The name, in brackets, may hold anything; the 22nd field is the start in clock ticks since boot.
            fields = file.read().rpartition(")")[2].split()
            return "" if fields[0] == "Z" else fields[19]
    except OSError:
        pass
    if os.path.isdir("/proc/self"):
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
