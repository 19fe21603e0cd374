from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gatekit.errors import GatekitError
from runners.saes.weights import checked

pytestmark = pytest.mark.runners

SHAPES = {"W_dec": (3, 2), "b_dec": (2,)}
TENSORS = {"W_dec": torch.ones(3, 2), "b_dec": torch.ones(2)}


def message_of(tensors: dict[str, torch.Tensor]) -> str:
    with pytest.raises(GatekitError) as caught:
        checked(Path("folder/weights"), tensors, SHAPES)
    assert str(caught.value).count("\n") == 0
    assert str(caught.value).startswith("folder/weights: ")
    return caught.value.message


def test_a_missing_tensor_is_named_with_its_shape():
    assert "no tensor 'b_dec', where the configuration says one of shape (2,)" in message_of(
        {"W_dec": torch.ones(3, 2)}
    )


def test_a_tensor_that_nothing_asks_for_is_named():
    assert "tensor 'W_skip' where the configuration says only" in message_of({**TENSORS, "W_skip": torch.ones(1)})


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "base_model.model."])
def test_names_with_a_prefix_are_not_taken_for_the_names_without_it(prefix):
    message = message_of({prefix + name: tensor for name, tensor in TENSORS.items()})
    assert f"'{prefix}W_dec'" in message
    assert f"without '{prefix}'" in message


def test_a_tensor_of_another_shape_is_named_with_both_shapes():
    message = message_of({**TENSORS, "W_dec": torch.ones(2, 3)})
    assert message == "tensor 'W_dec' of shape (2, 3) where the configuration says (3, 2)"


def test_a_number_that_is_not_finite_is_refused_with_its_tensor():
    assert "'b_dec' is not finite" in message_of({**TENSORS, "b_dec": torch.tensor([1.0, torch.nan])})
