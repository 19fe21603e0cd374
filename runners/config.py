"""Run configurations: strict YAML into frozen dataclasses, every fault with file, line and column.

A configuration holds what determines the numbers and nothing else: no paths of outputs, no run names. Its plain form is
part of the summary, and its digest says whether two runs were set up alike.
"""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from gatekit.errors import GatekitError, Location, did_you_mean
from runners.places import ITSELF, note
from runners.settings import Setting, lay_over

T = TypeVar("T")


@dataclass(frozen=True)
class Bounds:
    """Annotates a field whose number, or each of whose numbers, must lie in [low, high]."""

    low: float
    high: float = math.inf


_UNBOUNDED = Bounds(-math.inf)


@dataclass(frozen=True)
class WrittenAs:
    """Annotates a text that a file may also write as a mapping: of this dataclass, whose `str` is the text."""

    shape: type[Any]


LARGEST = 256 << 10
"""Bytes of one file; a request may bring one that nobody has looked at."""
REMEMBERED = 16 << 10
"""Characters of the longest text whose YAML is kept for the next reader of the same text."""
_FEW = 300
"""Lines and commas of the largest such text: to copy a list of ruamel's takes time that grows with its square."""
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
    value: T = _dataclass_of(_parts(path, settings), shape, said=said or {})
    return value


def read_block(path: Path, key: str, shape: type[T], settings: Sequence[Setting] = ()) -> T | None:
    """Read one block of a configuration, whatever else it holds; None where it has no such block, or null.

    Raises:
        GatekitError: as `read_config`.
    """
    for reading, document in _parts(path, settings):
        if hasattr(document, "keys") and document.get(key) is not None:
            place = reading.at(*document.lc.value(key))
            value: T = _dataclass_of([(reading, document[key])], shape, place, f"'{key}'")
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
    reading = _Reading("a recorded configuration", [text])
    found: T = _dataclass_of([(reading, _loaded(text, reading))], shape)
    return found


@dataclass(frozen=True)
class Part:
    """What one file of a configuration says, before it is read into a dataclass."""

    reading: _Reading
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


def _parts(path: Path, settings: Sequence[Setting] = ()) -> list[tuple[_Reading, Any]]:
    """Return the mapping of a file and those of its bases, without the key that names these, and with settings.

    Raises:
        GatekitError: `config.*`: a base has a base, or a key stands in two of them.
    """
    reading, document = _load(path)
    parts = [(reading, document)]
    taken = {key: reading.at(*document.lc.key(key)) for key in document} if hasattr(document, "keys") else {}
    for base, named_at in zip(bases_of(path), _places_of_bases(reading, document), strict=True):
        reading_base, base_document = _load(base, named_at)
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
    reading, document = _load(path)
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


def _places_of_bases(reading: _Reading, document: Any) -> list[Location]:
    """Return where each base is named, in the order of `bases_of`."""
    if not hasattr(document, "keys") or BASE not in document:
        return []
    return reading.places_of_entries(document[BASE]) or [reading.at(*document.lc.value(BASE))]


def _load(path: Path, named_at: Location | None = None) -> tuple[_Reading, Any]:
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
    reading = _Reading(str(path), text.splitlines())
    return reading, _loaded(text, reading)


def _loaded(text: str, reading: _Reading) -> Any:
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


