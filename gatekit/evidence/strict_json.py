"""Read JSON that means one thing only: what RFC 8259 leaves open is refused here, each case with its own error id.

The standard library's parser does the work because it alone shows duplicate keys; it is made strict by a pre-scan
(size, encoding, depth, number of values) and by hooks (numbers, duplicate keys). A value that a hook refuses becomes a
`_Fault` in the tree, so the JSON pointer of the first one is found by a walk that a good document never pays for.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from gatekit.errors import GatekitError, Location
from gatekit.evidence.hub_cache import blob_of
from gatekit.evidence.merge_conflict import MESSAGE, REMEDY, conflict_line


@dataclass(frozen=True)
class JsonLimits:
    """How much of a document is read before it is refused."""

    size: int = 1 << 20
    """Bytes of the file."""
    depth: int = 32
    """Objects and arrays open at once; a summary needs 6."""
    values: int = 1_000_000
    """Values of any type, the root and every container included; keys are not counted."""
    string: int = 1 << 16
    """Characters of one string or key."""
    number: int = 32
    """Characters of one number literal; the longest shortest-form double has 24."""
    keep_nonfinite: bool = False
    """Read the words NaN, Infinity and -Infinity, which other tools write, as those floats instead of refusing them.
    Whoever sets this refuses them where a number is needed."""


JSON_LIMITS = JsonLimits()

# Observations per row are the one large thing that we read: 10 seeds x 20,000 rows x 2 columns of doubles, 20
# characters each, are 8 MB; twice that is the limit.
SUMMARY_LIMITS = JsonLimits(size=16 << 20)

# Beyond this, integers are not exact as doubles, and other readers of the file would see another number (RFC 7493).
MAX_INTEGER = 2**53 - 1

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Possessive, and the closing quote optional: an unclosed string is scanned once, not once per quote in it. Strings that
# no bracket parts are one match.
_BRACKET_OR_STRINGS = re.compile(rb'[\[\]{}]|(?:"(?:[^"\\]++|\\.)*+"?[^\[\]{}"]*+)++', re.DOTALL)
_NOT_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ROUND = bytes.maketrans(b"[]{}", b"()()")
# Every character of a number becomes 0 but an exponent's, so that long numbers are found without an expression.
_NUMBERS = bytes.maketrans(b"0123456789-+.E", b"0000000000000e")
# Digits become 0 and all between numbers a space, so that an integer can be told from the digits behind a point.
_INTEGERS = bytes(48 if 48 <= byte <= 57 else 46 if byte == 46 else 32 for byte in range(256))
_INEXACT = b" " + b"0" * 16
"""What an integer of 16 digits, which may not be exact, begins with then; one of 15 surely is."""
_FINITE_LENGTH = 300
"""Characters of a fraction without an exponent that is surely finite, and not zero where a digit is not."""
_GROWN = 1 << 16
"""Bytes that are asked for beyond the size that a file had when it was opened."""
_EMPTY_CONTAINER = re.compile(rb"\[[ \t\r\n]*\]|\{[ \t\r\n]*\}")


@dataclass(frozen=True)
class Document:
    """A parsed JSON file together with the digest of the bytes that it was parsed from."""

    path: str
    value: Any
    """dict, list, str, int, float, bool or None; bool stays bool: callers refuse it where numbers belong."""
    sha256: str
    """64 lower-case hex digits, of the raw bytes; of a file, as `read_as_committed` returns them."""
    size: int
    """Bytes."""
    nonfinite: int = 0
    """How many words NaN, Infinity and -Infinity were kept, with `JsonLimits.keep_nonfinite`."""


class _Fault:
    """Stands in the tree for a value that the strict rules refuse."""

    __slots__ = ("error_id", "key", "message")

    def __init__(self, error_id: str, message: str, key: str | None = None) -> None:
        self.error_id = error_id
        self.message = message
        self.key = key
        """Set where the value at fault is the member of this name."""


def read_json(path: str | os.PathLike[str], limits: JsonLimits = JSON_LIMITS) -> Document:
    """Read and parse one regular file; its digest is that of what git would commit, whatever line ends lie on the disk.

    Raises:
        GatekitError: `json.missing`, `json.directory`, `json.symlink`, `json.not_regular`, `json.unreadable`,
            `json.size`, or whatever `parse_json` raises.
    """
    return parse_json(read_as_committed(path, "json", limits.size), os.fspath(path), limits)


def read_as_committed(path: str | os.PathLike[str], family: str, limit: int) -> bytes:
    """Return a regular file's content as git would commit it: what is signed or named by a digest is that.

    Raises:
        GatekitError: as of `read_regular_file`.
    """
    data = read_regular_file(path, family, limit)
    if b"\r\n" not in data:
        return data
    from pathlib import Path

    from gatekit.evidence.committed import as_committed

    return as_committed(Path(path), data)


def parse_json(data: bytes, name: str, limits: JsonLimits = JSON_LIMITS) -> Document:
    """Parse one JSON document strictly.

    Args:
        data: the raw bytes, UTF-8 without a byte order mark.
        name: what errors call the document, usually its path.
        limits: sizes beyond which the document is refused.

    Raises:
        GatekitError: `json.size`, `json.encoding`, `json.bom`, `json.empty`, `json.syntax`, `json.trailing_data`,
            `json.control_character`, `json.depth` and `json.too_many_values` with line and column where one is known;
            `json.duplicate_key`, `json.nonfinite`, `json.underflow`, `json.integer_range`, `json.number_length`,
            `json.string_length` and `json.lone_surrogate` with the JSON pointer of the value.
    """
    if len(data) > limits.size:
        raise _too_large("json", name, limits.size)
    text = _decode(data, name)
    has_escapes = b"\\" in data
    pieces = _pieces(data)
    outside = b"".join(pieces[::2])
    _check_structure(data, outside, name, limits)
    faults: list[_Fault] = []
    kept: list[float] = []
    try:
        value = _decoded(text, outside, limits, faults, kept)
    except json.JSONDecodeError as error:
        _raise_syntax(error, name)
    # Every other piece is a string: what stands between them may be long.
    longest = max(map(len, pieces[1::2]), default=0)
    if faults or longest > limits.string or (has_escapes and _SURROGATE_ESCAPE.search(data)):
        _raise_first_fault(value, name, limits.string)
    return Document(name, value, hashlib.sha256(data).hexdigest(), len(data), len(kept))


def parse_plain_json(data: bytes, name: str, limits: JsonLimits = JSON_LIMITS) -> Any:
    """Parse JSON as Python's own reader does, within the limits of size, depth and number of values.

    For what we or GitHub wrote, and for what may be of an older schema; evidence is read strictly.

    Raises:
        GatekitError: `json.size`, `json.depth`, `json.too_many_values`, or `json.syntax` for whatever is no JSON.
    """
    if len(data) > limits.size:
        raise _too_large("json", name, limits.size)
    pieces = _pieces(data)
    _check_structure(data, b"".join(pieces[::2]), name, limits)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise GatekitError("json.syntax", "this is no JSON", Location(name)) from None


def _pieces(data: bytes) -> list[bytes]:
    """Cut a document at its quotes: every other piece is a string, escaped quotes and backslashes as dots in it.

    By two plain replacements, for an expression would hold an object for each of a million escapes: a run of
    backslashes begins outside of an escape, so its pairs are what stands escaped there.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"..").replace(b'\\"', b"..")
    return data.split(b'"')


