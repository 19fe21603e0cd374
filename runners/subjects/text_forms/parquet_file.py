"""Parquet, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.subjects.text_rows import ROWS_PER_BATCH, TextRow, columns_to_read, opened


def read_parquet(path: Path, wanted: Sequence[str] = (), also: Sequence[str] = ()) -> Iterator[TextRow]:
    """Yield the rows of a parquet file.

    Args:
        path: of the file.
        wanted: columns that must be there; all are read where none is named.
        also: columns that are read where they are there.

    Raises:
        GatekitError: `table.file`, `table.parquet`; or as `columns_to_read`.
    """
    import pyarrow
    from pyarrow import parquet

    place = Location(str(path))
    opened(path).close()
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError):
        raise GatekitError("table.parquet", "not a parquet file", place) from None
    with file:
        columns = columns_to_read(file.schema_arrow.names, wanted, also, place) if wanted else None
        number = 0
        try:
            for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, columns=columns):
                for values in batch.to_pylist():
                    number += 1
                    yield TextRow(place, f"row {number}: ", values)
        except (pyarrow.ArrowException, OSError) as error:
            said = str(error).split("\n")[0]
            raise GatekitError("table.parquet", f"cannot be read after row {number}: {said}", place) from None
