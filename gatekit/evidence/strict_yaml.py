"""Read YAML that means one thing to every reader, and remember where each part of it stands.

Only the events of ruamel.yaml's pure parser are used: nothing is constructed, no tag is looked up and no alias is
followed, so there is nothing to expand and nothing to execute. What YAML 1.1 and 1.2 readers disagree on (`no`, `012`,
`1_000`, `12:30`, dates) is refused with the advice to quote it.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from gatekit.errors import GatekitError, Location
from gatekit.evidence.merge_conflict import MESSAGE, REMEDY, conflict_line
from gatekit.evidence.strict_json import MAX_INTEGER, read_as_committed


@dataclass(frozen=True)
class YamlLimits:
    """How much of a document is read before it is refused."""

    size: int = 256 << 10
    """Bytes; a policy of 200 gates has about 20 KB."""
    depth: int = 32
    """Mappings and sequences open at once."""
    nodes: int = 20_000
    """Keys, scalars, mappings and sequences. The pure parser reads about 50,000 of them per second."""
    number: int = 32
    """Characters of one number literal."""
    keep_null: bool = False
    """Read the word null as None instead of refusing it. Whoever sets this says what a missing value means."""


YAML_LIMITS = YamlLimits()


@dataclass(frozen=True)
class Node:
    """A part of the document and the place of its first character, both 1-based; columns count characters."""

    line: int
    column: int


@dataclass(frozen=True)
class Scalar(Node):
    """A value that has no parts."""

    value: str | int | float | bool
    raw: str
    """The text as it stands in the file, without quotes and escapes: `0.10` where the value is 0.1."""
    quoted: bool
    """Quoted or a block scalar, hence text whatever it looks like."""


@dataclass(frozen=True)
class Null(Node):
    """The word null, with `YamlLimits.keep_null`."""


@dataclass(frozen=True)
class Sequence(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Mapping(Node):
    """Keys, which are text, with their values, in the order of the file."""

    items: tuple[tuple[Scalar, Node], ...]

    def get(self, name: str) -> Node | None:
        """Return the value of a key, None where there is no such key."""
        return next((value for key, value in self.items if key.value == name), None)

    def key(self, name: str) -> Scalar | None:
        """Return the key itself, for its position."""
        return next((key for key, _ in self.items if key.value == name), None)

    def keys(self) -> list[str]:
        """Return the names in the order of the file."""
        return [str(key.value) for key, _ in self.items]


@dataclass(frozen=True)
class YamlDocument:
    """A parsed file, its digest and its lines."""

    path: str
    root: Node
    sha256: str
    """64 lower-case hex digits, of the raw bytes."""
    lines: tuple[str, ...]
    """Without line ends."""

    def location(self, node: Node) -> Location:
        """Return the place of a node, with the line that errors quote."""
        return _location(self.path, self.lines, node.line, node.column)

    def plain(self, node: Node | None = None) -> Any:
        """Return a node, or the whole document, as dict, list, str, int, float, bool or None: what validators want."""
        return _plain(self.root if node is None else node)

    def node_at(self, tokens: Iterable[str | int], *, key: bool = False) -> Node:
        """Return the node that a path of keys and indices leads to, such as the path of a schema error.

        Where the path leaves the document (a missing key), the last mapping or sequence on the way is returned.

        Args:
            tokens: keys and indices from the root; an index may be written as digits.
            key: for a path that ends at a mapping's key, return that key instead of its value (an unknown key).
        """
        node, here = self.root, None
        for token in tokens:
            child: Node | None = None
            here = None
            if isinstance(node, Mapping):
                child, here = node.get(str(token)), node.key(str(token))
            elif isinstance(node, Sequence) and str(token).isdecimal():
                child = next(iter(node.items[int(token) : int(token) + 1]), None)
            if child is None:
                return node
            node = child
        return here if key and here is not None else node


def _plain(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {str(key.value): _plain(value) for key, value in node.items}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    if isinstance(node, Null):
        return None
    assert isinstance(node, Scalar)
    return node.value


def read_yaml(path: str | os.PathLike[str], limits: YamlLimits = YAML_LIMITS) -> YamlDocument:
    """Read and parse one regular file; its digest is that of what git would commit, whatever line ends lie on the disk.

    Raises:
        GatekitError: `yaml.missing`, `yaml.directory`, `yaml.symlink`, `yaml.not_regular`, `yaml.unreadable`,
            `yaml.size`, or whatever `parse_yaml` raises.
    """
    return parse_yaml(read_as_committed(path, "yaml", limits.size), os.fspath(path), limits)


def parse_yaml(data: bytes, name: str, limits: YamlLimits = YAML_LIMITS) -> YamlDocument:
    """Parse one YAML 1.2 document strictly.

    Args:
        data: the raw bytes, UTF-8 without a byte order mark.
        name: what errors call the document, usually its path.
        limits: sizes beyond which the document is refused.

    Raises:
        GatekitError: with line, column and the line itself, where there is one. `yaml.size`, `yaml.encoding`,
            `yaml.bom`, `yaml.control_character`, `yaml.empty`, `yaml.syntax`, `yaml.directive`,
            `yaml.multiple_documents`, `yaml.anchor`, `yaml.alias`, `yaml.tag`, `yaml.merge_key`, `yaml.duplicate_key`,
            `yaml.key_not_string`, `yaml.missing_key`, `yaml.missing_value`, `yaml.null`, `yaml.ambiguous`,
            `yaml.integer_range`, `yaml.number_length`, `yaml.nonfinite`, `yaml.underflow`, `yaml.lone_surrogate`,
            `yaml.depth`, `yaml.too_many_nodes`.
    """
    text = _decode(data, name, limits.size)
    lines = tuple(_LINE_END.split(text))
    _check_text(text, name, lines)
    root = _Builder(name, lines, limits).build(text)
    return YamlDocument(name, root, hashlib.sha256(data).hexdigest(), lines)


_LINE_END = re.compile(r"\r\n|\n|\r")  # YAML 1.2, 5.4; other breaks of Unicode are not ends of lines there

# Control characters, breaks that only some readers see, byte order marks, noncharacters, and the directional controls
# that make an editor show another policy than the one that is read (CVE-2021-42574).
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_DIRECTIVE = re.compile(r"%YAML[ \t]+1\.2[ \t]*(#.*)?")
_KEY_WITHOUT_BLANK = re.compile(r"\s*(?:- )?[\w-]+:[^\s:]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_NULL = ("~", "null")
_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity")
# Whatever some YAML 1.1 or 1.2 reader takes for a number, a time or a date, without being a JSON number.
_AMBIGUOUS = re.compile(
    r"""
      [-+]? [0-9][0-9_]* (:[0-5]?[0-9])+ (\.[0-9_]*)?              # 12:30:00 is base 60
    | [-+]? (0[bB][01_]+ | 0[oO][0-7_]+ | 0[xX][0-9a-fA-F_]+)
    | [-+]? ([0-9][0-9_]* (\.[0-9_]*)? | \.[0-9][0-9_]*) ([eE][-+]?[0-9]+)?
    | [-+]? \.? (inf | infinity | nan)
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} ([Tt\ \t] .*)?
    | =                                                           # the "default value" of YAML 1.1
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


