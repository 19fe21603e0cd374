"""A claim on an entry of the cache while it is computed, so that two processes do not compute the same.

A claim saves work and nothing depends on it: entries appear by renaming, and two processes that compute one entry both
leave the same bytes. So a claim that cannot be made (a folder that is not ours, a file system without it) is done
without, and one whose holder died or was cut off for a minute is taken by the next process. It is a file, and no lock
of the system, which many shared file systems ignore. Where the folder stands in front of an object store, the claim is
held there too (`runners.object_cache`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import SoftFileLease, Timeout

from runners.object_cache import claimed_in_store
from runners.whole_files import make_folder

LEASE_SECONDS = 60.0
"""Without a sign of life from the holder, which gives one every twenty: long enough for a machine that stalls, short
beside what it costs to compute an entry."""
_POLL_SECONDS = 0.5


@contextmanager
def claimed(place: Path, what: str, wait: bool = True) -> Iterator[bool]:
    """Hold the claim on an entry while the block runs; whoever comes second waits, and then looks whether it is there.

    Args:
        place: of the entry.
        what: it is, for the line that says what is waited for.
        wait: where somebody else has it; without, the block runs at once and is told that it has no claim.

    Yields:
        Whether the entry is to be made here.
    """
    lease = SoftFileLease(
        str(place.with_name(f".{place.name}.claim")), lease_duration=LEASE_SECONDS, thread_local=False, mode=0o666
    )
    held = _held(lease, place, what, wait)
    try:
        if held is False:
            yield False
        else:
            with claimed_in_store(place, what, wait) as ours:
                yield ours
    finally:
        if held:
            with suppress(OSError):
                lease.release()


def _held(lease: SoftFileLease, place: Path, what: str, wait: bool) -> bool | None:
    """Return whether the claim is ours; None where nobody can have one."""
    try:
        make_folder(place.parent)
        try:
            lease.acquire(timeout=0)
        except Timeout:
            if not wait:
                return False
            sys.stderr.write(f"{what}: another process is at it; waiting for what it leaves\n")
            lease.acquire(poll_interval=_POLL_SECONDS)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{what}: no claim on it ({error}); another process may compute it too\n")
        return None
    return True
