"""Run configurations: strict YAML into frozen dataclasses, every fault with file, line and column.

A configuration holds what determines the numbers and nothing else: no paths of outputs, no run names. Its plain form is
part of the summary, and its digest says whether two runs were set up alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from gatekit.errors import GatekitError, Location
from runners.config_text import ConfigText, load, loaded
from runners.config_values import Bounds as Bounds  # part of this module's interface too
from runners.config_values import WrittenAs as WrittenAs
from runners.config_values import dataclass_of
from runners.settings import Setting, lay_over

T = TypeVar("T")

MOST_BASES = 20
BASE = "base"
"""Key of a configuration that names other files, beside it or in a folder beside its own, whose keys are read as if
they stood here."""

_BASE_NAME = re.compile(r"(\.\./[^/.][^/]*/)?[^/.][^/]*")


def read_config(
    path: Path, shape: type[T], said: Mapping[str, Any] | None = None, settings: Sequence[Setting] = ()
) -> T:
    """Read a YAML file into the dataclass `shape`.

    Unknown, missing and repeated keys, wrong types, numbers out of range, anchors and tags are refused; whole numbers
    are not booleans, and a float field takes a whole number. `base: FILE`, or a list of files, takes their keys in,
    so that configurations of one subject cannot drift apart; a key that stands in two is refused, and a base has none
    itself.

    Args:
        path: of the file.
        shape: a dataclass.
        said: key -> value of what the file may leave out because other files say it; for a block, a mapping again.
        settings: laid over what the files say.

    Raises:
        GatekitError: `config.*` with file, line and column.
    """
    value: T = dataclass_of(_parts(path, settings), shape, said=said or {})
    return value


def read_block(path: Path, key: str, shape: type[T], settings: Sequence[Setting] = ()) -> T | None:
    """Read one block of a configuration, whatever else it holds; None where it has no such block, or null.

    Raises:
        GatekitError: as `read_config`.
    """
    for reading, document in _parts(path, settings):
        if hasattr(document, "keys") and document.get(key) is not None:
            place = reading.at(*document.lc.value(key))
            value: T = dataclass_of([(reading, document[key])], shape, place, f"'{key}'")
            return value
    return None


def refuse_keys(path: Path, names: Sequence[str], why: str, settings: Sequence[Setting] = ()) -> None:
    """Refuse a configuration in which one of these keys stands.

    Raises:
        GatekitError: `config.together`, at the key's place; or as `read_config`.
    """
    for reading, document in _parts(path, settings):
        for name in names:
            if hasattr(document, "keys") and name in document:
                raise GatekitError("config.together", f"'{name}' {why}", reading.at(*document.lc.key(name)))


def value_at(path: Path, *keys: str, settings: Sequence[Setting] = ()) -> object:
    """Return what stands at a key of a key of a configuration, as it stands there; None where nothing does.

    Raises:
        GatekitError: as `read_config`.
    """
    for _, document in _parts(path, settings):
        value = document
        for key in keys:
            value = value.get(key) if hasattr(value, "keys") else None
        if value is not None:
            return value
    return None


def from_plain(value: Mapping[str, Any], shape: type[T]) -> T:
    """Return the dataclass whose plain form a summary records.

    Args:
        value: as `plain` returns it.
        shape: of the dataclass.

    Raises:
        GatekitError: `config.*`: it is no plain form of that dataclass.
    """
    text = json.dumps(value)
    reading = ConfigText("a recorded configuration", [text])
    found: T = dataclass_of([(reading, loaded(text, reading))], shape)
    return found


@dataclass(frozen=True)
class Part:
    """What one file of a configuration says, before it is read into a dataclass."""

    reading: ConfigText
    document: Any

    def places(self, node: Any) -> list[tuple[Any, Location]]:
        """Return (key or index, place of the value) of each entry of a mapping or a list."""
        if hasattr(node, "keys"):
            return [(key, self.reading.at(*node.lc.value(key))) for key in node]
        return list(enumerate(self.reading.places_of_entries(node)))


def parts_of(path: Path) -> list[Part]:
    """Return what a configuration and each of its bases say.

    Raises:
        GatekitError: as `read_config`.
    """
    return [Part(reading, document) for reading, document in _parts(path)]


def _parts(path: Path, settings: Sequence[Setting] = ()) -> list[tuple[ConfigText, Any]]:
    """Return the mapping of a file and those of its bases, without the key that names these, and with settings.

    Raises:
        GatekitError: `config.*`: a base has a base, or a key stands in two of them.
    """
    reading, document = load(path)
    parts = [(reading, document)]
    taken = {key: reading.at(*document.lc.key(key)) for key in document} if hasattr(document, "keys") else {}
    for base, named_at in zip(bases_of(path), _places_of_bases(reading, document), strict=True):
        reading_base, base_document = load(base, named_at)
        if not hasattr(base_document, "keys") or BASE in base_document:
            raise GatekitError("config.base", "a base is a mapping without a base of its own", reading_base.at(0, 0))
        for key in base_document:
            if key in taken:
                raise GatekitError("config.base", f"'{key}' stands in {base.name} too", taken[key], "leave one out")
            taken[key] = reading_base.at(*base_document.lc.key(key))
        parts.append((reading_base, base_document))
    if BASE in taken:
        del document[BASE]
    if settings:
        documents = [each for _, each in parts]
        lay_over(documents, settings, lambda place, setting: parts[place][0].add_setting(setting))
    return parts


def bases_of(path: Path) -> tuple[Path, ...]:
    """Return the files that a configuration takes keys in from.

    Raises:
        GatekitError: as `read_config`.
    """
    reading, document = load(path)
    if not hasattr(document, "keys") or BASE not in document:
        return ()
    given = document[BASE]
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or any(
        not isinstance(name, str) or not _BASE_NAME.fullmatch(name) for name in names
    ):
        place = reading.at(*document.lc.value(BASE))
        message = f"'{BASE}' names something that is no file beside this one, nor in a folder beside its own"
        raise GatekitError("config.base", message, place, "write 'FILE.yaml' or '../FOLDER/FILE.yaml'")
    if len(names) > MOST_BASES:
        place = reading.at(*document.lc.value(BASE))
        raise GatekitError("config.base", f"'{BASE}' names more than {MOST_BASES} files", place)
    return tuple(path.parent / name for name in names)


def _places_of_bases(reading: ConfigText, document: Any) -> list[Location]:
    """Return where each base is named, in the order of `bases_of`."""
    if not hasattr(document, "keys") or BASE not in document:
        return []
    return reading.places_of_entries(document[BASE]) or [reading.at(*document.lc.value(BASE))]


ABSENT_WHERE_NONE = {"plain": "absent where none"}
"""Metadata of a field that came later than configurations without it: `field(default=None, metadata=...)`. Those keep
their plain form, and with it their digest."""


def plain(config: Any) -> dict[str, Any]:
    """Return a configuration as JSON data, tuples as lists and absent options as null, or absent as said above."""
    values = {member: getattr(config, member.name) for member in fields(config)}
    return {
        member.name: _plain_value(value)
        for member, value in values.items()
        if value is not None or member.metadata != ABSENT_WHERE_NONE
    }


def _plain_value(value: Any) -> Any:
    if is_dataclass(value):
        return plain(value)
    if isinstance(value, Mapping):
        return {str(key): _plain_value(part) for key, part in value.items()}
    return [_plain_value(part) for part in value] if isinstance(value, tuple) else value
