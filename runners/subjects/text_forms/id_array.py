"""Token ids in an array of numpy's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.subjects.mapped_array import map_array
from runners.subjects.text_document import TextDocument
from runners.subjects.text_rows import TextRow

_TOKENS_PER_PIECE = 1 << 20


def read_id_array(path: Path) -> Iterator[TextDocument]:
    """Yield the rows of a two-dimensional array, or all of a one-dimensional one in pieces.

    Raises:
        GatekitError: `table.npy`: it holds no whole numbers; or as `map_array`.
    """
    place = Location(str(path))
    array = map_array(path, "table.npy")
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
        raise GatekitError("table.npy", "token ids are whole numbers, in one row or in rows", place)
    stream = array.ndim == 1
    if stream:
        array = array[None, :]
    for number, ids in enumerate(array, 1):
        for start in range(0, len(ids), _TOKENS_PER_PIECE):
            part = ids[start : start + _TOKENS_PER_PIECE].tolist()
            yield TextDocument(tuple(part), TextRow(place, f"row {number}: ", {}), stream=stream)
