from __future__ import annotations

from dataclasses import replace

import pytest

from runners.saes.formats.use import Use, contradictions
from runners.saes.stated_facts import StatedFacts

pytestmark = pytest.mark.runners

HERE = Use(models=("google/gemma-2-2b", "my-folder"), hook="blocks.12.hook_resid_post", max_tokens=128)


@pytest.mark.parametrize(
    "stated",
    [
        StatedFacts(),
        StatedFacts(model="gemma-2-2b", hook="blocks.12.hook_resid_post"),
        StatedFacts(model="Google/Gemma-2-2B"),
        StatedFacts(model="my-folder", context_size=128, prepend_bos=True),
        StatedFacts(model_settings={"center_writing_weights": False, "fold_ln": False}),
        StatedFacts(model_settings={"n_devices": 2, "device": "cuda", "cache_dir": "/models"}),
    ],
)
def test_a_use_that_the_checkpoint_does_not_contradict_is_let_through(stated: StatedFacts):
    assert contradictions(stated, HERE) == ()


@pytest.mark.parametrize(("one", "other"), [("gpt2-small", "gpt2"), ("openai-community/gpt2", "gpt2-small")])
def test_one_model_may_have_two_names(one: str, other: str):
    assert contradictions(StatedFacts(model=one), Use((other,), "hook", 1)) == ()


@pytest.mark.parametrize(
    ("stated", "about", "words"),
    [
        (StatedFacts(model="gemma-2-9b"), "model", ["'gemma-2-9b'", "'google/gemma-2-2b' or 'my-folder'"]),
        (StatedFacts(hook="blocks.0.hook_mlp_out"), "hook", ["'blocks.0.hook_mlp_out'", "'blocks.12.hook_resid_post'"]),
        (StatedFacts(head=3), "hook", ["head 3 alone"]),
        (
            StatedFacts(hook="blocks.12.hook_resid_post", layer=5),
            "hook",
            ["says the hook 'blocks.12.hook_resid_post' and the layer 5, which are not one place"],
        ),
        (StatedFacts(target_hook="blocks.12.hook_mlp_out"), "hook", ["predicts 'blocks.12.hook_mlp_out'"]),
        (StatedFacts(context_size=64), "context", ["64 tokens", "up to 128"]),
        (StatedFacts(positions=slice(5, 10)), "positions", ["positions 5:10 of its texts alone", "all of them"]),
        (StatedFacts(positions=slice(1, None, 2)), "positions", ["positions 1::2 of"]),
        (StatedFacts(prepend_bos=False), "beginning", ["without a token for the beginning"]),
        (StatedFacts(model_settings={"center_writing_weights": True}), "loading", ["center_writing_weights True"]),
        (StatedFacts(model_settings={"n_devices": 2, "revision": "v2"}), "loading", ["revision 'v2'"]),
    ],
)
def test_what_differs_is_told_with_both_named(stated: StatedFacts, about: str, words: list[str]):
    (found,) = contradictions(stated, HERE)
    assert found.about == about
    assert all(word in found.message for word in words)


def test_all_that_differs_is_told():
    stated = StatedFacts(model="gpt2", hook="blocks.1.hook_resid_pre", prepend_bos=False)
    assert [one.about for one in contradictions(stated, HERE)] == ["model", "hook", "beginning"]


OTHER_PLACES = [
    # What the files name has no name in TransformerLens; the number of the block is what there is to compare.
    (StatedFacts(layer=11), "blocks.12.hook_resid_post", "of layer 11"),
    (StatedFacts(module="attn_out_11", layer=11), "blocks.12.hook_attn_out", "of 'attn_out_11', layer 11"),
    (StatedFacts(module="layers.11.mlp.input", layer=11), "blocks.12.hook_mlp_in", "of 'layers.11.mlp.input'"),
    (StatedFacts(module="layers.11.mlp.input"), "hf:model.layers.12.post_attention_layernorm:0", "'layers.11.mlp.inp"),
    (StatedFacts(module="model.embed_tokens"), "blocks.0.hook_resid_post", "of 'model.embed_tokens'"),
    (StatedFacts(layer=3), "hf:model.layers.12.mlp:0", "of layer 3"),
]


@pytest.mark.parametrize(("stated", "hook", "words"), OTHER_PLACES)
def test_a_place_without_a_hook_s_name_is_held_against_the_block(stated: StatedFacts, hook: str, words: str):
    (found,) = contradictions(stated, Use(("m",), hook, 8))
    assert found.about == "hook"
    assert words in found.message


@pytest.mark.parametrize(
    ("stated", "hook"),
    [
        (StatedFacts(layer=12), "blocks.12.hook_resid_post"),
        (StatedFacts(module="attn_out_12", layer=12), "blocks.12.hook_attn_out"),
        (StatedFacts(module="layers.12.mlp.input", layer=12), "blocks.12.hook_mlp_in"),
        (StatedFacts(module="layers.12.mlp.input"), "hf:model.layers.12.post_attention_layernorm:0"),
        (StatedFacts(module="model.embed_tokens"), "hook_embed"),
        (StatedFacts(layer=12), "hf:model.layers.12.mlp:0"),
        (StatedFacts(layer=12), "hook_embed"),
    ],
)
def test_a_place_in_the_same_block_may_be_the_one(stated: StatedFacts, hook: str):
    assert contradictions(stated, Use(("m",), hook, 8)) == ()


@pytest.mark.parametrize("target", ["blocks.12.hook_mlp_out", "hf:model.layers.12.mlp:0"])
def test_what_a_transcoder_predicts_may_be_named_as_hook_or_module(target: str):
    stated = StatedFacts(module="layers.12.mlp.input", target_module="layers.12.mlp", layer=12)
    reads = "blocks.12.hook_mlp_in" if target.startswith("blocks") else "hf:model.layers.12.post_attention_layernorm:0"
    assert contradictions(stated, Use(("m",), reads, 8, target)) == ()
    (found,) = contradictions(stated, Use(("m",), reads, 8, target.replace("12", "11")))
    assert "predicts 'layers.12.mlp'" in found.message


def test_a_beginning_that_was_left_out_of_training_is_not_measured_either():
    stated = StatedFacts(positions=slice(1, None))
    assert contradictions(stated, replace(HERE, begins=True)) == ()
    (found,) = contradictions(stated, replace(HERE, begins=False))
    assert found.about == "positions"
