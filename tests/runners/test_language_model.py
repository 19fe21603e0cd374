from __future__ import annotations

import pytest
import torch

from gatekit.errors import GatekitError
from runners.subjects.language_model import activations, load, load_reinitialised, tokenize
from runners.subjects.model_files import find_model

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

HOOK = "blocks.3.hook_resid_post"
TEXTS = ["The borough of Queens.", "a", "Sparse autoencoders find directions in activations, or so it is claimed."]


def at_hook(model, texts, hook=HOOK):
    encoded = model.tokenizer(texts, padding=True, return_tensors="pt")
    return activations(model, hook, encoded["input_ids"], encoded["attention_mask"]), encoded


def test_the_hook_holds_the_hidden_state_that_transformers_computes(minilm, minilm_files):
    from transformers import AutoModel

    reference = AutoModel.from_pretrained(minilm_files.folder).eval()
    values, encoded = at_hook(minilm, TEXTS)
    with torch.no_grad():
        hidden = reference(**encoded, output_hidden_states=True).hidden_states
    mask = encoded["attention_mask"].bool()
    # Hidden state 0 is the embedding, so block 3 gives number 4.
    torch.testing.assert_close(values[mask], hidden[4][mask], atol=5e-5, rtol=1e-4)


def test_padding_does_not_reach_a_text(minilm):
    together, encoded = at_hook(minilm, TEXTS)
    alone, _ = at_hook(minilm, [TEXTS[0]])
    length = int(encoded["attention_mask"][0].sum())
    torch.testing.assert_close(together[0, :length], alone[0], atol=5e-5, rtol=1e-4)


def test_tokens_that_the_tokeniser_adds_are_read_by_the_model_and_not_kept(minilm):
    (text,) = tokenize(minilm, ["hello world"], ["d"], 128)
    words = minilm.tokenizer.convert_ids_to_tokens(text.ids)
    assert words == ["[CLS]", "hello", "world", "[SEP]"]
    assert text.kept == (1, 2)


def test_a_long_text_is_cut_special_tokens_included(minilm):
    (text,) = tokenize(minilm, ["word " * 500], ["d"], 16)
    assert len(text.ids) == 16
    assert len(text.kept) == 14


@pytest.fixture(scope="module")
def twin(minilm, minilm_files):
    return load_reinitialised(minilm_files, minilm, 0)


def test_the_twin_has_other_weights_of_the_same_shapes(minilm, twin):
    ours, theirs = twin.bridge.state_dict(), minilm.bridge.state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
    matrices = [name for name, value in ours.items() if value.ndim == 2]
    assert len(matrices) > 36
    assert not any(torch.equal(ours[name], theirs[name]) for name in matrices)


def test_the_twin_is_drawn_as_the_model_class_draws(twin):
    # BERT: normal weights with the configuration's deviation 0.02, zero biases, layer norms that change nothing.
    weights = twin.bridge.state_dict()
    assert float(weights["blocks.2.mlp.in.weight"].std()) == pytest.approx(0.02, rel=0.02)
    assert not weights["blocks.2.mlp.in.bias"].any()
    assert (weights["blocks.2.ln1.weight"] == 1).all()


def test_the_twin_follows_its_seed_alone(minilm, minilm_files, twin):
    torch.manual_seed(12345)
    again, other = (load_reinitialised(minilm_files, minilm, seed) for seed in (0, 1))
    assert again.digest == twin.digest
    assert other.digest != twin.digest
    torch.testing.assert_close(at_hook(again, TEXTS)[0], at_hook(twin, TEXTS)[0], atol=0, rtol=0)


def test_the_twin_runs_without_dropout(twin):
    torch.testing.assert_close(at_hook(twin, TEXTS)[0], at_hook(twin, TEXTS)[0], atol=0, rtol=0)


def test_drawing_a_twin_leaves_the_global_generator_alone(minilm, minilm_files):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    load_reinitialised(minilm_files, minilm, 3)
    assert torch.equal(torch.rand(3), expected)


def test_an_unknown_hook_is_refused_with_the_nearest_name(minilm):
    with pytest.raises(GatekitError, match="hook_resid_pots"):
        at_hook(minilm, TEXTS, "blocks.3.hook_resid_pots")
    with pytest.raises(GatekitError) as caught:
        at_hook(minilm, TEXTS, "blocks.3.hook_resid_pots")
    assert "blocks.3.hook_resid_post" in (caught.value.remedy or "")


def test_a_hook_that_holds_no_vector_per_position_is_refused(minilm):
    with pytest.raises(GatekitError, match="one vector per position"):
        at_hook(minilm, TEXTS, "blocks.3.attn.hook_pattern")


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(GatekitError, match="safetensors"):
        find_model("folder", str(tmp_path))


@pytest.fixture(scope="module")
def causal_folder(tmp_path_factory, minilm_files):
    """A small decoder-only model of the Pythia family in a local folder, with a tokeniser beside it."""
    import shutil

    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny-neox"
    config = GPTNeoXConfig(
        vocab_size=30522,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(minilm_files.folder / name, folder / name)
    return folder


def test_a_decoder_only_model_in_a_local_folder_goes_the_same_way(causal_folder):
    from transformers import AutoModelForCausalLM

    files = find_model("folder", str(causal_folder))
    assert files.name == "tiny-neox"
    model = load(files, "cpu")
    values, encoded = at_hook(model, TEXTS, "blocks.0.hook_resid_post")
    with torch.no_grad():
        reference = AutoModelForCausalLM.from_pretrained(causal_folder).eval()
        hidden = reference(encoded["input_ids"], encoded["attention_mask"], output_hidden_states=True).hidden_states
    mask = encoded["attention_mask"].bool()
    torch.testing.assert_close(values[mask], hidden[1][mask], atol=5e-5, rtol=1e-4)
    twin, _ = at_hook(load_reinitialised(files, model, 0), TEXTS, "blocks.0.hook_resid_post")
    assert twin.shape == values.shape
    assert not torch.allclose(twin, values)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", b"{", "is not a valid JSON file"),
        ("config.json", b'{"model_type": "zzz"}', "does not recognize this architecture"),
        ("model.safetensors", b"xx", "SafetensorError"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_refused_with_its_folder(tmp_path, minilm_files, file, content, said):
    import dataclasses
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(minilm_files.folder, folder)
    (folder / file).write_bytes(content)
    with pytest.raises(GatekitError) as caught:
        load(dataclasses.replace(minilm_files, folder=folder), "cpu")
    assert caught.value.error_id == "runner.model_unusable"
    assert said in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert str(caught.value.location) == str(folder)
