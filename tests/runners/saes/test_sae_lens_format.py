from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gatekit.errors import GatekitError
from runners.saes.architecture import Architecture
from runners.saes.batch_topk import BatchTopK
from runners.saes.controls import Control
from runners.saes.formats import sae_lens as format_of
from runners.saes.gated import Gated
from runners.saes.hierarchical_topk import HierarchicalTopK
from runners.saes.in_parts.topk import TopKInParts
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.relu import ReLU
from runners.saes.route import RouteSAE
from runners.saes.sae import Sae
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sae_lens

pytestmark = pytest.mark.runners

D, F = 12, 40
WRITTEN: dict[str, tuple[Architecture, str]] = {
    "relu": (ReLU(D, F, 0.1), "standard"),
    "topk": (TopK(D, F, 4, 6), "topk"),
    "topk_in_parts": (TopKInParts(D, F, 4, 6, parts=2), "topk"),
    "hierarchical_topk": (HierarchicalTopK(D, F, (1, 4), 6), "topk"),
    "batch_topk": (BatchTopK(D, F, 4, 6), "jumprelu"),
    "matryoshka": (Matryoshka(D, (9, F), 4, 6), "jumprelu"),
    "jump_relu": (JumpReLU(D, F, 0.1), "jumprelu"),
    "gated": (Gated(D, F, 0.1), "gated"),
    "transcoder": (Transcoder(D, 7, F, F, 0), "transcoder"),
    "skip_transcoder": (Transcoder(D, 7, F, F, 0, skip=True), "skip_transcoder"),
    "control": (Control(TopK(D, F, 4, 6), "soft_frozen_decoder"), "topk"),
}


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """In float32, after a scale was folded into weights."""
    torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-5)


@pytest.fixture
def rows(tokens: torch.Tensor) -> torch.Tensor:
    return tokens.float()


def drawn_sae(name: str, drawn: Any) -> Sae:
    architecture = WRITTEN[name][0]
    target_scale = 0.4 if isinstance(architecture, Transcoder) else None
    return Sae(architecture, drawn(architecture, dtype=torch.float32), 1.7, target_scale)


@pytest.mark.parametrize("name", WRITTEN)
def test_sae_lens_computes_from_our_file_what_we_compute(name, drawn, rows, tmp_path):
    sae = drawn_sae(name, drawn)
    format_of.write(sae, tmp_path, "model", "hook")
    theirs = sae_lens.SAE.load_from_disk(tmp_path)
    assert theirs.cfg.architecture() == WRITTEN[name][1]
    assert (theirs.cfg.metadata.model_name, theirs.cfg.metadata.hook_name) == ("model", "hook")
    reconstruction, latents = sae.reconstruct(rows)
    with torch.no_grad():
        close(reconstruction, theirs(rows))
        # Their latents are in the model's units, ours in scaled ones.
        close(latents / (sae.target_scale or 1.7), theirs.encode(rows))


@pytest.mark.parametrize("name", WRITTEN)
def test_what_we_write_we_read_as_the_same_function(name, drawn, rows, tmp_path):
    sae = drawn_sae(name, drawn)
    format_of.write(sae, tmp_path, "model", "hook")
    back = format_of.read(tmp_path)
    close(back.reconstruct(rows)[0], sae.reconstruct(rows)[0])
    assert torch.equal(back.encode(rows) > 0, sae.encode(rows) > 0)


def test_what_we_wrote_and_read_writes_the_same_bytes_again(drawn, tmp_path):
    format_of.write(drawn_sae("gated", drawn), tmp_path / "a", "model", "hook")
    format_of.write(format_of.read(tmp_path / "a"), tmp_path / "b", "model", "hook")
    name = "sae_weights.safetensors"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    "architecture",
    [RouteSAE(D, F, 4, 3), Transcoder(D, 7, F, 4, 6), Control(RouteSAE(D, F, 4, 3), "frozen_decoder")],
)
def test_an_sae_that_sae_lens_has_no_class_for_is_not_written_as_something_else(architecture, drawn, tmp_path):
    with pytest.raises(GatekitError, match="no class"):
        format_of.write(Sae(architecture, drawn(architecture), 1.0, 1.0), tmp_path, "model", "hook")
    assert not list(tmp_path.iterdir())


TRAINED: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("Standard", {}),
    "standard without b_dec in the input": ("Standard", {"apply_b_dec_to_input": False}),
    "topk": ("TopK", {"k": 4, "rescale_acts_by_decoder_norm": False}),
    "topk weighed by decoder norms": ("TopK", {"k": 4, "rescale_acts_by_decoder_norm": True}),
    "batchtopk": ("BatchTopK", {"k": 4, "rescale_acts_by_decoder_norm": True}),
    "matryoshka": ("MatryoshkaBatchTopK", {"k": 4, "matryoshka_widths": [9, F]}),
    "jumprelu": ("JumpReLU", {}),
    "jumprelu without b_dec in the input": ("JumpReLU", {"apply_b_dec_to_input": False}),
    "gated": ("Gated", {}),
    "gated without b_dec in the input": ("Gated", {"apply_b_dec_to_input": False}),
}


