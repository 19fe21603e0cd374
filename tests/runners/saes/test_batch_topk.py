from __future__ import annotations

import pytest
import torch

from runners.saes.batch_topk import BatchTopK, above, follow_threshold, keep_largest_of_batch

pytestmark = pytest.mark.runners

ARCHITECTURE = BatchTopK(12, 40, 5, 6)


def test_a_batch_keeps_k_per_token_on_average_and_not_of_each_token():
    kept = keep_largest_of_batch(torch.tensor([[9.0, 8.0, 7.0], [1.0, 2.0, 3.0]]), 2)
    assert kept.tolist() == [[9.0, 8.0, 7.0], [0.0, 0.0, 3.0]]


def test_each_seed_of_a_stack_keeps_its_own_largest():
    values = torch.rand((3, 8, 20), generator=torch.Generator().manual_seed(0))
    together = keep_largest_of_batch(values, 4)
    for seed in range(3):
        assert torch.equal(together[seed], keep_largest_of_batch(values[seed], 4))


def test_after_training_a_token_is_encoded_alike_in_every_batch(drawn, tokens):
    parameters = drawn(ARCHITECTURE)
    whole = ARCHITECTURE.encode(parameters, tokens)
    torch.testing.assert_close(ARCHITECTURE.encode(parameters, tokens[3:5]), whole[3:5])


def test_latents_at_the_threshold_are_off_and_above_it_keep_their_value():
    assert above(torch.tensor([[0.5, 0.6, 0.0]]), torch.tensor(0.5)).tolist() == [[0.0, pytest.approx(0.6), 0.0]]


def test_the_first_batch_sets_the_threshold_and_later_ones_move_it_by_a_hundredth():
    threshold = torch.zeros(2, dtype=torch.float64)
    latents = torch.tensor([[[0.0, 3.0], [2.0, 5.0]], [[0.0, 0.0], [0.7, 0.0]]], dtype=torch.float64)
    follow_threshold(threshold, latents)
    assert threshold.tolist() == [2.0, 0.7]
    follow_threshold(threshold, 2 * latents)
    assert threshold.tolist() == pytest.approx([0.99 * 2.0 + 0.01 * 4.0, 0.99 * 0.7 + 0.01 * 1.4])


def test_a_batch_without_an_active_latent_leaves_the_threshold_alone():
    threshold = torch.tensor(0.4)
    follow_threshold(threshold, torch.zeros((3, 5)))
    assert float(threshold) == pytest.approx(0.4)


def test_the_optimizer_does_not_see_the_threshold(drawn, batch_of, learn, tokens):
    _, gradients = learn(ARCHITECTURE, drawn(ARCHITECTURE), batch_of(ARCHITECTURE, tokens))
    assert "threshold" not in gradients
