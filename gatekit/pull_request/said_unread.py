"""Sentences of claims that a change puts where nothing checks them: in files that no rule names, and in plain prose.

A document that is moved to a format that the gate does not read takes its claims along, without their bindings. So does
a page that repeats a registered sentence. What stands there is looked for in the letters of every file that the change
adds or changes: with another number than the evidence gives, of a claim that is withdrawn or not supported, it blocks;
in the place of a document that is not read any more, it needs approval.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gatekit.claims.document_text import DocumentText
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.finding import Finding
from gatekit.claims.finding_documents import is_written, registered_documents
from gatekit.claims.model import Claim
from gatekit.claims.predecessors import registered_alike
from gatekit.claims.prose import SLOT
from gatekit.claims.registry import parse_registry
from gatekit.claims.said import Saying, SentenceSearch
from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode
from gatekit.kinds import FOLDER as KINDS
from gatekit.pull_request.side import CLAIMS, EVIDENCE, POLICIES, BranchContents
from gatekit.pull_request.trust_root import TrustChange
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS
from gatekit.repo import Tree
from gatekit.repo.tree import FILE_MODES, changes

SAID_UNREAD = "claims.said_unread"
SAID_OTHERWISE = "claims.said_otherwise"

LARGEST = 2 << 20
"""Bytes of one changed file that is looked through."""
LARGEST_TOGETHER = 8 << 20
"""Bytes of all of them."""
LARGEST_LOOKED_AT = 256 << 20
"""Bytes of all files without a suffix that are too large to be looked through, and are asked whether they are data."""
MOST_PAIRS = 100_000
"""Of a document that is gone and a changed file: whether one has become the other takes a second."""
_ALIKE = 0.5
"""Share of words that a document and a file have in common from which one has become the other."""
_TEX_COMMENT = re.compile(r"(?<!\\)%[^\n]*")
_WORDS = re.compile(r"[^\W\d_]{3,}")
_PAGES = frozenset(
    {"", ".adoc", ".asciidoc", ".htm", ".html", ".ipynb", ".markdown", ".md", ".mdx", ".org", ".pod", ".qmd"}
    | {".rdoc", ".rmd", ".rst", ".tex", ".textile", ".txt", ".typ", ".wiki", ".xhtml", ".xml"}
)
"""Ends of the names of files that people read as pages: one that is too large to be looked through needs approval."""


@dataclass(frozen=True)
class UnreadSayings:
    """What a change says of claims where no rule reads it."""

    blocking: tuple[Finding, ...]
    moved: tuple[TrustChange, ...]


@dataclass(frozen=True)
class _Text:
    """A file that no rule names, or the prose of a document."""

    path: str
    text: str
    document: ClaimsDocument | None = None
    """None for a file that no rule names."""
    of_source: bool = False
    """Whether the text is a document's source and not its prose."""

    @cached_property
    def _source(self) -> DocumentText:
        return DocumentText(self.path, self.text)

    def place(self, offset: int) -> Location:
        if self.document is None:
            return self._source.location(offset)
        return self.document.source.location(offset if self.of_source else self.document.unclaimed.offset(offset))


def said_unread(base: BranchContents, head: BranchContents) -> UnreadSayings:
    """Return the sentences of the claims of both sides that the change newly says where nothing answers for them."""
    if base.registry is None or head.registry is None:
        return UnreadSayings((), ())
    claims = {claim.id: claim for claim in (*base.registry.claims, *head.registry.claims)}
    wanted = [*claims.values(), *_reworded(base.registry.claims, claims)]
    before_paths, after_paths, too_large = _unread(base, head)
    before = [*_files(base.tree, before_paths), *_prose(base, head)]
    files = _files(head.tree, after_paths)
    search = SentenceSearch(wanted)
    known = Counter(_key(saying) for text in before for saying in search.sayings(text.text))
    search = SentenceSearch(wanted)
    printed = _printed(base.documents) | _printed(head.documents)
    fewer = _blocks(base.documents) - _blocks(head.documents)
    blocking: dict[tuple[str, str], Finding] = {}
    moved: dict[str, TrustChange] = {}
    for text in (*files, *_prose(head, base)):
        for saying in search.sayings(text.text):
            if known[_key(saying)] > 0:
                known[_key(saying)] -= 1
                continue
            found = _judged(saying, text, head, printed)
            for finding in found:  # what is prose is in the source as well
                blocking.setdefault((str(finding.location), finding.message), finding)
            if not found and text.document is None and fewer[saying.claim.id] > 0:
                what = f"says claim '{saying.claim.id}' in place of a document, and nothing reads it"
                moved.setdefault(text.path, TrustChange(text.path, what))
        if search.has_stopped:
            moved[text.path] = TrustChange(text.path, "repeats so much of the claims that it is not looked through")
            break
    for path, what in [*_became(base, head, files), *too_large]:
        moved.setdefault(path, TrustChange(path, what))
    return UnreadSayings(tuple(blocking.values()), tuple(moved[path] for path in sorted(moved)))


