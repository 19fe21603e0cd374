"""One line of a file that `gatekit claims sync` writes: fixed text, and the numbers in it."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.claims.prose import SLOT


@dataclass(frozen=True)
class WrittenLine:
    """A line without its end."""

    template: str
    """`SLOT` for each number."""
    numbers: tuple[str, ...]
    """As the file writes them."""

    @property
    def text(self) -> str:
        """The line with its numbers."""
        parts = self.template.split(SLOT)
        ends = (*self.numbers, "")
        return "".join(part + number for part, number in zip(parts, ends, strict=True))
