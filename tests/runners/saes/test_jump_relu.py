from __future__ import annotations

import numpy as np
import pytest
import torch

from runners.progress import Silent
from runners.saes.jump_relu import JumpReLU
from runners.saes.plan import TrainingPlan
from runners.saes.training import train_stack

pytestmark = pytest.mark.runners


def plain(**changed: torch.Tensor) -> dict[str, torch.Tensor]:
    """One input, one latent, all ones: the pre-activation is the input."""
    one = {"W_enc": torch.ones(1, 1), "b_enc": torch.zeros(1), "W_dec": torch.ones(1, 1), "b_dec": torch.zeros(1)}
    return {name: value.double() for name, value in {**one, **changed}.items()}


def test_a_latent_is_its_pre_activation_above_the_threshold_and_zero_at_or_below_it():
    architecture = JumpReLU(1, 1, l0_coefficient=1.0)
    parameters = plain(threshold=torch.tensor([0.5]))
    latents = architecture.encode(parameters, torch.tensor([[0.4], [0.5], [0.6]]).double())
    assert latents.squeeze(1).tolist() == [0.0, 0.0, pytest.approx(0.6)]


def test_the_threshold_gets_the_papers_pseudo_gradient(batch_of, learn):
    architecture = JumpReLU(1, 1, l0_coefficient=0.3, bandwidth=0.4)
    x = torch.tensor([[0.45], [0.65], [0.71], [0.29]]).double()
    objective, gradients = learn(architecture, plain(threshold=torch.tensor([0.5])), batch_of(architecture, x))
    # Within 0.2 of the threshold: 0.45 (off, error 0.45) and 0.65 (on, error 0). The mean is over four tokens.
    # Error: dL/dz = -2 (x - z), times dz/dtheta = -(0.5 / 0.4). Count: 0.3 times -(1 / 0.4), for both.
    by_error = (-2 * 0.45) * -(0.5 / 0.4) / 4
    by_count = 0.3 * -(1 / 0.4) * 2 / 4
    assert gradients["threshold"].item() == pytest.approx(by_error + by_count)
    assert [term.name for term in objective.terms] == ["squared_error", "l0"]
    assert objective.terms[1].value.item() == pytest.approx(2 / 4)


def trained(l0_coefficient: float):
    draw = np.random.default_rng(0)
    directions = draw.normal(size=(20, 12))
    rows = ((draw.random((600, 20)) < 0.1) * draw.random((600, 20))) @ directions
    plan = TrainingPlan(
        steps=150,
        batch_tokens=64,
        learning_rate=1e-2,
        warmup_fraction=0.05,
        decay_fraction=0.2,
        auxiliary_coefficient=0.0,
        dead_after_tokens=10**6,
        gradient_clip=1.0,
        centre="mean",
    )
    stack = train_stack(JumpReLU(12, 32, l0_coefficient), rows.astype(np.float16), (0,), plan, "cpu", Silent())
    latents = stack.reconstruct(torch.from_numpy(rows).float())[1]
    return stack, float((latents != 0).sum(dim=-1).double().mean())


def test_the_penalty_lowers_l0_and_raises_thresholds():
    (free, l0_free), (priced, l0_priced) = trained(0.0), trained(0.5)
    assert l0_priced < 0.5 * l0_free
    assert float(priced.parameters["threshold"].mean()) > 2 * float(free.parameters["threshold"].mean())


def test_thresholds_never_fall_below_zero():
    stack, _ = trained(0.0)
    assert float(stack.parameters["threshold"].min()) >= 0.0


def test_an_sae_of_unknown_price_is_not_trained(drawn, batch_of, tokens):
    architecture = JumpReLU(12, 20, None)
    with pytest.raises(ValueError, match="penalty is not known"):
        architecture.objective(drawn(architecture), batch_of(architecture, tokens))


def test_the_price_rises_from_zero_over_the_first_part_of_the_training(drawn, batch_of, tokens):
    architecture = JumpReLU(12, 20, l0_coefficient=2.0, penalty_warmup=0.5)
    parameters = drawn(architecture)
    weights = [
        architecture.objective(parameters, batch_of(architecture, tokens, progress=progress)).terms[1].weight
        for progress in (0.0, 0.25, 0.5, 0.9)
    ]
    assert weights == [0.0, 1.0, 2.0, 2.0]
