from __future__ import annotations

import numpy as np
import pytest
import torch

from runners.progress import Silent
from runners.saes.batch_topk import BatchTopK
from runners.saes.controls import Control, bring_near
from runners.saes.jump_relu import JumpReLU
from runners.saes.plan import TrainingPlan
from runners.saes.topk import TopK
from runners.saes.training import SaeStack, train_stack
from runners.seeding import generator

pytestmark = pytest.mark.runners

BASES = {"topk": TopK(12, 40, 4, 6), "batch_topk": BatchTopK(12, 40, 4, 6), "jump_relu": JumpReLU(12, 40, 0.1)}


def trained(control: Control, steps: int = 60) -> SaeStack:
    draw = np.random.default_rng(2)
    rows = ((draw.random((500, 30)) < 0.1) * draw.random((500, 30))) @ draw.normal(size=(30, 12))
    plan = TrainingPlan(steps, 64, 2e-2, 0.05, 0.2, 1 / 32, 256, 1.0, "mean")
    return train_stack(control, rows.astype(np.float16), (0, 5), plan, "cpu", Silent())


def start(control: Control, name: str) -> torch.Tensor:
    """The weights as they were drawn, for both seeds."""
    return torch.stack(
        [control.initial(generator("sae initial weights", seed), torch.zeros(12))[name] for seed in (0, 5)]
    )


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("kind", "held"), [("frozen_decoder", "W_dec"), ("frozen_encoder", "W_enc")])
def test_the_held_part_does_not_move_and_the_others_do(base, kind, held):
    control = Control(BASES[base], kind)
    stack = trained(control)
    for name in ("W_enc", "W_dec"):
        moved = not torch.equal(stack.parameters[name], start(control, name))
        assert moved == (name != held), name
    assert float((stack.parameters["b_enc"] - start(control, "b_enc")).abs().max()) > 0


@pytest.mark.parametrize("base", BASES)
def test_a_soft_frozen_decoder_moves_no_further_than_a_cosine_of_four_fifths(base):
    control = Control(BASES[base], "soft_frozen_decoder")
    stack = trained(control)
    first = start(control, "W_dec")
    assert torch.equal(stack.parameters["W_dec_start"], first)
    cosines = torch.nn.functional.cosine_similarity(stack.parameters["W_dec"], first, dim=-1)
    assert float(cosines.min()) == pytest.approx(0.8, abs=1e-5)
    assert float(cosines.max()) < 1.0
    torch.testing.assert_close(stack.parameters["W_dec"].norm(dim=-1), torch.ones(2, 40))


def test_the_decoder_would_leave_further_if_it_were_not_held():
    stack = trained(Control(BASES["topk"], "frozen_encoder"))
    first = start(Control(BASES["topk"], "frozen_encoder"), "W_dec")
    assert float(torch.nn.functional.cosine_similarity(stack.parameters["W_dec"], first, dim=-1).min()) < 0.8


def test_projection_takes_the_nearest_point_of_the_cone():
    rows = torch.tensor([[0.0, 1.0], [0.6, -0.8], [0.96, 0.28]], dtype=torch.float64)
    start = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(3, 2)
    bring_near(rows, start, 0.8)
    expected = torch.tensor([[0.8, 0.6], [0.8, -0.6], [0.96, 0.28]], dtype=torch.float64)
    torch.testing.assert_close(rows, expected)


def test_a_controls_threshold_still_follows_the_batches():
    assert float(trained(Control(BASES["batch_topk"], "frozen_decoder")).parameters["threshold"].min()) > 0


def test_a_control_encodes_as_its_architecture_does(drawn, tokens):
    control = Control(BASES["topk"], "frozen_decoder")
    parameters = drawn(control)
    assert torch.equal(control.encode(parameters, tokens), BASES["topk"].encode(parameters, tokens))


@pytest.mark.parametrize("base", BASES)
def test_a_shared_start_is_one_for_all_seeds_and_all_of_it_learns(base):
    control = Control(BASES[base], "shared_start")
    stack = trained(control)
    first = start(control, "W_dec")
    assert torch.equal(first[0], first[1])
    assert torch.equal(stack.initial_decoders, first)
    for name in ("W_enc", "W_dec", "b_enc"):
        assert not torch.equal(stack.parameters[name][0], start(control, name)[0]), name
        # The order of rows is each seed's own.
        assert not torch.equal(stack.parameters[name][0], stack.parameters[name][1]), name