@pytest.mark.parametrize("name", TRAINED)
def test_we_compute_from_a_file_of_sae_lens_what_it_computes(name, rows, tmp_path):
    theirs, settings = TRAINED[name]
    config = getattr(sae_lens, f"{theirs}TrainingSAEConfig")(d_in=D, d_sae=F, **settings)
    sae = getattr(sae_lens, f"{theirs}TrainingSAE")(config)
    generator = torch.Generator().manual_seed(1)
    # Some thresholds end below zero, where they do what zero does.
    for value in sae.parameters():
        value.data += 0.3 * torch.randn(value.shape, generator=generator)
    if "batchtopk" in name or name == "matryoshka":
        sae.topk_threshold = torch.tensor(0.2, dtype=torch.float64)
    sae.save_inference_model(tmp_path)
    loaded = sae_lens.SAE.load_from_disk(tmp_path)
    ours = format_of.read(tmp_path)
    with torch.no_grad():
        close(ours.reconstruct(rows)[0], loaded(rows))
        assert torch.equal(ours.encode(rows) > 0, loaded.encode(rows) > 0)


def file_of(tmp_path: Path, drawn: Any, name: str = "topk", **changed: Any) -> Path:
    """Write a file of ours and change its configuration; None takes a key out."""
    format_of.write(drawn_sae(name, drawn), tmp_path, "model", "hook")
    config = json.loads((tmp_path / "cfg.json").read_text())
    config = {key: value for key, value in {**config, **changed}.items() if value is not None}
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    return tmp_path


def test_a_flat_configuration_from_before_version_6_reads_as_the_topk_sae_that_it_is(drawn, rows, tmp_path):
    flat = {
        "architecture": "standard",
        "activation_fn_str": "topk",
        "activation_fn_kwargs": {"k": 4},
        "hook_point": "h",
    }
    file_of(tmp_path, drawn, **flat, metadata=None, k=None)
    ours = format_of.read(tmp_path)
    assert ours.architecture == TopK(D, F, 4, 0)
    with torch.no_grad():
        close(ours.encode(rows), sae_lens.SAE.load_from_disk(tmp_path).encode(rows))


def test_a_square_encoder_is_taken_as_it_is_declared(tmp_path, drawn, rows):
    architecture = TopK(D, D, 3, 0)
    parameters = drawn(architecture, dtype=torch.float32)
    format_of.write(Sae(architecture, parameters), tmp_path, "model", "hook")
    assert torch.equal(format_of.read(tmp_path).parameters["W_enc"], parameters["W_enc"])


def test_the_factor_beside_the_weights_is_kept_as_the_activation_scale(drawn, tmp_path):
    file_of(tmp_path, drawn, normalize_activations="expected_average_only_in")
    (tmp_path / "activation_scaler.json").write_text('{"scaling_factor": 0.25}')
    assert format_of.read(tmp_path).scale == 0.25


def test_older_logarithmic_thresholds_are_read(drawn, rows, tmp_path):
    file_of(tmp_path, drawn, "jump_relu")
    path = tmp_path / "sae_weights.safetensors"
    before = format_of.read(tmp_path)
    tensors = load_file(path)
    tensors["log_threshold"] = tensors.pop("threshold").log()
    save_file(tensors, path)
    torch.testing.assert_close(format_of.read(tmp_path).parameters["threshold"], before.parameters["threshold"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"architecture": "temporal"}, "architecture 'temporal' is not known"),
        ({"architecture": None}, "architecture None is not known"),
        ({"architecture": "jumprelu"}, "where the configuration says"),
        ({"normalize_activations": "covariance_whitening"}, "'covariance_whitening', which is not read"),
        ({"normalize_activations": "expected_average_only_in"}, "its factor is not beside the weights"),
        ({"k": 0}, "'k' is 0"),
        ({"k": 41}, "k=41 of d_sae=40"),
        ({"k": None}, "'k' is None"),
        ({"d_sae": 41}, "where the configuration says"),
        ({"metadata": None, "activation_fn_str": "tanh-relu"}, "'tanh-relu' is not known"),
        ({"metadata": None, "finetuning_scaling_factor": True}, "finetuning"),
    ],
)
def test_a_configuration_that_says_something_else_is_refused(changed, message, drawn, tmp_path):
    with pytest.raises(GatekitError, match=message):
        format_of.read(file_of(tmp_path, drawn, **changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"b_enc": torch.full((F,), torch.inf)}, "'b_enc' is not finite"),
        ({"W_dec": torch.ones(D, F)}, "where the configuration says"),
        ({"threshold": torch.ones(F)}, "where the configuration says"),
    ],
)
def test_weights_that_are_not_what_the_configuration_says_are_refused(changed, message, drawn, tmp_path):
    path = file_of(tmp_path, drawn) / "sae_weights.safetensors"
    save_file({**load_file(path), **changed}, path)
    with pytest.raises(GatekitError, match=message):
        format_of.read(tmp_path)


def test_a_decoder_row_of_length_zero_cannot_weigh_a_latent(drawn, tmp_path):
    path = file_of(tmp_path, drawn, rescale_acts_by_decoder_norm=True) / "sae_weights.safetensors"
    tensors = load_file(path)
    tensors["W_dec"][3] = 0
    save_file(tensors, path)
    with pytest.raises(GatekitError, match="length zero"):
        format_of.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00not json", b"PK\x03\x04"])
def test_a_file_that_is_no_safetensors_is_refused(content, drawn, tmp_path):
    (file_of(tmp_path, drawn) / "sae_weights.safetensors").write_bytes(content)
    with pytest.raises(GatekitError, match="cannot be read as safetensors"):
        format_of.read(tmp_path)
