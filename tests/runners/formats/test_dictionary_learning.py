"""Every class that trainers of dictionary_learning save computes here what it computes in the library."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gatekit.errors import GatekitError
from runners.saes.formats.dictionary_learning import read

pytestmark = pytest.mark.runners

D, F, K = 12, 40, 4
Weights = dict[str, torch.Tensor]

LINEAR = {"encoder.weight": (F, D), "encoder.bias": (F,), "decoder.weight": (D, F)}
CANONICAL = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}
GATED = {
    "encoder.weight": (F, D),
    "decoder.weight": (D, F),
    "decoder_bias": (D,),
    "r_mag": (F,),
    "gate_bias": (F,),
    "mag_bias": (F,),
}
KEPT = {"k": torch.tensor(K), "threshold": torch.tensor(0.9)}
# dict_class: its module in the library, drawn tensors, fixed tensors, arguments of its loader
CLASSES: dict[str, tuple[str, dict[str, tuple[int, ...]], Weights, dict[str, Any]]] = {
    "AutoEncoder": ("dictionary", {**LINEAR, "bias": (D,)}, {}, {}),
    "AutoEncoderNew": ("dictionary", {**LINEAR, "decoder.bias": (D,)}, {}, {}),
    "GatedAutoEncoder": ("dictionary", GATED, {}, {}),
    "JumpReluAutoEncoder": ("dictionary", {**CANONICAL, "threshold": (F,)}, {}, {}),
    "AutoEncoderTopK": ("trainers.top_k", {**LINEAR, "b_dec": (D,)}, KEPT, {"k": K}),
    "BatchTopKSAE": ("trainers.batch_top_k", {**LINEAR, "b_dec": (D,)}, KEPT, {"k": K}),
    "MatryoshkaBatchTopKSAE": (
        "trainers.matryoshka_batch_top_k",
        CANONICAL,
        {**KEPT, "group_sizes": torch.tensor([10, 30])},
        {"k": K},
    ),
}
# trainer_class: what SAEBench's suites trained with it
TRAINERS = {
    "StandardTrainer": "AutoEncoder",
    "StandardTrainerAprilUpdate": "AutoEncoder",
    "PAnnealTrainer": "AutoEncoder",
    "GatedSAETrainer": "GatedAutoEncoder",
    "GatedAnnealTrainer": "GatedAutoEncoder",
    "JumpReluTrainer": "JumpReluAutoEncoder",
    "TopKTrainer": "AutoEncoderTopK",
    "BatchTopKTrainer": "BatchTopKSAE",
    "MatryoshkaBatchTopKTrainer": "MatryoshkaBatchTopKSAE",
}
TRAINER = {
    "activation_dim": D,
    "dict_size": F,
    "layer": 8,
    "lm_name": "EleutherAI/pythia-160m-deduped",
    "submodule_name": "resid_post_layer_8",
    "device": "cuda:0",
}
BUFFER = {"d_submodule": D, "io": "out", "n_ctxs": 2000, "ctx_len": 1024, "refresh_batch_size": 32}


def saved(folder: Path, name: str, weights: Callable[..., Weights], **changed: Any) -> Path:
    _, drawn, fixed, loading = CLASSES[name]
    trainer = {**TRAINER, "dict_class": name, **loading, **changed}
    torch.save({**weights(**drawn), **fixed}, folder / "ae.pt")
    (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": BUFFER}))
    return folder


@pytest.mark.parametrize("name", CLASSES)
def test_latents_and_reconstruction_equal_the_library(
    name: str, weights: Callable[..., Weights], rows: torch.Tensor, peer: Callable[[str], Any], tmp_path: Path
):
    module, _, _, loading = CLASSES[name]
    loader = getattr(peer(f"dictionary_learning.{module}"), name).from_pretrained
    sae = read(saved(tmp_path, name, weights))
    # The pickle is ours, so that the library's own unpickling is safe here.
    theirs = loader(str(tmp_path / "ae.pt"), **loading)
    reconstruction, latents = sae.reconstruct(rows)
    with torch.no_grad():
        expected = theirs.encode(rows)
        assert 0 < int((expected > 0).sum()) < expected.numel()
        torch.testing.assert_close(latents, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(reconstruction, theirs(rows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_every_trainer_saves_is_read(trainer: str, weights: Callable[..., Weights], tmp_path: Path):
    sae = read(saved(tmp_path, TRAINERS[trainer], weights, trainer_class=trainer))
    assert (sae.architecture.d_in, sae.architecture.d_sae) == (D, F)


# Where each trainer stands in the library, and every argument that one of them takes.
MODULES = {
    "StandardTrainer": "standard",
    "StandardTrainerAprilUpdate": "standard",
    "PAnnealTrainer": "p_anneal",
    "GatedSAETrainer": "gdm",
    "GatedAnnealTrainer": "gated_anneal",
    "JumpReluTrainer": "jumprelu",
    "TopKTrainer": "top_k",
    "BatchTopKTrainer": "batch_top_k",
    "MatryoshkaBatchTopKTrainer": "matryoshka_batch_top_k",
}
ARGUMENTS: dict[str, Any] = {
    **{
        "steps": 10,
        "activation_dim": D,
        "dict_size": F,
        "layer": 8,
        "lm_name": "m",
        "submodule_name": "resid_post_layer_8",
    },
    **{"k": K, "group_fractions": [0.25, 0.75], "threshold_start_step": 1, "lr": 1e-3, "device": "cpu", "seed": 0},
    **{"warmup_steps": 2, "sparsity_warmup_steps": 2, "decay_start": 8, "l1_penalty": 0.1, "resample_steps": None},
    **{"sparsity_function": "Lp", "initial_sparsity_penalty": 0.1, "n_sparsity_updates": 2},
    **{"p_start": 1, "p_end": 0.2, "anneal_start": 2, "anneal_end": 8},
}


@pytest.mark.parametrize("trainer", MODULES)
def test_what_a_trainer_of_the_library_has_learned_is_read(
    trainer: str, rows: torch.Tensor, peer: Callable[[str], Any], tmp_path: Path
):
    kind = getattr(peer(f"dictionary_learning.trainers.{MODULES[trainer]}"), trainer)
    taken = inspect.signature(kind.__init__).parameters
    torch.manual_seed(0)
    learning = kind(**{name: value for name, value in ARGUMENTS.items() if name in taken})
    for step in range(6):
        learning.update(step, rows)
    torch.save(learning.ae.state_dict(), tmp_path / "ae.pt")
    (tmp_path / "config.json").write_text(json.dumps({"trainer": learning.config, "buffer": BUFFER}))
    theirs = learning.ae
    if learning.config["dict_class"] == "AutoEncoder":
        theirs = type(theirs).from_pretrained(str(tmp_path / "ae.pt"))
    sae = read(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(sae.encode(rows), theirs.encode(rows), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(sae.reconstruct(rows)[0], theirs(rows), rtol=1e-5, atol=1e-5)


def test_what_the_configuration_says_of_the_use_is_kept(weights: Callable[..., Weights], tmp_path: Path):
    stated = read(saved(tmp_path, "BatchTopKSAE", weights)).stated
    assert (stated.model, stated.layer) == ("EleutherAI/pythia-160m-deduped", 8)
    assert (stated.hook, stated.context_size) == ("blocks.8.hook_resid_post", 1024)


def test_a_submodule_of_another_name_is_no_hook(weights: Callable[..., Weights], tmp_path: Path):
    stated = read(saved(tmp_path, "AutoEncoder", weights, submodule_name="attn_out_8")).stated
    assert (stated.hook, stated.module, stated.layer) == (None, "attn_out_8", 8)


def with_buffer(folder: Path, weights: Callable[..., Weights], **changed: Any) -> Path:
    saved(folder, "AutoEncoder", weights)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "buffer": {**BUFFER, **changed}}))
    return folder


def test_a_dictionary_of_a_module_s_inputs_is_one_of_the_residual_stream_before_it(
    weights: Callable[..., Weights], tmp_path: Path
):
    stated = read(with_buffer(tmp_path, weights, io="in")).stated
    assert (stated.hook, stated.module) == ("blocks.8.hook_resid_pre", "resid_post_layer_8.input")


def test_a_dictionary_that_maps_inputs_to_outputs_is_refused(weights: Callable[..., Weights], tmp_path: Path):
    with pytest.raises(GatekitError, match="'io' of the buffer is 'in_and_out'"):
        read(with_buffer(tmp_path, weights, io="in_and_out"))


@pytest.mark.parametrize(("added", "begins"), [(False, False), (True, None)])
def test_texts_without_special_tokens_began_with_none(
    added: bool, begins: bool | None, weights: Callable[..., Weights], tmp_path: Path
):
    assert read(with_buffer(tmp_path, weights, add_special_tokens=added)).stated.prepend_bos is begins


def test_two_layers_are_refused(weights: Callable[..., Weights], tmp_path: Path):
    with pytest.raises(GatekitError, match="'layer' is 9 and 'submodule_name' is 'resid_post_layer_8'"):
        read(saved(tmp_path, "AutoEncoder", weights, layer=9))


def test_a_second_file_of_weights_is_refused(weights: Callable[..., Weights], tmp_path: Path):
    saved(tmp_path, "AutoEncoder", weights)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(GatekitError, match=r"model\.safetensors: a second file of weights beside ae\.pt"):
        read(tmp_path)


def test_names_with_a_prefix_are_refused(weights: Callable[..., Weights], tmp_path: Path):
    saved(tmp_path, "AutoEncoder", weights)
    tensors = torch.load(tmp_path / "ae.pt", weights_only=True)
    torch.save({f"_orig_mod.{name}": value for name, value in tensors.items()}, tmp_path / "ae.pt")
    with pytest.raises(GatekitError, match=r"ae\.pt: tensor '_orig_mod\.\S+' where the configuration says"):
        read(tmp_path)


@pytest.mark.parametrize("name", [None, ["AutoEncoder"], {"a": 1}, "CrossCoder"])
def test_a_class_that_is_none_is_refused(name: object, weights: Callable[..., Weights], tmp_path: Path):
    with pytest.raises(GatekitError, match="'dict_class' is "):
        read(saved(tmp_path, "AutoEncoder", weights, dict_class=name))
