"""OpenAI's autoencoders: by the formula of their code, with names and buffers as their `state_dict` has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gatekit.errors import GatekitError
from runners.saes.formats.any_format import read_sae
from runners.saes.given.per_token import PerToken
from runners.saes.relu import ReLU
from runners.saes.topk import TopK

pytestmark = pytest.mark.runners

D, F, K = 12, 40, 4
SHAPES = {"pre_bias": (D,), "latent_bias": (F,), "encoder.weight": (F, D), "decoder.weight": (D, F)}
TOPK = {"activation": "TopK", "activation_state_dict": {"k": K, "postact_fn": "ReLU"}}
RELU = {"activation": "ReLU", "activation_state_dict": {}}
BUFFERS = {
    "stats_last_nonzero": torch.zeros(F, dtype=torch.long),
    "latents_activation_frequency": torch.ones(F),
    "latents_mean_square": torch.zeros(F),
}
Draw = Callable[..., dict[str, torch.Tensor]]


def saved(path: Path, weights: Draw, **changed: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {**weights(**SHAPES), **BUFFERS, **TOPK, **changed}
    torch.save({name: value for name, value in stored.items() if value is not None}, path)
    return path


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_topk_autoencoder_normalises_each_token(weights: Draw, rows: torch.Tensor, tmp_path: Path):
    sae = read_sae(saved(tmp_path / "8.pt", weights))
    assert sae.architecture == PerToken(TopK(D, F, K, 0), "layer_norm")
    assert (sae.stated.format, sae.stated.normalisation) == ("openai", "layer_norm")
    t = weights(**SHAPES)
    mean = rows.mean(dim=1, keepdim=True)
    std = ((rows - mean).square().sum(dim=1, keepdim=True) / (D - 1)).sqrt()
    pre = ((rows - mean) / (std + 1e-5) - t["pre_bias"]) @ t["encoder.weight"].T + t["latent_bias"]
    latents = pre.clamp_min(0) * (pre >= pre.sort(dim=1, descending=True).values[:, K - 1 : K])
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], (latents @ t["decoder.weight"].T + t["pre_bias"]) * std + mean)


def test_settings_that_the_library_s_state_dict_writes_twice_are_read_once(weights: Draw, tmp_path: Path):
    twice = {"activation.k": K, "activation.postact_fn": "ReLU"}
    assert read_sae(saved(tmp_path / "8.pt", weights, **twice)).architecture == PerToken(TopK(D, F, K, 0), "layer_norm")


def test_a_relu_autoencoder_takes_tokens_as_they_are(weights: Draw, rows: torch.Tensor, tmp_path: Path):
    sae = read_sae(saved(tmp_path / "8.pt", weights, **RELU))
    assert sae.architecture == ReLU(D, F, None)
    t = weights(**SHAPES)
    latents = ((rows - t["pre_bias"]) @ t["encoder.weight"].T + t["latent_bias"]).clamp_min(0)
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], latents @ t["decoder.weight"].T + t["pre_bias"])


def test_a_file_that_names_no_activation_is_a_relu_one_as_in_the_library(weights: Draw, tmp_path: Path):
    path = saved(tmp_path / "8.pt", weights, activation=None, activation_state_dict=None)
    assert read_sae(path).architecture == ReLU(D, F, None)


def test_a_tied_decoder_is_the_encoder_turned(weights: Draw, tmp_path: Path):
    encoder = weights(**SHAPES)["encoder.weight"]
    tied = {"decoder.weight": None, "decoder.linear.weight": encoder}
    sae = read_sae(saved(tmp_path / "8.pt", weights, **RELU, **tied))
    assert torch.equal(sae.parameters["W_dec"], encoder)


@pytest.mark.parametrize(
    ("location", "hook"),
    [
        ("resid_post_mlp_v5_32k", "blocks.8.hook_resid_post"),
        ("resid_delta_attn_v5_128k", "blocks.8.hook_attn_out"),
        ("resid_post_attn_v5_32k", "blocks.8.hook_resid_mid"),
        ("resid_delta_mlp_v4", "blocks.8.hook_mlp_out"),
        ("mlp_post_act", "blocks.8.mlp.hook_post"),
        ("mine", None),
    ],
)
def test_the_published_folders_say_where_inputs_were_taken(
    location: str, hook: str | None, weights: Draw, tmp_path: Path
):
    stated = read_sae(saved(tmp_path / "gpt2-small" / location / "autoencoders" / "8.pt", weights)).stated
    assert (stated.hook, stated.model) == (hook, "gpt2-small")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"activation": "GELU"}, "activation 'GELU' is not known here"),
        ({"activation_state_dict": {"k": K, "postact_fn": "Identity"}}, "TopK with 'Identity' after it"),
        ({"activation_state_dict": {"postact_fn": "ReLU"}}, "'k' is None"),
        ({"activation_state_dict": {"k": 41, "postact_fn": "ReLU"}}, "k=41 of d_sae=40"),
        ({"decoder.weight": None}, "no tensor 'decoder.weight'"),
        ({"decoder.weight": torch.ones(F, D)}, "'decoder.weight' of shape (40, 12) where the configuration says"),
        ({"pre_bias": torch.full((D,), torch.nan)}, "'pre_bias' is not finite"),
        ({"activation.k": torch.ones(2)}, "'activation.k' is tensor"),
        ({"activation.k": 5}, "'activation.k' is 5, and 4 in 'activation_state_dict'"),
        ({"activation.postact_fn": "Identity"}, "'activation.postact_fn' is 'Identity', and 'ReLU' in"),
        ({**RELU, "activation.k": 4}, "'activation.k' is 4, and None in 'activation_state_dict'"),
        ({"activation": None}, "activation ReLU with the settings {'k': 4, 'postact_fn': 'ReLU'} of another"),
        ({"note": "hello"}, "'note' is str and no tensor"),
        ({"decoder.weight": None, "decoder.linear.weight": torch.ones(F, D)}, "and differs from it"),
    ],
)
def test_what_is_not_read_is_one_line(changed: dict[str, Any], message: str, weights: Draw, tmp_path: Path):
    path = saved(tmp_path / "8.pt", weights, **changed)
    with pytest.raises(GatekitError) as caught:
        read_sae(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
