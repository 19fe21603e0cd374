"""Coders that sparsify saves compute here what they compute in the library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.saes.formats.sparsify import read
from runners.saes.given.group_max import GroupMax

pytestmark = pytest.mark.runners

D, F, K = 12, 48, 4
Weights = dict[str, torch.Tensor]
CONFIG = {
    "activation": "topk",
    "expansion_factor": 4,
    "normalize_decoder": True,
    "num_latents": 0,
    "k": K,
    "multi_topk": False,
    "skip_connection": False,
    "transcode": False,
    "d_in": D,
}
SHAPES = {"encoder.weight": (F, D), "encoder.bias": (F,), "W_dec": (F, D), "b_dec": (D,)}
CODERS: dict[str, dict[str, Any]] = {
    f"{activation}{name}": {"activation": activation, **settings}
    for activation in ("topk", "groupmax")
    for name, settings in (
        ("", {}),
        (", transcoder", {"transcode": True}),
        (", skip transcoder", {"transcode": True, "skip_connection": True}),
        (", latents by number", {"num_latents": F, "expansion_factor": 32}),
    )
}


def saved(folder: Path, weights: Callable[..., Weights], **changed: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = {**CONFIG, **changed}
    shapes = {**SHAPES, "W_skip": (D, D)} if config["skip_connection"] else SHAPES
    (folder / "cfg.json").write_text(json.dumps(config))
    save_file(weights(**shapes), folder / "sae.safetensors")
    return folder


@pytest.mark.parametrize("name", CODERS)
def test_latents_and_reconstruction_equal_the_library(
    name: str, weights: Callable[..., Weights], rows: torch.Tensor, peer: Callable[[str], Any], tmp_path: Path
):
    library = peer("sparsify.sparse_coder")
    sae = read(saved(tmp_path, weights, **CODERS[name]))
    reconstruction, latents = sae.reconstruct(rows)
    with torch.no_grad():
        theirs = library.SparseCoder.load_from_disk(tmp_path)(rows)
        expected = torch.zeros(len(rows), F).scatter(1, theirs.latent_indices, theirs.latent_acts)
        assert 0 < int((expected > 0).sum()) < expected.numel()
        torch.testing.assert_close(latents, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(reconstruction, theirs.sae_out, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CODERS)
def test_what_the_library_itself_saves_is_read(
    name: str, weights: Callable[..., Weights], rows: torch.Tensor, peer: Callable[[str], Any], tmp_path: Path
):
    config = {key: value for key, value in {**CONFIG, **CODERS[name]}.items() if key != "d_in"}
    coder = peer("sparsify.sparse_coder").SparseCoder(D, peer("sparsify.config").SparseCoderConfig(**config))
    shapes = {**SHAPES, "W_skip": (D, D)} if config["skip_connection"] else SHAPES
    coder.load_state_dict(weights(**shapes))
    coder.save_to_disk(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(read(tmp_path).reconstruct(rows)[0], coder(rows).sae_out, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transcode", [False, True])
def test_groupmax_keeps_the_largest_of_each_group_by_hand(
    transcode: bool, weights: Callable[..., Weights], rows: torch.Tensor, tmp_path: Path
):
    sae = read(saved(tmp_path, weights, activation="groupmax", transcode=transcode))
    assert sae.architecture == GroupMax(D, F, K, transcoder=transcode)
    drawn = weights(**SHAPES)
    inputs = rows if transcode else rows - drawn["b_dec"]
    pre = (inputs @ drawn["encoder.weight"].T + drawn["encoder.bias"]).clamp_min(0)
    expected = torch.zeros_like(pre)
    for row in range(len(rows)):
        for group in range(K):
            place = group * (F // K) + int(pre[row, group * (F // K) : (group + 1) * (F // K)].argmax())
            expected[row, place] = pre[row, place]
    torch.testing.assert_close(sae.encode(rows), expected, rtol=1e-5, atol=1e-5)


def test_groups_of_different_size_are_refused(weights: Callable[..., Weights], tmp_path: Path):
    with pytest.raises(GatekitError, match="48 latents do not make k=5 groups of one size"):
        read(saved(tmp_path, weights, activation="groupmax", k=5))


@pytest.mark.parametrize(
    ("place", "hook", "module", "layer"),
    [
        ("layers.12", "blocks.12.hook_resid_post", "layers.12", 12),
        ("layers.3.mlp", None, "layers.3.mlp", 3),
        ("gpt_neox.layers.5", "blocks.5.hook_resid_post", "gpt_neox.layers.5", 5),
        ("h.4/seed2", "blocks.4.hook_resid_post", "h.4", 4),
        ("embed_tokens", None, "embed_tokens", None),
        ("gpt_neox.embed_in", None, "gpt_neox.embed_in", None),
        ("mine", None, None, None),
    ],
)
def test_the_folders_name_says_where_inputs_were_taken(
    place: str, hook: str | None, module: str | None, layer: int | None, weights: Callable[..., Weights], tmp_path: Path
):
    stated = read(saved(tmp_path / place, weights)).stated
    assert (stated.hook, stated.module, stated.layer) == (hook, module, layer)


def test_a_transcoder_reads_the_input_of_the_module_that_it_predicts(weights: Callable[..., Weights], tmp_path: Path):
    stated = read(saved(tmp_path / "layers.3.mlp", weights, transcode=True)).stated
    assert (stated.hook, stated.module, stated.layer) == (None, "layers.3.mlp.input", 3)
    assert (stated.target_hook, stated.target_module) == (None, "layers.3.mlp")


@pytest.mark.parametrize("run", [{"transcode": True}, {"sae": {"transcode": True}}])
def test_a_coder_that_the_run_calls_a_transcoder_and_its_own_file_does_not_is_refused(
    run: dict[str, Any], weights: Callable[..., Weights], tmp_path: Path
):
    # The first versions said it in the run's configuration alone; read as an SAE, b_dec would be taken off its input.
    (tmp_path / "config.json").write_text(json.dumps(run))
    with pytest.raises(GatekitError, match=r"'transcode' is False, and True in the run's config\.json"):
        read(saved(tmp_path / "layers.3.mlp", weights))


def test_the_best_coders_of_a_run_lie_one_folder_deeper(weights: Callable[..., Weights], tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model": "EleutherAI/pythia-70m"}))
    assert read(saved(tmp_path / "best" / "layers.3", weights)).stated.model == "EleutherAI/pythia-70m"


def test_the_runs_configuration_says_of_which_model(weights: Callable[..., Weights], tmp_path: Path):
    run = {"model": "HuggingFaceTB/SmolLM2-135M", "dataset": "EleutherAI/SmolLM2-135M-10B", "ctx_len": 2048}
    (tmp_path / "config.json").write_text(json.dumps(run))
    stated = read(saved(tmp_path / "layers.9.mlp", weights, transcode=True)).stated
    assert (stated.model, stated.dataset, stated.context_size) == (*list(run.values())[:2], 2048)
    assert stated.said_by == ("folder name", "config.json")


def test_a_second_file_of_weights_is_refused(weights: Callable[..., Weights], tmp_path: Path):
    saved(tmp_path, weights)
    (tmp_path / "optimizer_0.pt").write_bytes(b"")
    with pytest.raises(GatekitError, match=r"a second file of weights beside sae\.safetensors"):
        read(tmp_path)
