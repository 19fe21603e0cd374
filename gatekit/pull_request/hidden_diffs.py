"""Lines of .gitattributes that hide what judges from a reviewer: GitHub folds such files up, or shows no diff of them.

gatekit itself never follows attributes; people do, since the page that they approve on is made by them. So does a
checkout or an archive, from which a site or a release is made: some let it hold other text than the commit that is
judged. Filters are none of these, since what they do is set up on each machine and not by the repository.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from gatekit.errors import GatekitError
from gatekit.repo import Tree
from gatekit.repo.tree import FILE_MODES, changes

NAME = ".gitattributes"
LIMIT = 1 << 20
"""Bytes of one file; a longer one counts as hiding."""

_HIDING = frozenset({"-diff", "binary", "-text", "linguist-generated"})
_CONCERNING = ("diff", "text", "binary", "linguist-generated")
"""Attributes that decide whether a diff is shown."""
_ALTERING = ("working-tree-encoding", "ident", "export-subst")
"""Attributes by which a file of a checkout or an archive holds other text than that of the commit."""
_MACRO = "[attr]"
_GLOB = re.compile(r'[*?\[\\"]')
_TOPS = frozenset(
    {"policies", "evidence", "kinds", "schemas", "trust", "registrations", "cycles", "requirements", ".github"}
)
_TOPS_OF_FILES = frozenset({"claims.yaml", "action.yml", "action.yaml", "comment", "docs", "codeowners", NAME})
_SOURCE = re.compile(r"gatekit\w*|src|pyproject\.toml|setup\.(py|cfg)")
_SUFFIXES = frozenset(
    {"yaml", "yml", "json", "md", "tex", "typ", "qmd", "ipynb", "toml", "lock", "sh", "py", "pyi", "txt", "cfg"}
)
_SUFFIXES_OF_KEYS = frozenset({"pem", "pub", "in", "gitattributes"})
"""With `_SUFFIXES`: ends of the names of policies, evidence, documents, keys, workflows and the gate's code."""


def hidden_diffs(base: Tree, head: Tree, root: str = "", suffixes: frozenset[str] = frozenset()) -> list[str]:
    """Return the changed .gitattributes, in any folder, by which less may be shown of what judges.

    A change that leaves nothing hidden is none, whatever it takes away.

    Args:
        base: the whole repository.
        head: the same with the change.
        root: of the project that is judged.
        suffixes: of the documents that its rules name, without their dots.
    """
    return _deciding_files(base, head, root, suffixes, _CONCERNING, _is_hiding)


def altering_checkouts(base: Tree, head: Tree, root: str = "", suffixes: frozenset[str] = frozenset()) -> list[str]:
    """Return the changed .gitattributes by which checkouts or archives hold other text of what judges.

    Args:
        base: the whole repository.
        head: the same with the change.
        root: of the project that is judged.
        suffixes: of the documents that its rules name, without their dots.
    """
    return _deciding_files(base, head, root, suffixes, _ALTERING, _is_altering)


def _deciding_files(
    base: Tree,
    head: Tree,
    root: str,
    suffixes: frozenset[str],
    concerning: Sequence[str],
    does: Callable[[str], bool],
) -> list[str]:
    """Return the changed .gitattributes, where attributes that do something are not the same on both sides."""
    changed = [path for path in changes(base, head) if path.rpartition("/")[2] == NAME]
    if not changed:
        return []
    macros = _macros([*_lines(base), *_lines(head)], does)
    before, after = (_deciding(_lines(tree), macros, root, suffixes, concerning) for tree in (base, head))
    if before == after or not any(does(word) or word in macros for _, words in after for word in words[1:]):
        return []
    return changed


def _lines(tree: Tree) -> list[tuple[str, list[str]]]:
    """Folder, and the words of each line, of every file in order of the paths."""
    found = []
    for path, entry in sorted(tree.entries.items()):
        folder, _, name = path.rpartition("/")
        if name != NAME:
            continue
        try:
            # git does not follow a link of this name, but another system may.
            text = tree.read(path, LIMIT).decode("utf-8") if entry.mode in FILE_MODES else None
        except (GatekitError, UnicodeDecodeError):
            text = None
        if text is None:
            found.append((folder, ["*", "-diff", entry.oid]))
            continue
        for line in text.removeprefix("\ufeff").splitlines():
            words = line.split()
            if words and not words[0].startswith("#"):
                found.append((folder, words))
    return found


