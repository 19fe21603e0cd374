"""What OpenMOSS's library has written since 2025: its own formulas by hand, and SAELens on the same file."""

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
IN, OUT = "blocks.15.hook_resid_post", "blocks.15.hook_mlp_out"
SHAPES = {"W_E": (D, F), "b_E": (F,), "W_D": (F, D), "b_D": (D,)}
EARLIER = {"W_E": "encoder.weight", "b_E": "encoder.bias", "W_D": "decoder.weight", "b_D": "decoder.bias"}
NORMS = {IN: 5.0, OUT: 7.0}
CONFIG = {
    "sae_type": "sae",
    "d_model": D,
    "expansion_factor": F / D,
    "use_decoder_bias": True,
    "act_fn": "jumprelu",
    "norm_activation": "dataset-wise",
    "sparsity_include_decoder_norm": True,
    "top_k": K,
    "use_triton_kernel": False,
    "sparsity_threshold_for_triton_spmm_kernel": 0.996,
    "jumprelu_threshold_window": 2.0,
    "hook_point_in": IN,
    "hook_point_out": IN,
    "use_glu_encoder": False,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "jumprelu": {},
    "jumprelu, no decoder norms": {"sparsity_include_decoder_norm": False},
    "jumprelu, b_D in the input": {"apply_decoder_bias_to_pre_encoder": True},
    "jumprelu, weights in the model's units": {"norm_activation": "inference"},
    "relu": {"act_fn": "relu"},
    "topk": {"act_fn": "topk"},
    "topk, no decoder norms": {"act_fn": "topk", "sparsity_include_decoder_norm": False},
    "transcoder": {"hook_point_out": OUT},
    "topk transcoder": {"hook_point_out": OUT, "act_fn": "topk", "sparsity_include_decoder_norm": False},
}
Weights = dict[str, torch.Tensor]
Draw = Callable[..., Weights]


def saved(folder: Path, weights: Draw, *, earlier: bool = False, norms: bool = True, **changed: Any) -> Weights:
    """Write a folder and return the weights under the library's names of today, with `log`, the thresholds."""
    config = {**CONFIG, **changed}
    drawn = weights(**SHAPES)
    stored = (
        {EARLIER[name]: value.T if value.ndim == 2 else value for name, value in drawn.items()} if earlier else drawn
    )
    stored = {name: value.contiguous() for name, value in stored.items()}
    log = 0.3 * weights(log=(F,))["log"]
    if config["act_fn"] == "jumprelu":
        stored[f"{'' if earlier else 'activation_function.'}log_jumprelu_threshold"] = log
    if norms:
        hooks = {config["hook_point_in"], config["hook_point_out"]}
        stored |= {f"dataset_average_activation_norm.{hook}": torch.tensor(NORMS[hook]) for hook in hooks}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(stored, folder / "sae_weights.safetensors")
    return {**drawn, "log": log}


