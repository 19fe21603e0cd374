"""Which files are the documents of a registry, and what only looks like one: found, told apart and read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePosixPath

from gatekit.claims import tex_values, typst_values
from gatekit.claims.document_formats import MAX_FILE, FormatLookup, known_suffixes, suffix_of
from gatekit.claims.documents import MAX_SIZE, SUFFIXES, ClaimsDocument, parse_document
from gatekit.claims.model import Registry
from gatekit.claims.paths import find, folders_above, in_other_spelling, matching
from gatekit.errors import GatekitError, Location, without_frames
from gatekit.evidence.folder_limits import DOCUMENT_FILES, NOTEBOOK_FILES, FolderLimits, beyond, sizes_of
from gatekit.evidence.strict_json import read_regular_file

WRITTEN = (tex_values.NAME, typst_values.NAME)
"""Names of the files that `sync` writes for documents, which are no documents themselves."""


def is_written(path: str) -> bool:
    """Whether a file has the name of one that `sync` writes; in any case, as some file systems read it."""
    return PurePosixPath(path).name.lower() in WRITTEN


def registered_documents(registry: Registry, paths: Iterable[str]) -> list[str]:
    """Return which of these paths, relative to the registry's folder, its rules name."""
    return [path for path in matching(registry.rules.documents, paths) if not is_written(path)]


def unread_formats(registry: Registry, formats: FormatLookup) -> tuple[list[GatekitError], frozenset[str]]:
    """Return an error for every pattern whose suffix nothing reads, and those suffixes."""
    errors: list[GatekitError] = []
    unread: set[str] = set()
    for pattern, location in zip(registry.rules.documents, registry.document_locations, strict=True):
        suffix = suffix_of(pattern)
        try:
            if suffix not in SUFFIXES:
                formats.named(suffix)
        except GatekitError as error:
            unread.add(suffix)
            remedy = error.remedy or f"known: {', '.join([*SUFFIXES, *known_suffixes()])}"
            errors.append(GatekitError(error.error_id, f"'{pattern}': {error.message}", location, remedy))
    return errors, frozenset(unread)


def unmatched_patterns(registry: Registry, paths: Iterable[str], links: Iterable[str] = ()) -> list[GatekitError]:
    """Return an error for every pattern of the rules that matches no path: what is not read is not checked.

    Args:
        registry: whose rules name the documents.
        paths: of files, relative to the registry's folder.
        links: of which `misplaced_documents` speaks where a pattern matches one or a place below one.
    """
    given = [path for path in paths if not is_written(path)]
    behind = list(links)
    return [
        GatekitError("claims.no_document", f"no document matches '{pattern}'", location, "check the path")
        for pattern, location in zip(registry.rules.documents, registry.document_locations, strict=True)
        if not matching([pattern], given) and not matching([pattern], behind) and not folders_above([pattern], behind)
    ]


def misplaced_documents(registry: Registry, files: Iterable[str], links: Iterable[str]) -> list[GatekitError]:
    """Return an error for what looks like a document of the rules but is not read: spelt otherwise, or behind a link.

    Args:
        registry: whose rules name the documents.
        files: paths of regular files, relative to the registry's folder.
        links: paths of symbolic links and of whatever else is no file or folder.
    """
    patterns = registry.rules.documents
    given = list(links)
    errors = [
        GatekitError(
            "claims.document_case",
            "the name differs only in case or in Unicode form from a document that the rules name, so it is not read",
            Location(path),
            "rename it, or name it in rules.documents",
        )
        for path in in_other_spelling(patterns, [*files, *given])
    ]
    behind = {*matching(patterns, given), *folders_above(patterns, given)}
    errors += [
        GatekitError(
            "claims.document_link",
            "the rules name a document here, and this is no regular file or folder",
            Location(path),
            "put the document itself there",
        )
        for path in sorted(behind)
    ]
    return errors


def read_documents(registry: Registry, root: str) -> tuple[list[ClaimsDocument], list[GatekitError]]:
    """Read the documents that the rules name from a folder; what cannot be read is returned as errors beside them.

    Args:
        registry: whose rules name the documents.
        root: the registry's folder, "" for the current one.
    """
    try:
        files, links = find(registry.rules.documents, root)
    except GatekitError as too_many:
        return [], [too_many]
    found = registered_documents(registry, files)
    errors = unmatched_patterns(registry, found, links)
    for error in misplaced_documents(registry, files, links):
        if error.location is not None:
            error.location = Location(os.path.join(root, error.location.path))
        errors.append(error)
    documents = []
    formats = FormatLookup()
    unread, suffixes = unread_formats(registry, formats)
    errors += unread
    found = [path for path in found if suffix_of(path) not in suffixes]
    too_much = []
    for files, limits in divided(found):
        too_much += beyond(sizes_of(os.path.join(root, path) for path in files), limits)
    errors += too_much
    for path in () if too_much else found:
        name = os.path.join(root, path)
        try:
            most = MAX_SIZE if suffix_of(path) in SUFFIXES else MAX_FILE
            documents.append(parse_document(read_regular_file(name, "document", most), name, formats))
        except GatekitError as error:
            errors.append(without_frames(error))
    return documents, errors


def divided(paths: Iterable[str]) -> list[tuple[list[str], FolderLimits]]:
    """Return documents with the limits that they share: those that are read here, and those of other formats."""
    ours: list[str] = []
    others: list[str] = []
    for path in paths:
        (ours if suffix_of(path) in SUFFIXES else others).append(path)
    return [(ours, DOCUMENT_FILES), (others, NOTEBOOK_FILES)]
