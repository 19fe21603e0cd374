from __future__ import annotations

import pytest
import torch

from runners.saes.hierarchical_topk import HierarchicalTopK
from runners.saes.topk import TopK

pytestmark = pytest.mark.runners


def test_with_one_level_it_is_topk_bit_for_bit(drawn, batch_of, learn, tokens):
    # So few latents for each kept one that TopK takes dense products too: the sparse ones round otherwise.
    one, topk = HierarchicalTopK(12, 36, (5,), 6), TopK(12, 36, 5, 6)
    parameters = drawn(topk, dtype=torch.float32)
    batch = batch_of(topk, tokens.float(), torch.arange(36) < 15)
    ours, our_gradients = learn(one, parameters, batch)
    theirs, their_gradients = learn(topk, parameters, batch)
    assert torch.equal(ours.total(), theirs.total())
    assert all(torch.equal(our_gradients[name], gradient) for name, gradient in their_gradients.items())
    assert torch.equal(one.encode(parameters, batch.x), topk.encode(parameters, batch.x))


@pytest.mark.parametrize("levels", [(1, 2, 3, 4, 5), (2, 5), (1, 4, 9)])
def test_the_loss_is_the_mean_over_levels_of_the_papers_cumulative_reconstructions(
    levels, drawn, batch_of, learn, tokens
):
    architecture = HierarchicalTopK(12, 40, levels, 0)
    parameters = drawn(architecture)
    objective, gradients = learn(architecture, parameters, batch_of(architecture, tokens))
    # As the paper writes it: the decoded latents in falling order, summed up one after another.
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    pre = ((tokens - leaves["b_dec"]) @ leaves["W_enc"] + leaves["b_enc"]).relu()
    values, order = pre.sort(dim=1, descending=True)
    steps = values[:, : levels[-1], None] * leaves["W_dec"][order[:, : levels[-1]]]
    reached = steps.cumsum(dim=1) + leaves["b_dec"]
    errors = (tokens.unsqueeze(1) - reached).square().sum(dim=2).mean(dim=0)
    loss = errors[[level - 1 for level in levels]].mean()
    loss.backward()
    torch.testing.assert_close(objective.total(), loss.detach())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, leaves[name].grad, rtol=1e-6, atol=1e-9, msg=name)


def test_at_another_level_it_keeps_that_many_latents(drawn, tokens):
    architecture = HierarchicalTopK(12, 40, (2, 5), 0)
    parameters = drawn(architecture)
    two = architecture.at(2)
    assert int((two.encode(parameters, tokens) > 0).sum(dim=1).max()) == 2
    assert torch.equal(two.encode(parameters, tokens), TopK(12, 40, 2, 0).encode(parameters, tokens))
    with pytest.raises(ValueError, match="none of"):
        architecture.at(3)


@pytest.mark.parametrize("levels", [(), (3, 3), (5, 2), (0, 2), (2, 41)])
def test_levels_that_do_not_grow_within_the_latents_are_refused(levels):
    with pytest.raises(ValueError, match="levels"):
        HierarchicalTopK(12, 40, levels, 0)
