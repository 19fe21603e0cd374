"""Who owns a path by a CODEOWNERS file: the last line whose pattern matches decides, also when it names nobody.

Patterns follow GitHub's documentation: those of gitignore, without `!`, `[ ]` and an escaped `#`, which it
does not take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.repo.tree import Tree

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks for the file, in this order."""
LIMIT = 3 << 20
"""Bytes; GitHub reads no larger one."""


@dataclass(frozen=True)
class Rule:
    """One line."""

    pattern: str
    owners: tuple[str, ...]


def code_owners(tree: Tree) -> list[Rule]:
    """Return the rules of the one file that GitHub reads of a branch; none where there is none that can be read."""
    for path in PLACES:
        if path in tree:
            try:
                return parse(tree.read(path, LIMIT).decode("utf-8"))
            except (GatekitError, UnicodeDecodeError):
                return []
    return []


def parse(text: str) -> list[Rule]:
    """Return the rules of a file; a line that GitHub would not understand is left out, as GitHub does."""
    rules = []
    for line in text.splitlines():
        words = line.partition(" #")[0].split()
        if not words or words[0].startswith("#"):
            continue
        owners = tuple(word for word in words[1:] if "@" in word)
        if not words[0].startswith("!") and "[" not in words[0] and len(owners) == len(words) - 1:
            rules.append(Rule(words[0], owners))
    return rules


def owners(rules: Iterable[Rule], path: str) -> tuple[str, ...]:
    """Return the owners of a file, () when it has none."""
    found: tuple[str, ...] = ()
    for rule in rules:
        if _expression(rule.pattern).fullmatch(path):
            found = rule.owners
    return found


def _expression(pattern: str) -> re.Pattern[str]:
    anchored = "/" in pattern.rstrip("/")
    body = pattern.strip("/")
    pieces = []
    for part in re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?)", body):
        pieces.append(
            {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
        )
    start = "" if anchored else "(?:.*/)?"
    # A folder owns what is in it; `docs/*` alone owns only the files directly in docs.
    end = "/.*" if pattern.endswith("/") else "" if body.endswith("/*") else "(?:/.*)?"
    return re.compile(start + "".join(pieces) + end, re.DOTALL)