class _Reading:
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
        return _loaded("\n" * line + setting.value, self), line

    def at(self, line: int, column: int) -> Location:
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

    def checked_mapping(self, node: Any, place: Location, name: str) -> None:
        # Not isinstance(node, Mapping): to a type checker that would lose the positions that ruamel keeps on the node.
        if not hasattr(node, "keys"):
            raise GatekitError("config.type", f"{name} must be a mapping", place)
        if getattr(node, "anchor", None) is not None and node.anchor.value is not None:
            raise GatekitError("config.anchor", f"{name} has an anchor", place, "write the values out")

    def value_from(
        self,
        node: Any,
        hint: Any,
        bounds: Bounds,
        place: Location,
        name: str,
        said: Mapping[str, Any] = MappingProxyType({}),
    ) -> Any:
        if is_dataclass(hint):
            return _dataclass_of([(self, node)], hint, place, f"'{name}'", said)
        origin, options = get_origin(hint), get_args(hint)
        if origin is Annotated and isinstance(options[1], WrittenAs):
            if hasattr(node, "keys"):
                return str(_dataclass_of([(self, node)], options[1].shape, place, f"'{name}'"))
            return self.value_from(node, options[0], bounds, place, name, said)
        if origin is Annotated:
            return self.value_from(node, options[0], options[1], place, name, said)
        if origin in (Union, types.UnionType):
            if node is None and type(None) in options:
                return None
            return self.value_from(node, next(o for o in options if o is not type(None)), bounds, place, name, said)
        if origin is tuple:
            if not hasattr(node, "append") or not node:
                raise GatekitError("config.type", f"'{name}' must be a list with at least one entry", place)
            places = self.places_of_entries(node)
            parts = zip(node, places, strict=True)
            return tuple(self.value_from(entry, options[0], bounds, at, name) for entry, at in parts)
        if origin is Mapping:
            self.checked_mapping(node, place, f"'{name}'")
            if not node:
                raise GatekitError("config.type", f"'{name}' must have at least one entry", place)
            entries = ((key, self.at(*node.lc.key(key)), self.at(*node.lc.value(key))) for key in node)
            return {
                self.value_from(key, options[0], bounds, at_key, f"{name}: {key}"): self.value_from(
                    node[key], options[1], bounds, at, f"{name}: {key}"
                )
                for key, at_key, at in entries
            }
        if origin is Literal:
            if node not in options:
                listed = ", ".join(map(str, options))
                raise GatekitError("config.choice", f"'{name}' is {node!r}; it is one of {listed}", place)
            return node
        if hint is str and isinstance(node, str):
            return str(node)
        if hint is bool and isinstance(node, bool):
            return node
        if hint in (int, float) and isinstance(node, int | float) and not isinstance(node, bool):
            if hint is int and not isinstance(node, int):
                raise GatekitError("config.type", f"'{name}' must be a whole number", place)
            if not (math.isfinite(node) and bounds.low <= node <= bounds.high):
                allowed = f"[{bounds.low:g}, {bounds.high:g}]"
                raise GatekitError("config.range", f"'{name}' is {node}; it lies in {allowed}", place)
            return hint(node)
        raise GatekitError("config.type", f"'{name}' must be of type {getattr(hint, '__name__', hint)}", place)


def _dataclass_of(
    parts: Sequence[tuple[_Reading, Any]],
    shape: Any,
    place: Location | None = None,
    name: str = "the file",
    said: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """Return a dataclass whose fields stand in one mapping, or in several that share no key.

    Args:
        parts: mappings with the files that they are read from; a missing key is missed in the first.
        shape: the dataclass.
        place: of the first mapping; the start of its file where None.
        name: of the mapping, for messages.
        said: as of `read_config`.
    """
    hints = get_type_hints(shape, include_extras=True)
    known = {member.name: member for member in fields(shape)}
    start = place or parts[0][0].at(0, 0)
    for reading, node in parts:
        reading.checked_mapping(node, start if node is parts[0][1] else reading.at(0, 0), name)
        for key in node:
            if key not in known:
                raise GatekitError(
                    "config.unknown_key",
                    f"unknown key '{key}'",
                    reading.at(*node.lc.key(key)),
                    did_you_mean(str(key), known) or f"known: {', '.join(known)}",
                )
    values: dict[str, Any] = {}
    places = {ITSELF: start}
    for key, member in known.items():
        found = next(((reading, node) for reading, node in parts if key in node), None)
        if found is not None:
            reading, node = found
            places[key] = reading.at(*node.lc.value(key))
            places |= {f"{key}[{i}]": at for i, at in enumerate(reading.places_of_entries(node[key]))}
            places |= {f"{key}[{number}]": at for number, at in reading.places_by_number(node[key]).items()}
            inside = said.get(key)
            said_inside = inside if isinstance(inside, Mapping) else {}
            values[key] = reading.value_from(node[key], hints[key], _UNBOUNDED, places[key], key, said_inside)
        elif key in said and not isinstance(said[key], Mapping):
            values[key] = said[key]
        elif member.default is MISSING and member.default_factory is MISSING:
            remedy = "the files of the SAEs do not say it" if said else None
            raise GatekitError("config.missing_key", f"{name} has no '{key}'", start, remedy)
    made = shape(**values)
    note(made, places)
    return made
