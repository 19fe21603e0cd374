"""Tokenised texts in a file without a name, read one at a time: what token ids cost where there are many.

As Python numbers a token takes 46 bytes of memory; here it takes 5 of disk, in pages that the system may drop.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Sequence
from typing import IO, overload

import numpy as np

from runners.subjects.language_model import TokenizedText


class FiledTexts(Sequence[TokenizedText]):
    """A sequence of texts that holds in memory only their digests and where each begins."""

    def __init__(self, texts: Iterable[TokenizedText]) -> None:
        """Write all of them; the files vanish with the last use of them."""
        self._digests: list[str] = []
        self._starts = array("q", [0])
        # Open for as long as the texts are: they have no name, and go with this object.
        self._files: tuple[IO[bytes], IO[bytes]] = (tempfile.TemporaryFile(), tempfile.TemporaryFile())  # noqa: SIM115
        for text in texts:
            kept = np.zeros(len(text.ids), dtype=np.bool_)
            kept[list(text.kept)] = True
            self._files[0].write(np.array(text.ids, dtype=np.int32).tobytes())
            self._files[1].write(kept.tobytes())
            self._digests.append(text.sha256)
            self._starts.append(self._starts[-1] + len(text.ids))
        for file in self._files:
            file.flush()
        self._ids, self._kept = (
            np.memmap(file, dtype=kind, mode="r") if self._starts[-1] else np.empty(0, dtype=kind)
            for file, kind in zip(self._files, (np.int32, np.bool_), strict=True)
        )

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._digests)

    @overload
    def __getitem__(self, place: int) -> TokenizedText: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[TokenizedText]: ...
    def __getitem__(self, place: int | slice) -> TokenizedText | Sequence[TokenizedText]:
        """Return one text, or several as a tuple."""
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        number = range(len(self))[place]
        part = slice(self._starts[number], self._starts[number + 1])
        ids = tuple(self._ids[part].tolist())
        return TokenizedText(self._digests[number], ids, tuple(np.flatnonzero(self._kept[part]).tolist()))
