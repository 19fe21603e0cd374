"""Llama Scope: what OpenMOSS's library makes of the files when it loads them, step by step, and SAELens's reading."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.saes.formats.any_format import read_sae
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.given.per_token import PerToken
from runners.saes.jump_relu import JumpReLU
from runners.saes.topk import TopK

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore::UserWarning")]

D, F, K = 12, 40, 4
SHAPES = {"encoder.weight": (F, D), "encoder.bias": (F,), "decoder.weight": (D, F), "decoder.bias": (D,)}
CONFIG = {
    "hook_point_in": "blocks.15.hook_resid_post",
    "hook_point_out": "blocks.15.hook_resid_post",
    "use_decoder_bias": True,
    "apply_decoder_bias_to_pre_encoder": False,
    "expansion_factor": 8,
    "d_model": D,
    "d_sae": F,
    "act_fn": "jumprelu",
    "jump_relu_threshold": 0.9,
    "norm_activation": "dataset-wise",
    "dataset_average_activation_norm": {"in": 5.0, "out": 7.0},
    "sparsity_include_decoder_norm": False,
    "use_glu_encoder": False,
    "top_k": K,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "jumprelu": {},
    "jumprelu, decoder norms": {"sparsity_include_decoder_norm": True},
    "jumprelu, b_dec in the input": {"apply_decoder_bias_to_pre_encoder": True},
    "topk": {"act_fn": "TopK", "jump_relu_threshold": 0.0, "sparsity_include_decoder_norm": True},
    "relu": {"act_fn": "relu"},
    "weights in the model's units": {"norm_activation": "inference"},
    "transcoder": {"hook_point_out": "blocks.15.hook_mlp_out"},
}
Weights = dict[str, torch.Tensor]
Draw = Callable[..., Weights]


def saved(folder: Path, tensors: Weights, place: str = "checkpoints/final.safetensors", **changed: Any) -> Path:
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / "hyperparams.json").write_text(json.dumps({**CONFIG, **changed}))
    save_file(tensors, folder / place)
    return folder


def by_the_library(config: dict[str, Any], tensors: Weights, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rewrite the weights as the library does on loading, then encode and decode; float64."""
    t = {name: value.double() for name, value in tensors.items()}
    x = x.double()
    if config["norm_activation"] == "dataset-wise":
        norms = config["dataset_average_activation_norm"]
        taken, given = math.sqrt(D) / norms["in"], math.sqrt(D) / norms["out"]
        t["encoder.bias"] = t["encoder.bias"] / taken
        t["decoder.bias"] = t["decoder.bias"] / given
        t["decoder.weight"] = t["decoder.weight"] * taken / given
    if config["sparsity_include_decoder_norm"]:
        norm = t["decoder.weight"].norm(dim=0)
        t["decoder.weight"] = t["decoder.weight"] / norm
        t["encoder.weight"] = t["encoder.weight"] * norm[:, None]
        t["encoder.bias"] = t["encoder.bias"] * norm
    if config["apply_decoder_bias_to_pre_encoder"]:
        x = x - t["decoder.bias"]
    pre = x @ t["encoder.weight"].T + t["encoder.bias"]
    if config["act_fn"] == "relu":
        latents = pre.clamp_min(0)
    elif config["act_fn"] == "jumprelu":
        latents = pre * (pre > config["jump_relu_threshold"])
    else:
        rectified = pre.clamp_min(0)
        latents = rectified * (rectified >= rectified.sort(dim=1, descending=True).values[:, K - 1 : K])
    return latents, latents @ t["decoder.weight"].T + t["decoder.bias"]


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours.double(), theirs.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_latents_and_reconstruction_are_those_of_the_library(
    name: str, weights: Draw, rows: torch.Tensor, tmp_path: Path
):
    changed, tensors = VARIANTS[name], weights(**SHAPES)
    sae = read_sae(saved(tmp_path, tensors, **changed))
    latents, reconstruction = by_the_library({**CONFIG, **changed}, tensors, rows)
    assert 0 < int((latents > 0).sum()) < latents.numel()
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], reconstruction)


def test_a_threshold_is_compared_in_the_model_s_units_as_the_published_files_say(tmp_path: Path):
    """By hand: norms of 2 sqrt(2) in two dimensions are a factor of 1/2, so that biases of 0.1 are 0.2 of the model."""
    tensors = {"encoder.weight": torch.eye(2), "encoder.bias": torch.tensor([0.1, 0.1])}
    tensors |= {"decoder.weight": torch.eye(2), "decoder.bias": torch.tensor([0.0, 0.5])}
    norms = {"in": 2 * math.sqrt(2), "out": 2 * math.sqrt(2)}
    said = {"d_model": 2, "d_sae": 2, "dataset_average_activation_norm": norms, "jump_relu_threshold": 0.75, "top_k": 2}
    sae = read_sae(saved(tmp_path, tensors, **said))
    row = torch.tensor([[0.6, 0.5]])
    # 0.6 + 0.2 is above 0.75 and 0.5 + 0.2 is not, though both are above 0 and k is 2; the second output is a bias.
    close(sae.encode(row), torch.tensor([[0.8, 0.0]]))
    close(sae.reconstruct(row)[0], torch.tensor([[0.8, 1.0]]))


def test_a_jumprelu_sae_that_says_no_threshold_is_refused(weights: Draw, tmp_path: Path):
    folder = saved(tmp_path, weights(**SHAPES))
    config = {name: value for name, value in CONFIG.items() if name != "jump_relu_threshold"}
    (folder / "hyperparams.json").write_text(json.dumps(config))
    with pytest.raises(GatekitError, match="'act_fn' is 'jumprelu' and no 'jump_relu_threshold' is said"):
        read_sae(folder)


