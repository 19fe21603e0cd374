"""SAEs of one configuration are one recipe: what readers take into the weights must be the same of all seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.arms.given_saes import read_all
from runners.saes.given_plan import GivenSaesPlan

pytestmark = pytest.mark.runners

D, F = 4, 8
CONFIG = {
    "architecture": "topk",
    "k": 2,
    "d_in": D,
    "d_sae": F,
    "dtype": "float32",
    "apply_b_dec_to_input": True,
    "normalize_activations": "none",
    "rescale_acts_by_decoder_norm": False,
    "metadata": {"sae_lens_version": "6.44.4", "model_name": "m", "hook_name": "blocks.0.hook_resid_post"},
}


def plan_of(folder: Path, *changed: dict[str, Any]) -> GivenSaesPlan:
    seeds = {}
    for seed, changes in enumerate(changed):
        place = folder / f"seed_{seed}"
        place.mkdir()
        generator = torch.Generator().manual_seed(seed)
        drawn = {"W_enc": (D, F), "W_dec": (F, D), "b_enc": (F,), "b_dec": (D,)}
        tensors = {name: torch.randn(shape, generator=generator) for name, shape in drawn.items()}
        save_file(tensors, place / "sae_weights.safetensors")
        config = {name: value for name, value in {**CONFIG, **changes}.items() if value is not None}
        (place / "cfg.json").write_text(json.dumps(config))
        seeds[seed] = str(place)
    return GivenSaesPlan(seeds=seeds)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"apply_b_dec_to_input": False}, "apply_b_dec_to_input is True of seed 0 and False of seed 1"),
        ({"rescale_acts_by_decoder_norm": True}, "rescale_acts_by_decoder_norm is False of seed 0 and True of seed 1"),
        ({"k": 3}, "k is 2 of seed 0 and 3 of seed 1"),
        ({"normalize_activations": "layer_norm"}, "architecture is 'topk' of seed 0 and 'per_token' of seed 1"),
    ],
)
def test_seeds_of_other_settings_are_refused_though_their_readers_fold_them_in(
    changes: dict[str, Any], said: str, tmp_path: Path
):
    with pytest.raises(GatekitError, match="the SAEs differ in more than their seed") as caught:
        read_all(plan_of(tmp_path, {}, changes))
    assert said in str(caught.value)


def test_a_setting_that_one_version_leaves_out_is_none_that_differs(tmp_path: Path):
    saes, _ = read_all(plan_of(tmp_path, {}, {"rescale_acts_by_decoder_norm": None}))
    assert list(saes) == [0, 1]
