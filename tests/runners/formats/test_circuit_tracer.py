"""circuit-tracer's per-layer transcoders: read here, a file computes what it computes in the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.saes.formats.any_format import read_sae
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.transcoder import Transcoder

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore::UserWarning")]

D, F = 12, 40
SHAPES = {"W_enc": (F, D), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}
KINDS: dict[str, dict[str, tuple[int, ...]]] = {
    "ReLU": SHAPES,
    "ReLU, skip": {**SHAPES, "W_skip": (D, D)},
    "JumpReLU": {**SHAPES, "activation_function.threshold": (F,)},
    "JumpReLU, skip": {**SHAPES, "W_skip": (D, D), "activation_function.threshold": (F,)},
}
CONFIG = """\
model_name: Qwen/Qwen3-4B
model_kind: transcoder_set
feature_input_hook: mlp.hook_in
feature_output_hook: hook_mlp_out
scan: someone/qwen3-4b-transcoders
"""
Draw = Callable[..., dict[str, torch.Tensor]]


def saved(
    folder: Path, tensors: dict[str, torch.Tensor], config: str = CONFIG, name: str = "layer_7.safetensors"
) -> Path:
    (folder / "config.yaml").write_text(config)
    # Every layer lies in one folder, so that others beside it are no second file of this one's weights.
    save_file(tensors, folder / "layer_8.safetensors")
    save_file(tensors, folder / name)
    return folder / name


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_latents_and_output_are_those_of_the_formula(name: str, weights: Draw, rows: torch.Tensor, tmp_path: Path):
    t = weights(**KINDS[name])
    sae = read_sae(saved(tmp_path, t))
    pre = rows @ t["W_enc"].T + t["b_enc"]
    latents = pre * (pre > t.get("activation_function.threshold", torch.zeros(F)))
    output = latents @ t["W_dec"] + t["b_dec"] + (rows @ t["W_skip"].T if "W_skip" in t else 0)
    assert 0 < int((latents > 0).sum()) < latents.numel()
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], output)


@pytest.mark.parametrize("name", KINDS)
def test_the_library_computes_the_same_from_the_same_file(
    name: str, weights: Draw, rows: torch.Tensor, peer: Callable[[str], Any], tmp_path: Path
):
    library = peer("circuit_tracer.transcoder.single_layer_transcoder")
    path = saved(tmp_path, weights(**KINDS[name]))
    theirs = library.load_relu_transcoder(
        str(path), 7, device=torch.device("cpu"), lazy_encoder=False, lazy_decoder=False
    )
    sae = read_sae(path)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


@pytest.mark.parametrize("name", KINDS)
def test_what_the_library_itself_saves_is_read(
    name: str, weights: Draw, rows: torch.Tensor, peer: Callable[[str], Any], tmp_path: Path
):
    library = peer("circuit_tracer.transcoder.single_layer_transcoder")
    path = saved(tmp_path, weights(**KINDS[name]))
    settings = {"device": torch.device("cpu"), "lazy_encoder": False, "lazy_decoder": False}
    theirs = library.load_relu_transcoder(str(path), 7, **settings)
    theirs.to_safetensors(str(path))
    with torch.no_grad():
        close(read_sae(path).reconstruct(rows)[0], theirs(rows))


def test_a_file_says_its_layer_and_the_configuration_its_hooks(weights: Draw, tmp_path: Path):
    sae = read_sae(saved(tmp_path, weights(**SHAPES)))
    assert sae.architecture == Transcoder(D, D, F, F, 0)
    assert (sae.stated.format, sae.stated.model, sae.stated.layer) == ("circuit_tracer", "Qwen/Qwen3-4B", 7)
    assert (sae.stated.hook, sae.stated.target_hook) == ("blocks.7.mlp.hook_in", "blocks.7.hook_mlp_out")


@pytest.mark.parametrize("config", ["wandb-config.yaml", "wanb-config.yaml"])
def test_a_repository_without_a_configuration_says_the_model_by_its_name(
    config: str, weights: Draw, rows: torch.Tensor, sae_lens_reads: Callable[..., Any], tmp_path: Path
):
    folder = tmp_path / "qwen3-14b-transcoders-lowl0"
    folder.mkdir()
    path = saved(folder, weights(**SHAPES))
    (folder / "config.yaml").unlink()
    sizes = {"d_model": D, "d_feature": F, "batch_size": 4096}
    (folder / config).write_text("".join(f"{name}:\n  value: {value}\n" for name, value in sizes.items()))
    sae = read_sae(path)
    assert (sae.stated.model, sae.stated.layer) == ("Qwen/Qwen3-14B", 7)
    assert (sae.stated.hook, sae.stated.target_hook) == ("blocks.7.mlp.hook_in", "blocks.7.hook_mlp_out")
    assert sae.stated.said_by == ("folder name", "layer_7.safetensors")
    repository = "mwhanna/qwen3-14b-transcoders-lowl0"
    theirs = sae_lens_reads("mwhanna_transcoder_huggingface_loader", folder, repository, path.name)
    assert (theirs.cfg.metadata.model_name, theirs.cfg.metadata.hook_name) == (sae.stated.model, sae.stated.hook)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


def test_a_threshold_makes_it_a_jumprelu_one(weights: Draw, tmp_path: Path):
    sae = read_sae(saved(tmp_path, weights(**KINDS["JumpReLU, skip"])))
    assert sae.architecture == JumpReLUTranscoder(D, D, F, skip=True)


@pytest.mark.parametrize(
    ("changed", "config", "message"),
    [
        ({}, CONFIG.replace("transcoder_set", "cross_layer_transcoder"), "'model_kind' is 'cross_layer_transcoder'"),
        ({"activation_function.threshold": -torch.ones(F)}, CONFIG, "has a negative number"),
        ({"W_dec": torch.ones(D, F)}, CONFIG, "'W_dec' of shape (12, 40) where the configuration says (40, 12)"),
        ({"log_thresholds": torch.ones(F)}, CONFIG, "tensor 'log_thresholds' where the configuration says only"),
        ({"b_enc": torch.full((F,), torch.inf)}, CONFIG, "'b_enc' is not finite"),
        ({}, CONFIG.replace("mlp.hook_in", "7"), "'feature_input_hook' is 7 and no text"),
    ],
)
def test_what_is_not_read_is_one_line(
    changed: dict[str, torch.Tensor], config: str, message: str, weights: Draw, tmp_path: Path
):
    path = saved(tmp_path, {**weights(**SHAPES), **changed}, config)
    with pytest.raises(GatekitError) as caught:
        read_sae(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_layers_is_no_sae(weights: Draw, tmp_path: Path):
    saved(tmp_path, weights(**SHAPES))
    with pytest.raises(GatekitError, match=r"holds config.yaml, layer_7.safetensors, layer_8.safetensors, which no"):
        read_sae(tmp_path)
    with pytest.raises(GatekitError, match=r"is no layer_N.safetensors; name the one file of a layer"):
        read_sae(tmp_path, "circuit_tracer")
