"""The project that a command was meant for, where it is given in a folder below the project's root."""

from __future__ import annotations

import os

MOST = 30
"""Folders that are looked into on the way up."""


def project_above(name: str) -> str | None:
    """Return how to reach the nearest folder above that has a file or folder of this name, as a remedy.

    Looked for no further than the top of the clone that one stands in, so that nothing of another project is meant.

    Args:
        name: what the root of the project has, `policies` or `claims.yaml`.
    """
    above = ""
    for _ in range(MOST):
        if os.path.lexists(os.path.join(above, ".git")):
            return None
        above = os.path.join(above, os.pardir)
        place = os.path.join(above, name)
        if os.path.exists(place):
            named = f"{name}/" if os.path.isdir(place) else name
            return f"{named} lies in '{above}': stand there, or add `--root {above}`"
        try:
            top = os.path.samefile(above, os.path.join(above, os.pardir))
        except OSError:
            return None  # the folder that one stands in is gone, or may not be left upwards
        if top:
            return None
    return None
