from __future__ import annotations

import numpy as np
import pytest
import torch

from runners.progress import Silent
from runners.saes.plan import TrainingPlan
from runners.saes.training import train_stack
from runners.saes.transcoder import Transcoder

pytestmark = pytest.mark.runners

PLAN = TrainingPlan(
    steps=120,
    batch_tokens=64,
    learning_rate=1e-2,
    warmup_fraction=0.05,
    decay_fraction=0.2,
    auxiliary_coefficient=0.03125,
    dead_after_tokens=640,
    gradient_clip=1.0,
    centre="mean",
)


def test_only_the_k_largest_rectified_latents_take_part_and_the_input_is_not_centred():
    architecture = Transcoder(2, 1, 3, k=1, auxiliary_k=0)
    parameters = {
        "W_enc": torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
        "b_enc": torch.tensor([0.0, 0.0, -4.0]),
        "W_dec": torch.tensor([[1.0], [10.0], [100.0]]),
        "b_dec": torch.tensor([0.5]),
    }
    predicted, latents = architecture.reconstruct(parameters, torch.tensor([[2.0, 3.0], [-1.0, -2.0]]))
    assert latents.tolist() == [[0.0, 3.0, 0.0], [0.0, 0.0, 0.0]]
    assert predicted.tolist() == [[30.5], [0.5]]


def test_the_skip_adds_a_linear_map_of_the_input(drawn, tokens):
    architecture = Transcoder(12, 7, 30, k=4, auxiliary_k=0, skip=True)
    parameters = drawn(architecture)
    without, _ = Transcoder(12, 7, 30, k=4, auxiliary_k=0).reconstruct(parameters, tokens)
    predicted, _ = architecture.reconstruct(parameters, tokens)
    torch.testing.assert_close(predicted - without, torch.einsum("td,od->to", tokens, parameters["W_skip"]))


def test_the_relu_transcoders_loss_is_dunefskys(drawn, batch_of, learn, tokens):
    architecture = Transcoder(12, 7, 30, k=30, auxiliary_k=0, l1_coefficient=0.2)
    parameters = drawn(architecture)
    target = tokens[:, :7] * 3 - 1
    objective, gradients = learn(architecture, parameters, batch_of(architecture, tokens, target=target))
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    z = (tokens @ leaves["W_enc"] + leaves["b_enc"]).relu()
    error = (target - z @ leaves["W_dec"] - leaves["b_dec"]).square().sum(dim=1).mean()
    loss = error + 0.2 * (z * leaves["W_dec"].norm(dim=1)).sum(dim=1).mean()
    loss.backward()
    torch.testing.assert_close(objective.total(), loss.detach())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, leaves[name].grad, msg=name)


def linear_block(count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and outputs of another width and scale that are a linear map of them."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(count, 10)) + 0.3
    return x.astype(np.float16), (x @ draw.normal(size=(10, 6)) * 7 + 20).astype(np.float16)


def test_a_transcoder_learns_outputs_of_another_width_in_their_own_units():
    x, y = linear_block()
    stack = train_stack(Transcoder(10, 6, 40, 8, 5, skip=True), x, (0, 3), PLAN, "cpu", Silent(), targets=y)
    predicted, _ = stack.reconstruct(torch.from_numpy(x).float())
    error = (predicted - torch.from_numpy(y).float()).square().sum(dim=(1, 2))
    spread = np.square(y.astype(float) - y.astype(float).mean(axis=0)).sum()
    assert predicted.shape == (2, 600, 6)
    assert float(error.max()) < 0.1 * spread


def test_the_skip_starts_at_zero_and_decoder_rows_at_unit_length():
    parameters = Transcoder(10, 6, 40, 8, 5, skip=True).initial(torch.Generator().manual_seed(0), torch.ones(6))
    assert not bool(parameters["W_skip"].any())
    torch.testing.assert_close(parameters["W_dec"].norm(dim=1), torch.ones(40))
    assert parameters["W_enc"].shape == (10, 40)


def test_targets_that_do_not_match_the_rows_are_refused():
    x, y = linear_block()
    with pytest.raises(ValueError, match="targets"):
        train_stack(Transcoder(10, 6, 40, 8, 5), x, (0,), PLAN, "cpu", Silent(), targets=y[:-1])
    with pytest.raises(ValueError, match="targets"):
        train_stack(Transcoder(10, 5, 40, 8, 5), x, (0,), PLAN, "cpu", Silent(), targets=y)