def by_the_library(config: dict[str, Any], w: Weights, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale, encode, decode and scale back as `SparseAutoEncoder` does, in float64."""
    w = {name: value.double() for name, value in w.items()}
    scaled = config["norm_activation"] == "dataset-wise"
    taken = math.sqrt(D) / NORMS[config["hook_point_in"]] if scaled else 1.0
    given = math.sqrt(D) / NORMS[config["hook_point_out"]] if scaled else 1.0
    x = x.double() * taken
    if config.get("apply_decoder_bias_to_pre_encoder"):
        x = x - w["b_D"]
    hidden = x @ w["W_E"] + w["b_E"]
    norm = w["W_D"].norm(dim=1) if config["sparsity_include_decoder_norm"] else torch.ones(F, dtype=torch.float64)
    weighed = hidden * norm
    if config["act_fn"] == "relu":
        kept = weighed > 0
    elif config["act_fn"] == "jumprelu":
        kept = weighed > w["log"].exp()
    else:
        kept = (weighed > 0) & (weighed >= weighed.sort(dim=1, descending=True).values[:, K - 1 : K])
    latents = hidden * kept
    return latents, (latents @ w["W_D"] + w["b_D"]) / given


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours.double(), theirs.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("name", VARIANTS)
def test_latents_and_reconstruction_are_those_of_the_library(
    name: str, earlier: bool, weights: Draw, rows: torch.Tensor, tmp_path: Path
):
    config = {**CONFIG, **VARIANTS[name]}
    drawn = saved(tmp_path, weights, earlier=earlier, **VARIANTS[name])
    sae = read_sae(tmp_path)
    latents, reconstruction = by_the_library(config, drawn, rows)
    assert 0 < int((latents > 0).sum()) < latents.numel()
    # Of a TopK SAE that is chosen by them, the decoder's norms are in the latents.
    in_latents = config["act_fn"] == "topk" and config["sparsity_include_decoder_norm"]
    close(sae.encode(rows), latents * drawn["W_D"].double().norm(dim=1) if in_latents else latents)
    close(sae.reconstruct(rows)[0], reconstruction)


def test_a_norm_of_each_token_is_taken_of_each_token(weights: Draw, rows: torch.Tensor, tmp_path: Path):
    drawn = saved(tmp_path, weights, norm_activation="token-wise", norms=False)
    sae = read_sae(tmp_path)
    assert isinstance(sae.architecture, PerToken)
    factor = math.sqrt(D) / rows.norm(dim=1, keepdim=True)
    latents, reconstruction = by_the_library({**CONFIG, "norm_activation": "inference"}, drawn, rows * factor)
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], reconstruction / factor)


def test_sae_lens_computes_the_same_from_a_file_of_llama_scope_r1_distill(
    weights: Draw, rows: torch.Tensor, sae_lens_reads: Callable[..., Any], tmp_path: Path
):
    place = "400M-Slimpajama-400M-OpenR1-Math-220k/L15R"
    whole = {"d_model": D, "expansion_factor": 3}
    shapes = {"W_E": (D, 3 * D), "b_E": (3 * D,), "W_D": (3 * D, D), "b_D": (D,)}
    drawn = weights(**shapes, log=(3 * D,))
    log = drawn.pop("log")
    stored = {EARLIER[name]: (value.T if value.ndim == 2 else value).contiguous() for name, value in drawn.items()}
    stored |= {"log_jumprelu_threshold": log, f"dataset_average_activation_norm.{IN}": torch.tensor(5.0)}
    (tmp_path / place).mkdir(parents=True)
    # SAELens leaves decoder norms out of the comparison.
    config = {**CONFIG, **whole, "sparsity_include_decoder_norm": False}
    (tmp_path / place / "config.json").write_text(json.dumps(config))
    save_file(stored, tmp_path / place / "sae_weights.safetensors")
    theirs = sae_lens_reads(
        "llama_scope_r1_distill_sae_huggingface_loader", tmp_path, "fnlp/Llama-Scope-R1-Distill", place
    )
    theirs.fold_activation_norm_scaling_factor(math.sqrt(D) / 5.0)
    sae = read_sae(tmp_path / place)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


def test_the_configuration_says_what_it_is(weights: Draw, tmp_path: Path):
    saved(tmp_path, weights)
    sae = read_sae(tmp_path)
    assert sae.architecture == JumpReLU(D, F, None)
    assert (sae.stated.format, sae.stated.hook, sae.stated.normalisation) == ("openmoss", IN, "dataset-wise")
    assert sae.stated.said_by == ("config.json",)


def test_two_hooks_are_a_transcoders_each_with_a_norm(weights: Draw, tmp_path: Path):
    saved(tmp_path, weights, hook_point_out=OUT)
    sae = read_sae(tmp_path)
    assert sae.architecture == JumpReLUTranscoder(D, D, F)
    assert sae.stated.target_hook == OUT
    assert (sae.scale, sae.target_scale) == (math.sqrt(D) / 5.0, math.sqrt(D) / 7.0)


def test_an_sae_without_a_decoder_bias_has_none(weights: Draw, tmp_path: Path):
    saved(tmp_path, weights, act_fn="topk", norm_activation="inference", norms=False)
    stored = {name: value for name, value in weights(**SHAPES).items() if name != "b_D"}
    save_file(stored, tmp_path / "sae_weights.safetensors")
    config = {**CONFIG, "act_fn": "topk", "norm_activation": "inference", "use_decoder_bias": False}
    (tmp_path / "config.json").write_text(json.dumps(config))
    sae = read_sae(tmp_path)
    assert sae.architecture == TopK(D, F, K, 0)
    assert not sae.parameters["b_dec"].any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sae_type": "clt"}, "'sae_type' is 'clt'; only 'sae' is read"),
        ({"act_fn": "batchtopk"}, "'act_fn' is 'batchtopk'; known here: relu, topk, jumprelu"),
        ({"norm_activation": "batch-wise"}, "'norm_activation' is 'batch-wise', which is not read"),
        ({"norms": False}, f"no norm of the activations at '{IN}', by which 'dataset-wise' inputs are divided"),
        ({"use_glu_encoder": True}, "'use_glu_encoder' is true"),
        ({"expansion_factor": 4}, "'W_E' of shape (12, 40) where the configuration says (12, 48)"),
        ({"expansion_factor": "8"}, "'expansion_factor' is '8' and no positive number"),
        ({"use_decoder_bias": False}, "tensor 'b_D' where the configuration says only"),
        ({"act_fn": "topk", "top_k": 41}, "k=41 of d_sae=40"),
        (
            {"hook_point_out": OUT, "apply_decoder_bias_to_pre_encoder": True},
            "'apply_decoder_bias_to_pre_encoder' is true of a transcoder",
        ),
        ({"hook_point_out": OUT, "norm_activation": "token-wise"}, "'token-wise', which is not read of a transcoder"),
    ],
)
def test_what_is_not_read_is_one_line(changed: dict[str, Any], message: str, weights: Draw, tmp_path: Path):
    saved(tmp_path, weights, **changed)
    with pytest.raises(GatekitError) as caught:
        read_sae(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("norm", [0.0, -1.0])
def test_a_norm_that_is_none_is_refused(norm: float, weights: Draw, tmp_path: Path):
    drawn = saved(tmp_path, weights, act_fn="relu")
    del drawn["log"]
    save_file(
        {**drawn, f"dataset_average_activation_norm.{IN}": torch.tensor(norm)}, tmp_path / "sae_weights.safetensors"
    )
    with pytest.raises(GatekitError, match=rf"{norm} as the norm of the activations at"):
        read_sae(tmp_path)


def test_a_decoder_row_of_length_zero_has_no_threshold(weights: Draw, tmp_path: Path):
    drawn = saved(tmp_path, weights, norm_activation="inference", norms=False)
    log = drawn.pop("log")
    drawn["W_D"][3] = 0.0
    save_file({**drawn, "log_jumprelu_threshold": log}, tmp_path / "sae_weights.safetensors")
    with pytest.raises(GatekitError, match="a decoder row has length zero"):
        read_sae(tmp_path)