def test_sae_lens_computes_the_same_but_keeps_latents_in_scaled_units(
    weights: Draw, rows: torch.Tensor, sae_lens_reads: Callable[..., Any], tmp_path: Path
):
    norms = {"in": 5.0, "out": 5.0}
    folder = saved(tmp_path / "L15R", weights(**SHAPES), dataset_average_activation_norm=norms)
    theirs = sae_lens_reads("llama_scope_sae_huggingface_loader", tmp_path, "fnlp/x", "L15R", dtype="float32")
    factor = math.sqrt(D) / norms["in"]
    theirs.fold_activation_norm_scaling_factor(factor)
    sae = read_sae(folder)
    with torch.no_grad():
        close(sae.encode(rows) * factor, theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


def test_a_norm_of_each_token_is_taken_of_each_token(weights: Draw, rows: torch.Tensor, tmp_path: Path):
    tensors = weights(**SHAPES)
    sae = read_sae(saved(tmp_path, tensors, norm_activation="token-wise"))
    assert isinstance(sae.architecture, PerToken)
    factor = math.sqrt(D) / rows.norm(dim=1, keepdim=True)
    latents, reconstruction = by_the_library({**CONFIG, "norm_activation": "inference"}, tensors, rows * factor)
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], reconstruction / factor)


def test_the_configuration_says_what_it_is(weights: Draw, tmp_path: Path):
    sae = read_sae(saved(tmp_path, weights(**SHAPES)))
    assert sae.architecture == JumpReLU(D, F, None)
    assert (sae.stated.format, sae.stated.hook) == ("llama_scope", "blocks.15.hook_resid_post")
    assert sae.stated.normalisation == "dataset-wise"


PUBLISHED = "Llama3_1-8B-Base-L15R-8x"


def test_the_model_s_own_configuration_and_the_published_folders_say_the_model(weights: Draw, tmp_path: Path):
    folder = saved(tmp_path / PUBLISHED, weights(**SHAPES))
    assert read_sae(folder).stated.model == "meta-llama/Llama-3.1-8B"
    assert read_sae(folder).stated.said_by == ("hyperparams.json", "folder name")
    (folder / "lm_config.json").write_text(json.dumps({"model_name": "meta-llama/Llama-3.1-8B-Instruct", "d_model": D}))
    stated = read_sae(folder).stated
    assert stated.model == "meta-llama/Llama-3.1-8B-Instruct"
    assert stated.said_by == ("hyperparams.json", "lm_config.json", "folder name")


def test_a_folder_that_is_named_after_another_layer_is_refused(weights: Draw, tmp_path: Path):
    folder = saved(tmp_path / PUBLISHED, weights(**SHAPES), hook_point_in="blocks.1.hook_resid_post")
    with pytest.raises(
        GatekitError, match=r"'blocks\.1\.hook_resid_post' in a folder that is named 'Llama3_1-8B-Base-L15R"
    ):
        read_sae(folder)


def test_two_hooks_are_a_transcoders(weights: Draw, tmp_path: Path):
    sae = read_sae(saved(tmp_path, weights(**SHAPES), hook_point_out="blocks.15.hook_mlp_out"))
    assert sae.architecture == JumpReLUTranscoder(D, D, F)
    assert sae.stated.target_hook == "blocks.15.hook_mlp_out"


def test_an_sae_without_a_decoder_bias_has_none(weights: Draw, tmp_path: Path):
    tensors = weights(**SHAPES)
    del tensors["decoder.bias"]
    sae = read_sae(saved(tmp_path, tensors, use_decoder_bias=False, act_fn="topk", jump_relu_threshold=0.0))
    assert sae.architecture == TopK(D, F, K, 0)
    assert not sae.parameters["b_dec"].any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"act_fn": "gelu"}, "'act_fn' is 'gelu'; known here: relu, topk, jumprelu"),
        ({"jump_relu_threshold": -1.0}, "latents may be negative"),
        ({"jump_relu_threshold": "1"}, "'jump_relu_threshold' is '1' and no number"),
        (
            {"act_fn": "topk"},
            "'act_fn' is 'topk' beside a 'jump_relu_threshold' of 0.9, and which of them chooses latents could not be "
            "told; write 'jumprelu' where latents are chosen by it, as the published SAEs say, or the threshold 0",
        ),
        ({"norm_activation": "batch-wise"}, "'norm_activation' is 'batch-wise', which is not read"),
        ({"dataset_average_activation_norm": None}, "'norm_activation' is 'dataset-wise' without its norms"),
        ({"dataset_average_activation_norm": {"in": 5.0}}, "'dataset_average_activation_norm' has None as 'out'"),
        ({"use_glu_encoder": True}, "'use_glu_encoder' is true"),
        ({"d_sae": 41}, "'encoder.weight' of shape (40, 12) where the configuration says (41, 12)"),
        ({"use_decoder_bias": False}, "tensor 'decoder.bias' where the configuration says only"),
        (
            {"hook_point_out": "blocks.15.hook_mlp_out", "apply_decoder_bias_to_pre_encoder": True},
            "'apply_decoder_bias_to_pre_encoder' is true of a transcoder",
        ),
    ],
)
def test_what_is_not_read_is_one_line(changed: dict[str, Any], message: str, weights: Draw, tmp_path: Path):
    with pytest.raises(GatekitError) as caught:
        read_sae(saved(tmp_path, weights(**SHAPES), **changed))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_at_two_places_are_refused(weights: Draw, tmp_path: Path):
    saved(tmp_path, weights(**SHAPES))
    saved(tmp_path, weights(**SHAPES), "checkpoints/pruned.safetensors")
    with pytest.raises(GatekitError, match=r"weights at checkpoints/pruned.safetensors and checkpoints/final"):
        read_sae(tmp_path)
