"""Code that LaTeX and Typst documents bring from the repository, and that a change adds, alters or begins to bring.

The check reads no number from such a document, and cannot know what a package or template makes of a value. So a change
of one that changes how TeX or Typst reads on is agreed to by people, as a change of what judges is.
"""

from __future__ import annotations

from gatekit.claims.typeset_code import is_doubtful
from gatekit.pull_request.side import BranchContents
from gatekit.pull_request.trust_root import TrustChange


def typeset_changes(base: BranchContents, head: BranchContents) -> list[TrustChange]:
    """Return the doubtful files that documents of the head bring and those of the base do not, or not as they are."""
    before = _brought(base)
    found = []
    for path, oid in _brought(head).items():
        if before.get(path) != oid and is_doubtful(path, head.tree.read(path)):
            found.append(TrustChange(path, "is code that documents are typeset with, and could show other values"))
    return found


def _brought(side: BranchContents) -> dict[str, str]:
    if side.written is None:
        return {}
    return {path: side.tree.entries[path].oid for path in side.written.brought.paths}
