"""A number as a document prints it: with space around it, and with one of two minus signs."""

from __future__ import annotations

MINUS = "\u2212"
"""The typographic minus sign; documents may use it for the ASCII one."""


def plain_number(text: str) -> str:
    """Return a printed number without the space around it and with an ASCII minus."""
    return text.strip().replace(MINUS, "-")


def dressed(old: str, number: str) -> str:
    """Return a number as it is printed in place of `old`: with the space around it and the minus sign of that."""
    bare = old.strip()
    lead = old[: len(old) - len(old.lstrip())]
    minus = number.replace("-", MINUS) if MINUS in bare else number
    return lead + minus + (old[len(lead) + len(bare) :])
