r"""Files of the repository that LaTeX and Typst documents bring, by `\input`, `\usepackage`, `#import` and the like.

A document holds no number, but a file that it brings is code that could give our names another meaning. Such a file
says nothing of them at all; one that the rules name is a document itself. TeX loads packages by their names from beside
the document, also where a package of the system asks for them, so each file that could be one is read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gatekit.claims import latex, typst
from gatekit.claims.document_text import DocumentText
from gatekit.claims.documents import ClaimsDocument
from gatekit.errors import GatekitError, Location

MOST_FILES = 500
"""Files that all documents of one registry bring."""
MOST_BYTES = 32 << 20
"""Bytes of them together."""
LONGEST_JUDGED = 512 << 10
"""Bytes of one that is looked through for what changes how TeX or Typst reads on; of a larger one that is assumed."""

_LOADED = frozenset({".sty", ".cls", ".clo", ".def", ".cfg", ".fd", ".ldf", ".ltx", ".tikz", ".code.tex"})
"""Suffixes of what TeX loads by a name that stands in no document."""
_LEFT = frozenset({".aux", ".bbl", ".toc", ".lof", ".lot", ".out", ".nav", ".snm", ".ind", ".gls"})
"""Suffixes of what TeX has left there and reads again: it repeats our names as the document uses them."""
_BRINGS = re.compile(
    r"\\(?:input|include|InputIfFileExists|subfile|subfileinclude|loadglsentries)\*?\s*\{(?P<file>[^{}]{0,200})\}"
    r"|\\input\s+(?P<bare>[^\s{}\\%]{1,200})"
    r"|\\(?:sub)?(?:import|inputfrom|includefrom)\*?\s*\{(?P<folder>[^{}]{0,200})\}\s*\{(?P<inside>[^{}]{0,200})\}"
    r"|\\(?:usepackage|RequirePackage(?:WithOptions)?)\s*+(?:\[[^\[\]]{0,500}\]\s*+)?\{(?P<packages>[^{}]{0,500})\}"
    r"|\\(?:documentclass|LoadClass(?:WithOptions)?)\s*+(?:\[[^\[\]]{0,500}\]\s*+)?\{(?P<cls>[^{}]{0,200})\}"
)
_IMPORTS = re.compile(r"(?<![\w-])(?:include|import)\s*+\(?\s*+\"(?P<file>[^\"\r\n@]{1,200})\"")
_OURS = re.compile(r"gatekit", re.IGNORECASE)
_USED_AGAIN = re.compile(r"\\gatekit(?:claim|value|literal) ?\{")

Read = Callable[[str], bytes | None]
"""From a path to the bytes of a regular file; None where nothing lies there. It may raise a GatekitError."""


@dataclass(frozen=True)
class BroughtCode:
    """What documents bring, as far as it lies in the repository."""

    paths: tuple[str, ...]
    """Of the files that were read, the rules' own documents left out."""
    errors: tuple[GatekitError, ...]


NOTHING_BROUGHT = BroughtCode((), ())


def read_brought(documents: Sequence[ClaimsDocument], read: Read, beside: Iterable[str], root: str = "") -> BroughtCode:
    """Follow what documents bring, through files that bring more.

    Args:
        documents: of the rules.
        read: reads a file of the repository.
        beside: paths of all files that lie in the folders of documents and in those above.
        root: the folder of the registry.
    """
    shown = {document.path: document for document in documents if document.syntax in ("latex", "typst")}
    search = _CodeSearch(read, frozenset(shown), root)
    folders = {""} if any(document.syntax == "latex" for document in shown.values()) else set()
    for path, document in shown.items():
        folder = posixpath.dirname(path) if document.syntax == "latex" else ""
        while folder:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    for path in beside if folders else ():
        if posixpath.dirname(path) in folders and _ends(path, _LOADED | _LEFT):
            search.follow(search.add(path), posixpath.dirname(path))
    for path, document in shown.items():
        search.follow((path, document.text), posixpath.dirname(path))
    return BroughtCode(tuple(sorted(search.read)), tuple(search.errors))


