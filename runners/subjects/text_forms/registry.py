"""All forms of files that texts are read from, in one place: a new one is a module and a line here.

The end of a file's name decides its form; no content is guessed at. Readers are imported on demand, because a summary
depends on every module that was imported for it: a change of one form must not make evidence on another stale. For the
same reason nothing but the list lies here (see `runners.sources`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from runners.subjects.text_rows import TextRow

_PLACE = "runners.subjects.text_forms"

ROWS = {
    ".jsonl": f"{_PLACE}.json_lines:read_json_lines",
    ".ndjson": f"{_PLACE}.json_lines:read_json_lines",
    ".json": f"{_PLACE}.json_values:read_json_values",
    ".csv": f"{_PLACE}.csv_table:read_csv",
    ".tsv": f"{_PLACE}.csv_table:read_tsv",
    ".parquet": f"{_PLACE}.parquet_file:read_parquet",
    ".arrow": f"{_PLACE}.arrow_file:read_arrow",
}
"""Forms with columns, by the end of the name."""

PLAIN, IDS = ".txt", ".npy"
"""Plain text, and an array of token ids."""

PACKED = {".gz": "gzip", ".zst": "zstd"}
"""What may stand behind the end of a name of text, which is then unpacked while it is read, and by which codec."""

_MAY_BE_PACKED = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", PLAIN)

_COLUMNAR = (".parquet", ".arrow")
"""Of which columns can be left unread."""

SUFFIXES = (*ROWS, PLAIN, IDS)


def suffix_of(path: str | PurePath) -> str | None:
    """Return the end of a file's name that tells its form, without what says that it is packed; None of no form."""
    name = PurePath(path)
    suffix = name.suffix.lower()
    if suffix in PACKED:
        inner = PurePath(name.stem).suffix.lower()
        return inner if inner in _MAY_BE_PACKED else None
    return suffix if suffix in SUFFIXES else None


def has_columns(path: str | PurePath) -> bool:
    """Say whether a file is of a form with columns."""
    return suffix_of(path) in ROWS


def read_rows(path: Path, wanted: Sequence[str] = (), also: Sequence[str] = ()) -> Iterator[TextRow]:
    """Yield the rows of a file with columns, as they stand.

    Args:
        path: of the file.
        wanted: columns that must be there (`TextRow.value`); all are read where none is named.
        also: columns that are read where they are there.

    Raises:
        KeyError: the file is of no form with columns.
        GatekitError: as its reader, when rows are asked for.
    """
    suffix = str(suffix_of(path))
    module, _, function = ROWS[suffix].partition(":")
    read = getattr(import_module(module), function)
    yield from read(path, wanted, also) if suffix in _COLUMNAR else read(path)
