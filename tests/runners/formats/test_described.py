"""A plain state dict under any names, by the YAML file that says what its tensors are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.saes.batch_topk import BatchTopK
from runners.saes.formats.any_format import read_sae
from runners.saes.gated import Gated
from runners.saes.given.group_max import GroupMax
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.given.per_token import PerToken
from runners.saes.jump_relu import JumpReLU
from runners.saes.relu import ReLU
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder

pytestmark = pytest.mark.runners

D, F, K, D_OUT = 12, 40, 4, 7
TEN_LINES = """\
schema: gatekit.sae/1
weights: sae.pt
activation: topk
k: 4
tensors: {W_enc: encoder.weight.T, b_enc: encoder.bias, W_dec: decoder.weight.T, b_dec: bias}
b_dec_on_input: true
normalisation: none
model: EleutherAI/pythia-70m
hook: blocks.3.hook_resid_post
context_size: 1024
"""
LINEAR = {"encoder.weight": (F, D), "encoder.bias": (F,), "decoder.weight": (D, F), "bias": (D,)}
CANONICAL = "{W_enc: W_enc, b_enc: b_enc, W_dec: W_dec, b_dec: b_dec}"
Weights = dict[str, torch.Tensor]
Draw = Callable[..., Weights]


def described(folder: Path, text: str, tensors: Weights, name: str = "sae.pt") -> Path:
    (folder / "sae.yaml").write_text(text)
    if name.endswith(".safetensors"):
        save_file(tensors, folder / name)
    elif name.endswith(".npz"):
        np.savez(folder / name, **{key: value.numpy() for key, value in tensors.items()})
    else:
        torch.save(tensors, folder / name)
    return folder


def changed(*pairs: tuple[str, str]) -> str:
    text = TEN_LINES
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def by_hand(t: Weights, x: torch.Tensor, on_input: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    pre = ((x - t["bias"] if on_input else x) @ t["encoder.weight"].T + t["encoder.bias"]).clamp_min(0)
    latents = pre * (pre >= pre.sort(dim=1, descending=True).values[:, K - 1 : K])
    return latents, latents @ t["decoder.weight"].T + t["bias"]


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["sae.pt", "sae.pth", "pytorch_model.bin", "model.safetensors", "params.NPZ.npz"])
def test_ten_lines_are_enough_for_any_kind_of_file(name: str, weights: Draw, rows: torch.Tensor, tmp_path: Path):
    tensors = weights(**LINEAR)
    sae = read_sae(described(tmp_path, changed(("sae.pt", name)), tensors, name))
    assert sae.architecture == TopK(D, F, K, 0)
    latents, reconstruction = by_hand(tensors, rows)
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], reconstruction)
    assert sae.stated.format == "described"
    assert (sae.stated.model, sae.stated.hook) == ("EleutherAI/pythia-70m", "blocks.3.hook_resid_post")
    assert (sae.stated.context_size, sae.stated.prepend_bos) == (1024, None)


def test_the_description_itself_may_be_named(weights: Draw, tmp_path: Path):
    described(tmp_path, TEN_LINES, weights(**LINEAR))
    (tmp_path / "sae.yaml").rename(tmp_path / "mine.yml")
    assert read_sae(tmp_path / "mine.yml").architecture == TopK(D, F, K, 0)


def test_b_dec_may_be_left_out_of_the_input(weights: Draw, rows: torch.Tensor, tmp_path: Path):
    tensors = weights(**LINEAR)
    sae = read_sae(described(tmp_path, changed(("input: true", "input: false")), tensors))
    close(sae.encode(rows), by_hand(tensors, rows, on_input=False)[0])


def test_a_square_matrix_is_turned_only_where_it_says_so(weights: Draw, tmp_path: Path):
    tensors = weights(**{"encoder.weight": (D, D), "encoder.bias": (D,), "decoder.weight": (D, D), "bias": (D,)})
    sae = read_sae(described(tmp_path, changed(("decoder.weight.T", "decoder.weight")), tensors))
    assert torch.equal(sae.parameters["W_enc"], tensors["encoder.weight"].T)
    assert torch.equal(sae.parameters["W_dec"], tensors["decoder.weight"])


def test_inputs_may_be_multiplied_by_a_number(weights: Draw, rows: torch.Tensor, tmp_path: Path):
    tensors = weights(**LINEAR)
    sae = read_sae(described(tmp_path, changed(("normalisation: none", "normalisation: 0.25")), tensors))
    latents, reconstruction = by_hand(tensors, rows * 0.25)
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], reconstruction / 0.25)


@pytest.mark.parametrize("kind", ["layer_norm", "constant_norm_rescale"])
def test_each_token_may_be_normalised(kind: str, weights: Draw, rows: torch.Tensor, tmp_path: Path):
    tensors = weights(**LINEAR)
    sae = read_sae(described(tmp_path, changed(("normalisation: none", f"normalisation: {kind}")), tensors))
    assert isinstance(sae.architecture, PerToken)
    if kind == "layer_norm":
        centre, spread = rows.mean(dim=1, keepdim=True), rows.std(dim=1, keepdim=True)
        latents, reconstruction = by_hand(tensors, (rows - centre) / (spread + 1e-5))
    else:
        centre, spread = torch.zeros(len(rows), 1), rows.norm(dim=1, keepdim=True) / D**0.5
        latents, reconstruction = by_hand(tensors, rows / spread)
    close(sae.encode(rows), latents)
    close(sae.reconstruct(rows)[0], reconstruction * spread + centre)


def test_a_state_dict_may_be_one_entry_of_a_file(weights: Draw, tmp_path: Path):
    folder = described(tmp_path, TEN_LINES + "within: model_state_dict\n", {})
    torch.save({"step": 3, "model_state_dict": weights(**LINEAR)}, folder / "sae.pt")
    assert read_sae(folder).architecture == TopK(D, F, K, 0)


def test_shards_are_read_together(weights: Draw, rows: torch.Tensor, tmp_path: Path):
    tensors = weights(**LINEAR)
    whole = read_sae(described(tmp_path, TEN_LINES, tensors)).encode(rows)
    (tmp_path / "sae.yaml").write_text(changed(("sae.pt", "model.safetensors.index.json")))
    sharded(tmp_path, tensors)
    assert torch.equal(read_sae(tmp_path).encode(rows), whole)


def sharded(folder: Path, tensors: Weights) -> dict[str, str]:
    places = {name: f"model-0000{1 + (name == 'bias')}-of-00002.safetensors" for name in tensors}
    for place in set(places.values()):
        save_file({name: tensors[name] for name in tensors if places[name] == place}, folder / place)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return places


def test_a_missing_shard_is_named(weights: Draw, tmp_path: Path):
    (tmp_path / "sae.yaml").write_text(changed(("sae.pt", "model.safetensors.index.json")))
    sharded(tmp_path, weights(**LINEAR))
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(GatekitError, match=r"the shard 'model-00002-of-00002\.safetensors' is not beside it"):
        read_sae(tmp_path)


def test_a_tensor_that_is_not_in_its_shard_is_named(weights: Draw, tmp_path: Path):
    (tmp_path / "sae.yaml").write_text(changed(("sae.pt", "model.safetensors.index.json")))
    sharded(tmp_path, weights(**LINEAR))
    save_file({"other": torch.ones(1)}, tmp_path / "model-00002-of-00002.safetensors")
    with pytest.raises(
        GatekitError, match=r"tensor 'other', which model\.safetensors\.index\.json does not place here"
    ):
        read_sae(tmp_path)


PLAIN = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}
ACROSS = {**PLAIN, "W_dec": (F, D_OUT), "b_dec": (D_OUT,)}
NAMED = "{W_enc: W_enc, b_enc: b_enc, W_dec: W_dec, b_dec: b_dec"
KINDS: dict[str, tuple[str, dict[str, tuple[int, ...]], Any]] = {
    "relu": (f"activation: relu\ntensors: {NAMED}}}\nb_dec_on_input: true", PLAIN, ReLU(D, F, None)),
    "jump_relu, a tensor": (
        f"activation: jump_relu\ntensors: {NAMED}, threshold: own_threshold}}\nb_dec_on_input: false",
        {**PLAIN, "own_threshold": (F,)},
        JumpReLU(D, F, None),
    ),
    "jump_relu, a number": (
        f"activation: jump_relu\nthreshold: 0.5\ntensors: {NAMED}}}\nb_dec_on_input: true",
        PLAIN,
        JumpReLU(D, F, None),
    ),
    "batch_topk, a tensor": (
        f"activation: batch_topk\nk: 4\ntensors: {NAMED}, threshold: threshold}}\nb_dec_on_input: true",
        {**PLAIN, "threshold": ()},
        BatchTopK(D, F, K, 0),
    ),
    "batch_topk, a number": (
        f"activation: batch_topk\nk: 4\nthreshold: 1\ntensors: {NAMED}}}\nb_dec_on_input: true",
        PLAIN,
        BatchTopK(D, F, K, 0),
    ),
    "gated": (
        "activation: gated\ntensors: {W_enc: W_enc, b_gate: g, b_mag: m, r_mag: r, W_dec: W_dec, b_dec: b_dec}\n"
        "b_dec_on_input: true",
        {"W_enc": (D, F), "g": (F,), "m": (F,), "r": (F,), "W_dec": (F, D), "b_dec": (D,)},
        Gated(D, F, None),
    ),
    "group_max": (
        f"activation: group_max\nk: 4\ntensors: {NAMED}}}\nb_dec_on_input: true",
        PLAIN,
        GroupMax(D, F, K),
    ),
    "relu transcoder": (
        f"activation: relu\ntranscoder: true\ntensors: {NAMED}, W_skip: W_skip}}",
        {**ACROSS, "W_skip": (D_OUT, D)},
        Transcoder(D, D_OUT, F, F, 0, skip=True),
    ),
    "topk transcoder": (
        f"activation: topk\nk: 4\ntranscoder: true\ntensors: {NAMED}}}",
        ACROSS,
        Transcoder(D, D_OUT, F, K, 0),
    ),
    "jump_relu transcoder": (
        f"activation: jump_relu\nthreshold: 0.5\ntranscoder: true\ntensors: {NAMED}}}",
        ACROSS,
        JumpReLUTranscoder(D, D_OUT, F),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_activation_can_be_described(name: str, weights: Draw, rows: torch.Tensor, tmp_path: Path):
    lines, shapes, architecture = KINDS[name]
    text = f"schema: gatekit.sae/1\nweights: sae.pt\nnormalisation: none\n{lines}\n"
    sae = read_sae(described(tmp_path, text, weights(**shapes)))
    assert sae.architecture == architecture
    assert sae.reconstruct(rows)[0].shape == (len(rows), sae.parameters["b_dec"].shape[0])
    if "a number" in name:
        assert bool((sae.parameters["threshold"] == (0.5 if "jump" in name else 1)).all())


def test_a_bias_that_the_sae_has_not_is_zero(weights: Draw, tmp_path: Path):
    tensors = weights(**LINEAR)
    del tensors["encoder.bias"]
    sae = read_sae(described(tmp_path, changed(("b_enc: encoder.bias", "b_enc: none")), tensors))
    assert not sae.parameters["b_enc"].any()


def test_tensors_that_are_no_part_of_the_sae_are_named_as_unused(weights: Draw, tmp_path: Path):
    tensors = {**weights(**LINEAR), "step": torch.tensor(3)}
    assert read_sae(described(tmp_path, TEN_LINES + "unused: [step]\n", tensors)).architecture == TopK(D, F, K, 0)


@pytest.mark.parametrize(
    ("pairs", "line", "message"),
    [
        ([(": topk", ": tanh")], 3, "activation 'tanh'; known: relu, topk, batch_topk, jump_relu, gated, group_max"),
        ([("k: 4\n", "")], 3, "activation 'topk' without 'k'"),
        ([("k: 4", "k: 41")], 4, "k=41 of d_sae=40 latents"),
        ([("k: 4", "k: four")], 4, "'k' is 'four'"),
        ([("k: 4", "k: true")], 4, "'k' is True"),
        ([(": topk", ": relu")], 4, "'k' of activation 'relu', which has none"),
        ([("k: 4", "k: 4\nthreshold: 1.0")], 5, "'threshold' of activation 'topk', which has none"),
        ([(": topk", ": batch_topk")], 3, "activation 'batch_topk' without 'threshold', a number or a tensor"),
        ([("b_dec_on_input: true\n", "")], 1, "no 'b_dec_on_input'"),
        ([("normalisation: none\n", "")], 1, "no 'normalisation'"),
        ([("normalisation: none", "normalisation: batch")], 7, "normalisation 'batch' is not read"),
        ([("normalisation: none", "normalisation: -1")], 7, "normalisation -1 is not read"),
        ([("context_size", "contextsize")], 10, "unknown key 'contextsize'; did you mean 'context_size'?"),
        ([("gatekit.sae/1", "gatekit.sae/2")], 1, "schema 'gatekit.sae/2'; known: gatekit.sae/1"),
        ([("true", "true\ntranscoder: true")], 6, "'b_dec_on_input' of a transcoder"),
        ([("W_dec: decoder.weight.T, ", "")], 5, "no 'W_dec' under 'tensors'"),
        (
            [("W_dec: decoder.weight.T", "W_dec: bias"), ("none", "none\nunused: [decoder.weight]")],
            5,
            "'W_dec' is no matrix",
        ),
        ([("b_dec: bias", "b_dec: 3")], 5, "'b_dec' under 'tensors' is 3 and no name"),
    ],
)
def test_a_description_that_is_none_is_refused_with_its_line(
    pairs: list[tuple[str, str]], line: int, message: str, weights: Draw, tmp_path: Path
):
    described(tmp_path, changed(*pairs), weights(**LINEAR))
    with pytest.raises(GatekitError) as caught:
        read_sae(tmp_path)
    assert message in str(caught.value)
    assert f"sae.yaml:{line}:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ({"bias": None}, "sae.pt: no tensor 'bias'; it holds 'encoder.weight', 'encoder.bias', 'decoder.weight'"),
        ({"step": torch.ones(1)}, "sae.pt: tensor 'step' is neither under 'tensors' nor under 'unused' of "),
        ({"bias": torch.ones(D + 1)}, "tensor 'b_dec' of shape (13,) where the configuration says (12,)"),
        ({"bias": torch.full((D,), torch.nan)}, "'b_dec' is not finite"),
        ({"inner": {"a": 1}}, "'inner' is dict and no tensor (its state dict may be one entry: name that as 'within')"),
    ],
)
def test_weights_that_are_not_what_is_described_are_refused_with_the_tensor(
    rest: dict[str, Any], message: str, weights: Draw, tmp_path: Path
):
    tensors = {name: value for name, value in {**weights(**LINEAR), **rest}.items() if value is not None}
    with pytest.raises(GatekitError) as caught:
        read_sae(described(tmp_path, TEN_LINES, tensors))
    assert message in str(caught.value)


def test_names_with_a_prefix_are_not_taken_for_others(weights: Draw, tmp_path: Path):
    tensors = {f"_orig_mod.{name}": value for name, value in weights(**LINEAR).items()}
    with pytest.raises(GatekitError, match=r"no tensor 'encoder\.weight'; it holds '_orig_mod\.encoder\.weight'"):
        read_sae(described(tmp_path, TEN_LINES, tensors))


@pytest.mark.parametrize("name", ["sae.pkl", "sae.pkl.gz", "nowhere.pt"])
def test_a_pickle_or_a_missing_file_is_refused(name: str, weights: Draw, tmp_path: Path):
    described(tmp_path, changed(("sae.pt", name)), weights(**LINEAR))
    if "pkl" in name:
        (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(GatekitError, match="pickles are not read" if "pkl" in name else "no such file"):
        read_sae(tmp_path)
