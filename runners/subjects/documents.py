"""Documents of one's own, one at a time and from front to back: files, a folder of `datasets.save_to_disk`, the hub.

A document is a text, or token ids of the measured model's tokeniser. What the documents came from is named by file name
and digest; a path of this machine never leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gatekit.errors import GatekitError, Location
from runners.digests import file_sha256, sequence_sha256, text_sha256
from runners.subjects.mapped_array import map_array
from runners.subjects.plan import TextFilter, TextPlan
from runners.subjects.text_plan_faults import SUFFIXES
from runners.subjects.text_rows import LONGEST_ROW, TextRow, as_written, read_json_lines, read_parquet

T = TypeVar("T")

_CHARACTERS_PER_READ = 1 << 20


@dataclass(frozen=True)
class TextDocument:
    """One document as it stands in its file."""

    content: str | tuple[int, ...]
    row: TextRow | None
    """Where it stands, for errors."""


@dataclass(frozen=True)
class DocumentFile:
    """What documents came from."""

    name: str
    sha256: str


def document_files(plan: TextPlan) -> tuple[DocumentFile, ...]:
    """Return what the documents come from, by digest: every file; a folder as one; the hub's dataset by its commit.

    Raises:
        GatekitError: `table.file`: a file is not there.
    """
    if plan.source == "hub":
        return (DocumentFile(str(plan.name), text_sha256(f"hub {plan.name} {plan.revision} {plan.split}")),)
    paths = [Path(path) for path in plan.paths or ()]
    if plan.source == "folder":
        (folder,) = paths
        if not folder.is_dir():
            raise GatekitError("table.file", "there is no such folder", Location(str(folder)))
        inside = sorted(path for path in folder.rglob("*") if path.is_file())
        lines = (f"{path.relative_to(folder).as_posix()} {file_sha256(path)}" for path in inside)
        return (DocumentFile(folder.resolve().name, sequence_sha256(lines)),)
    files = []
    for path in paths:
        try:
            files.append(DocumentFile(path.name, file_sha256(path)))
        except OSError as error:
            message = f"the file cannot be read: {error.strerror}"
            raise GatekitError("table.file", message, Location(str(path))) from None
    return tuple(files)


def read_documents(plan: TextPlan) -> Iterator[TextDocument]:
    """Yield every document that passes the filter.

    Raises:
        GatekitError: a file is not there, is empty or is not of its form, or a row has no such column; at its line.
    """
    if plan.source == "files":
        for path in map(Path, plan.paths or ()):
            yield from _of_file(path, plan)
    elif plan.source == "folder":
        yield from _of_rows(_rows_of_folder(Path((plan.paths or ("",))[0]), plan.split), plan)
    else:
        yield from _of_rows(rows_of_hub(str(plan.name), plan.revision, plan.split or "train"), plan)


def _of_file(path: Path, plan: TextPlan) -> Iterator[TextDocument]:
    form = SUFFIXES[path.suffix.lower()]
    if form == "plain_text":
        yield from _not_empty(_of_plain_text(path, plan.separator or "\n"), path)
    elif form == "token_ids":
        yield from _not_empty(_of_array(path), path)
    elif form == "json_lines":
        yield from _of_rows(_not_empty(read_json_lines(path), path), plan)
    else:
        columns = dict.fromkeys([plan.text_column, *(each.column for each in plan.filter or ())])
        yield from _of_rows(_not_empty(read_parquet(path, list(columns)), path), plan)


def _not_empty(rows: Iterator[T], path: Path) -> Iterator[T]:
    found = False
    for row in rows:
        found = True
        yield row
    if not found:
        raise GatekitError("table.empty", "the file is empty", Location(str(path)))


def _of_rows(rows: Iterator[TextRow], plan: TextPlan) -> Iterator[TextDocument]:
    for row in rows:
        if all(_passes(row, each) for each in plan.filter or ()):
            content = _token_ids(row, plan.text_column) if plan.of_token_ids else row.text(plan.text_column)
            yield TextDocument(content, row)


def _passes(row: TextRow, each: TextFilter) -> bool:
    return as_written(row.value(each.column)) == each.equals


def _token_ids(row: TextRow, column: str) -> tuple[int, ...]:
    value = row.value(column)
    if not isinstance(value, list) or not all(isinstance(one, int) and not isinstance(one, bool) for one in value):
        raise row.error("table.token_ids", f"column '{column}' holds no list of whole numbers")
    return tuple(value)


def _of_array(path: Path) -> Iterator[TextDocument]:
    """Yield the rows of a two-dimensional array, or all of a one-dimensional one in pieces."""
    place = Location(str(path))
    array = map_array(path, "table.npy")
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
        raise GatekitError("table.npy", "token ids are whole numbers, in one row or in rows", place)
    if array.ndim == 1:
        array = array[None, :]
    for number, ids in enumerate(array, 1):
        for start in range(0, len(ids), _CHARACTERS_PER_READ):
            part = ids[start : start + _CHARACTERS_PER_READ].tolist()
            yield TextDocument(tuple(part), TextRow(place, f"row {number}: ", {}))


def _of_plain_text(path: Path, separator: str) -> Iterator[TextDocument]:
    """Yield what stands between the separators; nothing but white space is no document."""
    place = Location(str(path))
    left, line = "", 1
    try:
        with path.open(encoding="utf-8-sig", newline=None) as stream:
            while True:
                read = stream.read(_CHARACTERS_PER_READ)
                *whole, left = (left + read).split(separator)
                for text in whole if read else [*whole, left]:
                    if text.strip():
                        yield TextDocument(text, TextRow(Location(str(path), line), "", {}))
                    line += text.count("\n") + separator.count("\n")
                if not read:
                    return
                if len(left) > LONGEST_ROW:
                    message = f"no separator in {LONGEST_ROW:,} characters"
                    raise GatekitError("table.long", message, Location(str(path), line))
    except UnicodeDecodeError:
        raise GatekitError("table.encoding", "the file is not UTF-8", place) from None
    except OSError as error:
        raise GatekitError("table.file", f"the file cannot be read: {error.strerror}", place) from None


def _rows_of_folder(folder: Path, split: str | None) -> Iterator[TextRow]:
    import datasets

    place = Location(str(folder))
    try:
        found = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError):
        raise GatekitError("table.folder", "not a folder that datasets.save_to_disk wrote", place) from None
    if isinstance(found, datasets.DatasetDict):
        if split not in found:
            known = ", ".join(map(str, found))
            message = "'split' must say which" if split is None else f"no split '{split}'"
            raise GatekitError("table.split", message, place, f"it has: {known}")
        found = found[split]
    elif split is not None:
        raise GatekitError("table.split", "the folder holds one dataset without splits", place, "leave out 'split'")
    yield from _not_empty(_numbered(found, place), folder)


def rows_of_hub(name: str, revision: str | None, split: str) -> Iterator[TextRow]:
    """Yield the rows of one split of a dataset on the hub, as they arrive.

    Raises:
        GatekitError: `table.hub`: it cannot be fetched.
    """
    import datasets

    try:
        found = datasets.load_dataset(name, revision=revision, split=split, streaming=True)
        yield from _numbered(found, Location(f"{name}@{revision}"))
    except (OSError, ValueError) as error:
        # The hub's own errors, and those of the datasets package, derive from these two.
        message = f"'{name}' cannot be fetched: {error}".split("\n")[0]
        raise GatekitError("table.hub", message) from None


def _numbered(rows: Any, place: Location) -> Iterator[TextRow]:
    values: Mapping[str, object]
    for number, values in enumerate(rows, 1):
        yield TextRow(place, f"row {number}: ", values)
