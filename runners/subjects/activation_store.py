"""Activations computed once, stored in half precision by content, and shared by every seed and control.

A store is a folder named by the digest of everything that its numbers depend on; it holds `activations.npy`, rows in
the order of texts and tokens, and `manifest.json` with the digest of the array's bytes, which is checked at every
opening; a store that is not what its manifest says is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from gatekit.errors import GatekitError
from runners.arrays import Floats
from runners.code_digest import code_sha256
from runners.determinism import device_class
from runners.digests import data_sha256, sequence_sha256
from runners.progress import Progress
from runners.subjects.language_model import LanguageModel, TokenizedText, activations
from runners.subjects.stored_array import ARRAY, StoredArray, open_array, open_or_make, write_manifest
from runners.whole_files import building_folder, rename_folder

PADDED_TOKENS_PER_BATCH = 4096
"""On two cores larger batches gain nothing; on a GPU the forward pass is a small part of a run."""

Pooling = Literal["tokens", "last", "mean"]
"""What of a text becomes rows: every kept token, the last of them, or one mean over them."""


@dataclass(frozen=True)
class ActivationStore:
    """Rows of one hook over one set of tokens."""

    path: Path
    sha256: str
    """Over the array's bytes, header left out."""
    rows: int
    d_model: int

    def read(self) -> Floats:
        """Map the rows, (rows, d_model) float16, without reading them; writes never reach the file."""
        mapped: Floats = np.load(self.path, mmap_mode="c", allow_pickle=False)
        return mapped


@dataclass(frozen=True)
class TokenSet:
    """Texts whose kept tokens, cut to `rows`, are the rows of a store; pooled, each text is one row."""

    name: str
    texts: Sequence[TokenizedText]
    rows: int

    @property
    def sha256(self) -> str:
        """Over text digests and token ids."""
        return sequence_sha256(f"{text.sha256} {text.ids}" for text in self.texts)

    @property
    def texts_sha256(self) -> str:
        """Over the texts' digests in order."""
        return sequence_sha256(text.sha256 for text in self.texts)


def store_activations(
    model: LanguageModel,
    hook: str,
    tokens: TokenSet,
    cache: Path,
    show: Callable[[], AbstractContextManager[Progress]],
    pooling: Pooling = "tokens",
) -> ActivationStore:
    """Compute the activations of `tokens` at `hook`, or open the store that has them already.

    Args:
        model: to run.
        hook: name of the hook point.
        tokens: the texts and how many of their tokens are rows.
        cache: folder of all stores.
        show: opens a progress display, in rows; called only when there is something to compute.
        pooling: of each text's kept tokens; means are taken in float32.

    Raises:
        GatekitError: the hook does not exist, or a value does not fit half precision.
    """
    key = {
        "format": 2,
        "source": code_sha256([__name__]),
        "pooling": pooling,
        "model": model.digest,
        "tokenizer": model.tokenizer_digest,
        "hook": hook,
        "tokens": tokens.sha256,
        "rows": tokens.rows,
        "device": device_class(model.device),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "transformer_lens": version("transformer-lens"),
        "transformers": version("transformers"),
    }
    folder = cache / "activations" / data_sha256(key)

    def make() -> None:
        with show() as progress:
            _compute(model, hook, tokens, pooling, folder, key, progress)

    return _store(open_or_make(folder, make))


def open_store(folder: Path) -> ActivationStore:
    """Open a store and check the digest of its bytes.

    Raises:
        GatekitError: the array is not the one that was stored.
    """
    return _store(open_array(folder))


def _store(stored: StoredArray) -> ActivationStore:
    rows, d_model = stored.shape
    return ActivationStore(stored.path, stored.sha256, rows, d_model)


def _compute(
    model: LanguageModel,
    hook: str,
    tokens: TokenSet,
    pooling: Pooling,
    folder: Path,
    key: dict[str, object],
    progress: Progress,
) -> None:
    """Fill a new folder beside its final place and rename it, so that an interrupted run leaves no half store."""
    with building_folder(folder) as building:
        rows: np.memmap[Any, np.dtype[np.float16]] | None = None
        counts = [len(text.kept) if pooling == "tokens" else 1 for text in tokens.texts]
        first_row = np.cumsum([0, *counts])
        for batch in _batches(tokens.texts):
            values = activations(model, hook, *_padded([tokens.texts[index] for index in batch], model)).cpu()
            if rows is None:
                shape = (tokens.rows, int(values.shape[-1]))
                rows = np.lib.format.open_memmap(building / ARRAY, mode="w+", dtype=np.float16, shape=shape)
            written = 0
            for place, index in enumerate(batch):
                start = int(first_row[index])
                stop = min(start + counts[index], tokens.rows)
                if stop > start:
                    pooled = _pooled(values[place, list(tokens.texts[index].kept)], pooling)
                    rows[start:stop] = pooled[: stop - start].numpy().astype(np.float16)
                    written += stop - start
                    if not np.isfinite(rows[start:stop]).all():
                        raise GatekitError(
                            "activations.range", f"an activation at '{hook}' does not fit half precision"
                        )
            progress.advance(written)
        if rows is None:
            raise GatekitError("activations.empty", f"no texts in {tokens.name}")
        rows.flush()
        write_manifest(building, rows, key)
        # Where another run stored the same content first, its bytes are checked on opening like ours would be.
        rename_folder(building, folder)


def _pooled(values: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Return the rows of one text, (rows, width), from its kept tokens, (tokens, width)."""
    match pooling:
        case "last":
            return values[-1:]
        case "mean":
            return values.mean(dim=0, keepdim=True)
    return values


def _batches(texts: Sequence[TokenizedText]) -> list[list[int]]:
    """Group texts of near length, so that little of a batch is padding; the grouping depends on the lengths alone."""
    order = sorted(range(len(texts)), key=lambda index: (len(texts[index].ids), index))
    batches: list[list[int]] = []
    for index in order:
        longest = len(texts[index].ids)
        if batches and (len(batches[-1]) + 1) * longest <= PADDED_TOKENS_PER_BATCH:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _padded(texts: Sequence[TokenizedText], model: LanguageModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and attention mask, (texts, longest) int64, padded on the right."""
    longest = max(len(text.ids) for text in texts)
    # Padding is masked out, so any id serves where the tokeniser has none for it, or one that the model does not know.
    padding = model.tokenizer.pad_token_id or 0
    padding = padding if padding < model.embeddings else 0
    ids = torch.full((len(texts), longest), padding, dtype=torch.long)
    mask = torch.zeros((len(texts), longest), dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = torch.tensor(text.ids)
        mask[row, : len(text.ids)] = 1
    return ids.to(model.device), mask.to(model.device)
