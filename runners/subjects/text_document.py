"""A document of one's own texts, as it stands in its file."""

from __future__ import annotations

from dataclasses import dataclass

from runners.subjects.text_rows import TextRow


@dataclass(frozen=True)
class TextDocument:
    """One document."""

    content: str | tuple[int, ...]
    """Its text, or token ids of the measured model's tokeniser."""
    row: TextRow | None
    """Where it stands, for errors."""
    mask: tuple[int, ...] | None = None
    """Of token ids, 1 for each of the text's own and 0 for padding, where the row says so."""
    stream: bool = False
    """Whether it is a part of one long row, which has no beginnings and ends of texts."""
