"""Activations in shards of a fixed number of tokens, each a store of its own with key and digest.

A shard is made, checked and, where it is faulty, made again alone (`runners.subjects.stored_array`), so that a run that
was killed goes on at its shard. All shards one after another hold the rows of one whole store in the same order; texts
are padded within their shard, so that the last bits of a row may differ, and the shard plan is in every key.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gatekit.errors import GatekitError
from runners.progress import Progress
from runners.saes.streamed_rows import Shard, StreamedRows
from runners.subjects.activation_store import ActivationStore, TokenSet, store_activations
from runners.subjects.language_model import LanguageModel, TokenizedText
from runners.subjects.plan import StreamPlan

_HALF = 2


@dataclass(frozen=True)
class ShardedStore:
    """Rows of one hook over one set of tokens, in shards."""

    shards: tuple[ActivationStore, ...]
    plan: StreamPlan

    @property
    def sha256(self) -> str:
        """Of the rows and of how training takes them."""
        return self.read().sha256

    @property
    def rows(self) -> int:
        """In all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def d_model(self) -> int:
        """Width of a row."""
        return self.shards[0].d_model

    def read(self) -> StreamedRows:
        """Return the rows, of which none is in memory yet."""
        shards = [Shard(shard.path, shard.sha256, shard.rows) for shard in self.shards]
        return StreamedRows(shards, self.d_model, self.plan.buffer_shards, self.plan.order)


def store_shards(
    model: LanguageModel,
    hook: str,
    tokens: TokenSet,
    plan: StreamPlan,
    cache: Path,
    show: Callable[[TokenSet], AbstractContextManager[Progress]],
) -> ShardedStore:
    """Compute the shards of `tokens` at `hook`, or open those that are there.

    Args:
        model: to run.
        hook: name of the hook point.
        tokens: the texts, and how many of their tokens are rows.
        plan: of the shards.
        cache: folder of all stores.
        show: opens a progress display for one shard.

    Raises:
        GatekitError: as `store_activations`.
    """
    stores = []
    for shard in shards_of(tokens, plan.shard_tokens):
        stores.append(store_activations(model, hook, shard, cache, partial(show, shard)))
    return ShardedStore(tuple(stores), plan)


def check_disk(cache: Path, plan: StreamPlan, rows: int, d_model: int) -> None:
    """Say what the shards take, and refuse to start where the disk is smaller: what is there already may be of them.

    Raises:
        GatekitError: `activations.disk`.
    """
    wanted = rows * d_model * _HALF
    buffer = min(rows, plan.shard_tokens * plan.buffer_shards) * d_model * _HALF
    sys.stderr.write(
        f"streaming {rows:,} rows: {-(-rows // plan.shard_tokens):,} shards, {wanted:,} bytes of disk; a buffer of "
        f"{buffer:,} bytes of memory{'' if plan.order == 'shared' else ' for each seed in training'}\n"
    )
    cache.mkdir(parents=True, exist_ok=True)
    there = sum(path.stat().st_size for path in (cache / "activations").glob("*/activations.npy"))
    free = shutil.disk_usage(cache).free + there
    if free < wanted:
        message = f"the shards take {wanted:,} bytes of disk, and the cache has {free:,}"
        raise GatekitError("activations.disk", message, remedy="fewer train_tokens, or --cache on a larger disk")


def shards_of(tokens: TokenSet, shard_tokens: int) -> Iterator[TokenSet]:
    """Yield sets of `shard_tokens` rows each, the last of what is left, that together are the rows of `tokens`.

    A text that a shard ends in stands in the next one too, with its other tokens; its digest says from which on.
    """
    left = iter(tokens.texts)
    carried: TokenizedText | None = None
    done = 0
    while done < tokens.rows:
        wanted = min(shard_tokens, tokens.rows - done)
        texts: list[TokenizedText] = []
        found = 0
        while found < wanted:
            text = carried if carried is not None else next(left)
            carried = None
            texts.append(text)
            found += len(text.kept)
        over = found - wanted
        if over:
            last = texts[-1]
            cut = len(last.kept) - over
            carried = replace(last, sha256=f"{last.sha256}[{cut}:]", kept=last.kept[cut:])
        done += wanted
        yield TokenSet(f"{tokens.name} {done:,} of {tokens.rows:,}", tuple(texts), wanted)
