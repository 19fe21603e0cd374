"""The files that the gate of a repository is made of, where it runs from the repository's own source.

There a change of the gate's code is a change of what judges: `return PASS` in the right place loosens every policy.
Elsewhere `gatekit` is installed from a commit that a workflow names, and the workflow is what judges.
"""

from __future__ import annotations

import re
import tomllib

from gatekit.errors import GatekitError
from gatekit.repo import Tree
from gatekit.repo.tree import FILE_MODES

PACKAGE = "gatekit-sae"
_CODE = re.compile(r"(src/)?gatekit(_[a-z0-9_]+)?/.+")
"""The gate, and the packages that its wheel brings with it, which it loads as plugins."""
_INSTALLED_FROM = re.compile(
    r"pyproject\.toml|setup\.(py|cfg)|MANIFEST\.in|hatch_build\.py|requirements/.+"
    r"|[^/]+\.lock|Pipfile|pylock(\.[^/]+)?\.toml|(requirements|constraints)[^/]*\.(txt|in)|pip\.conf|uv\.toml"
)
_LOCAL_USE = re.compile(
    r"^[^\S\n]*+(?:-\s++)?[\"']?uses[\"']?\s*+:\s*+[\"']?(\.|\$)/(?P<folder>[^\s\"'#]*)", re.MULTILINE
)
LARGEST = 1 << 20
"""Bytes of a workflow, and of pyproject.toml."""
LARGEST_PROJECT = 256 << 10
"""Bytes of pyproject.toml that are parsed; a larger one is taken for the gate's own, which is the stricter reading."""
MOST_DOTS = 50
"""Dots of one line of it outside of quotes: the parser takes time and memory by their square."""
_QUOTED = re.compile(r"\"[^\"\n]*+\"|'[^'\n]*+'")


def runs_from_source(tree: Tree) -> bool:
    """Whether a repository's own gate is made of its own files.

    It is where the package of the gate lies in it, where its distribution has the gate's name, and where one of its
    workflows uses an action of its own.
    """
    if any(f"{folder}gatekit/__init__.py" in tree for folder in ("", "src/")):
        return True
    return _distribution(tree) == PACKAGE or bool(_own_actions(tree))


def gate_sources(base: Tree, paths: list[str]) -> list[str]:
    """Return those of `paths` that the gate of the base is made of or installed from."""
    if not runs_from_source(base):
        return []
    actions = tuple(f"{folder}/" for folder in _own_actions(base) if folder)
    return [
        path
        for path in paths
        if _CODE.fullmatch(path) or _INSTALLED_FROM.fullmatch(path) or (actions and path.startswith(actions))
    ]


def _distribution(tree: Tree) -> str | None:
    text = _text(tree, "pyproject.toml")
    if text is None:
        return None
    dots = max((line.count(".") for line in _QUOTED.sub("''", text).splitlines()), default=0)
    if len(text) > LARGEST_PROJECT or dots > MOST_DOTS:
        return PACKAGE
    try:
        project = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    name = project.get("name") if isinstance(project, dict) else None
    return re.sub(r"[-_.]+", "-", name).lower() if isinstance(name, str) else None


def _own_actions(tree: Tree) -> set[str]:
    """Folders of the actions that workflows use by `./FOLDER`, or `$/FOLDER`; the top is ''."""
    found: set[str] = set()
    for entry in tree.under(".github/workflows"):
        text = _text(tree, entry.path)
        if text is not None:
            found |= {match["folder"].strip("/") for match in _LOCAL_USE.finditer(text)}
    # A reusable workflow is named by its file; it lies in .github/, which judges anyway.
    return {folder for folder in found if not folder.endswith((".yml", ".yaml"))}


def _text(tree: Tree, path: str) -> str | None:
    if path not in tree or tree.entries[path].mode not in FILE_MODES:
        return None
    try:
        return tree.read(path, LARGEST).decode("utf-8")
    except (GatekitError, UnicodeDecodeError):
        return None