@dataclass
class _OpenNode:
    """A mapping or sequence whose end has not come yet."""

    line: int
    column: int
    is_mapping: bool
    items: list[Node | tuple[Scalar, Node]] = field(default_factory=list)
    key: Scalar | None = None
    """The key that waits for its value."""
    names: set[str] = field(default_factory=set)

    def close(self) -> Node:
        kind: Any = Mapping if self.is_mapping else Sequence
        node: Node = kind(self.line, self.column, tuple(self.items))
        return node


class _Builder:
    """Turns the events of one document into nodes; keeps the collections that are open."""

    def __init__(self, name: str, lines: tuple[str, ...], limits: YamlLimits) -> None:
        self.name = name
        self.lines = lines
        self.limits = limits
        self.open: list[_OpenNode] = []
        self.root: Node | None = None
        self.documents = 0
        self.nodes = 0

    def refuse(self, error_id: str, message: str, place: Any, remedy: str | None = None) -> NoReturn:
        """Raise at a node or at a mark of the parser, whose lines and columns count from 0."""
        line, column = (place.line, place.column) if isinstance(place, Node) else (place.line + 1, place.column + 1)
        location = _location(self.name, self.lines, line, column)
        raise GatekitError(f"yaml.{error_id}", message, location, remedy) from None

    def build(self, text: str) -> Node:
        from ruamel.yaml import events as kinds  # here because only commands that read policies should pay 20 ms

        for event in self.events(text):
            if isinstance(event, kinds.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self.refuse("multiple_documents", "a second document starts here", event.start_mark)
            elif isinstance(event, kinds.AliasEvent):
                self.refuse("alias", "aliases are not allowed", event.start_mark, "write the value out")
            elif isinstance(event, kinds.NodeEvent):
                self.start_node(event, isinstance(event, kinds.ScalarEvent))
            elif isinstance(event, kinds.CollectionEndEvent):
                self.add(self.open.pop().close())
        if self.root is None:
            raise _empty(self.name)
        return self.root

    def events(self, text: str) -> Iterator[Any]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError

        stream = YAML(typ="safe", pure=True).parse(text)
        mark = None
        while True:
            try:
                event = next(stream, None)
            except MarkedYAMLError as error:
                if (begins := conflict_line("\n".join(self.lines))) is not None:
                    self.refuse("syntax", f"not YAML: {MESSAGE}", Node(begins, 1), REMEDY)
                place = error.problem_mark or error.context_mark or mark
                problem = " ".join(str(error.problem or error.context).split())
                if problem.endswith("found unexpected end of stream") and error.context_mark is not None:
                    place, problem = error.context_mark, "this quote is not closed"
                elif problem.endswith("'<stream end>'") and self.open:
                    place = Node(self.open[-1].line, self.open[-1].column)
                    self.refuse("syntax", "not YAML: this bracket is not closed", place)
                self.refuse("syntax", f"not YAML: {problem}", place, self.remedy(problem, place))
            except Exception as error:
                # The parser fails on some malformed input with AttributeError, ValueError and the like; whatever it
                # raises, the file is at fault and the last event is the nearest known place.
                self.refuse("syntax", f"not YAML: the parser stops here ({type(error).__name__})", mark)
            if event is None:
                return
            mark = event.end_mark
            yield event

    def remedy(self, problem: str, mark: Any) -> str | None:
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return "indent with spaces, not tabs"
        if not problem.startswith("mapping values"):
            return None
        before = next((earlier for earlier in reversed(self.lines[: mark.line]) if earlier.strip()), "")
        if _KEY_WITHOUT_BLANK.match(line):
            return "write a blank behind the ':' of a key"
        if before and len(before) - len(before.lstrip()) != len(line) - len(line.lstrip()):
            return "indent it as the lines that it belongs to, or quote text that contains ': '"
        return "quote text that contains ': '"

    def start_node(self, event: Any, is_scalar: bool) -> None:
        mark = event.start_mark
        if event.anchor is not None:
            self.refuse("anchor", "anchors are not allowed", mark, "write the value out where it is needed")
        if event.tag is not None:
            self.refuse("tag", "tags are not allowed", mark, "quote the value if it is text")
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            self.refuse("too_many_nodes", f"the file has more than {self.limits.nodes} keys and values", mark)
        expects_key = bool(self.open) and self.open[-1].is_mapping and self.open[-1].key is None
        if is_scalar:
            if expects_key:
                self.open[-1].key = self.key(event)
            else:
                self.add(self.scalar(event))
            return
        if expects_key:
            self.refuse("key_not_string", "a key must be text, not a mapping or a list", mark)
        if len(self.open) == self.limits.depth:
            self.refuse("depth", f"mappings and lists are nested deeper than {self.limits.depth}", mark)
        is_mapping = type(event).__name__ == "MappingStartEvent"
        self.open.append(_OpenNode(mark.line + 1, mark.column + 1, is_mapping))

    def add(self, node: Node) -> None:
        if not self.open:
            self.root = node
        elif (parent := self.open[-1]).key is not None:
            parent.items.append((parent.key, node))
            parent.key = None
        else:
            parent.items.append(node)

    def key(self, event: Any) -> Scalar:
        mark, text, is_plain = event.start_mark, event.value, event.style is None
        parent = self.open[-1]
        if is_plain and text == "<<":
            self.refuse("merge_key", "merge keys are not allowed", mark, "write the keys out")
        if is_plain and text == "":
            self.refuse("missing_key", "a value without a key", mark)
        if text in parent.names:
            self.refuse("duplicate_key", f"the key {_shown(text)} occurs twice in one mapping", mark)
        parent.names.add(text)
        if is_plain and _is_ambiguous(text):
            remedy = "quote it" + (", or write a number with a point, not a comma" if text.isdigit() else "")
            self.refuse("key_not_string", f"the key {_shown(text)} is not text to every YAML reader", mark, remedy)
        self.check_characters(event)
        return Scalar(mark.line + 1, mark.column + 1, text, text, not is_plain)

    def scalar(self, event: Any) -> Scalar | Null:
        mark, text, is_plain = event.start_mark, event.value, event.style is None
        if is_plain and text == "null" and self.limits.keep_null:
            return Null(mark.line + 1, mark.column + 1)
        self.check_characters(event)
        value = self.resolve(text, mark) if is_plain else text
        return Scalar(mark.line + 1, mark.column + 1, value, text, not is_plain)

    def check_characters(self, event: Any) -> None:
        if _SURROGATE.search(event.value):  # an escape in double quotes can make one
            message = "half of a surrogate pair, which is not a character"
            self.refuse("lone_surrogate", message, event.start_mark)

    def resolve(self, text: str, mark: Any) -> str | int | float | bool:
        """Return what an unquoted scalar means: true, false, a JSON number or text that looks like nothing else."""
        if text in ("true", "false"):
            return text == "true"
        if text == "":
            parent = self.open[-1] if self.open else None
            if parent is None:
                raise _empty(self.name)
            if parent.key is None:
                self.refuse("missing_value", "the list item is empty", mark)
            message = f"the key {_shown(parent.key.raw)} has no value"
            self.refuse("missing_value", message, parent.key, "give it one, or leave the key out")
        if text.lower() in _NULL:
            self.refuse("null", f"{text} is no value", mark, "leave the key out, or quote the text")
        if _NUMBER.fullmatch(text):
            return self.number(text, mark)
        if _is_ambiguous(text):
            message = f"YAML readers disagree on what {_shown(text)} means"
            self.refuse("ambiguous", message, mark, "quote it if it is text, or write true, false or a decimal number")
        return text

    def number(self, text: str, mark: Any) -> int | float:
        if len(text) > self.limits.number:
            self.refuse("number_length", f"the number has more than {self.limits.number} characters", mark)
        if _INTEGER.fullmatch(text):
            if not -MAX_INTEGER <= int(text) <= MAX_INTEGER:
                message = f"{text} is beyond +-(2^53-1), where integers stop being exact"
                self.refuse("integer_range", message, mark)
            return int(text)
        value = float(text)
        if not math.isfinite(value):
            self.refuse("nonfinite", f"{text} is larger than any double", mark)
        if value == 0.0 and text.lower().partition("e")[0].strip("-0."):
            self.refuse("underflow", f"{text} is not zero but reads as zero", mark)
        return value


def _is_ambiguous(text: str) -> bool:
    """Whether some YAML reader takes the unquoted text for anything else: also true, false and every number."""
    return text.lower() in (*_WORDS, *_NULL) or _AMBIGUOUS.fullmatch(text) is not None


def _empty(name: str) -> GatekitError:
    return GatekitError("yaml.empty", "the file has no content", Location(name), "write it, or remove the file")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _location(name: str, lines: tuple[str, ...], line: int, column: int) -> Location:
    source = lines[line - 1] if line <= len(lines) else None
    return Location(name, line=line, column=column, source_line=source)


def _decode(data: bytes, name: str, limit: int) -> str:
    place = Location(name)
    if len(data) > limit:
        raise GatekitError("yaml.size", f"the file is larger than {limit} bytes", place)
    if data.startswith(b"\xef\xbb\xbf"):
        raise GatekitError("yaml.bom", "the file starts with a byte order mark", place, "save it as UTF-8 without one")
    remedy = "save it as UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise GatekitError("yaml.encoding", "the file is UTF-16 or UTF-32, or not text", place, remedy)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = _LINE_END.split(data[: error.start].decode("utf-8"))
        place = Location(name, line=len(before), column=len(before[-1]) + 1)
        raise GatekitError("yaml.encoding", "the file is not UTF-8", place, remedy) from None


def _check_text(text: str, name: str, lines: tuple[str, ...]) -> None:
    """Refuse what must not stand anywhere, also not in comments, and every directive but `%YAML 1.2`."""
    if found := _HIDDEN.search(text):
        before = _LINE_END.split(text[: found.start()])
        place = _location(name, lines, len(before), len(before[-1]) + 1)
        message = f"invisible or control character U+{ord(found[0]):04X}"
        raise GatekitError("yaml.control_character", message, place, "remove it, or escape it in double quotes")
    for number, line in enumerate(lines, start=1):
        if line.startswith("%") and not _DIRECTIVE.fullmatch(line):
            place = _location(name, lines, number, 1)
            raise GatekitError("yaml.directive", "only the directive %YAML 1.2 is allowed", place, "remove the line")
        if line.strip(" \t") and not line.startswith(("#", "%")):
            return
