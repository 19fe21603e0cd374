"""A dataset of the Hugging Face hub at a commit, streamed: no more is fetched than is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.subjects.text_rows import TextRow, numbered


def rows_of_hub(name: str, revision: str | None, split: str, configuration: str | None = None) -> Iterator[TextRow]:
    """Yield the rows of one split of a dataset on the hub, as they arrive.

    Args:
        name: `owner/name`.
        revision: commit.
        split: of it.
        configuration: of a dataset with several, such as a language.

    Raises:
        GatekitError: `table.hub`: it cannot be fetched, or a folder of that name would be read in its place.
    """
    import datasets

    if Path(name).is_dir():
        message = f"there is a folder '{name}' here, which would be read in place of the hub's dataset"
        raise GatekitError("table.hub", message, remedy="run in another folder")
    try:
        found = datasets.load_dataset(name, configuration, revision=revision, split=split, streaming=True)
        yield from numbered(found, Location(f"{name}@{revision}"))
    except (OSError, ValueError) as error:
        # The hub's own errors, and those of the datasets package, derive from these two.
        message = f"'{name}' cannot be fetched: {error}".split("\n")[0]
        raise GatekitError("table.hub", message) from None
