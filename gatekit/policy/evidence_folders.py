"""Which evidence a policy reads: files and folders below evidence/, named from the repository's root."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from gatekit.errors import did_you_mean
from gatekit.evidence.strict_yaml import Node, Scalar, YamlDocument
from gatekit.policy import fields

FOLDER = "evidence"
"""A pull request's evidence is read from here and from nowhere else, so a policy can name nothing outside."""
MOST = 100
LONGEST = 300
PATH = re.compile(rf"{FOLDER}(/[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*)*/?")
"""As the published schema has it: no part is `.`, `..` or hidden, and hidden files are not read."""


def evidence_from(document: YamlDocument, node: Node) -> tuple[str, ...]:
    """Return the paths that `evidence:` names, one or a list of them, without slashes at their ends.

    Raises:
        GatekitError: `policy.*` at the path that is doubled, or lies where no evidence is read.
    """
    if isinstance(node, Scalar):
        return (_path(document, node),)
    items = fields.sequence(document, node, "evidence")
    if len(items) > MOST:
        raise fields.refusal(document, items[MOST], "value", f"evidence names more than {MOST} paths")
    found: list[str] = []
    for item in items:
        path = _path(document, item)
        if path in found:
            raise fields.refusal(document, item, "value", f"evidence names '{path}' twice")
        found.append(path)
    return tuple(found)


def _path(document: YamlDocument, node: Node) -> str:
    text = fields.text(document, node, "evidence", limit=LONGEST)
    if not PATH.fullmatch(text):
        message = f"evidence '{text}' is no visible file or folder below {FOLDER}/, which is all that is read"
        remedy = f"write it from the root, without '.' and '..', such as {FOLDER}/my-saes"
        raise fields.refusal(document, node, "value", message, remedy)
    return text.removesuffix("/")


def reads(folders: Sequence[str], path: str) -> bool:
    """Whether a policy that names these reads the summary at a path; one that names nothing reads all."""
    if not folders:
        return True
    plain = posixpath.normpath(path)
    return any(plain == folder or plain.startswith(f"{folder}/") for folder in folders)


def nearest(folders: Sequence[str], paths: Iterable[str]) -> str | None:
    """Return the folder of a path that a named one may have been meant for, as a remedy; None where none is near."""
    there = sorted({posixpath.dirname(posixpath.normpath(path)) for path in paths})
    return next((remedy for folder in folders if (remedy := did_you_mean(folder, there))), None)
