from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest

from gatekit.errors import GatekitError
from runners.progress import Silent
from runners.subjects import activation_store
from runners.subjects.activation_store import store_activations
from runners.subjects.language_model import activations
from runners.subjects.text_corpus import CorpusText
from runners.subjects.token_sets import draw_token_sets

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

HOOK = "blocks.1.hook_resid_post"
SHOW = partial(nullcontext, Silent())


@pytest.fixture(scope="module")
def texts() -> list[CorpusText]:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    sentences = [" ".join(words[: 1 + i % 10]) + f" {i}" for i in range(40)]
    return [CorpusText(sentence, f"{i:064x}", "d") for i, sentence in enumerate(sentences)]


@pytest.fixture(scope="module")
def sets(minilm, texts):
    return draw_token_sets(minilm, texts, held_out_rows=30, train_rows=100, max_tokens=32)


def test_training_and_held_out_texts_are_disjoint(sets):
    training, held_out = ({text.sha256 for text in tokens.texts} for tokens in sets)
    assert training and held_out and not training & held_out


def test_more_training_tokens_leave_the_held_out_tokens_as_they_were(minilm, texts, sets):
    more = draw_token_sets(minilm, texts, held_out_rows=30, train_rows=150, max_tokens=32)
    assert more[1].sha256 == sets[1].sha256
    assert more[0].texts[: len(sets[0].texts)] == sets[0].texts


def test_too_few_texts_are_refused(minilm, texts):
    with pytest.raises(GatekitError, match="training set"):
        draw_token_sets(minilm, texts, held_out_rows=30, train_rows=10_000, max_tokens=32)


def test_rows_lie_in_the_order_of_texts_and_tokens(minilm, sets, cache):
    import torch

    tokens = sets[0]
    stored = store_activations(minilm, HOOK, tokens, cache, SHOW).read()
    assert stored.shape == (100, 384)
    start = 0
    for text in tokens.texts:
        ids = torch.tensor([text.ids])
        alone = activations(minilm, HOOK, ids, torch.ones_like(ids))[0, list(text.kept)].numpy()
        rows = stored[start : start + len(alone)]
        np.testing.assert_allclose(rows, alone[: len(rows)], atol=5e-3)
        start += len(alone)


def test_a_second_run_reads_what_the_first_one_stored(minilm, sets, cache, monkeypatch):
    first = store_activations(minilm, HOOK, sets[0], cache, SHOW)

    def never(*arguments: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(activation_store, "activations", never)
    assert store_activations(minilm, HOOK, sets[0], cache, SHOW) == first


def test_another_hook_is_another_store(minilm, sets, cache):
    one = store_activations(minilm, HOOK, sets[0], cache, SHOW)
    other = store_activations(minilm, "blocks.2.hook_resid_post", sets[0], cache, SHOW)
    assert one.path != other.path
    assert one.sha256 != other.sha256


FAULTS = {
    "a flipped byte": lambda folder: flip(folder / "activations.npy", -1),
    "a flipped byte of the header": lambda folder: flip(folder / "activations.npy", 20),
    "a cut file": lambda folder: os.truncate(folder / "activations.npy", 200),
    "an empty file": lambda folder: os.truncate(folder / "activations.npy", 0),
    "no array": lambda folder: (folder / "activations.npy").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "half a manifest": lambda folder: os.truncate(folder / "manifest.json", 30),
    "a manifest of another kind": lambda folder: (folder / "manifest.json").write_text("[1]"),
    "a manifest without a digest": lambda folder: (folder / "manifest.json").write_text("{}"),
}


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_store_is_made_again_and_equals_the_first(minilm, sets, cache, capsys, fault):
    stored = store_activations(minilm, HOOK, sets[0], cache, SHOW)
    before = stored.path.read_bytes()
    FAULTS[fault](stored.path.parent)
    again = store_activations(minilm, HOOK, sets[0], cache, SHOW)
    assert (again, again.path.read_bytes()) == (stored, before)
    assert "are not the ones computed: made again" in capsys.readouterr().err
    assert list((cache / "activations").iterdir()) == [stored.path.parent]


def test_no_byte_of_a_stored_header_can_be_changed_unseen(minilm, sets, cache):
    folder = store_activations(minilm, HOOK, sets[0], cache, SHOW).path.parent
    path = folder / "activations.npy"
    whole = path.read_bytes()
    for place in range(128):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(GatekitError) as caught:
            activation_store.open_store(folder)
        assert caught.value.error_id == "activations.altered", place


def test_altered_activations_that_nobody_can_make_again_are_refused(minilm, sets, cache):
    stored = store_activations(minilm, HOOK, sets[0], cache, SHOW)
    flip(stored.path, -1)
    with pytest.raises(GatekitError, match="not the ones computed"):
        activation_store.open_store(stored.path.parent)


def test_an_interrupted_computation_leaves_no_store(minilm, sets, cache, monkeypatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(activation_store, "activations", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store_activations(minilm, HOOK, sets[0], cache, SHOW)
    assert list((cache / "activations").iterdir()) == []


def test_an_activation_too_large_for_half_precision_is_refused(minilm, sets, cache, monkeypatch):
    monkeypatch.setattr(activation_store, "activations", lambda *arguments: activations(*arguments) * 1e6)
    with pytest.raises(GatekitError, match="half precision"):
        store_activations(minilm, HOOK, sets[0], cache, SHOW)


def test_stored_rows_cannot_be_written_through(minilm, sets, cache):
    stored = store_activations(minilm, HOOK, sets[0], cache, SHOW)
    stored.read()[:] = 0
    assert activation_store.open_store(stored.path.parent).sha256 == stored.sha256
