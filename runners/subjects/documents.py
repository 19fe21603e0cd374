"""Documents of one's own, one at a time and from front to back: files, a folder of `datasets.save_to_disk`, the hub.

A document is a text, or token ids of the measured model's tokeniser. What the documents came from is named by file name
and digest; a path of this machine never leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gatekit.errors import GatekitError, Location
from runners.digests import file_sha256, text_sha256
from runners.subjects.plan import TextFilter, TextPlan
from runners.subjects.text_document import TextDocument
from runners.subjects.text_forms.registry import IDS, PLAIN, read_rows, suffix_of
from runners.subjects.text_rows import TextRow, as_written

T = TypeVar("T")

_MOST_SHOWN, _LONGEST_SHOWN = 5, 40
"""Values of rows that a filter leaves out, and characters of one, for the message where it leaves out all."""


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
        which = f"hub {plan.name} {plan.revision} {plan.split}"
        which += f" {plan.configuration}" if plan.configuration is not None else ""
        return (DocumentFile(str(plan.name), text_sha256(which)),)
    paths = [Path(path) for path in plan.paths or ()]
    if plan.source == "folder":
        from runners.subjects.text_forms.saved_folder import folder_sha256

        (folder,) = paths
        return (DocumentFile(folder.resolve().name, folder_sha256(folder)),)
    files = []
    for path in paths:
        if path.exists() and not (path.is_file() or path.is_dir()):
            # A pipe would be read once for its digest, and never again.
            raise GatekitError("table.file", "no ordinary file", Location(str(path)), "write what it gives into a file")
        try:
            files.append(DocumentFile(path.name, file_sha256(path)))
        except OSError as error:
            message = f"the file cannot be read: {error.strerror}"
            remedy = "name each file: a pattern is not looked up" if set("*?[") & set(path.name) else None
            raise GatekitError("table.file", message, Location(str(path)), remedy) from None
    return tuple(files)


def read_documents(plan: TextPlan, refused: dict[str, str] | None = None) -> Iterator[TextDocument]:
    """Yield every document that passes the filter.

    Args:
        plan: of the configuration.
        refused: takes the first values for which rows were left out, value -> column.

    Raises:
        GatekitError: a file is not there, is empty or is not of its form, or a row has no such column; at its line.
    """
    if plan.source == "files":
        for path in map(Path, plan.paths or ()):
            yield from _of_file(path, plan, refused)
    elif plan.source == "folder":
        from runners.subjects.text_forms.saved_folder import rows_of_folder

        folder = Path((plan.paths or ("",))[0])
        yield from _of_rows(_not_empty(rows_of_folder(folder, plan.split), folder), plan, refused)
    else:
        from runners.subjects.text_forms.hub_dataset import rows_of_hub

        rows = rows_of_hub(str(plan.name), plan.revision, plan.split or "train", plan.configuration)
        yield from _of_rows(rows, plan, refused)


def _of_file(path: Path, plan: TextPlan, refused: dict[str, str] | None) -> Iterator[TextDocument]:
    suffix = suffix_of(path)
    if suffix == PLAIN:
        from runners.subjects.text_forms.plain_text import read_plain_text

        yield from _not_empty(read_plain_text(path, plan.separator or "\n"), path)
    elif suffix == IDS:
        from runners.subjects.text_forms.id_array import read_id_array

        yield from _not_empty(read_id_array(path), path)
    else:
        wanted = [plan.text_column, *(each.column for each in plan.filter or ())]
        also = [_mask_column(plan)] if plan.of_token_ids else []
        yield from _of_rows(_not_empty(read_rows(path, wanted, also), path), plan, refused)


def _not_empty(rows: Iterator[T], path: Path) -> Iterator[T]:
    found = False
    for row in rows:
        found = True
        yield row
    if not found:
        raise GatekitError("table.empty", "the file is empty", Location(str(path)))


def _of_rows(rows: Iterator[TextRow], plan: TextPlan, refused: dict[str, str] | None) -> Iterator[TextDocument]:
    for row in rows:
        other = next((each for each in plan.filter or () if not _passes(row, each)), None)
        if other is not None:
            if refused is not None and len(refused) < _MOST_SHOWN:
                refused.setdefault(as_written(row.value(other.column))[:_LONGEST_SHOWN], other.column)
            continue
        if not plan.of_token_ids:
            yield TextDocument(row.text(plan.text_column), row)
            continue
        ids = _token_ids(row, plan.text_column)
        yield TextDocument(ids, row, _mask(row, _mask_column(plan), len(ids)))


def _passes(row: TextRow, each: TextFilter) -> bool:
    return as_written(row.value(each.column)) == each.equals


def _token_ids(row: TextRow, column: str) -> tuple[int, ...]:
    value = row.value(column)
    if not isinstance(value, list) or not all(isinstance(one, int) and not isinstance(one, bool) for one in value):
        raise row.error("table.token_ids", f"column '{column}' holds no list of whole numbers")
    return tuple(value)


def _mask_column(plan: TextPlan) -> str:
    """Return the column that says which token ids are padding: beside that of the ids, within the same one."""
    outer, dot, _ = plan.text_column.rpartition(".")
    return f"{outer}{dot}attention_mask"


def _mask(row: TextRow, column: str, length: int) -> tuple[int, ...] | None:
    if not row.has(column) or row.value(column) is None:
        return None
    value = row.value(column)
    if not isinstance(value, list) or len(value) != length or not all(one in (0, 1) for one in value):
        raise row.error("table.token_ids", f"column '{column}' holds no list of {length} numbers 0 and 1")
    return tuple(int(one) for one in value)
