"""Files of the shapes that SAELens 3 to 6 wrote: read here, they compute what SAELens itself computes from them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.saes.batch_topk import BatchTopK
from runners.saes.formats.sae_lens import read
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.given.per_token import PerToken
from runners.saes.matryoshka import Matryoshka
from runners.saes.topk import TopK

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sae_lens

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore::UserWarning")]

D, F, K, D_OUT = 12, 40, 4, 7
Weights = dict[str, torch.Tensor]
Draw = Callable[..., Weights]

PLAIN = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}
GATED = {"W_enc": (D, F), "b_gate": (F,), "b_mag": (F,), "r_mag": (F,), "W_dec": (F, D), "b_dec": (D,)}
JUMP = {**PLAIN, "threshold": (F,)}
ACROSS = {**PLAIN, "W_dec": (F, D_OUT), "b_dec": (D_OUT,)}
SKIP = {"W_skip": (D_OUT, D)}

METADATA = {
    "sae_lens_version": "6.12.0",
    "model_name": "gpt2",
    "hook_name": "blocks.3.hook_resid_post",
    "context_size": 128,
    "prepend_bos": True,
    "dataset_path": "some/texts",
}
SIX = {"d_in": D, "d_sae": F, "dtype": "float32", "device": "cpu", "metadata": METADATA}
TRANSCODER = {"d_out": D_OUT, "apply_b_dec_to_input": False}
FIVE = {
    "architecture": "standard",
    "d_in": D,
    "d_sae": F,
    "dtype": "torch.float32",
    "device": "cpu",
    "model_name": "gemma-2b",
    "hook_name": "blocks.6.hook_resid_post",
    "hook_layer": 6,
    "hook_head_index": None,
    "activation_fn_str": "relu",
    "activation_fn_kwargs": {},
    "apply_b_dec_to_input": True,
    "finetuning_scaling_factor": False,
    "sae_lens_training_version": "3.20.0",
    "prepend_bos": True,
    "dataset_path": "some/texts",
    "context_size": 1024,
    "dataset_trust_remote_code": True,
    "model_from_pretrained_kwargs": {"center_writing_weights": False},
    "normalize_activations": "none",
}
THREE = {
    "model_name": "gpt2-small",
    "hook_point": "blocks.8.hook_resid_pre",
    "hook_point_layer": 8,
    "hook_point_head_index": None,
    "dataset_path": "some/texts",
    "context_size": 128,
    "d_in": D,
    "d_sae": F,
    "expansion_factor": 32,
    "dtype": "torch.float32",
    "device": "cpu",
    "normalize_activations": False,
}
FILES: dict[str, tuple[dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "6 standard": ({**SIX, "architecture": "standard"}, PLAIN),
    "6 standard, b_dec not in the input": ({**SIX, "architecture": "standard", "apply_b_dec_to_input": False}, PLAIN),
    "6 topk": ({**SIX, "architecture": "topk", "k": K}, PLAIN),
    "6 topk, rescaled": ({**SIX, "architecture": "topk", "k": K, "rescale_acts_by_decoder_norm": True}, PLAIN),
    "6 jumprelu": ({**SIX, "architecture": "jumprelu"}, JUMP),
    "6 gated": ({**SIX, "architecture": "gated"}, GATED),
    "6 transcoder": ({**SIX, **TRANSCODER, "architecture": "transcoder"}, ACROSS),
    "6 skip_transcoder": ({**SIX, **TRANSCODER, "architecture": "skip_transcoder"}, {**ACROSS, **SKIP}),
    "6 jumprelu_transcoder": (
        {**SIX, **TRANSCODER, "architecture": "jumprelu_transcoder"},
        {**ACROSS, "threshold": (F,)},
    ),
    "6 jumprelu_skip_transcoder": (
        {**SIX, **TRANSCODER, "architecture": "jumprelu_skip_transcoder"},
        {**ACROSS, **SKIP, "threshold": (F,)},
    ),
    **{
        f"6 {name}, {kind}": ({**SIX, "architecture": name, "k": K, "normalize_activations": kind}, shapes)
        for kind in ("layer_norm", "constant_norm_rescale")
        for name, shapes in (("standard", PLAIN), ("topk", PLAIN), ("jumprelu", JUMP), ("gated", GATED))
    },
    "5 standard": (FIVE, PLAIN),
    "5 topk": ({**FIVE, "activation_fn_str": "topk", "activation_fn_kwargs": {"k": K}}, PLAIN),
    "5 jumprelu": ({**FIVE, "architecture": "jumprelu", "apply_b_dec_to_input": False}, JUMP),
    "5 gated": ({**FIVE, "architecture": "gated"}, GATED),
    "5 standard, layer_norm": ({**FIVE, "normalize_activations": "layer_norm"}, PLAIN),
    "4 topk named activation_fn": ({**FIVE, "activation_fn": "topk", "activation_fn_kwargs": {"k": K}}, PLAIN),
    "3 standard": (THREE, PLAIN),
    "3 standard with factors of one": (THREE, {**PLAIN, "scaling_factor": (F,)}),
}
del FILES["4 topk named activation_fn"][0]["activation_fn_str"]


def written(folder: Path, config: dict[str, Any], tensors: Weights) -> Path:
    if "scaling_factor" in tensors:
        tensors["scaling_factor"] = torch.ones(F)
    (folder / "cfg.json").write_text(json.dumps(config))
    save_file(tensors, folder / "sae_weights.safetensors")
    return folder


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", FILES)
def test_latents_and_reconstruction_equal_sae_lens(name: str, weights: Draw, rows: torch.Tensor, tmp_path: Path):
    config, shapes = FILES[name]
    sae = read(written(tmp_path, config, weights(**shapes)))
    theirs = sae_lens.SAE.load_from_disk(tmp_path)
    reconstruction, latents = sae.reconstruct(rows)
    with torch.no_grad():
        expected = theirs.encode(rows)
        assert 0 < int((expected > 0).sum()) < expected.numel()
        close(latents, expected)
        close(sae.encode(rows), expected)
        close(reconstruction, theirs(rows))


TRAINING = {
    "batchtopk": ("BatchTopKTrainingSAE", {"k": 4.0}),
    "batchtopk, rescaled": ("BatchTopKTrainingSAE", {"k": 4.0, "rescale_acts_by_decoder_norm": True}),
    "matryoshka_batchtopk": ("MatryoshkaBatchTopKTrainingSAE", {"k": 4.0, "matryoshka_widths": [9, F]}),
}


@pytest.mark.parametrize("name", TRAINING)
def test_an_sae_saved_in_training_is_what_sae_lens_makes_of_it_at_the_end(
    name: str, weights: Draw, rows: torch.Tensor, tmp_path: Path
):
    class_name, settings = TRAINING[name]
    settings = {"rescale_acts_by_decoder_norm": False, **settings}
    config_class = getattr(sae_lens, class_name + "Config")
    training = getattr(sae_lens, class_name)(config_class(d_in=D, d_sae=F, **settings))
    drawn = weights(**PLAIN)
    training.load_state_dict({**drawn, "topk_threshold": torch.tensor(0.9, dtype=torch.float64)})
    training.save_model(tmp_path / "now")
    training.save_inference_model(tmp_path / "at_the_end")
    sae = read(tmp_path / "now")
    assert isinstance(sae.architecture, Matryoshka if "matryoshka" in name else BatchTopK)
    assert sae.architecture.k == K
    theirs = sae_lens.SAE.load_from_disk(tmp_path / "at_the_end")
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))
        close(sae.reconstruct(rows)[0], theirs(rows))


def test_a_threshold_that_training_never_set_is_refused(weights: Draw, tmp_path: Path):
    config = {**SIX, "architecture": "batchtopk", "k": 4.0, "rescale_acts_by_decoder_norm": False}
    written(tmp_path, config, {**weights(**PLAIN), "topk_threshold": torch.tensor(0.0, dtype=torch.float64)})
    with pytest.raises(GatekitError, match=r"a threshold of 0\.0: training never set it"):
        read(tmp_path)


def test_thresholds_in_bfloat16_are_the_numbers_that_the_file_holds(weights: Draw, rows: torch.Tensor, tmp_path: Path):
    tensors = {name: value.bfloat16() for name, value in weights(**JUMP).items()}
    sae = read(written(tmp_path, {**SIX, "architecture": "jumprelu"}, tensors))
    assert torch.equal(sae.parameters["threshold"], tensors["threshold"].float())
    assert sae.stated.stored_as == "bfloat16"
    theirs = sae_lens.SAE.load_from_disk(tmp_path, dtype="float32")
    with torch.no_grad():
        close(sae.encode(rows), theirs.encode(rows))


@pytest.mark.parametrize("normalisation", ["none", "layer_norm"])
def test_an_attention_sae_reads_all_heads_as_one_row(
    normalisation: str, weights: Draw, rows: torch.Tensor, tmp_path: Path
):
    config = {**FIVE, "hook_name": "blocks.5.attn.hook_z", "normalize_activations": normalisation}
    sae = read(written(tmp_path, config, weights(**PLAIN)))
    assert sae.stated.flat_heads
    by_head = rows.unflatten(1, (3, 4))
    theirs = sae_lens.SAE.load_from_disk(tmp_path)
    with torch.no_grad():
        close(sae.encode(by_head.flatten(-2)), theirs.encode(by_head))
        close(sae.reconstruct(by_head.flatten(-2))[0], theirs(by_head).flatten(-2))


@pytest.mark.parametrize(
    ("config", "model", "hook", "layer", "context"),
    [
        ({**SIX, "architecture": "standard"}, "gpt2", "blocks.3.hook_resid_post", None, 128),
        (FIVE, "gemma-2b", "blocks.6.hook_resid_post", 6, 1024),
        (THREE, "gpt2-small", "blocks.8.hook_resid_pre", 8, 128),
    ],
)
def test_what_each_version_says_of_the_use_is_kept(
    config: dict[str, Any], model: str, hook: str, layer: int | None, context: int, weights: Draw, tmp_path: Path
):
    stated = read(written(tmp_path, config, weights(**PLAIN))).stated
    assert (stated.model, stated.hook, stated.layer, stated.context_size) == (model, hook, layer, context)
    assert stated.normalisation == "none"
    assert stated.said_by == ("cfg.json",)
    assert stated.dataset == "some/texts"


def test_a_file_without_a_version_still_says_of_which_model_it_is(weights: Draw, tmp_path: Path):
    metadata = {name: value for name, value in METADATA.items() if name != "sae_lens_version"}
    stated = read(written(tmp_path, {**SIX, "architecture": "standard", "metadata": metadata}, weights(**PLAIN))).stated
    assert (stated.model, stated.hook) == ("gpt2", "blocks.3.hook_resid_post")


def test_what_a_file_does_not_say_is_not_made_up(weights: Draw, tmp_path: Path):
    config = {**SIX, "architecture": "standard", "metadata": {"sae_lens_version": "6.0.0"}}
    stated = read(written(tmp_path, config, weights(**PLAIN))).stated
    assert (stated.model, stated.hook, stated.prepend_bos, stated.context_size) == (None, None, None, None)


def test_how_the_model_was_loaded_and_the_place_in_its_modules_are_kept(weights: Draw, tmp_path: Path):
    metadata = {
        **METADATA,
        "prepend_bos": False,
        "hf_hook_name": "model.layers.3",
        "model_from_pretrained_kwargs": {"a": 1},
    }
    stated = read(written(tmp_path, {**SIX, "architecture": "standard", "metadata": metadata}, weights(**PLAIN))).stated
    assert (stated.prepend_bos, stated.module, stated.model_settings) == (False, "model.layers.3", {"a": 1})


@pytest.mark.parametrize(
    ("stated", "positions"),
    [
        (None, None),
        ([None], None),
        ([0, None], None),
        ([0, 128], None),
        ([None, None, 1], None),
        ([1, None], slice(1, None)),
        ([64], slice(64)),
        ([0, 128, 2], slice(0, 128, 2)),
        ([None, -1], slice(None, -1)),
    ],
)
def test_the_positions_that_it_was_trained_on_are_kept_where_they_are_not_all(
    stated: list[int | None] | None, positions: slice | None, weights: Draw, tmp_path: Path
):
    metadata = {**METADATA, "context_size": 128, "seqpos_slice": stated}
    sae = read(written(tmp_path, {**SIX, "architecture": "standard", "metadata": metadata}, weights(**PLAIN)))
    assert sae.stated.positions == positions


def test_the_oldest_files_give_the_number_of_latents_by_expansion(weights: Draw, tmp_path: Path):
    config = {**THREE, "expansion_factor": 3}
    del config["d_sae"]
    sae = read(written(tmp_path, config, weights(W_enc=(D, 36), b_enc=(36,), W_dec=(36, D), b_dec=(D,))))
    assert sae.architecture.d_sae == 36


@pytest.mark.parametrize("name", ["topk", "jumprelu"])
def test_a_normalised_token_leaves_the_architecture_with_its_k(name: str, weights: Draw, tmp_path: Path):
    config = {**SIX, "architecture": name, "k": K, "normalize_activations": "layer_norm"}
    architecture = read(written(tmp_path, config, weights(**(JUMP if name == "jumprelu" else PLAIN)))).architecture
    assert isinstance(architecture, PerToken)
    assert architecture.k == (K if name == "topk" else None)


@pytest.mark.parametrize(
    ("changed", "shapes", "message"),
    [
        ({"architecture": "abstopk", "k": 4}, PLAIN, "architecture 'abstopk' is not known here"),
        ({"architecture": "matching_pursuit"}, PLAIN, "architecture 'matching_pursuit' is not known here"),
        ({"normalize_activations": "covariance_whitening"}, PLAIN, "'covariance_whitening', which is not read"),
        (
            {**TRANSCODER, "architecture": "transcoder", "normalize_activations": "layer_norm"},
            ACROSS,
            "'layer_norm', which is not read of a transcoder",
        ),
        (
            {**TRANSCODER, "architecture": "transcoder", "apply_b_dec_to_input": True},
            ACROSS,
            "'apply_b_dec_to_input' is true of a transcoder",
        ),
        ({"reshape_activations": "hook_z"}, PLAIN, "'reshape_activations' is 'hook_z' at hook 'blocks.3"),
        ({"apply_b_dec_to_input": "no"}, PLAIN, "'apply_b_dec_to_input' is 'no' and neither true nor false"),
        ({"metadata": {**METADATA, "prepend_bos": 1}}, PLAIN, "'prepend_bos' is 1 and neither true nor false"),
        ({"metadata": {**METADATA, "context_size": "128"}}, PLAIN, "'context_size' is '128' and no whole number"),
        ({"metadata": {**METADATA, "seqpos_slice": "1:"}}, PLAIN, "'seqpos_slice' is '1:' and no list of start"),
        ({"metadata": {**METADATA, "seqpos_slice": [0, 9, 0]}}, PLAIN, "'seqpos_slice' is [0, 9, 0] and no list"),
        ({"metadata": {**METADATA, "seqpos_slice": [True]}}, PLAIN, "'seqpos_slice' is [True] and no list of start"),
        ({"architecture": "batchtopk", "k": 3.5}, {**PLAIN, "topk_threshold": ()}, "'k' is 3.5"),
        ({"architecture": "batchtopk", "k": 3}, {**PLAIN, "topk_threshold": ()}, "no 'rescale_acts_by_decoder_norm'"),
        (
            {"architecture": "matryoshka_batchtopk", "k": 3, "matryoshka_widths": [20, 9]},
            {**PLAIN, "topk_threshold": ()},
            "not increasing",
        ),
        ({}, {**PLAIN, "scaling_factor": (F,), "extra": ()}, "tensor 'extra'"),
        ({}, {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D)}, "no tensor 'b_dec'"),
        ({}, {f"_orig_mod.{name}": shape for name, shape in PLAIN.items()}, "save the weights without '_orig_mod.'"),
    ],
)
def test_what_is_not_read_is_one_line_with_the_file(
    changed: dict[str, Any], shapes: dict[str, tuple[int, ...]], message: str, weights: Draw, tmp_path: Path
):
    written(tmp_path, {**SIX, "architecture": "standard", **changed}, weights(**shapes))
    with pytest.raises(GatekitError) as caught:
        read(tmp_path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_factors_that_are_not_one_are_refused(weights: Draw, tmp_path: Path):
    written(tmp_path, THREE, weights(**PLAIN))
    save_file({**weights(**PLAIN), "scaling_factor": torch.full((F,), 1.1)}, tmp_path / "sae_weights.safetensors")
    with pytest.raises(GatekitError, match="'scaling_factor' is not all ones"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "ae.pt", "adapter_model.safetensors", "old.pkl.gz"])
def test_a_second_file_of_weights_is_refused(name: str, weights: Draw, tmp_path: Path):
    written(tmp_path, {**SIX, "architecture": "standard"}, weights(**PLAIN))
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(GatekitError, match=f"{name}: a second file of weights beside sae_weights.safetensors"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["sparsity.safetensors", "trainer_state.pt"])
def test_what_sae_lens_writes_beside_the_weights_is_left_alone(name: str, weights: Draw, tmp_path: Path):
    written(tmp_path, {**SIX, "architecture": "topk", "k": K}, weights(**PLAIN))
    (tmp_path / name).write_bytes(b"")
    assert read(tmp_path).architecture == TopK(D, F, K, 0)


def test_a_jumprelu_transcoder_is_no_sae_and_cannot_be_trained(weights: Draw, tmp_path: Path):
    config = {**SIX, **TRANSCODER, "architecture": "jumprelu_transcoder"}
    sae = read(written(tmp_path, config, weights(**ACROSS, threshold=(F,))))
    assert sae.architecture == JumpReLUTranscoder(D, D_OUT, F)
    with pytest.raises(ValueError, match="'jump_relu_transcoder' is read from a file; none is started or trained"):
        sae.architecture.initial(torch.Generator(), torch.zeros(D_OUT))
