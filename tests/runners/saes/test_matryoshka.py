from __future__ import annotations

import pytest
import torch

from runners.saes.batch_topk import BatchTopK
from runners.saes.matryoshka import Matryoshka

pytestmark = pytest.mark.runners


def test_with_one_prefix_it_is_batch_topk_bit_for_bit(drawn, batch_of, learn, tokens):
    one, batch_topk = Matryoshka(12, (40,), 5, 6), BatchTopK(12, 40, 5, 6)
    parameters = drawn(batch_topk, dtype=torch.float32)
    dead = torch.arange(40) < 15
    batch = batch_of(batch_topk, tokens.float(), dead)
    ours, our_gradients = learn(one, parameters, batch)
    theirs, their_gradients = learn(batch_topk, parameters, batch)
    assert torch.equal(ours.total(), theirs.total())
    assert all(torch.equal(our_gradients[name], gradient) for name, gradient in their_gradients.items())
    assert torch.equal(one.encode(parameters, batch.x), batch_topk.encode(parameters, batch.x))


def test_each_prefix_reconstructs_with_its_own_latents_only(drawn, batch_of, tokens):
    architecture = Matryoshka(12, (4, 15, 40), 5, 0)
    parameters = drawn(architecture)
    objective = architecture.objective(parameters, batch_of(architecture, tokens))
    for width, term in zip(architecture.widths, objective.terms, strict=True):
        alone = objective.latents.clone()
        alone[:, width:] = 0
        missing = tokens - alone @ parameters["W_dec"] - parameters["b_dec"]
        torch.testing.assert_close(term.value, missing.square().sum() / len(tokens))
    assert torch.equal(objective.error, objective.terms[-1].value)


@pytest.mark.parametrize("widths", [(), (4, 4), (8, 4), (0, 4)])
def test_prefixes_that_do_not_grow_are_refused(widths):
    with pytest.raises(ValueError, match="not increasing"):
        Matryoshka(12, widths, 2, 0)
