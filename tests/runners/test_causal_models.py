"""What the runners read from a causal language model is what transformers computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from model_outputs import BLOCKS, TEXTS, close, network_of, outputs_of, padded
from tiny_models import FAMILIES, LAYERS

from runners.progress import Silent
from runners.subjects.activation_store import TokenSet, store_activations
from runners.subjects.language_model import activations, tokenize

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore"), pytest.mark.parametrize("family", FAMILIES)]


def test_training_made_a_model_that_predicts(tiny_models, family):
    tiny = tiny_models[family]
    assert tiny.last_loss < tiny.first_loss - 1


def test_unpadded_activations_are_the_hidden_states_of_transformers(tiny_models, tiny_loaded, family):
    model, network = tiny_loaded[family], network_of(tiny_models, family)
    for text in tokenize(model, TEXTS, TEXTS, 64):
        ids = torch.tensor([text.ids])
        with torch.no_grad():
            hidden = network(ids, output_hidden_states=True).hidden_states
        ours = activations(model, "blocks.0.hook_resid_post", ids, torch.ones_like(ids))
        # Hidden state 0 is the embedding; the last is taken behind the final norm, so that it is no block's output.
        close(ours, hidden[1])


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("layer", range(LAYERS))
def test_padding_on_either_side_reaches_no_text(tiny_models, tiny_loaded, family, layer, side):
    model, network = tiny_loaded[family], network_of(tiny_models, family)
    texts = [text.ids for text in tokenize(model, TEXTS, TEXTS, 64)]
    ids, mask = padded(texts, side)
    together = activations(model, f"blocks.{layer}.hook_resid_post", ids, mask)
    for row, text in enumerate(texts):
        with torch.no_grad(), outputs_of(network, f"{BLOCKS[family]}.{layer}") as alone:
            network(torch.tensor([text]))
        close(together[row][mask[row].bool()], alone[0][0])


def test_stored_rows_are_those_of_each_text_alone_without_what_the_tokeniser_adds(
    tiny_models, tiny_loaded, family, cache
):
    from contextlib import nullcontext

    model, network = tiny_loaded[family], network_of(tiny_models, family)
    texts = tokenize(model, TEXTS, TEXTS, 64)
    tokens = TokenSet("texts", tuple(texts), sum(len(text.kept) for text in texts))
    store = store_activations(model, "blocks.1.hook_resid_post", tokens, cache, lambda: nullcontext(Silent()))
    expected = []
    for text in texts:
        with torch.no_grad(), outputs_of(network, f"{BLOCKS[family]}.1") as alone:
            network(torch.tensor([text.ids]))
        assert text.ids[0] == 0
        expected.append(alone[0][0, 1:])
    # Rows are stored in half precision.
    np.testing.assert_allclose(store.read(), torch.cat(expected).half().numpy(), rtol=2e-3, atol=1e-3)


def test_a_tokeniser_that_pads_on_the_left_gives_the_same_rows(tiny_models, tiny_loaded, family, tmp_path, cache):
    import json
    import shutil
    from contextlib import nullcontext

    from runners.subjects.language_model import load
    from runners.subjects.model_files import find_model

    folder = tmp_path / Path(tiny_models[family].folder).name
    shutil.copytree(tiny_models[family].folder, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "padding_side": "left"}))
    left = load(find_model("folder", str(folder)), "cpu")
    assert left.tokenizer.padding_side == "left"
    rows = []
    for model in (tiny_loaded[family], left):
        texts = tokenize(model, TEXTS, TEXTS, 64)
        tokens = TokenSet("texts", tuple(texts), sum(len(text.kept) for text in texts))
        rows.append(store_activations(model, "blocks.1.hook_resid_post", tokens, cache, lambda: nullcontext(Silent())))
    assert rows[0].path != rows[1].path
    assert rows[0].sha256 == rows[1].sha256
