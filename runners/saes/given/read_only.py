"""What an architecture that is only read answers when it is to be drawn or trained."""

from __future__ import annotations

from typing import NoReturn


def refuse_training(name: str) -> NoReturn:
    """Say that nobody here knows how SAEs of this architecture begin and learn.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"an SAE of architecture '{name}' is read from a file; none is started or trained here")
