"""Whether the Python that runs is new enough, where no installer has asked: `python -m` in a bare checkout."""

from __future__ import annotations

import sys

NEEDED = (3, 11)
"""As `requires-python` in pyproject.toml says it."""


def too_old(version: tuple[int, ...] = sys.version_info[:3]) -> str | None:
    """Return what to say of a Python that is too old; None where it will do."""
    if version >= NEEDED:
        return None
    return f"needs Python {'.'.join(map(str, NEEDED))} or newer; this is {'.'.join(map(str, version))}"