def _reworded(old: Sequence[Claim], now: Mapping[str, Claim]) -> list[Claim]:
    """Return the claims of the base as it words them, where the head says something else under their ids."""
    return [claim for claim in old if not registered_alike(claim, now[claim.id])]


def _judged(
    saying: Saying, text: _Text, head: BranchContents, printed: Mapping[str, list[tuple[str, ...]]]
) -> list[Finding]:
    """Return what is wrong with saying it there."""
    claim, registry = saying.claim, head.registry
    kept = registry is not None and any(registered_alike(claim, other) for other in registry.claims)
    if not kept:
        # What a document still says of it is found by `still_said`.
        what = "is no longer registered in these words, which stand" if text.document is None else None
    elif claim.status == "not_supported" and not saying.shows_status:
        what = "is not supported, and its sentence stands without saying so"
    elif all(number is None for number in saying.numbers) and saying.is_exact:
        what = None
    elif not any(saying.shows(shown) for shown in printed.get(claim.id, [])):
        numbers = ", ".join(number for number in saying.numbers if number is not None) or "other words"
        numbers += "" if saying.is_exact or numbers == "other words" else " and other words"
        what = f"is said with {numbers} in place of what the evidence gives"
    else:
        what = None
    if what is None:
        return []
    where = "in a file that no rule reads" if text.document is None else "outside of its block"
    return [
        Finding(
            SAID_UNREAD if text.document is None else SAID_OTHERWISE,
            f"claim '{claim.id}' {what} {where}",
            text.place(saying.offset),
            "take the sentence out, or name the file in rules.documents and bind its numbers"
            if text.document is None
            else "put the sentence into the claim's block, or say something else",
            ExitCode.BLOCKED,
        )
    ]


def _key(saying: Saying) -> tuple[str, tuple[str | None, ...], bool, bool]:
    return saying.claim.id, saying.numbers, saying.is_exact, saying.shows_status


def _unread(base: BranchContents, head: BranchContents) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """Return the changed files that no rule names, of the base and of the head, and pages that are too large."""
    read = [{document.path for document in side.documents} for side in (base, head)]
    others = _read_by_other_projects(base.tree)
    found: list[list[str]] = [[], []]
    large: list[str] = []
    left = [LARGEST_TOGETHER, LARGEST_TOGETHER]
    changed = [path for path in changes(base.tree, head.tree) if not _is_ours(path) and path not in others]

    def size(side: BranchContents, path: str) -> int:
        return side.tree.entries[path].size or 0

    page_oids: Counter[tuple[str, str]] = Counter()
    """Pages of the base that are changed: one that the head holds under another name was moved."""
    for index, side in enumerate((base, head)):
        here = [path for path in changed if path in side.tree and path not in read[index]]
        here = [path for path in here if side.tree.entries[path].mode in FILE_MODES]
        if index == 0:
            page_oids.update(_kept_as(side.tree, path) for path in here if _is_page(path))
        # Pages first, small ones before large ones: no heap of data keeps a page from being looked at.
        for path in sorted(here, key=lambda path: (not _is_page(path), size(side, path), path)):
            if size(side, path) <= min(LARGEST, left[index]):
                left[index] -= size(side, path)
                found[index].append(path)
            elif index and page_oids[_kept_as(side.tree, path)] > 0:
                page_oids[_kept_as(side.tree, path)] -= 1
            elif index and _is_page(path):
                large.append(path)
    data = _data(head.tree, [path for path in large if not posixpath.splitext(path)[1]])
    why = "and too large to be looked through for claims"
    return found[0], found[1], [(path, f"is {_change_word(base, path)} {why}") for path in large if path not in data]


def _kept_as(tree: Tree, path: str) -> tuple[str, str]:
    """Return the content of a file and its suffix: what was data under another suffix may be a page under this one."""
    return tree.entries[path].oid, posixpath.splitext(path)[1].lower()


def _data(tree: Tree, paths: Iterable[str]) -> frozenset[str]:
    """Return the files that hold a zero byte where git looks for one, in the first 8000 bytes, and so show no text."""
    left = LARGEST_LOOKED_AT
    asked: dict[str, str] = {}
    for path in paths:
        left -= tree.entries[path].size or 0
        if left < 0:
            break
        asked[path] = tree.entries[path].oid
    starts = tree.source.starts(asked.values(), 8000)
    marks = (b"\xff\xfe", b"\xfe\xff")  # UTF-16 has zero bytes and is text
    return frozenset(path for path, oid in asked.items() if b"\0" in starts[oid] and not starts[oid].startswith(marks))


