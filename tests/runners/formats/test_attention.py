"""Attention SAEs of Kissane et al.: `NAME.pt` beside `NAME_cfg.json`, on all heads as one row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gatekit.errors import GatekitError
from runners.saes.formats.any_format import read_sae
from runners.saes.relu import ReLU

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore::UserWarning")]

HEADS, D_HEAD, F = 3, 4, 40
D = HEADS * D_HEAD
SHAPES = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}
CONFIG = {"act_size": D, "dict_size": F, "act_name": "blocks.5.attn.hook_z", "layer": 5, "seq_len": 128}
NAME = "gpt2-small_L5_Hcat_z_lr1.20e-03_l11.80e+00_ds40_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v9"
Draw = Callable[..., dict[str, torch.Tensor]]


def saved(folder: Path, tensors: dict[str, torch.Tensor], **changed: Any) -> Path:
    (folder / f"{NAME}_cfg.json").write_text(json.dumps({**CONFIG, **changed}))
    torch.save(tensors, folder / f"{NAME}.pt")
    return folder / f"{NAME}.pt"


def test_sae_lens_computes_the_same_from_the_same_file_head_by_head(
    weights: Draw, rows: torch.Tensor, sae_lens_reads: Callable[..., Any], tmp_path: Path
):
    sae = read_sae(saved(tmp_path, weights(**SHAPES)))
    theirs = sae_lens_reads("connor_rob_hook_z_huggingface_loader", tmp_path, "someone/attn-saes", f"{NAME}.pt")
    by_head = rows.unflatten(1, (HEADS, D_HEAD))
    with torch.no_grad():
        torch.testing.assert_close(sae.encode(rows), theirs.encode(by_head), rtol=1e-5, atol=1e-5)
        reconstruction = theirs(by_head).flatten(-2)
        torch.testing.assert_close(sae.reconstruct(rows)[0], reconstruction, rtol=1e-5, atol=1e-5)


def test_the_configuration_says_where_its_inputs_are_taken(weights: Draw, tmp_path: Path):
    sae = read_sae(saved(tmp_path, weights(**SHAPES)))
    assert sae.architecture == ReLU(D, F, None)
    assert (sae.stated.format, sae.stated.hook, sae.stated.layer) == ("attention", "blocks.5.attn.hook_z", 5)
    assert (sae.stated.flat_heads, sae.stated.context_size) == (True, 128)
    assert (sae.stated.model, sae.stated.said_by) == ("gpt2-small", (f"{NAME}_cfg.json", "file name"))


def test_the_configuration_s_model_goes_before_the_file_s_name(weights: Draw, tmp_path: Path):
    assert read_sae(saved(tmp_path, weights(**SHAPES), model_name="gelu-2l")).stated.model == "gelu-2l"


def test_another_size_than_the_configuration_says_is_refused(weights: Draw, tmp_path: Path):
    with pytest.raises(GatekitError, match="'W_enc' of shape"):
        read_sae(saved(tmp_path, weights(**SHAPES), act_size=D + 1))
