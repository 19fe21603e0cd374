from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest

from gatekit.errors import GatekitError
from runners.digests import sequence_sha256
from runners.progress import Silent
from runners.subjects.labelled_texts import LabelledTexts
from runners.subjects.language_model import activations, tokenize
from runners.subjects.text_store import store_texts

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

HOOK = "blocks.1.hook_resid_post"
SHOW = partial(nullcontext, Silent())
TEXTS = ("a cat sat", "it rained on the whole of the town", "no", "one two three four five six seven eight nine ten")


def labelled(texts: tuple[str, ...] = TEXTS) -> LabelledTexts:
    return LabelledTexts("d", texts, tuple(i % 2 for i in range(len(texts))), sequence_sha256(texts))


@pytest.fixture(scope="module")
def alone(minilm) -> list[np.ndarray]:
    """Each text's own tokens through the model by itself, special tokens left out."""
    import torch

    found = []
    for text in tokenize(minilm, TEXTS, TEXTS, 8):
        ids = torch.tensor([text.ids])
        found.append(activations(minilm, HOOK, ids, torch.ones_like(ids))[0, 1:-1].numpy())
    return found


def test_the_last_token_of_each_text_is_its_row(minilm, cache, alone):
    found = store_texts(minilm, HOOK, labelled(), "last", 8, cache, SHOW)
    np.testing.assert_allclose(found.rows(), [rows[-1] for rows in alone], atol=5e-3)


def test_the_mean_over_the_tokens_of_each_text_is_its_row(minilm, cache, alone):
    found = store_texts(minilm, HOOK, labelled(), "mean", 8, cache, SHOW)
    np.testing.assert_allclose(found.rows(), [rows.mean(axis=0) for rows in alone], atol=5e-3)
    assert [len(rows) for rows in found.texts()] == [1, 1, 1, 1]


def test_every_token_of_each_text_is_a_row_of_that_text(minilm, cache, alone):
    found = store_texts(minilm, HOOK, labelled(), "tokens", 8, cache, SHOW)
    for ours, expected in zip(found.texts(), alone, strict=True):
        np.testing.assert_allclose(ours, expected, atol=5e-3)
    # Eight tokens with [CLS] and [SEP] leave six of the longest text.
    assert [len(rows) for rows in found.texts()] == [3, 6, 1, 6]


def test_each_pooling_is_a_store_of_its_own_and_is_found_again(minilm, cache):
    stores = [store_texts(minilm, HOOK, labelled(), pooling, 8, cache, SHOW) for pooling in ("last", "mean", "tokens")]
    assert len({each.store.path for each in stores}) == 3
    assert store_texts(minilm, HOOK, labelled(), "last", 8, cache, SHOW).store == stores[0].store


def test_a_text_without_a_token_of_its_own_is_refused(minilm, cache):
    with pytest.raises(GatekitError, match="1 texts of 'd'"):
        store_texts(minilm, HOOK, labelled(("fine", "\u200b")), "last", 8, cache, SHOW)