def value_pointer(tokens: Iterable[str | int]) -> str:
    """Return the RFC 6901 pointer of the value reached by these keys and indices; no tokens give "", the document."""
    return "".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in tokens)


def read_regular_file(path: str | os.PathLike[str], prefix: str, limit: int) -> bytes:
    """Read a whole file of at most `limit` bytes, following no symbolic link in the last component.

    The one exception is a file of the hub's cache (see `gatekit.evidence.hub_cache`).

    The size is taken from the opened descriptor before anything is read, and a FIFO or device is neither waited for
    nor read.

    Args:
        path: the file.
        prefix: first part of the error ids, `json` or `yaml`.
        limit: bytes.

    Raises:
        GatekitError: `missing`, `directory`, `symlink`, `not_regular`, `unreadable` or `size`, after the prefix.
    """
    name = os.fspath(path)
    place = Location(name)
    try:
        descriptor = _opened(path)
    except (FileNotFoundError, NotADirectoryError):
        raise GatekitError(f"{prefix}.missing", "there is no such file", place) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            raise GatekitError(
                f"{prefix}.symlink", "the path is a symbolic link", place, "name the file itself"
            ) from None
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise GatekitError(f"{prefix}.unreadable", f"the file cannot be opened: {reason}", place) from None
    try:
        data = _read_descriptor(descriptor, prefix, place, limit)
    except OSError as error:
        raise GatekitError(f"{prefix}.unreadable", f"the file cannot be read: {error.strerror}", place) from None
    finally:
        os.close(descriptor)
    if len(data) > limit:  # it grew while it was read
        raise _too_large(prefix, name, limit)
    return data


