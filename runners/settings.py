"""Values of a configuration from the command line, `--set KEY=VALUE`, laid over the file before it is read.

What is read is then as if the file had said it: the same checks, the same recorded configuration, the same digest. A
fault of such a value names `--set KEY` where a fault of the file names a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.errors import GatekitError, Location, UsageError

_KEY = re.compile(r"[^\s.=]+(\.[^\s.=]+)*")


@dataclass(frozen=True)
class Setting:
    """One value for one key."""

    key: str
    """Names of blocks and of the value, joined by dots: `seeds`, `sae.k`, `saes.seeds.0`."""
    value: str
    """As YAML writes it."""

    @property
    def names(self) -> list[str]:
        """From the outermost block inwards."""
        return self.key.split(".")

    @property
    def place(self) -> Location:
        """Where an error says that the value stands."""
        return Location(f"--set {self.key}")


def read_settings(arguments: Sequence[str]) -> tuple[Setting, ...]:
    """Return what a command line sets, in its order.

    Args:
        arguments: `KEY=VALUE` each.

    Raises:
        UsageError: an argument of another form, or a key twice.
    """
    found: dict[str, Setting] = {}
    for argument in arguments:
        key, told, value = argument.partition("=")
        if not told or not _KEY.fullmatch(key):
            raise UsageError(f"--set {argument!r} sets nothing", "write KEY=VALUE, such as sae.k=8 or 'seeds=[0, 1]'")
        if key in found:
            raise UsageError(f"--set {key} stands twice", "leave one out")
        found[key] = Setting(key, value)
    return tuple(found.values())


def lay_over(
    documents: Sequence[Any], settings: Sequence[Setting], value_of: Callable[[int, Setting], tuple[Any, int]]
) -> None:
    """Put the values of settings into the mappings that files were read as, in place of what stood there.

    Args:
        documents: of a configuration and of its bases; a key that stands in none goes into the first.
        settings: in order.
        value_of: (place of the document, setting) -> its value, and the line at which positions of it begin.

    Raises:
        GatekitError: `config.type`: a key leads through something that is no block.
    """
    for setting in settings:
        names = setting.names
        holding = (place for place, document in enumerate(documents) if _entry(document, names[0]) is not None)
        place = next(holding, 0)
        value, line = value_of(place, setting)
        node = documents[place]
        for depth, name in enumerate(names[:-1]):
            node = _inside(node, name, line, setting, ".".join(names[: depth + 1]))
        if not hasattr(node, "keys"):
            raise _no_block(setting, ".".join(names[:-1]) or "the configuration")
        _put(node, names[-1], value, line)


def _inside(node: Any, name: str, line: int, setting: Setting, shown: str) -> Any:
    """Return the block of this name, made where there is none yet."""
    from ruamel.yaml.comments import CommentedMap

    if not hasattr(node, "keys"):
        raise _no_block(setting, shown.rpartition(".")[0] or "the configuration")
    key = _entry(node, name)
    if key is None or node[key] is None:
        made = CommentedMap()
        made.lc.line, made.lc.col = line, 0
        _put(node, name, made, line)
        return made
    return node[key]


def _put(node: Any, name: str, value: Any, line: int) -> None:
    key = _entry(node, name)
    if key is None:
        # A mapping by seed has whole numbers as its keys.
        numbered = bool(node) and all(isinstance(each, int) for each in node)
        key = int(name) if numbered and name.isascii() and name.isdecimal() else name
    node[key] = value
    node.lc.add_kv_line_col(key, [line, 0, line, 0])


def _entry(node: Any, name: str) -> Any:
    """Return the key of a mapping that is written like this; None where there is none, or no mapping."""
    return next((key for key in node if str(key) == name), None) if hasattr(node, "keys") else None


def _no_block(setting: Setting, shown: str) -> GatekitError:
    what = f"'{shown}'" if shown != "the configuration" else shown
    return GatekitError("config.type", f"{what} is no block that a key could be set in", setting.place, "set it whole")
