"""Rows in shards on disk, shuffled through a bounded buffer: what training reads where rows do not fit memory.

One pass takes the shards in a drawn order, as many at a time as the buffer holds, and the rows of those in a drawn
order, so that no more than the buffer is ever in memory. A pass still takes every row once; a buffer of all shards
shuffles as a whole permutation does, and a smaller one mixes only what it holds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from runners.arrays import Floats
from runners.digests import data_sha256
from runners.seeding import generator

OrderOf = Literal["per_seed", "shared"]


@dataclass(frozen=True)
class Shard:
    """One file of rows."""

    path: Path
    sha256: str
    rows: int


class StreamedRows:
    """(rows, width) half precision in shards; it holds the shards that were used last, as many as the buffer has."""

    ndim = 2

    def __init__(self, shards: Sequence[Shard], width: int, buffer_shards: int, order: OrderOf) -> None:
        """Read nothing yet."""
        self._shards, self._buffer, self.order = tuple(shards), buffer_shards, order
        self.starts = np.cumsum([0, *(shard.rows for shard in shards)])
        self.shape = (int(self.starts[-1]), width)
        self._held: OrderedDict[int, Floats] = OrderedDict()
        self._limit = buffer_shards
        self.largest_held = 0
        """Most bytes that were held at once."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    @property
    def sha256(self) -> str:
        """Digest of the rows and of how they are shuffled: shards by digest, buffer, order."""
        shards = [[shard.sha256, shard.rows] for shard in self._shards]
        return data_sha256({"shards": shards, "buffer_shards": self._buffer, "order": self.order})

    def __getitem__(self, place: slice) -> Floats:
        """Return a stretch of rows, each file mapped for as long as it is read."""
        wanted = range(*place.indices(len(self)))
        parts = [np.empty((0, self.shape[1]), dtype=np.float16)]
        for number, shard in enumerate(self._shards):
            first, end = int(self.starts[number]), int(self.starts[number + 1])
            # The first wanted row of this shard, in the steps of the slice.
            skipped = max(0, -(-(first - wanted.start) // wanted.step))
            inside = range(wanted.start + skipped * wanted.step, min(wanted.stop, end), wanted.step)
            if len(inside):
                mapped = np.load(shard.path, mmap_mode="r", allow_pickle=False)
                parts.append(np.array(mapped[inside.start - first : inside.stop - first : wanted.step]))
        return np.concatenate(parts)

    def gather(self, taken: torch.Tensor) -> torch.Tensor:
        """Return the rows of these numbers, (..., width) float16, and hold their shards."""
        numbers = taken.flatten().numpy()
        shard_of = np.searchsorted(self.starts, numbers, side="right") - 1
        found = np.empty((len(numbers), self.shape[1]), dtype=np.float16)
        # What is held comes first: loading the others may drop it.
        for number in sorted(np.unique(shard_of).tolist(), key=lambda each: (each not in self._held, each)):
            rows = self._loaded(number)
            here = shard_of == number
            found[here] = rows[numbers[here] - self.starts[number]]
        return torch.from_numpy(found).view(*taken.shape, self.shape[1])

    def orders(self, seeds: Sequence[int]) -> list[BufferedOrder]:
        """Return an order of rows for each seed, or the one that all share, and hold a buffer for each."""
        uses = [("sae batches", seed) for seed in seeds]
        if self.order == "shared":
            uses = [("shared sae batches", 0)]
        self._limit = self._buffer * len(uses)
        return [BufferedOrder(self.starts.tolist(), self._buffer, generator(*use)) for use in uses]

    def _loaded(self, number: int) -> Floats:
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        while len(self._held) >= self._limit:
            self._held.popitem(last=False)
        rows: Floats = np.load(self._shards[number].path, allow_pickle=False)
        self._held[number] = rows
        self.largest_held = max(self.largest_held, sum(each.nbytes for each in self._held.values()))
        return rows


Rows = Floats | StreamedRows
"""What SAEs are trained on: an array, or rows in shards."""


class BufferedOrder:
    """An endless order of rows: shards drawn a buffer at a time, and their rows; what is over is carried on."""

    def __init__(self, starts: Sequence[int], buffer_shards: int, draws: torch.Generator) -> None:
        """Draw nothing yet."""
        self._starts, self._buffer, self._draws = starts, buffer_shards, draws
        self._left = torch.empty(0, dtype=torch.long)
        self._shards = torch.empty(0, dtype=torch.long)

    def take(self, count: int) -> torch.Tensor:
        """Return the next row numbers."""
        while len(self._left) < count:
            if not len(self._shards):
                self._shards = torch.randperm(len(self._starts) - 1, generator=self._draws)
            now, self._shards = self._shards[: self._buffer].tolist(), self._shards[self._buffer :]
            rows = torch.cat([torch.arange(self._starts[each], self._starts[each + 1]) for each in now])
            self._left = torch.cat([self._left, rows[torch.randperm(len(rows), generator=self._draws)]])
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that `restore` needs."""
        return {"left": self._left, "shards": self._shards, "draws": self._draws.get_state()}

    def restore(self, held: Mapping[str, torch.Tensor]) -> None:
        """Go on from a state."""
        self._left, self._shards = held["left"], held["shards"]
        self._draws.set_state(held["draws"])
