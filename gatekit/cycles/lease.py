"""Who drives a cycle: one process at a time, seen by others, and never held by a dead one.

The lease is a file that its holder touches. Where the holder was on this machine, its process is asked for; where it
was on another, a lease that was not touched for a while is a dead one's. How long that is, the filesystem's clock says
and not ours; and before such a lease is taken over it is watched, so that a step of a clock takes it from nobody.
Whoever loses its lease all the same, as a machine that slept does, sees that and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gatekit.cycles.resources import unwritable
from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import JsonLimits, parse_plain_json, read_regular_file
from gatekit.exit_codes import ExitCode

NAME = "driver.lease"
LIMITS = JsonLimits(size=4096)
TOUCHED_EVERY = 5.0
"""Seconds."""
DEAD_AFTER = 60.0
"""Seconds without a touch, where the holder's machine cannot be asked."""
WATCHED = 3 * TOUCHED_EVERY
"""Seconds that such a lease is watched before it is taken over: a living holder touches it meanwhile."""


@dataclass(frozen=True)
class Holder:
    """The process that drives."""

    host: str
    pid: int
    machine: str
    """Boot of the machine and namespace of its processes: two machines may have one name."""
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
        found = Holder(str(value["host"]), int(value["pid"]), str(value.get("machine", "")), str(value["born"]))
        age = _now(folder) - path.stat().st_mtime
    except (GatekitError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if _is_here(found):
        return found if _born(found.pid) == found.born else None
    return found if age < DEAD_AFTER else None


def _is_here(found: Holder) -> bool:
    return (found.host, found.machine) == (socket.gethostname(), _machine())


def _now(folder: Path) -> float:
    """Return the time as the filesystem of a folder writes it, which several machines share; ours where it cannot."""
    mark = folder / f".{NAME}.now.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"
    try:
        mark.touch()
        return mark.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            mark.unlink(missing_ok=True)


@contextmanager
def driving(folder: Path, cycle: str) -> Iterator[Callable[[], bool]]:
    """Hold the lease of a folder while the block runs; yield what says whether it is still held.

    Raises:
        GatekitError: `cycle.held`, exit code 3: another process drives it; `cycle.disk`: it could not be written.
    """
    path = folder / NAME
    own = Holder(socket.gethostname(), os.getpid(), _machine(), _born(os.getpid()))
    text = json.dumps(vars(own)) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _take(path, folder, text, cycle)
    except OSError as error:
        raise unwritable("who drives the cycle", path, error) from None
    stop = threading.Event()
    touching = threading.Thread(target=_touch, args=(path, text, stop), daemon=True)
    touching.start()
    try:
        yield lambda: not _is_anothers(path, text)
    finally:
        stop.set()
        touching.join()
        with contextlib.suppress(OSError, GatekitError):
            if read_regular_file(path, "lease", LIMITS.size) == text.encode():
                path.unlink()


def _is_anothers(path: Path, text: str) -> bool:
    """Whether a lease is there, and is not this one; what cannot be read just now is nobody's."""
    try:
        return read_regular_file(path, "lease", LIMITS.size) != text.encode()
    except (OSError, GatekitError):
        return False


def _take(path: Path, folder: Path, text: str, cycle: str) -> None:
    mine = path.with_name(f".{NAME}.{socket.gethostname()}.{os.getpid()}")
    try:
        mine.write_text(text, encoding="utf-8")
        for _ in range(100):
            try:
                os.link(mine, path)
                return
            except FileExistsError:
                seen = _text(path)
                found = holder(folder)
                if found is None and _is_touched(path):
                    continue
                if found is not None:
                    message = f"the cycle '{cycle}' is driven by {found.words}"
                    remedy = f"`gatekit cycle status {cycle}` shows it, `gatekit cycle stop {cycle}` ends it"
                    raise GatekitError(
                        "cycle.held", message, Location(str(path)), remedy, exit_code=ExitCode.INCONCLUSIVE
                    ) from None
                _take_away(path, path.with_name(f"{mine.name}.dead"), seen)
        raise GatekitError("cycle.held", f"the lease of '{cycle}' could not be taken", Location(str(path)))
    finally:
        mine.unlink(missing_ok=True)


def _take_away(path: Path, gone: Path, dead: str) -> None:
    """Remove a dead one's lease; what another process has put there since it was looked at is put back."""
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, gone)
        if _text(gone) != dead:
            with contextlib.suppress(FileExistsError):
                os.link(gone, path)
        gone.unlink()


def _text(path: Path) -> str:
    """Return what stands in a lease; nothing where it is gone or cannot be read."""
    try:
        return read_regular_file(path, "lease", LIMITS.size).decode("utf-8", "replace")
    except (OSError, GatekitError):
        return ""


def _is_touched(path: Path) -> bool:
    """Watch a lease that looks dead, and return whether its holder is alive after all.

    A holder of this machine needs no watching: its process was asked for.
    """
    try:
        value = parse_plain_json(read_regular_file(path, "lease", LIMITS.size), NAME, LIMITS)
        if (value["host"], value.get("machine", "")) == (socket.gethostname(), _machine()):
            return False
        before = path.stat().st_mtime_ns
        deadline = time.monotonic() + WATCHED
        while time.monotonic() < deadline:
            time.sleep(min(1.0, WATCHED))
            if path.stat().st_mtime_ns != before:
                return True
    except (GatekitError, OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return False


def _touch(path: Path, text: str, stop: threading.Event) -> None:
    while not stop.wait(TOUCHED_EVERY):
        with contextlib.suppress(OSError, GatekitError):
            if read_regular_file(path, "lease", LIMITS.size) == text.encode():
                os.utime(path)


def _machine() -> str:
    """Return what tells a machine, and a container on it, from others of the same name; empty where nothing does."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read(64).strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


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
