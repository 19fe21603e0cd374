"""Gemma Scope, from the archive alone: by hand in numpy, and as SAELens and circuit-tracer read the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gatekit.errors import GatekitError
from runners.saes.formats.any_format import read_sae
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.jump_relu import JumpReLU

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore::UserWarning")]

D, F = 12, 64
SHAPES = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,), "threshold": (F,)}
Draw = Callable[..., dict[str, torch.Tensor]]


def saved(folder: Path, weights: Draw, small_letters: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: value.numpy() for name, value in weights(**SHAPES).items()}
    if small_letters:
        arrays = {name.replace("W_", "w_"): value for name, value in arrays.items()}
    np.savez(folder / "params.npz", **arrays)
    return folder


def by_hand(folder: Path, rows: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    arrays = {
        name.replace("w_", "W_"): value.astype(np.float64) for name, value in np.load(folder / "params.npz").items()
    }
    pre = rows.numpy().astype(np.float64) @ arrays["W_enc"] + arrays["b_enc"]
    latents = np.where(pre > arrays["threshold"], np.maximum(pre, 0), 0)
    return latents, latents @ arrays["W_dec"] + arrays["b_dec"]


def close(ours: torch.Tensor, theirs: Any) -> None:
    torch.testing.assert_close(ours.double(), torch.as_tensor(theirs).double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("small_letters", [False, True])
def test_latents_and_reconstruction_are_those_of_the_paper(
    small_letters: bool, weights: Draw, rows: torch.Tensor, tmp_path: Path
):
    sae = read_sae(saved(tmp_path, weights, small_letters))
    assert sae.architecture == JumpReLU(D, F, None)
    assert sae.stated.format == "gemma_scope"
    latents, reconstruction = by_hand(tmp_path, rows)
    assert 0 < int((latents > 0).sum()) < latents.size
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], reconstruction)


def test_sae_lens_computes_the_same_from_the_same_file(
    weights: Draw, rows: torch.Tensor, sae_lens_reads: Callable[..., Any], tmp_path: Path
):
    folder = saved(tmp_path / "layer_2" / "average_l0_5", weights)
    theirs = sae_lens_reads(
        "gemma_2_sae_huggingface_loader",
        tmp_path,
        "google/gemma-scope-2b-pt-res",
        "layer_2/average_l0_5",
        d_in=D,
        d_sae=F,
    )
    sae = read_sae(folder)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


def test_circuit_tracer_computes_the_same_of_a_transcoder(
    weights: Draw, rows: torch.Tensor, peer: Callable[[str], Any], tmp_path: Path
):
    library = peer("circuit_tracer.transcoder.single_layer_transcoder")
    folder = saved(tmp_path / "gemma-scope-2b-pt-transcoders" / "layer_2", weights)
    theirs = library.load_gemma_scope_transcoder(str(folder / "params.npz"), 2, device=torch.device("cpu"))
    sae = read_sae(folder)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


@pytest.mark.parametrize(
    ("place", "model", "hook", "flat_heads"),
    [
        ("gemma-scope-2b-pt-res/layer_12/average_l0_82", "gemma-2-2b", "blocks.12.hook_resid_post", False),
        ("gemma-scope-9b-it-res/layer_20/canonical", "gemma-2-9b-it", "blocks.20.hook_resid_post", False),
        ("models--google--gemma-scope-9b-pt-mlp/snapshots/ab/layer_3", "gemma-2-9b", "blocks.3.hook_mlp_out", False),
        ("gemma-scope-2b-pt-att/layer_0/average_l0_104", "gemma-2-2b", "blocks.0.attn.hook_z", True),
        ("mine/layer_7", None, None, False),
    ],
)
def test_the_published_folders_say_where_inputs_were_taken(
    place: str, model: str | None, hook: str | None, flat_heads: bool, weights: Draw, tmp_path: Path
):
    stated = read_sae(saved(tmp_path / place, weights)).stated
    assert (stated.model, stated.hook, stated.flat_heads) == (model, hook, flat_heads)


@pytest.mark.parametrize(
    "place", ["gemma-scope-2b-pt-res/embedding/width_4k/l", "mine/embedding/width_4k/average_l0_6"]
)
def test_saes_of_the_embeddings_were_trained_before_gemma_multiplies_these(
    place: str, rows: torch.Tensor, sae_lens_reads: Callable[..., Any], tmp_path: Path
):
    generator = torch.Generator().manual_seed(3)
    arrays = {
        name: np.float32(0.1) * torch.randn(tuple(4096 if n == F else n for n in shape), generator=generator).numpy()
        for name, shape in SHAPES.items()
    }
    arrays["threshold"] = abs(arrays["threshold"])
    folder = tmp_path / place
    folder.mkdir(parents=True)
    np.savez(folder / "params.npz", **arrays)
    sae = read_sae(folder)
    assert sae.stated.hook == "hook_embed"
    # What hook_embed gives is sqrt(d_model) times the embedding.
    latents, reconstruction = by_hand(folder, rows / D**0.5)
    assert 0 < int((latents > 0).sum()) < latents.size
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], reconstruction * D**0.5)
    # SAELens scales both matrices but not b_dec.
    np.savez(folder / "params.npz", **{**arrays, "b_dec": np.zeros(D, np.float32)})
    repository, name = "google/gemma-scope-2b-pt-res", str(folder.relative_to(tmp_path))
    theirs = sae_lens_reads("gemma_2_sae_huggingface_loader", tmp_path, repository, name, d_in=D)
    sae = read_sae(folder)
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


def test_under_the_transcoders_folder_it_is_a_transcoder(weights: Draw, tmp_path: Path):
    sae = read_sae(saved(tmp_path / "gemma-scope-2b-pt-transcoders" / "layer_5" / "average_l0_9", weights))
    assert sae.architecture == JumpReLUTranscoder(D, D, F)
    assert (sae.stated.hook, sae.stated.target_hook) == ("blocks.5.ln2.hook_normalized", "blocks.5.hook_mlp_out")


def test_another_width_than_the_folders_name_says_is_refused(weights: Draw, tmp_path: Path):
    with pytest.raises(GatekitError, match="64 latents in a folder that is named 'width_16k'"):
        read_sae(saved(tmp_path / "width_16k" / "average_l0_82", weights))


def refusal(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "params.npz", **arrays)
    with pytest.raises(GatekitError) as caught:
        read_sae(folder)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder / "params.npz"))
    return caught.value.message


def test_an_archive_that_is_no_sae_is_refused_with_the_array(weights: Draw, tmp_path: Path):
    arrays: dict[str, Any] = {name: value.numpy() for name, value in weights(**SHAPES).items()}
    assert "no tensor 'threshold'" in refusal(tmp_path, **{n: v for n, v in arrays.items() if n != "threshold"})
    assert "no tensor 'W_enc'; it holds 'x'" in refusal(tmp_path, x=np.ones(2))
    assert "tensor 'W_dec' of shape (12, 64)" in refusal(tmp_path, **{**arrays, "W_dec": arrays["W_dec"].T})
    assert "'b_enc' is not finite" in refusal(tmp_path, **{**arrays, "b_enc": np.full(F, np.nan, np.float32)})
    assert "Object arrays cannot be loaded" in refusal(tmp_path, **{**arrays, "b_enc": np.array([{}])})
    assert "'b_enc' is of type <U1" in refusal(tmp_path, **{**arrays, "b_enc": np.array(["a"])})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and nothing", b"\x80\x04pickle"])
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path):
    (tmp_path / "params.npz").write_bytes(content)
    with pytest.raises(GatekitError, match="cannot be read as a numpy archive"):
        read_sae(tmp_path)
