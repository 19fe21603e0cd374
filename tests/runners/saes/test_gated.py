from __future__ import annotations

import pytest
import torch

from runners.saes.gated import Gated

pytestmark = pytest.mark.runners

ARCHITECTURE = Gated(2, 2, l1_coefficient=0.5)
PARAMETERS = {
    "W_enc": torch.eye(2).double(),
    "b_gate": torch.tensor([-1.0, 0.0]).double(),
    "r_mag": torch.log(torch.tensor([2.0, 3.0])).double(),
    "b_mag": torch.tensor([0.5, -10.0]).double(),
    "W_dec": torch.eye(2).double(),
    "b_dec": torch.tensor([1.0, 1.0]).double(),
}


def test_the_gate_decides_whether_and_the_magnitude_how_much():
    # x - b_dec = (2, 4): gates 1 and 4 are open; magnitudes 2*2 + 0.5 and 3*4 - 10.
    assert ARCHITECTURE.encode(PARAMETERS, torch.tensor([[3.0, 5.0]]).double()).tolist() == [
        [pytest.approx(4.5), pytest.approx(2.0)]
    ]
    # x - b_dec = (0.5, 1): the first gate is shut although its magnitude is positive; the second magnitude is negative.
    assert ARCHITECTURE.encode(PARAMETERS, torch.tensor([[1.5, 2.0]]).double()).tolist() == [[0.0, 0.0]]


def test_the_three_terms_have_the_values_of_a_hand_computed_case(batch_of):
    objective = ARCHITECTURE.objective(PARAMETERS, batch_of(ARCHITECTURE, torch.tensor([[3.0, 5.0]]).double()))
    values = {term.name: (term.weight, term.value.item()) for term in objective.terms}
    # Reconstruction (5.5, 3); gate (1, 4), its own reconstruction (2, 5).
    assert values == {
        "squared_error": (1.0, pytest.approx(2.5**2 + 2.0**2)),
        "l1": (0.5, pytest.approx(5.0)),
        "gate_squared_error": (1.0, pytest.approx(1.0)),
    }


def test_the_gates_own_error_trains_neither_decoder_nor_its_bias(drawn, batch_of, tokens):
    architecture = Gated(12, 30, l1_coefficient=0.0)
    leaves = {name: value.requires_grad_() for name, value in drawn(architecture).items()}
    objective = architecture.objective(leaves, batch_of(architecture, tokens))
    objective.terms[2].value.backward()
    assert leaves["W_dec"].grad is None
    assert leaves["W_enc"].grad is not None
    # b_dec is in the gate's input as well as in its reconstruction; only the input's share is left:
    # by hand, d/db of mean |x - g W_dec - [b]|^2 with g = ReLU((x - b) W_enc + b_gate).
    values = {name: value.detach() for name, value in leaves.items()}
    gate = ((tokens - values["b_dec"]) @ values["W_enc"] + values["b_gate"]).clamp_min(0)
    missing = tokens - gate @ values["W_dec"] - values["b_dec"]
    back = (-2 * missing @ values["W_dec"].T * (gate > 0)) @ -values["W_enc"].T
    torch.testing.assert_close(leaves["b_dec"].grad, back.mean(dim=0))
