"""Activations of labelled texts, one row a text (last token or mean) or one row a token, stored once by content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatekit.errors import GatekitError
from runners.arrays import Floats, Integers
from runners.progress import Progress
from runners.subjects.activation_store import ActivationStore, Pooling, TokenSet, store_activations
from runners.subjects.labelled_texts import LabelledTexts
from runners.subjects.language_model import LanguageModel, tokenize


@dataclass(frozen=True)
class TextStore:
    """One dataset at one hook."""

    labelled: LabelledTexts
    store: ActivationStore
    starts: Integers
    """(texts + 1,) int64: rows starts[i] to starts[i + 1] are those of text i; one each where texts are pooled."""

    def rows(self) -> Floats:
        """Map all rows, (rows, d_model) float16: row i is text i where texts are pooled."""
        return self.store.read()

    def texts(self) -> Iterator[Floats]:
        """Yield each text's rows, (its rows, d_model) float16."""
        rows = self.rows()
        for start, stop in zip(self.starts[:-1], self.starts[1:], strict=True):
            yield rows[start:stop]


def store_texts(
    model: LanguageModel,
    hook: str,
    labelled: LabelledTexts,
    pooling: Pooling,
    max_tokens: int,
    cache: Path,
    show: Callable[[], AbstractContextManager[Progress]],
) -> TextStore:
    """Compute the activations of a dataset's texts at `hook`, or open the store that has them.

    Args:
        model: to run.
        hook: name of the hook point.
        labelled: the texts.
        pooling: `tokens` gives a row to every token that the tokeniser did not add; `last` and `mean` one to each text.
        max_tokens: cut per text, special tokens included.
        cache: folder of all stores.
        show: opens a progress display, in rows; called only when there is something to compute.

    Raises:
        GatekitError: `dataset.no_tokens`: a text that the tokeniser makes nothing of; else as `store_activations`.
    """
    tokenized = tokenize(model, labelled.texts, labelled.digests, max_tokens)
    empty = sum(not text.kept for text in tokenized)
    if empty:
        raise GatekitError(
            "dataset.no_tokens",
            f"{empty} texts of '{labelled.name}' have no token of their own",
            remedy="ask for fewer",
        )
    counts = [len(text.kept) if pooling == "tokens" else 1 for text in tokenized]
    starts = np.cumsum([0, *counts])
    tokens = TokenSet(labelled.name, tuple(tokenized), int(starts[-1]))
    return TextStore(labelled, store_activations(model, hook, tokens, cache, show, pooling), starts)
