"""A file that git left with both sides in it: the line that a parser stops at is not what is wrong there."""

from __future__ import annotations

MESSAGE = "an unresolved merge conflict begins here"
REMEDY = "keep what holds of both sides, and remove git's marks"


def conflict_line(text: str) -> int | None:
    """Return the number of the line that begins a conflict in a text that is no YAML or JSON; None without one."""
    # Each is looked for once, so that a hostile text takes no longer than to read it.
    begins = 0 if text.startswith("<<<<<<< ") else text.find("\n<<<<<<< ") + 1
    if begins == 0 and not text.startswith("<<<<<<< "):
        return None
    between = text.find("\n=======", begins)
    if between < 0 or text.find("\n>>>>>>> ", between) < 0:
        return None
    return text.count("\n", 0, begins) + 1
