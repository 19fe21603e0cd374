"""The text of one file of a configuration: its YAML, and where in the file each value stands.

A setting of the command line stands behind the lines of its file, so that a fault in it has a place as well.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from runners.settings import Setting

LARGEST = 256 << 10
"""Bytes of one file; a request may bring one that nobody has looked at."""
REMEMBERED = 16 << 10
"""Characters of the longest text whose YAML is kept for the next reader of the same text."""
_FEW = 300
"""Lines and commas of the largest such text: to copy a list of ruamel's takes time that grows with its square."""


class ConfigText:
    """The file being read, for locations."""

    def __init__(self, path: str, lines: list[str]) -> None:
        self._path, self._lines = path, lines
        self._settings: list[tuple[int, Setting]] = []
        self._end = len(lines)

    @property
    def start(self) -> Location:
        """The file itself."""
        return Location(self._path)

    def add_setting(self, setting: Setting) -> tuple[Any, int]:
        """Return the value of a setting, and the line at which it stands: behind the file's own lines."""
        line = self._end + 1
        self._settings.append((line, setting))
        self._end = line + setting.value.count("\n") + 1
        return loaded("\n" * line + setting.value, self), line

    def at(self, line: int, column: int) -> Location:
        """Return the place of a line and a column, both from 0; that of the setting where one stands there."""
        for start, setting in reversed(self._settings):
            if line >= start:
                return setting.place
        source = self._lines[line] if line < len(self._lines) else None
        return Location(self._path, line + 1, column + 1, source_line=source)

    def places_of_entries(self, node: Any) -> list[Location]:
        """Return the place of each entry of a list; none of anything else."""
        return [self.at(*node.lc.item(i)) for i in range(len(node))] if hasattr(node, "append") else []

    def places_by_number(self, node: Any) -> dict[int, Location]:
        """Return the place of each value of a mapping whose keys are whole numbers; none of anything else."""
        keys = [key for key in node if isinstance(key, int)] if hasattr(node, "keys") else []
        return {key: self.at(*node.lc.value(key)) for key in keys}


def load(path: Path, named_at: Location | None = None) -> tuple[ConfigText, Any]:
    """Return a file's YAML, with the positions that ruamel keeps on every node.

    Args:
        path: of the file.
        named_at: where another file names it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        text = data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        which = f"'{path.name}': " if named_at else ""
        message = f"the configuration cannot be read: {which}{reason}"
        raise GatekitError("config.unreadable", message, named_at or Location(str(path))) from None
    if len(data) > LARGEST:
        message = f"the configuration has more than {LARGEST} bytes"
        raise GatekitError("config.size", message, named_at or Location(str(path)))
    reading = ConfigText(str(path), text.splitlines())
    return reading, loaded(text, reading)


def loaded(text: str, reading: ConfigText) -> Any:
    """Return a text's YAML; its lines are those of `reading`."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        # Whoever reads a configuration may lay settings over it, so each reader has a copy.
        return deepcopy(_remembered(text)) if _is_small(text) else _parsed(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = reading.at(mark.line, mark.column) if mark else reading.start
        problem = (error.problem or "not YAML").split("\n")[0]
        raise GatekitError("config.syntax", problem, place) from None
    except YAMLError as error:
        raise GatekitError("config.syntax", str(error).split("\n")[0], reading.start) from None
    except RecursionError:
        raise GatekitError("config.syntax", "too many lists or mappings in each other", reading.start) from None


def _is_small(text: str) -> bool:
    return len(text) <= REMEMBERED and text.count("\n") + text.count(",") <= _FEW


def _parsed(text: str) -> Any:
    from ruamel.yaml import YAML

    reader = YAML(typ="rt", pure=True)
    reader.allow_duplicate_keys = False
    return reader.load(text)


@lru_cache(maxsize=256)
def _remembered(text: str) -> Any:
    """Return a text's YAML, to be copied: the variants of a cycle are read from few files, many times each."""
    return _parsed(text)