def _macros(lines: Sequence[tuple[str, list[str]]], does: Callable[[str], bool]) -> frozenset[str]:
    """Names that stand for something that does; one may be made of another."""
    named = [words for _, words in lines if words[0].startswith(_MACRO)]
    made_of: dict[str, list[str]] = {}
    for words in named:
        for word in words[1:]:
            made_of.setdefault(word, []).append(words[0].removeprefix(_MACRO))
    waiting = [words[0].removeprefix(_MACRO) for words in named if any(map(does, words[1:]))]
    hiding: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in hiding:
            hiding.add(name)
            waiting += made_of.get(name, ())
    return frozenset(hiding)


def _is_hiding(word: str) -> bool:
    name, equals, value = word.partition("=")
    return word in _HIDING or (name == "linguist-generated" and bool(equals) and value.lower() != "false")


def _is_altering(word: str) -> bool:
    return word.partition("=")[0] in _ALTERING


def _deciding(
    lines: Sequence[tuple[str, list[str]]],
    macros: frozenset[str],
    root: str,
    suffixes: frozenset[str],
    attributes: Sequence[str],
) -> list[tuple[str, list[str]]]:
    """The lines that decide about these attributes of a file that judges."""
    found = []
    for folder, words in lines:
        names = [(word, word.lstrip("-!").partition("=")[0]) for word in words[1:]]
        concerning = [word for word, name in names if name in attributes or name in macros]
        if concerning and (words[0].startswith(_MACRO) or may_match_what_judges(folder, words[0], root, suffixes)):
            found.append((folder, [words[0], *concerning]))
    return found


def may_match_what_judges(folder: str, pattern: str, root: str = "", suffixes: frozenset[str] = frozenset()) -> bool:
    """Whether a pattern of a .gitattributes in this folder could match a file that judges, or will some day.

    In doubt it could: quoted patterns and those with a class or a backslash in their last part.

    Args:
        folder: of the .gitattributes, from the top of the repository.
        pattern: of one of its lines.
        root: of the project that is judged; what lies at the top, like workflows, judges it too.
        suffixes: of the documents that its rules name, without their dots.
    """
    if _may_match(folder, pattern, suffixes):
        return True
    place = _from_root(folder, pattern, root)
    return place is not None and _may_match(*place, suffixes)


def _may_match(folder: str, pattern: str, suffixes: frozenset[str]) -> bool:
    anchored = "/" in pattern
    place = f"{folder}/{pattern.lstrip('/')}" if folder else pattern.lstrip("/")
    top = place.split("/")[0] if folder or anchored else "*"
    if not _GLOB.search(top) and not _is_watched_top(top):
        return False
    name = pattern.rpartition("/")[2].lower()
    _, dot, suffix = name.rpartition(".")
    if not dot:
        return bool(_GLOB.search(name)) or name == "codeowners"
    if _GLOB.search(suffix):
        return True
    return suffix in _SUFFIXES or suffix in _SUFFIXES_OF_KEYS or suffix in suffixes


def _from_root(folder: str, pattern: str, root: str) -> tuple[str, str] | None:
    """Return folder and pattern as they are from a project's root; None where nothing below it can match."""
    if f"{folder}/".startswith(f"{root}/"):
        return folder.removeprefix(root).lstrip("/"), pattern
    if folder and not root.startswith(f"{folder}/"):
        return None
    if "/" not in pattern:
        return "", pattern  # it matches in every folder below
    parts = pattern.lstrip("/").split("/")
    for name in root.removeprefix(folder).lstrip("/").split("/"):
        if _GLOB.search(parts[0]):
            return "", parts[-1]  # it may match here, at whatever depth
        if parts[0] != name or len(parts) == 1:
            return None
        parts = parts[1:]
    return "", "/" + "/".join(parts)


def _is_watched_top(name: str) -> bool:
    lower = name.lower()
    # A document may lie at the top under any name with a document's ending; the suffix decides about it.
    return lower in _TOPS or lower in _TOPS_OF_FILES or bool(_SOURCE.fullmatch(lower)) or "." in lower
