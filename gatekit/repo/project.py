"""The root of a project: the folder of a repository whose policies, claims and evidence are meant; "" is the top.

Every path that a report names is relative to it, as it is for who stands there; what lies elsewhere in the repository
begins with `../`.
"""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from types import MappingProxyType

from gatekit.repo.faults import usage
from gatekit.repo.tree import Entry, Tree


def root_of(top: Path, folder: str) -> str:
    """Return the root that a folder is, by its name below the top of the work tree.

    Links below the top are not followed: a change could bring one that leads to a project with policies of its own.

    Args:
        top: of the work tree, or the bare repository.
        folder: absolute or relative to the current one; it need not be there, because a change may delete it.

    Raises:
        GatekitError: `repo.root_outside` (usage).
    """
    absolute = Path(os.path.abspath(folder))
    for place in (*reversed(absolute.parents), absolute):
        # The outermost one, since a link further down may lead back to the top.
        if place == top or (place.exists() and os.path.samefile(place, top)):
            root = absolute.relative_to(place).as_posix()
            return "" if root == "." else root
    raise usage("repo.root_outside", f"{folder} is not in the repository {top}", "name a folder of the clone")


def below(tree: Tree, root: str) -> Tree:
    """Return the files of a project, by paths relative to its root; `whole` of it is the tree that it lies in."""
    if not root:
        return tree
    start = f"{root}/"
    inside = [entry for entry in tree.under(root) if entry.path.startswith(start)]
    entries = {
        entry.path.removeprefix(start): Entry(entry.path.removeprefix(start), entry.mode, entry.oid, entry.size)
        for entry in inside
    }
    return Tree(tree.oid, MappingProxyType(entries), tree.source, root, tree)


def in_repository(root: str, path: str) -> str:
    """Return a path of a report as one from the top of the repository."""
    return posixpath.normpath(posixpath.join(root, path)) if root else path


def in_project(root: str, path: str) -> str:
    """Return a path from the top of the repository as one of a report."""
    return posixpath.relpath(path, root) if root else path
