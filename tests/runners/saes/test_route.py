from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from runners.progress import Silent
from runners.saes.plan import TrainingPlan
from runners.saes.route import RouteSAE
from runners.saes.training import SaeStack, train_stack

pytestmark = pytest.mark.runners

LAYERS, BETTER = 3, 1


@pytest.fixture
def several(tokens: torch.Tensor) -> torch.Tensor:
    """Return 30 tokens of 3 layers of width 12."""
    return torch.stack([tokens, 0.5 * tokens.flip(0) + 1, tokens.roll(1, dims=1) - 2], dim=1)


def by_hand(parameters: dict[str, torch.Tensor], x: torch.Tensor, k: int) -> torch.Tensor:
    """Reconstruct single vectors with a TopK dictionary."""
    pre = ((x - parameters["b_dec"]) @ parameters["W_enc"] + parameters["b_enc"]).relu()
    values, order = pre.topk(k, dim=1)
    return (values.unsqueeze(2) * parameters["W_dec"][order]).sum(dim=1) + parameters["b_dec"]


def test_the_published_loss_is_the_relative_error_of_the_picked_layer_times_its_probability(
    drawn, batch_of, learn, several
):
    architecture = RouteSAE(12, 40, 5, LAYERS, router_loss="scaled")
    parameters = drawn(architecture)
    objective, gradients = learn(architecture, parameters, batch_of(architecture, several))
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    probabilities = torch.softmax(several.sum(dim=1) @ leaves["W_router"], dim=1)
    picks = probabilities.argmax(dim=1)
    assert len(picks.unique()) > 1
    taken = torch.stack([probabilities[t, i] * several[t, i] for t, i in enumerate(picks)])
    missing = taken - by_hand(leaves, taken, 5)
    loss = (missing.square().mean(dim=1) / taken.square().mean(dim=1)).mean()
    loss.backward()
    torch.testing.assert_close(objective.total(), loss.detach())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, leaves[name].grad, rtol=1e-6, atol=1e-10, msg=name)
    assert float(gradients["W_router"].norm()) > 1e-4


def test_the_expected_loss_weighs_every_layers_relative_error_by_its_probability(drawn, batch_of, learn, several):
    architecture = RouteSAE(12, 40, 5, LAYERS, router_loss="expected")
    parameters = drawn(architecture)
    objective, gradients = learn(architecture, parameters, batch_of(architecture, several))
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    probabilities = torch.softmax(several.sum(dim=1) @ leaves["W_router"], dim=1)
    relative = [
        (several[:, i] - by_hand(leaves, several[:, i], 5)).square().sum(dim=1) / several[:, i].square().sum(dim=1)
        for i in range(LAYERS)
    ]
    loss = (probabilities * torch.stack(relative, dim=1)).sum(dim=1).mean()
    loss.backward()
    torch.testing.assert_close(objective.total(), loss.detach())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, leaves[name].grad, rtol=1e-6, atol=1e-10, msg=name)
    assert float(gradients["W_router"].norm()) > 1e-4


@pytest.mark.parametrize("router_loss", ["scaled", "expected"])
def test_a_reconstruction_is_of_the_picked_layer_at_that_layers_size(router_loss, drawn, several):
    architecture = RouteSAE(12, 40, 40, LAYERS, router_loss)
    parameters = drawn(architecture)
    # A dictionary of +e_j and -e_j reconstructs everything, so what comes back must be the layer itself.
    eye = torch.eye(12, dtype=torch.float64)
    parameters["W_dec"] = torch.cat([eye, -eye, torch.zeros(16, 12)])
    parameters["W_enc"] = parameters["W_dec"].T.clone()
    parameters["b_enc"] = torch.zeros(40, dtype=torch.float64)
    restored, _ = architecture.reconstruct(parameters, several)
    routed = architecture.route(parameters, several)
    torch.testing.assert_close(restored, several[torch.arange(30), routed.layer])


def test_a_stack_routes_each_seed_as_if_it_were_alone(drawn, several):
    architecture = RouteSAE(12, 40, 5, LAYERS)
    each = [drawn(architecture, seed) for seed in range(2)]
    stack = {name: torch.stack([one[name] for one in each]) for name in each[0]}
    together, _ = architecture.reconstruct(stack, several.expand(2, *several.shape))
    for seed, alone in enumerate(each):
        torch.testing.assert_close(together[seed], architecture.reconstruct(alone, several)[0])


