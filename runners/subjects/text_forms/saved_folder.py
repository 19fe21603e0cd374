"""A folder that `datasets.save_to_disk` wrote: its rows, and one digest of all its files.

A dataset may be saved with a format, in which it gives its rows out: as tensors, without some columns. Its files are
the same, and so are its rows here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.digests import data_sha256, file_sha256, sequence_sha256
from runners.subjects.text_rows import TextRow, numbered

_LARGEST_STATE = 1 << 20
_OF_FORMAT = ("_fingerprint", "_format_columns", "_format_kwargs", "_format_type", "_output_all_columns")
"""Of a dataset's state: how it gives its rows out, and a name of that, which differs each time it is saved."""


def rows_of_folder(folder: Path, split: str | None) -> Iterator[TextRow]:
    """Yield the rows of a dataset, or of one split of several.

    Raises:
        GatekitError: `table.folder`: it is no such folder; `table.split`: it has no such split.
    """
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
    yield from numbered(found.with_format(None), place)


def folder_sha256(folder: Path) -> str:
    """Return a digest over the names and digests of a folder's files, whatever format its rows are given out in.

    Raises:
        GatekitError: `table.file`: there is no such folder.
    """
    if not folder.is_dir():
        raise GatekitError("table.file", "there is no such folder", Location(str(folder)))
    inside = sorted(path for path in folder.rglob("*") if path.is_file())
    return sequence_sha256(f"{path.relative_to(folder).as_posix()} {_sha256(path)}" for path in inside)


def _sha256(path: Path) -> str:
    if path.name == "state.json" and path.stat().st_size <= _LARGEST_STATE:
        try:
            state = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            state = None
        if isinstance(state, dict) and "_format_type" in state:
            return data_sha256({name: value for name, value in state.items() if name not in _OF_FORMAT})
    return file_sha256(path)
