from __future__ import annotations

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
        (StatedFacts(target_hook="blocks.12.hook_mlp_out"), "hook", ["predicts 'blocks.12.hook_mlp_out'"]),
        (StatedFacts(context_size=64), "context", ["64 tokens", "up to 128"]),
        (StatedFacts(prepend_bos=False), "beginning", ["without a token for the beginning"]),
        (StatedFacts(model_settings={"center_writing_weights": True}), "loading", ["center_writing_weights True"]),
    ],
)
def test_what_differs_is_told_with_both_named(stated: StatedFacts, about: str, words: list[str]):
    (found,) = contradictions(stated, HERE)
    assert found.about == about
    assert all(word in found.message for word in words)


def test_all_that_differs_is_told():
    stated = StatedFacts(model="gpt2", hook="blocks.1.hook_resid_pre", prepend_bos=False)
    assert [one.about for one in contradictions(stated, HERE)] == ["model", "hook", "beginning"]