def layers_of_which_one_is_sparse(count: int = 1500, d: int = 16) -> np.ndarray:
    """Layer BETTER is made of few directions; the others are noise, which no dictionary of this size can hold.

    All have the same mean: a relative error about zero would favour a layer whose mean is large.
    """
    draw = np.random.default_rng(3)
    rows = draw.normal(size=(count, LAYERS, d))
    rows[:, BETTER] = ((draw.random((count, 24)) < 0.1) * draw.random((count, 24)) * 4) @ draw.normal(size=(24, d))
    rows[:, BETTER] -= rows[:, BETTER].mean(axis=0)
    rows /= np.linalg.norm(rows, axis=2).mean(axis=0)[:, None] / np.sqrt(d)
    return (rows + 1).astype(np.float16)


def trained(router_loss: str, steps: int, seeds: tuple[int, ...] = (0, 1)) -> tuple[SaeStack, torch.Tensor]:
    """Train on the rows above; return the stack and the scaled rows."""
    rows = layers_of_which_one_is_sparse()
    plan = TrainingPlan(
        steps=steps,
        batch_tokens=128,
        learning_rate=5e-3,
        warmup_fraction=0.05,
        decay_fraction=0.2,
        auxiliary_coefficient=0.0,
        dead_after_tokens=10**6,
        gradient_clip=1.0,
        centre="mean",
    )
    architecture = RouteSAE(16, 64, 4, LAYERS, router_loss)
    stack = train_stack(architecture, rows, seeds, plan, "cpu", Silent())
    scaled = torch.from_numpy(rows).float() * torch.tensor(stack.scale).float().unsqueeze(1)
    return stack, scaled.expand(len(seeds), *scaled.shape)


def share_of_ln_layers(stack: SaeStack, scaled: torch.Tensor) -> torch.Tensor:
    """Return each seed's router entropy as a share of the largest possible."""
    return stack.architecture.route(stack.parameters, scaled).entropy() / math.log(LAYERS)


def test_the_router_starts_indifferent():
    parameters = RouteSAE(16, 64, 4, LAYERS).initial(torch.Generator().manual_seed(0), torch.zeros(16))
    rows = torch.from_numpy(layers_of_which_one_is_sparse()).float()
    entropy = RouteSAE(16, 64, 4, LAYERS).route(parameters, rows).entropy()
    assert float(entropy) == pytest.approx(math.log(LAYERS), abs=1e-3)


def test_a_router_that_sees_every_layers_error_loses_its_entropy_and_picks_the_better_layer():
    stack, scaled = trained("expected", 40)
    assert float(share_of_ln_layers(stack, scaled).max()) < 0.2
    picks = stack.architecture.route(stack.parameters, scaled).layer
    assert float((picks == BETTER).double().mean(dim=1).min()) > 0.9


def test_a_router_that_sees_only_its_own_picks_scale_learns_little_on_the_same_rows():
    # The published loss: why it is not the default. Its entropy falls below ln(layers), and hardly.
    stack, scaled = trained("scaled", 150)
    share = share_of_ln_layers(stack, scaled)
    assert bool(((share > 0.9) & (share < 0.9999)).all())


def test_each_layer_has_its_own_scale_and_the_mean_norm_is_the_root_of_the_width():
    rows = layers_of_which_one_is_sparse()
    rows[:, 0] *= np.float16(8)
    plan = TrainingPlan(1, 8, 1e-3, 0.0, 0.0, 0.0, 10, 1.0, "mean")
    stack = train_stack(RouteSAE(16, 64, 4, LAYERS), rows, (0,), plan, "cpu", Silent())
    for layer, scale in enumerate(stack.scale):
        assert np.linalg.norm(rows[:, layer].astype(float), axis=1).mean() * scale == pytest.approx(4.0)


def test_one_layer_is_nothing_to_choose_from():
    with pytest.raises(ValueError, match="two layers"):
        RouteSAE(16, 64, 4, 1)
