"""Step outputs: what a workflow may read of a verdict.

GitHub reads a file of `name<<DELIMITER`, value lines, `DELIMITER`. Whoever guesses the delimiter, or gets a line feed
into a `name=value` line, can set other outputs, so every delimiter is random and no value holds a line break. Values
end up in other people's scripts: they consist of characters that mean nothing to a shell.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping

from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode

_OUTPUT = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,199}", re.ASCII)


def render(values: Mapping[str, str]) -> str:
    """Return what to append to the file that GITHUB_OUTPUT names.

    Args:
        values: output name -> one line of text.

    Raises:
        GatekitError: `output.value`, a name is not one or a value has a control character or more than one line.
    """
    blocks = []
    for name, value in values.items():
        if not _OUTPUT.fullmatch(name) or not value.isprintable():
            raise GatekitError("output.value", f"the step output {name!r} cannot be {value[:80]!r}")
        delimiter = f"gatekit_{secrets.token_hex(32)}"
        blocks.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
    return "".join(blocks)


def names(found: Iterable[str]) -> str:
    """Return names as a JSON array on one line; a name that a shell could act on is given as its digest instead."""
    safe = [name if _NAME.fullmatch(name) else f"sha256-{_digest(name)}" for name in found]
    return json.dumps(safe, separators=(",", ":"))


def append(path: str | os.PathLike[str], text: str) -> None:
    """Add text to one of the files that GitHub gives a step.

    Raises:
        GatekitError: `output.unwritable`.
    """
    try:
        with open(path, "ab") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        reason = f"the file cannot be written: {error.strerror}"
        raise GatekitError("output.unwritable", reason, Location(os.fspath(path)), exit_code=ExitCode.USAGE) from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
