"""Arrow's own files: a stream, as `datasets` writes its shards and its cache, or a file with an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from runners.subjects.text_rows import ROWS_PER_BATCH, TextRow, columns_to_read, opened


def read_arrow(path: Path, wanted: Sequence[str] = (), also: Sequence[str] = ()) -> Iterator[TextRow]:
    """Yield the rows of a file.

    Args:
        path: of the file, which is mapped and not read whole.
        wanted: columns that must be there; all are read where none is named.
        also: columns that are read where they are there.

    Raises:
        GatekitError: `table.file`, `table.arrow`; or as `columns_to_read`.
    """
    import pyarrow

    place = Location(str(path))
    opened(path).close()
    try:
        source = pyarrow.memory_map(str(path))
        schema, batches = _batches(source)
    except (pyarrow.ArrowException, OSError):
        raise GatekitError("table.arrow", "not a file of Arrow's", place) from None
    with source:
        columns = columns_to_read(schema.names, wanted, also, place) if wanted else schema.names
        number = 0
        try:
            for batch in batches:
                for start in range(0, batch.num_rows, ROWS_PER_BATCH):
                    for values in batch.select(columns).slice(start, ROWS_PER_BATCH).to_pylist():
                        number += 1
                        yield TextRow(place, f"row {number}: ", values)
        except (pyarrow.ArrowException, OSError) as error:
            said = str(error).split("\n")[0]
            raise GatekitError("table.arrow", f"cannot be read after row {number}: {said}", place) from None


def _batches(source: Any) -> tuple[Any, Iterator[Any]]:
    """Return the schema, and the batches one by one."""
    import pyarrow

    with suppress(pyarrow.ArrowException):
        stream = pyarrow.ipc.open_stream(source)
        return stream.schema, iter(stream)
    source.seek(0)
    file = pyarrow.ipc.open_file(source)
    return file.schema, (file.get_batch(place) for place in range(file.num_record_batches))
