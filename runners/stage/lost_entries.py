"""The cache loses entries while a run uses them: somebody prunes it, or removes it. What is gone can be made again.

A run that meets such a loss ends, and the process that waits for it starts another one, which begins anew with what the
cache has: nothing that the first one held in memory decides a number of the second. An input that is gone is nothing
of the kind: nobody makes it again.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from gatekit.errors import GatekitError

_GONE = {errno.ENOENT, errno.ESTALE}
_MADE_HERE = ("activations", "given_activations", "saes", "probing", "shifted_probes", "snapshots", "units")
"""Folders of the cache in which all can be made again; files of runs may be given SAEs of another run."""
_NOT_READ_BACK = {"runner.sae_cache"}
"""Errors that say so themselves."""


def lost_entry(error: BaseException, cache: Path) -> str | None:
    """Return in one line what the cache has lost; None for an error of another sort.

    Args:
        error: that a run met.
        cache: its folder.
    """
    if isinstance(error, GatekitError):
        path = None if error.location is None else error.location.path
        is_lost = error.error_id in _NOT_READ_BACK
        is_lost |= path is not None and any(_is_below(path, cache / kind) for kind in _MADE_HERE)
    elif isinstance(error, OSError):
        path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
        is_lost = error.errno in _GONE and path is not None and _is_below(path, cache)
    else:
        return None
    if not is_lost:
        return None
    named = "" if path is None else f" ({os.path.relpath(path, cache)})"
    return f"the cache lost or changed an entry while it was used{named}"


def _is_below(path: str, folder: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))