def _opened(path: str | os.PathLike[str]) -> int:
    how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, how)
    except OSError as error:
        blob = blob_of(path) if error.errno == errno.ELOOP else None
        if blob is None:
            raise
        return os.open(blob, how)


def _read_descriptor(descriptor: int, prefix: str, place: Location, limit: int) -> bytes:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise GatekitError(f"{prefix}.directory", "the path is a directory", place, "name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise GatekitError(f"{prefix}.not_regular", "the path is a pipe, a socket or a device, not a file", place)
    if status.st_size > limit:
        raise _too_large(prefix, place.path, limit)
    # What is asked for is reserved first, so as much as the file has, and one byte more, which shows that it grew.
    chunks, left, step = [], limit + 1, min(limit, status.st_size) + 1
    while left and (chunk := os.read(descriptor, min(left, step))):
        chunks.append(chunk)
        left -= len(chunk)
        step = max(step - len(chunk), _GROWN)
    return b"".join(chunks)


def _too_large(prefix: str, name: str, limit: int) -> GatekitError:
    return GatekitError(f"{prefix}.size", f"the file is larger than {limit} bytes", Location(name))


def _decode(data: bytes, name: str) -> str:
    place = Location(name)
    if data.startswith(b"\xef\xbb\xbf"):
        raise GatekitError("json.bom", "the file starts with a byte order mark", place, "save it as UTF-8 without one")
    remedy = "save it as UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise GatekitError("json.encoding", "the file is UTF-16 or UTF-32, or not text", place, remedy)
    if not data.strip(b" \t\r\n"):
        raise GatekitError("json.empty", "the file is empty", place)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GatekitError("json.encoding", "the file is not UTF-8", _at(data, error.start, name), remedy) from None


def _at(data: bytes, offset: int, name: str) -> Location:
    """Line and column (in characters) of a byte offset."""
    start = data.rfind(b"\n", 0, offset) + 1
    column = len(data[start:offset].decode("utf-8", "replace")) + 1
    return Location(name, line=data.count(b"\n", 0, offset) + 1, column=column)


def _check_structure(data: bytes, outside: bytes, name: str, limits: JsonLimits) -> None:
    """Refuse too deep and too large documents before the parser builds anything.

    `outside` is the data without its strings: a bracket in a string must not hide the depth around it. Where the text
    is not JSON the strings can be cut wrongly, but only behind the first syntax error, which the parser reports.
    """
    brackets = outside.translate(_ROUND, _NOT_BRACKET)
    for _ in range(limits.depth):  # each round removes the innermost pairs, so one level of the whole document
        if not brackets:
            break
        brackets = brackets.replace(b"()", b"")
    if brackets:  # too deep, or unbalanced, which is the parser's to say
        _check_depth(data, name, limits.depth)
    # One value per comma and per container that is not empty, and the root.
    values = outside.count(b",") + outside.count(b"[") + outside.count(b"{") + 1
    if values > limits.values and values - len(_EMPTY_CONTAINER.findall(outside)) > limits.values:
        raise GatekitError("json.too_many_values", f"the file has more than {limits.values} values", Location(name))


def _check_depth(data: bytes, name: str, limit: int) -> None:
    depth = 0
    for match in _BRACKET_OR_STRINGS.finditer(data):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth > limit:
                place = _at(data, match.start(), name)
                raise GatekitError("json.depth", f"arrays and objects are nested deeper than {limit}", place)
        elif token in b"]}":
            depth -= 1


class _Suspect(Exception):
    """A value may be refused; which and where, the decoder with faults finds."""


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Suspect
    return value


def _exact_int(literal: str) -> int:
    value = int(literal)
    if -MAX_INTEGER <= value <= MAX_INTEGER:
        return value
    raise _Suspect


_SHORT_NUMBERS = json.JSONDecoder(object_pairs_hook=_object_without_duplicates)
_LONG_NUMBERS = json.JSONDecoder(object_pairs_hook=_object_without_duplicates, parse_int=_exact_int)


def _decoded(text: str, outside: bytes, limits: JsonLimits, faults: list[_Fault], kept: list[float]) -> Any:
    """Decode; every number is looked at only where one has an exponent, is a word or too long: it takes twice as long.

    `outside` is the text without its strings.
    """
    numbers = outside.translate(_NUMBERS)
    if limits.number <= _FINITE_LENGTH and not any(
        (b"0" * (limits.number + 1) in numbers, b"0e" in numbers, b"N" in numbers, b"I" in numbers)
    ):
        try:
            return (_LONG_NUMBERS if _INEXACT in b" " + outside.translate(_INTEGERS) else _SHORT_NUMBERS).decode(text)
        except _Suspect:
            pass
    return _decoder(faults, limits.number, kept if limits.keep_nonfinite else None).decode(text)


def _decoder(faults: list[_Fault], number_limit: int, kept: list[float] | None) -> json.JSONDecoder:
    """Return a decoder that puts a `_Fault`, also appended to `faults`, wherever the strict rules refuse a value.

    With `kept`, the words NaN, Infinity and -Infinity are values, also appended to it.
    """

    def fault(error_id: str, message: str, key: str | None = None) -> _Fault:
        faults.append(_Fault(error_id, message, key))
        return faults[-1]

    def parse_object(pairs: list[tuple[str, Any]]) -> Any:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                break
            seen.add(key)
        return fault("json.duplicate_key", "the key occurs twice in one object", key)

    def parse_float(literal: str) -> Any:
        if len(literal) > number_limit:
            return fault("json.number_length", f"the number has more than {number_limit} characters")
        value = float(literal)
        if value - value != 0.0:
            return fault("json.nonfinite", f"{literal} is larger than any double")
        if value == 0.0 and literal.lower().partition("e")[0].strip("-0."):
            return fault("json.underflow", f"{literal} is not zero but reads as zero")
        return value

    def parse_int(literal: str) -> Any:
        if len(literal) > number_limit:
            return fault("json.number_length", f"the number has more than {number_limit} characters")
        value = int(literal)
        if -MAX_INTEGER <= value <= MAX_INTEGER:
            return value
        return fault("json.integer_range", f"{literal} is beyond +-(2^53-1), where integers stop being exact")

    def parse_constant(literal: str) -> Any:
        if kept is not None:
            kept.append(float(literal))
            return kept[-1]
        return fault("json.nonfinite", f"{literal} is not a number")

    return json.JSONDecoder(
        object_pairs_hook=parse_object, parse_float=parse_float, parse_int=parse_int, parse_constant=parse_constant
    )


def _raise_syntax(error: json.JSONDecodeError, name: str) -> NoReturn:
    if (begins := conflict_line(error.doc)) is not None:
        raise GatekitError(
            "json.syntax", f"not JSON: {MESSAGE}", Location(name, line=begins, column=1), REMEDY
        ) from None
    position, line = error.pos, error.doc.count("\n", 0, error.pos) + 1
    place = Location(name, line=line, column=position - error.doc.rfind("\n", 0, position))
    at = error.doc[position : position + 1]
    if (at and at < " " and at not in "\t\r\n") or error.msg.startswith("Invalid control character"):
        raise GatekitError("json.control_character", f"raw control character U+{ord(at):04X}", place) from None
    if error.msg == "Extra data":
        raise GatekitError("json.trailing_data", "more data follows the JSON value", place) from None
    raise GatekitError("json.syntax", f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}", place) from None


def _raise_first_fault(value: Any, name: str, string_limit: int) -> None:
    """Raise for the first refused value in document order; return when there is none."""
    for tokens, item in _walk(value):
        if isinstance(item, _Fault):
            place = _place(name, tokens if item.key is None else (*tokens, item.key))
            raise GatekitError(item.error_id, item.message, place)
        for text in (item, *tokens[-1:]):
            if not isinstance(text, str):
                continue
            if _SURROGATE.search(text):
                message = "half of a surrogate pair, which is not a character"
                raise GatekitError("json.lone_surrogate", message, _place(name, tokens))
            if len(text) > string_limit:
                message = f"a string has more than {string_limit} characters"
                raise GatekitError("json.string_length", message, _place(name, tokens))


def _walk(root: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value with its keys and indices, in document order."""
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), root)]
    while stack:
        tokens, item = stack.pop()
        yield tokens, item
        if isinstance(item, dict):
            stack.extend(((*tokens, key), item[key]) for key in reversed(item))
        elif isinstance(item, list):
            stack.extend(((*tokens, index), item[index]) for index in range(len(item) - 1, -1, -1))


def _place(name: str, tokens: Iterable[str | int]) -> Location:
    """The location of a value; half a surrogate pair in a key is shown as its escape, so that it can be printed."""
    return Location(name, pointer=value_pointer(tokens).encode("utf-8", "backslashreplace").decode("utf-8"))