def _change_word(base: BranchContents, path: str) -> str:
    """Return what happened to a file of the head."""
    return "changed" if path in base.tree else "added"


def _is_page(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in _PAGES


def _is_ours(path: str) -> bool:
    """Whether a file is no page but what gatekit reads or writes itself."""
    folder, name = path.partition("/")[0], path.rpartition("/")[2]
    is_data = folder in (KINDS, POLICIES, REGISTRATIONS, PLANS, EVIDENCE) and name.endswith((".yaml", ".yml", ".json"))
    return name == CLAIMS or is_written(path) or is_data


def _read_by_other_projects(tree: Tree) -> frozenset[str]:
    """Return the documents of registries in folders of the base, whose own gates read them."""
    found: set[str] = set()
    for path in [path for path in tree.entries if path.endswith(f"/{CLAIMS}")][:20]:
        folder = path.removesuffix(CLAIMS)
        inside = [e.path.removeprefix(folder) for e in tree.under(folder.rstrip("/")) if e.mode in FILE_MODES]
        try:
            registry = parse_registry(tree.read(path), path)
        except GatekitError:
            continue
        found |= {folder + name for name in registered_documents(registry, inside)}
    return frozenset(found)


def _files(tree: Tree, paths: Iterable[str]) -> list[_Text]:
    contents = tree.read_all(paths).items()
    texts = {path: _decoded(data) for path, data in contents if _is_page(path) or b"\0" not in data[:8000]}
    return [_Text(path, _TEX_COMMENT.sub("", text) if path.endswith(".tex") else text) for path, text in texts.items()]


def _decoded(data: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    return data.decode("utf-8", "replace").replace("\0", " ")


def _prose(side: BranchContents, other: BranchContents) -> Iterator[_Text]:
    """Yield what documents show outside of claims, where they are not the same on the other side.

    Of Markdown also its source: code, titles of links and attributes of HTML are shown too, and are no prose.
    """
    same = {document.path: document.text for document in other.documents}
    for document in side.documents:
        if same.get(document.path) != document.text:
            for part in document.parts or (document,):
                yield _Text(document.path, part.unclaimed.text, part)
                if part.syntax == "markdown":
                    yield _Text(document.path, _without_blocks(part), part, of_source=True)


def _without_blocks(document: ClaimsDocument) -> str:
    """Return a document's text, as long as it was, without the blocks of claims."""
    parts: list[str] = []
    at = 0
    for start, end in sorted(block.span for block in document.blocks):
        parts += [document.text[at:start], " " * (end - start)]
        at = max(at, end)
    return "".join([*parts, document.text[at:]])


def _printed(documents: Iterable[ClaimsDocument]) -> dict[str, list[tuple[str, ...]]]:
    """Return the numbers that each block of a claim shows, by the claim's id."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for document in documents:
        for part in document.parts or (document,):
            for block in part.blocks:
                inside = [v for v in part.values if v.claim == block.claim and _within(v.span, block.span)]
                numbers = tuple(value.printed for value in sorted(inside, key=lambda value: value.span))
                if len(numbers) == block.sentence.count(SLOT):
                    found.setdefault(block.claim, []).append(numbers)
    return found


def _within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _blocks(documents: Iterable[ClaimsDocument]) -> Counter[str]:
    return Counter(block.claim for document in documents for block in document.blocks)


def _became(base: BranchContents, head: BranchContents, files: Sequence[_Text]) -> Iterator[tuple[str, str]]:
    """Yield the files that a document with bound numbers or claims has become, which is not read any more."""
    read = {document.path for document in head.documents}
    gone = [d for d in base.documents if d.path not in read and (d.blocks or d.values)]
    if not gone or not files:
        return
    if len(gone) * len(files) > MOST_PAIRS:
        yield gone[0].path, f"and {len(gone) - 1} other documents are not read any more, beside {len(files)} new files"
        return
    words = [(text.path, frozenset(_WORDS.findall(text.text.lower()))) for text in files]
    for document in gone:
        ours = frozenset(_WORDS.findall(re.sub(r"<!--.*?-->", " ", document.text.lower())))
        for path, theirs in words:
            if ours and 2 * len(ours & theirs) >= _ALIKE * (len(ours) + len(theirs)):
                yield path, f"is what {document.path} has become, and nothing reads it"
