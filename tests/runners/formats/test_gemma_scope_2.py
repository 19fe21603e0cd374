"""Gemma Scope 2: by hand, and as SAELens and circuit-tracer read the same file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.saes.formats.any_format import read_sae
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.jump_relu import JumpReLU

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore::UserWarning")]

D, F = 12, 64
SHAPES = {"w_enc": (D, F), "b_enc": (F,), "w_dec": (F, D), "b_dec": (D,), "threshold": (F,)}
SKIP = {"affine_skip_connection": (D, D)}
CONFIG = {
    "architecture": "jump_relu",
    "model_name": "gemma-v3-1b-pt",
    "hf_hook_point_in": "model.layers.13.output",
    "width": F,
    "l0": 20,
}
TRANSCODER = {
    "hf_hook_point_in": "model.layers.13.pre_feedforward_layernorm.output",
    "hf_hook_point_out": "model.layers.13.post_feedforward_layernorm.output",
    "affine_connection": False,
}
KINDS: dict[str, tuple[str, dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "SAE": ("resid_post/layer_13_l0_medium", {}, SHAPES),
    "transcoder": ("transcoder/layer_13_l0_medium", TRANSCODER, SHAPES),
    "affine transcoder": (
        "transcoder/layer_13_l0_medium_affine",
        {**TRANSCODER, "affine_connection": True},
        {**SHAPES, **SKIP},
    ),
}
Draw = Callable[..., dict[str, torch.Tensor]]


def saved(folder: Path, tensors: dict[str, torch.Tensor], **changed: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changed}))
    save_file(tensors, folder / "params.safetensors")
    return folder


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_latents_and_output_are_those_of_the_formula(name: str, weights: Draw, rows: torch.Tensor, tmp_path: Path):
    place, changed, shapes = KINDS[name]
    t = weights(**shapes)
    sae = read_sae(saved(tmp_path / place, t, **changed))
    pre = rows @ t["w_enc"] + t["b_enc"]
    latents = torch.where(pre > t["threshold"], pre.clamp_min(0), 0)
    output = latents @ t["w_dec"] + t["b_dec"]
    if "affine_skip_connection" in t:
        output = output + rows @ t["affine_skip_connection"]
    assert 0 < int((latents > 0).sum()) < latents.numel()
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], output)


@pytest.mark.parametrize("name", KINDS)
def test_sae_lens_computes_the_same_from_the_same_file(
    name: str, weights: Draw, rows: torch.Tensor, sae_lens_reads: Callable[..., Any], tmp_path: Path
):
    place, changed, shapes = KINDS[name]
    sae = read_sae(saved(tmp_path / place, weights(**shapes), **changed))
    theirs = sae_lens_reads("gemma_3_sae_huggingface_loader", tmp_path, "google/gemma-scope-2-1b-pt", place)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


@pytest.mark.parametrize("name", ["transcoder", "affine transcoder"])
def test_circuit_tracer_computes_the_same_of_a_transcoder(
    name: str, weights: Draw, rows: torch.Tensor, peer: Callable[[str], Any], tmp_path: Path
):
    place, changed, shapes = KINDS[name]
    library = peer("circuit_tracer.transcoder.single_layer_transcoder")
    folder = saved(tmp_path / place, weights(**shapes), **changed)
    theirs = library.load_gemma_scope_2_transcoder(str(folder / "params.safetensors"), 13, device=torch.device("cpu"))
    sae = read_sae(folder)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


def test_what_the_configuration_says_of_the_use_is_kept(weights: Draw, tmp_path: Path):
    sae = read_sae(saved(tmp_path, weights(**SHAPES)))
    assert sae.architecture == JumpReLU(D, F, None)
    assert (sae.stated.model, sae.stated.layer) == ("gemma-3-1b-pt", 13)
    assert (sae.stated.hook, sae.stated.module) == ("blocks.13.hook_resid_post", "model.layers.13.output")


def test_the_smallest_model_has_another_name_than_the_configuration_says(weights: Draw, tmp_path: Path):
    stated = read_sae(saved(tmp_path, weights(**SHAPES), model_name="gemma-v3-270m-pt")).stated
    assert stated.model == "gemma-3-270m"
    assert read_sae(saved(tmp_path, weights(**SHAPES), model_name="gemma-v3-270m-it")).stated.model == "gemma-3-270m-it"


PUBLISHED = [
    ("gemma-scope-2-1b-pt/resid_post/layer_13_width_64_l0_medium", "gemma-3-1b-pt", "hook_resid_post", "output"),
    ("gemma-scope-2-270m-pt/mlp_out_all/layer_13_l0_big", "gemma-3-270m", "hook_mlp_out", "post_feedforward_layernorm"),
    ("models--google--gemma-scope-2-27b-it/snapshots/ab/attn_out/layer_13_l0_big", "gemma-3-27b-it", "attn.hook_z", ""),
    ("mine/transcoder_all/layer_13_l0_small_affine", None, None, "pre_feedforward_layernorm.output"),
]


@pytest.mark.parametrize(("place", "model", "hook", "module"), PUBLISHED)
def test_without_a_configuration_the_published_folders_say_what_it_is_and_sae_lens_reads_it_so(
    place: str,
    model: str | None,
    hook: str | None,
    module: str,
    weights: Draw,
    rows: torch.Tensor,
    sae_lens_reads: Callable[..., Any],
    tmp_path: Path,
):
    affine = place.endswith("_affine")
    folder = saved(tmp_path / place, weights(**SHAPES, **(SKIP if affine else {})))
    (folder / "config.json").unlink()
    sae = read_sae(folder)
    assert (sae.stated.model, sae.stated.layer) == (model, 13)
    assert sae.stated.hook == (None if hook is None else f"blocks.13.{hook}")
    assert module in (sae.stated.module or "")
    assert sae.stated.said_by == ("folder name",)
    assert (sae.stated.target_hook == "blocks.13.hook_mlp_out") == affine
    theirs = sae_lens_reads("gemma_3_sae_huggingface_loader", tmp_path, "google/gemma-scope-2-1b-pt", place)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


@pytest.mark.parametrize(
    "place", ["mine/layer_13_width_16k_l0_big", "resid_post/mine", "clt/layer_13_width_16k_l0_big"]
)
def test_without_a_configuration_another_folder_is_refused(place: str, weights: Draw, tmp_path: Path):
    folder = saved(tmp_path / place, weights(**SHAPES))
    (folder / "config.json").unlink()
    with pytest.raises(GatekitError, match=r"no config\.json, and not in a folder such as resid_post/layer_13"):
        read_sae(folder)


def test_heads_before_the_output_map_are_one_row(weights: Draw, tmp_path: Path):
    stated = read_sae(
        saved(tmp_path, weights(**SHAPES), hf_hook_point_in="model.layers.2.self_attn.o_proj.input")
    ).stated
    assert (stated.hook, stated.flat_heads) == ("blocks.2.attn.hook_z", True)


def test_a_transcoders_two_places_are_kept(weights: Draw, tmp_path: Path):
    sae = read_sae(saved(tmp_path, weights(**SHAPES), **TRANSCODER))
    assert sae.architecture == JumpReLUTranscoder(D, D, F)
    assert sae.stated.module == TRANSCODER["hf_hook_point_in"]
    assert (sae.stated.target_module, sae.stated.target_hook) == (
        TRANSCODER["hf_hook_point_out"],
        "blocks.13.hook_mlp_out",
    )


@pytest.mark.parametrize(
    ("changed", "shapes", "message"),
    [
        ({"architecture": "topk"}, SHAPES, "'architecture' is 'topk'; only 'jump_relu' is known"),
        ({"type": "clt"}, SHAPES, "'type' is 'clt', which writes into several layers"),
        ({}, {**SHAPES, "w_dec": (F, 3, D)}, "'W_dec' of shape (64, 3, 12): it writes into several layers"),
        ({"width": 16384}, SHAPES, "64 latents where config.json says 'width' 16384"),
        ({**TRANSCODER, "affine_connection": True}, SHAPES, "no tensor 'W_skip'"),
        (TRANSCODER, {**SHAPES, **SKIP}, "tensor 'affine_skip_connection' where the configuration says only"),
        ({}, {**SHAPES, **SKIP}, "but no 'hf_hook_point_out'"),
        ({}, {name: shape for name, shape in SHAPES.items() if name != "b_dec"}, "no tensor 'b_dec'"),
    ],
)
def test_what_is_not_read_is_one_line(
    changed: dict[str, Any], shapes: dict[str, tuple[int, ...]], message: str, weights: Draw, tmp_path: Path
):
    with pytest.raises(GatekitError) as caught:
        read_sae(saved(tmp_path, weights(**shapes), **changed))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
