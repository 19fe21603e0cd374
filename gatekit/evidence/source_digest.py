"""What a source file says, as a digest: of Python the syntax tree, of everything else the bytes.

A comment, a docstring or another line break changes no number, so it must not cost a measurement. The tree is written
in a form of our own: `ast.dump` and the fields of the nodes differ between versions of Python, and evidence that was
measured under one is judged under another.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Literal

By = Literal["syntax_tree", "bytes"]
"""How a source was digested, as `producer.sources` says it."""

LARGEST = 1 << 20
"""Bytes of Python that are parsed; a longer file has no syntax tree digest, so that nothing can make a gate slow."""

MOST_TOKENS = 150_000
"""Words and signs of Python that are parsed, comments and strings counted too: each may become three objects of 400
bytes. A file of 300 KB has some 60,000."""
_TOKEN = re.compile(rb"\w++|[^\w\s]")

SOURCE_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}){0,15}")
"""A path that evidence can name, as the schema says it."""

_FORM = "gatekit.syntax_tree/1"
_UNSAID = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
"""Fields that follow from a node's place (ctx) or change nothing that runs: u"" is "", and comments are comments."""


def rule_for(path: str) -> By:
    """Return how the file at a path is digested by everything that writes evidence.

    A YAML configuration keeps its bytes: what it says depends on its reader (YAML 1.1 or 1.2), and its values stand in
    `producer.config` anyway.
    """
    return "syntax_tree" if path.endswith(".py") else "bytes"


def source_entry(path: str, data: bytes) -> dict[str, str]:
    """Return one entry of `producer.sources`; Python that cannot be parsed is named by its bytes.

    Args:
        path: relative to the repository's root.
        data: the file's content.
    """
    by = rule_for(path)
    digest = source_sha256(data, by)
    if digest is None:
        by, digest = "bytes", hashlib.sha256(data).hexdigest()
    return {"path": path, "sha256": digest, "by": by}


def source_sha256(data: bytes, by: By) -> str | None:
    """Return a file's digest by one rule; None where it has none, which never equals one that was measured."""
    return syntax_tree_sha256(data) if by == "syntax_tree" else hashlib.sha256(data).hexdigest()


def tokens(data: bytes, most: int) -> int:
    """Return how many words and signs a text has, by which parsing it costs; one more than `most` where it has more."""
    return sum(1 for _ in islice(_TOKEN.finditer(data), most + 1))


def syntax_tree_sha256(data: bytes) -> str | None:
    """Return the digest of a Python file without comments, docstrings and formatting.

    Args:
        data: the file's bytes; a byte order mark and a coding line are followed.

    Returns:
        64 hex digits, the same under every supported version of Python; None for what is no Python or exceeds
        `LARGEST` bytes or `MOST_TOKENS` tokens.
    """
    if len(data) > LARGEST or tokens(data, MOST_TOKENS) > MOST_TOKENS:
        return None
    try:
        with warnings.catch_warnings():
            # An invalid escape is a warning about the file, and with -W error it would be an exception.
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    text = "".join(_written(tree))
    # A string constant may hold a lone surrogate, which strict UTF-8 refuses.
    return hashlib.sha256(f"{_FORM}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _written(tree: ast.AST) -> Iterator[str]:
    """Yield the pieces of a tree's canonical text, from left to right, without recursion: a tree may be deep."""
    waiting: list[ast.AST | str] = [tree]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            yield piece
        else:
            waiting.extend(reversed(_parts(piece)))


def _parts(node: ast.AST) -> list[ast.AST | str]:
    """Return one node as text with its child nodes still as nodes.

    Empty and absent fields are left out, so that a field that a later Python adds changes no digest.
    """
    name = type(node).__name__
    if isinstance(node, ast.Constant):
        return [f"({name} {_scalar(node.value)})"]
    parts: list[ast.AST | str] = [f"({name}"]
    for field in _said(node._fields):
        value = getattr(node, field, None)
        if isinstance(value, list):
            items = _items(node, value)
            if not items:
                continue
            parts.append(f" {field}[")
            for item in items:
                parts.append(" ")
                parts.append(item if isinstance(item, ast.AST) else _scalar(item))
            parts.append("]")
        elif isinstance(value, ast.AST):
            parts += [f" {field}=", value]
        elif value is not None:
            parts.append(f" {field}={_scalar(value)}")
    parts.append(")")
    return parts


@cache
def _said(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(fields) - _UNSAID))


def _items(node: ast.AST, values: list[object]) -> list[object]:
    if isinstance(node, ast.JoinedStr):
        return _joined(values)
    return [value for value in values if not _does_nothing(value)]


def _does_nothing(statement: object) -> bool:
    """Say whether this is a docstring, of whatever it stands under, or `pass`."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
    return isinstance(statement, ast.Pass)


def _joined(values: list[object]) -> list[object]:
    """Return the parts of an f-string with neighbouring texts as one: versions of Python cut them differently."""
    found: list[object] = []
    for value in values:
        if isinstance(value, ast.Constant):
            if value.value == "":
                continue
            last = found[-1] if found else None
            if isinstance(last, ast.Constant):
                found[-1] = ast.Constant(str(last.value) + str(value.value))
                continue
        found.append(value)
    return found


def _scalar(value: object) -> str:
    """Return a constant, or a name in the tree, so that equal text means equal type and value."""
    if isinstance(value, str):
        # The length in front: no text can be mistaken for what follows it.
        return f"str:{len(value)}:{value}"
    if isinstance(value, bytes):
        return f"bytes:{value.hex()}"
    if isinstance(value, int) and not isinstance(value, bool):
        # Hexadecimal, because Python refuses to write a very long integer in decimal.
        return f"int:{value:x}"
    return f"{type(value).__name__}:{value!r}"
