"""What our own runners save is read through the same door."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from runners.saes.checkpoint import save_stack
from runners.saes.formats.any_format import read_sae
from runners.saes.topk import TopK
from runners.saes.training import SaeStack

pytestmark = pytest.mark.runners


def test_a_checkpoint_of_ours_is_recognised_with_its_model_and_hook(tmp_path: Path):
    architecture = TopK(6, 10, 2, 0)
    drawn = architecture.initial(torch.Generator().manual_seed(3), torch.zeros(6))
    stacked = {name: value[None] for name, value in drawn.items()}
    stack = SaeStack(architecture, (4,), stacked, stacked["W_dec"], scale=1.5, last_losses=(0.1,))
    save_stack(stack, tmp_path, {"model": "all-MiniLM-L6-v2", "hook": "blocks.3.hook_mlp_out"})
    sae = read_sae(tmp_path / "seed_4.safetensors")
    assert (sae.architecture, sae.scale) == (architecture, 1.5)
    assert (sae.stated.format, sae.stated.model) == ("gatekit", "all-MiniLM-L6-v2")
    assert (sae.stated.hook, sae.stated.d_in, sae.stated.d_sae) == ("blocks.3.hook_mlp_out", 6, 10)
