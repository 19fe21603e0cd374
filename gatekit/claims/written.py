"""The files that `gatekit claims sync` writes beside documents that cannot be read safely, compared byte for byte.

LaTeX and Typst decide while they run what a text shows, so no number stands in such a document: it shows entries by
their names, from a file in its own folder that holds them all and that nobody edits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Protocol

from gatekit.claims import tex_values, typst_values
from gatekit.claims.bindings import ClaimBlock, NamedUse, StatusBadge, ValueBinding
from gatekit.claims.documents import ClaimsDocument, DocumentSyntax
from gatekit.claims.entries import EntryKey, NamedEntry, badge_of, named_entries, placed, registered_words
from gatekit.claims.finding import Finding, from_error
from gatekit.claims.finding_documents import is_written
from gatekit.claims.model import Registry
from gatekit.claims.prose import SLOT
from gatekit.claims.typeset_code import NOTHING_BROUGHT, BroughtCode, read_brought
from gatekit.claims.written_line import WrittenLine
from gatekit.errors import GatekitError, Location, did_you_mean
from gatekit.evidence.strict_json import read_regular_file
from gatekit.evidence.summary import Summary
from gatekit.exit_codes import ExitCode

MAX_SIZE = 8 << 20
"""Bytes of one file; a registry of 1,000 claims has some 300 KB."""
SYNC = "`gatekit claims sync` writes it"
_SHOWN_LINES = 20
"""Lines with other words that are reported of one file."""


class ValuesFormat(Protocol):
    """How one kind of document has its entries written."""

    NAME: str
    NUMBER: str

    def lines(self, entries: Iterable[NamedEntry]) -> list[WrittenLine]:
        """Return the file line by line."""
        ...

    def plain_number(self, written: str) -> str:
        """Return a number of the file as the evidence prints it."""
        ...


FORMATS: dict[DocumentSyntax, ValuesFormat] = {"latex": tex_values, "typst": typst_values}


@dataclass(frozen=True)
class ValuesFiles:
    """What must lie beside the documents, and what does."""

    entries: Mapping[EntryKey, NamedEntry]
    formats: Mapping[str, ValuesFormat]
    """Path -> how that file is written; a path for each folder with documents that need one."""
    found: Mapping[str, bytes | GatekitError | None]
    """Path -> its bytes, why it cannot be read, or None where it is missing."""
    misplaced: tuple[str, ...] = ()
    """Files of such names elsewhere."""
    brought: BroughtCode = NOTHING_BROUGHT
    """What documents bring beside them."""

    def expected(self, path: str) -> bytes:
        """Return what `sync` writes there."""
        lines = self.formats[path].lines(self.entries.values())
        return "".join(f"{line.text}\n" for line in lines).encode()

    def out_of_date(self) -> list[tuple[str, bytes]]:
        """Return the path and the right bytes of each file that is missing or says anything else."""
        right = {path: self.expected(path) for path in self.formats}
        return [(path, data) for path, data in right.items() if self.found[path] != data]


def with_written(
    documents: Sequence[ClaimsDocument],
    registry: Registry,
    summaries: Mapping[str, Summary],
    read: Callable[[str], bytes | None],
    paths: Callable[[Iterable[str]], Iterable[str]],
    root: str = "",
) -> tuple[list[ClaimsDocument], ValuesFiles]:
    """Return the documents with what they show by name, and the files that hold it.

    Args:
        documents: as they were read.
        registry: whose entries they show.
        summaries: by path relative to the registry.
        read: from the path of a written file to its bytes; None where it is not there. It may raise a GatekitError.
        paths: from the paths of the documents to those of all files in their folders and in those above.
        root: the folder of the registry.
    """
    formats = {
        str(PurePosixPath(document.path).with_name(FORMATS[document.syntax].NAME)): FORMATS[document.syntax]
        for document in documents
        if document.syntax in FORMATS
    }
    entries = named_entries(registry, summaries) if formats else {}
    found = {path: _read(read, path) for path in sorted(formats)}
    # Where no document shows values, a file of such a name says nothing to anyone.
    beside = list(paths([document.path for document in documents])) if formats else []
    given = {path for path in beside if is_written(path)}
    brought = read_brought(documents, read, beside, root) if formats else NOTHING_BROUGHT
    completed = [_completed(document, registry, entries) if document.uses else document for document in documents]
    misplaced = tuple(sorted(given - formats.keys()))
    return completed, ValuesFiles(entries, dict(sorted(formats.items())), found, misplaced, brought)


def read_written(
    documents: Sequence[ClaimsDocument], registry: Registry, summaries: Mapping[str, Summary], root: str
) -> tuple[list[ClaimsDocument], ValuesFiles]:
    """Do what `with_written` does in the folder `root`; "" is the current one.

    Looked for misplaced files are the folders of documents and those above, from which a program may be started.
    """

    def read(path: str) -> bytes | None:
        is_there = os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path))
        return read_regular_file(path, "document", MAX_SIZE) if is_there else None

    def paths(names: Iterable[str]) -> Iterator[str]:
        folders = {root}
        for name in names:
            folder = os.path.dirname(name)
            while folder not in folders:
                folders.add(folder)
                folder = os.path.dirname(folder)
        for folder in sorted(folders):
            yield from (os.path.join(folder, name) for name in os.listdir(folder or "."))

    return with_written(documents, registry, summaries, read, paths, root)


def _read(read: Callable[[str], bytes | None], path: str) -> bytes | GatekitError | None:
    try:
        return read(path)
    except GatekitError as error:
        return error


def _completed(document: ClaimsDocument, registry: Registry, entries: Mapping[EntryKey, NamedEntry]) -> ClaimsDocument:
    """Bind each use of a name to its entry. A claim that is shown twice is one block."""
    blocks: dict[str, ClaimBlock] = {}
    values: list[ValueBinding] = []
    errors = list(document.errors)
    for use in document.uses:
        place = document.source.location(use.span[0])
        entry = entries.get((use.kind, use.name))
        if entry is None:
            errors.append(_unknown(use, place, entries, registry))
        elif entry.problem is not None:
            problem = entry.problem
            message = f"{use.kind} '{use.name}' cannot be shown: {problem.message}"
            remedy = problem.remedy or f"{problem.location} says which it is"
            errors.append(GatekitError(problem.error_id, message, place, remedy, problem.exit_code))
        elif use.kind == "value":
            values += placed(entry, use.span, place)
        elif use.name not in blocks:
            blocks[use.name] = _block(registry, use, place)
            values += placed(entry, use.span, place)
    return replace(document, blocks=tuple(blocks.values()), values=tuple(values), errors=tuple(errors))


def _block(registry: Registry, use: NamedUse, place: Location) -> ClaimBlock:
    claim = registry.claim(use.name)
    if claim is None:
        return ClaimBlock(use.name, "", use.span, place)
    said = badge_of(claim)
    badge = StatusBadge(said, use.span, place) if said else None
    return ClaimBlock(use.name, registered_words(claim), use.span, place, badge)


def _unknown(
    use: NamedUse, place: Location, entries: Mapping[EntryKey, NamedEntry], registry: Registry
) -> GatekitError:
    names = [name for kind, name in entries if kind == use.kind]
    what = "claim" if use.kind == "claim" else "value"
    remedy = did_you_mean(use.name, names) or f"register it under `{what}s` in {registry.path}"
    return GatekitError(f"claims.unknown_{what}", f"{what} '{use.name}' is not registered", place, remedy)


def compared(written: ValuesFiles) -> list[Finding]:
    """Return what each file says otherwise than `sync` would write: BLOCKED for a number, REFUSED for all else."""
    findings = [from_error(error) for error in written.brought.errors]
    for path, made in written.formats.items():
        data = written.found.get(path)
        if isinstance(data, GatekitError):
            findings.append(from_error(data))
        elif data is None:
            message = "the file with the values that documents here show is missing"
            findings.append(Finding("claims.values_missing", message, Location(path), SYNC, ExitCode.REFUSED))
        elif data != written.expected(path):
            findings += _differences(path, data, made, made.lines(written.entries.values()))
    message = "a file of this name belongs beside documents that show its values; from here it could be read instead"
    findings += [
        Finding("claims.values_misplaced", message, Location(path), "remove it", ExitCode.REFUSED)
        for path in written.misplaced
    ]
    return findings


def _differences(path: str, data: bytes, made: ValuesFormat, wanted: Sequence[WrittenLine]) -> list[Finding]:
    text = data.decode("utf-8", errors="replace")
    lines = text.split("\n")
    ends = [*(line.text for line in wanted), ""]
    other = [number for number, pair in enumerate(zip(lines, ends, strict=False), 1) if pair[0] != pair[1]]
    findings: list[Finding] = []
    refused = 0
    for number in other if len(lines) == len(ends) else ():
        line = lines[number - 1]
        numbers = _numbers(line, wanted[number - 1], made, path, number) if number <= len(wanted) else None
        refused += numbers is None
        findings += numbers if numbers is not None else [_other(path, number, line)] * (refused <= _SHOWN_LINES)
    if len(lines) != len(ends):
        number = other[0] if other else min(len(lines), len(ends))
        findings.append(_other(path, number, lines[number - 1]))
    # Bytes that are not UTF-8 can look like the character that stands for them.
    return findings or [_other(path, 1, lines[0])]


def _other(path: str, number: int, line: str) -> Finding:
    message = "the line is not what `gatekit claims sync` writes there"
    if line.endswith("\r"):
        message = "the line does not end as `gatekit claims sync` ends it, with a line feed alone"
    return Finding("claims.values_edited", message, Location(path, number, 1, source_line=line), SYNC, ExitCode.REFUSED)


def _numbers(line: str, wanted: WrittenLine, made: ValuesFormat, path: str, number: int) -> list[Finding] | None:
    """Return the numbers of a line that differ; None where anything else does."""
    parts = map(re.escape, wanted.template.split(SLOT))
    found = re.fullmatch(f"({made.NUMBER})".join(parts), line)
    if found is None:
        return None
    findings = []
    for index, (text, right) in enumerate(zip(found.groups(), wanted.numbers, strict=True), 1):
        if text != right:
            says = f"says {made.plain_number(text)}" if text else "is empty"
            message = f"{says}, evidence says {made.plain_number(right)}"
            place = Location(path, number, found.start(index) + 1, source_line=line)
            error_id, code = ("number", ExitCode.BLOCKED) if text else ("empty", ExitCode.REFUSED)
            findings.append(Finding(f"claims.{error_id}", message, place, SYNC, code))
    return findings