def is_doubtful(path: str, data: bytes) -> bool:
    """Whether a file that documents bring changes how TeX or Typst reads on, which leaves open what they show."""
    if len(data) > LONGEST_JUDGED:
        return True
    reader = typst if path.endswith(typst.SUFFIX) else latex
    return not _ends(path, _LEFT) and reader.changes_what_is_read(data.decode("utf-8", "replace"))


class _CodeSearch:
    """Keeps what was read."""

    def __init__(self, read: Read, documents: frozenset[str], root: str) -> None:
        self._read = read
        self._root = root
        self._documents = documents
        self._left = MOST_BYTES
        self._seen: set[str] = set()
        self.read: list[str] = []
        self.errors: list[GatekitError] = []

    def follow(self, first: tuple[str, str] | None, top: str) -> None:
        """Read what a file and those that it brings bring: from the folder that TeX runs in, their own, and the top."""
        waiting = [] if first is None else [first]
        while waiting:
            path, text = waiting.pop()
            for folder, name in _names(path, text):
                if "\\" in name or "#" in name:
                    message = f"'{name[:60]}' names a file by a macro, so that it cannot be told what it brings"
                    place = DocumentText(path, text).location(text.find(name))
                    self.errors.append(GatekitError("claims.brought", message, place, "write the name itself"))
                    continue
                for start in dict.fromkeys((top, posixpath.dirname(path), self._root)):
                    found = self.add(posixpath.normpath(posixpath.join(start, folder, name)))
                    if found is not None:
                        waiting.append(found)

    def add(self, path: str) -> tuple[str, str] | None:
        """Read a file that was not read before; return it where it is there and is text."""
        if path in self._seen or path in self._documents or path.startswith(("../", "/")) or _is_written(path):
            return None
        self._seen.add(path)
        try:
            data = self._read(path)
        except GatekitError as error:
            message = f"documents bring this file, which cannot be read: {error.message}"
            self.errors.append(GatekitError("claims.brought", message, Location(path), error.remedy))
            return None
        if data is None:
            return None
        self.read.append(path)
        self._left -= len(data)
        if len(self.read) > MOST_FILES or self._left < 0:
            if not any(error.error_id == "claims.too_much_brought" for error in self.errors):
                message = f"documents bring more than {MOST_FILES} files or {MOST_BYTES} bytes"
                self.errors.append(GatekitError("claims.too_much_brought", message, Location(path)))
            return None
        text = data.decode("utf-8", "replace")
        self.names(path, text)
        return path, text

    def names(self, path: str, text: str) -> None:
        if not path.endswith(typst.SUFFIX) and "\\" not in text:  # no code of TeX: a setup.cfg
            return
        for found in _OURS.finditer(text):
            if _ends(path, _LEFT) and _USED_AGAIN.match(text, found.start() - 1):
                continue
            if text.startswith(latex.INPUT, found.start() - len("\\input{")):
                continue
            message = "a name of gatekit in a file that documents bring and the rules do not name"
            remedy = "take it out, or name the file in rules.documents"
            place = DocumentText(path, text).location(found.start())
            self.errors.append(GatekitError("claims.brought", message, place, remedy))
            return


def _names(path: str, text: str) -> Iterable[tuple[str, str]]:
    """Yield the folder and the name of each file that a text may bring, with the suffixes that it could have."""
    if path.endswith(typst.SUFFIX):
        for found in _IMPORTS.finditer(text):
            yield "", found["file"].lstrip("/")
        return
    for found in _BRINGS.finditer(text):
        folder = (found["folder"] or "").strip()
        name = (found["file"] or found["bare"] or found["inside"] or "").strip()
        if name and name != "gatekit-values":
            yield folder, name
            if "\\" not in name:
                yield folder, f"{name}.tex"
        for package in (found["packages"] or "").split(","):
            if package.strip():
                yield "", f"{package.strip()}.sty"
        if found["cls"]:
            yield "", f"{found['cls'].strip()}.cls"


def _ends(path: str, suffixes: frozenset[str]) -> bool:
    return path.lower().endswith(tuple(suffixes))


def _is_written(path: str) -> bool:
    return posixpath.basename(path).lower().startswith("gatekit-values.")
