from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.saes.formats.sparsify import read
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder

pytestmark = pytest.mark.runners

D, F, K = 6, 18, 3
CONFIG = {"activation": "topk", "expansion_factor": 3, "num_latents": 0, "k": K, "multi_topk": False, "d_in": D}


def tensors(skip: bool = False) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.weight": (F, D),
        "encoder.bias": (F,),
        "W_dec": (F, D),
        "b_dec": (D,),
    }
    if skip:
        shapes["W_skip"] = (D, D)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def saved(tmp_path: Path, weights: dict[str, torch.Tensor] | None = None, **changed: Any) -> Path:
    config = {**CONFIG, **changed}
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    save_file(weights or tensors(bool(config.get("skip_connection"))), tmp_path / "sae.safetensors")
    return tmp_path


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn((50, D), generator=torch.Generator().manual_seed(9)) * 2 + 0.5


def by_hand(t: dict[str, torch.Tensor], x: torch.Tensor, centred: bool) -> torch.Tensor:
    pre = ((x - t["b_dec"] if centred else x) @ t["encoder.weight"].T + t["encoder.bias"]).clamp_min(0)
    values, order = pre.topk(K, dim=1)
    return (values.unsqueeze(2) * t["W_dec"][order]).sum(dim=1) + t["b_dec"]


def test_an_autoencoder_subtracts_its_bias_from_the_input(rows, tmp_path):
    sae = read(saved(tmp_path, num_latents=F, expansion_factor=32))
    assert sae.architecture == TopK(D, F, K, 0)
    torch.testing.assert_close(sae.reconstruct(rows)[0], by_hand(tensors(), rows, centred=True))


def test_a_transcoder_does_not(rows, tmp_path):
    sae = read(saved(tmp_path, transcode=True))
    assert sae.architecture == Transcoder(D, D, F, K, 0)
    torch.testing.assert_close(sae.reconstruct(rows)[0], by_hand(tensors(), rows, centred=False))


def test_a_skip_connection_adds_a_linear_map_of_the_input(rows, tmp_path):
    sae = read(saved(tmp_path, transcode=True, skip_connection=True))
    t = tensors(skip=True)
    torch.testing.assert_close(sae.reconstruct(rows)[0], by_hand(t, rows, centred=False) + rows @ t["W_skip"].T)


def test_no_number_of_latents_stands_for_the_width_times_the_expansion(tmp_path):
    assert read(saved(tmp_path)).architecture == TopK(D, 3 * D, K, 0)


def test_half_precision_weights_are_read_as_the_numbers_that_they_are(tmp_path):
    weights = {name: value.bfloat16() for name, value in tensors().items()}
    assert torch.equal(read(saved(tmp_path, weights)).parameters["W_dec"], weights["W_dec"].float())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"activation": "gelu"}, "'activation' is 'gelu'"),
        ({"signed": True}, "'signed' is True"),
        ({"skip_connection": True}, "'skip_connection' True"),
        ({"k": 19}, "k=19 of d_sae=18"),
        ({"expansion_factor": 4}, "where the configuration says"),
        ({"num_latents": -3}, "'num_latents' is -3"),
        ({"d_in": 6.0}, "'d_in' is 6.0"),
    ],
)
def test_what_is_not_known_or_does_not_agree_is_refused(changed, message, tmp_path):
    with pytest.raises(GatekitError, match=message):
        read(saved(tmp_path, tensors(), **changed))


def test_an_encoder_without_a_decoder_is_refused(tmp_path):
    weights = tensors()
    del weights["W_dec"]
    with pytest.raises(GatekitError, match="where the configuration says"):
        read(saved(tmp_path, weights))
