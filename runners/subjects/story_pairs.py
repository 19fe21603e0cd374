"""Pairs of stories that differ in one subject: the published dataset's columns, or stand-ins made of labelled texts.

The published pairs were written to differ in one respect. A pair made here is two texts of one registered dataset with
opposite labels: they differ in the label and in everything else, so a latent that stands out between them need not be
the label's. Scores on such pairs are comparable with each other and with nothing published.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from runners.digests import sequence_sha256, text_sha256
from runners.subjects.labelled_texts import LabelledTexts, read_labelled, registered_datasets

STORIES = ("story1", "story2")


@dataclass(frozen=True)
class StoryPair:
    """Two stories."""

    story1: str
    story2: str
    subject: str
    """What they contrast; the name of the dataset where they are labelled texts."""

    @property
    def digests(self) -> tuple[str, str]:
        """Of both texts."""
        return text_sha256(self.story1), text_sha256(self.story2)


@dataclass(frozen=True)
class StoryPairs:
    """The rows of the benchmark, in order."""

    name: str
    """Of the source, without a path."""
    pairs: tuple[StoryPair, ...]

    @property
    def sha256(self) -> str:
        """Over both texts and the subject of every pair."""
        return sequence_sha256(" ".join((*pair.digests, text_sha256(pair.subject))) for pair in self.pairs)

    @property
    def stories(self) -> LabelledTexts:
        """All first stories, labelled 0, and then all second ones, labelled 1."""
        texts = [pair.story1 for pair in self.pairs] + [pair.story2 for pair in self.pairs]
        half = len(self.pairs)
        return LabelledTexts(self.name, tuple(texts), (0,) * half + (1,) * half, self.sha256)


def read_pairs(path: Path, rows: int, subject_column: str = "subject") -> StoryPairs:
    """Read the first `rows` pairs of a JSONL or parquet file with the columns story1, story2 and a subject.

    Args:
        path: of the file; its suffix is `.jsonl` or `.parquet`.
        rows: exactly this many.
        subject_column: which column says what the stories contrast.

    Raises:
        GatekitError: `pairs.file`: there is no such file, it has fewer rows or other columns, or a story is empty or
            its own counterpart.
    """
    return _first([path], path.name, rows, subject_column)


def fetch_pairs(name: str, revision: str | None, split: str, rows: int, subject_column: str = "subject") -> StoryPairs:
    """Read the first `rows` pairs of one split of a dataset on the hub, fetched by name.

    Args:
        name: `owner/name`.
        revision: commit or tag.
        split: its files are those whose name begins so.
        rows: exactly this many.
        subject_column: as in `read_pairs`.

    Raises:
        GatekitError: `pairs.hub`: no such dataset can be reached, or the split has no file; else as `read_pairs`.
    """
    from huggingface_hub import snapshot_download

    try:
        wanted = ["*.parquet", "*.jsonl"]
        folder = Path(snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        # The hub's own errors derive from these two.
        raise GatekitError("pairs.hub", f"'{name}' cannot be fetched: {error}".split("\n")[0]) from None
    paths = [path for path in sorted(folder.rglob(f"{split}*")) if path.suffix in (".jsonl", ".parquet")]
    if not paths:
        raise GatekitError("pairs.hub", f"'{name}' has no .parquet or .jsonl file for the split '{split}'")
    return _first(paths, f"{name}:{split}", rows, subject_column)


def labelled_pairs(folder: Path, rows: int, seed: int, datasets: Sequence[str] | None = None) -> StoryPairs:
    """Pair texts of one dataset with opposite labels, the datasets in turn until there are `rows` pairs.

    A text stands in one pair at most, whichever datasets have it. More rows from the same datasets are the same pairs
    and more.

    Args:
        folder: the data folder of sae-probes.
        rows: exactly this many.
        seed: of the order of every dataset's texts.
        datasets: names of registered datasets; all of them where None.

    Raises:
        GatekitError: `pairs.too_few`, or `dataset.unknown`.
    """
    used: set[str] = set()
    names = registered_datasets(folder) if datasets is None else datasets
    streams = [_opposites(read_labelled(folder, name, seed=seed), used) for name in names]
    # Lazily in turn: each stream looks at what the others have used when it is asked for its next pair.
    turns = (pair for turn in zip_longest(*streams) for pair in turn if pair is not None)
    pairs = tuple(islice(turns, rows))
    if len(pairs) < rows:
        raise GatekitError("pairs.too_few", f"the datasets give {len(pairs)} pairs, {rows} are asked for")
    return StoryPairs("labelled:sae-probes", pairs)


def _opposites(labelled: LabelledTexts, used: set[str]) -> Iterator[StoryPair]:
    sides = (
        [text for text, label in zip(labelled.texts, labelled.labels, strict=True) if label == each] for each in (0, 1)
    )
    fresh = (_unused(side, used) for side in sides)
    for first, second in zip(*fresh, strict=False):
        yield StoryPair(first, second, labelled.name)


def _unused(texts: Sequence[str], used: set[str]) -> Iterator[str]:
    for text in texts:
        digest = text_sha256(text)
        if digest not in used:
            used.add(digest)
            yield text


def _first(paths: Sequence[Path], name: str, rows: int, subject_column: str) -> StoryPairs:
    records = (record for path in paths for record in _records(path, (*STORIES, subject_column)))
    pairs = tuple(_pair(record, place, subject_column) for record, place in islice(records, rows))
    if len(pairs) < rows:
        raise GatekitError("pairs.file", f"{len(pairs)} pairs, {rows} are asked for", Location(str(paths[-1])))
    return StoryPairs(name, pairs)


def _pair(record: dict[str, Any], place: Location, subject_column: str) -> StoryPair:
    columns = (*STORIES, subject_column)
    given = [record.get(column) for column in columns]
    values = [value.strip() for value in given if isinstance(value, str) and value.strip()]
    if len(values) < len(columns):
        raise GatekitError("pairs.file", f"{', '.join(columns)} must be texts that are not empty", place)
    pair = StoryPair(*values)
    if pair.story1 == pair.story2:
        raise GatekitError("pairs.file", "the two stories are the same", place)
    return pair


def _records(path: Path, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], Location]]:
    """Yield the rows of one file with their places."""
    if not path.is_file():
        raise GatekitError("pairs.file", "there is no such file", Location(str(path)))
    match path.suffix:
        case ".parquet":
            import pyarrow.parquet

            table = pyarrow.parquet.ParquetFile(path)
            missing = [column for column in columns if column not in table.schema_arrow.names]
            if missing:
                raise GatekitError("pairs.file", f"there is no column '{missing[0]}'", Location(str(path)))
            row = 0
            for batch in table.iter_batches(columns=list(columns)):
                for record in batch.to_pylist():
                    row += 1
                    yield record, Location(f"{path}#row={row}")
        case ".jsonl":
            with path.open(encoding="utf-8") as stream:
                for line, text in enumerate(stream, start=1):
                    if text.strip():
                        yield _json_object(text, Location(str(path), line)), Location(str(path), line)
        case _:
            raise GatekitError("pairs.file", "pairs are read from .jsonl and .parquet files", Location(str(path)))


def _json_object(text: str, place: Location) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise GatekitError("pairs.file", f"no JSON: {error}", place) from None
    if not isinstance(value, dict):
        raise GatekitError("pairs.file", "no JSON object", place)
    return value
