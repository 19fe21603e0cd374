"""SAEs that are published as bare state dicts: read by a description, they compute what SAELens makes of the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.saes.formats.any_format import read_sae

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore::UserWarning")]

D, F, K = 12, 40, 4
GOODFIRE = {
    "encoder_linear.weight": (F, D),
    "encoder_linear.bias": (F,),
    "decoder_linear.weight": (D, F),
    "decoder_linear.bias": (D,),
}
DEEPSEEK = {"encoder.weight": (F, D), "encoder.bias": (F,), "decoder.weight": (D, F), "decoder.bias": (D,)}
QWEN = {"W_enc": (F, D), "b_enc": (F,), "W_dec": (D, F), "b_dec": (D,)}
LINEAR = (
    "{{W_enc: {0}encoder{1}.weight.T, b_enc: {0}encoder{1}.bias, W_dec: {0}decoder{1}.weight.T, "
    "b_dec: {0}decoder{1}.bias}}"
)
PUBLISHED: dict[str, tuple[str, str, str, dict[str, tuple[int, ...]], str, dict[str, Any]]] = {
    # name: repository, file, SAELens's loader, tensors, what the description says, what SAELens has written down
    "Goodfire": (
        "Goodfire/Llama-3.1-8B-Instruct-SAE-l19",
        "Llama-3.1-8B-Instruct-SAE-l19.pth",
        "get_goodfire_huggingface_loader",
        GOODFIRE,
        "activation: relu\ntensors: " + LINEAR.format("", "_linear"),
        {"d_in": D, "d_sae": F},
    ),
    "DeepSeek R1": (
        "qresearch/DeepSeek-R1-Distill-Llama-8B-SAE-l19",
        "DeepSeek-R1-Distill-Llama-8B-SAE-l19.pt",
        "deepseek_r1_sae_huggingface_loader",
        DEEPSEEK,
        "activation: relu\ntensors: " + LINEAR.format("", ""),
        {"d_in": D, "d_sae": F},
    ),
    "Qwen Scope": (
        "Qwen/SAE-Res-Qwen3-1.7B-Base-W32K-L0_50",
        "layer7.sae.pt",
        "qwen_scope_sae_huggingface_loader",
        QWEN,
        "activation: topk\nk: 4\ntensors: {W_enc: W_enc.T, b_enc: b_enc, W_dec: W_dec.T, b_dec: b_dec}",
        {"d_in": D, "d_sae": F, "activation_fn_kwargs": {"k": K}},
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_published_as_a_state_dict_is_read_by_its_description(
    name: str,
    weights: Callable[..., dict[str, torch.Tensor]],
    rows: torch.Tensor,
    sae_lens_reads: Callable[..., Any],
    tmp_path: Path,
):
    repository, file, loader, shapes, lines, overrides = PUBLISHED[name]
    torch.save(weights(**shapes), tmp_path / file)
    text = f"schema: gatekit.sae/1\nweights: {file}\n{lines}\nb_dec_on_input: false\nnormalisation: none\n"
    (tmp_path / "sae.yaml").write_text(text)
    sae = read_sae(tmp_path)
    theirs = sae_lens_reads(loader, tmp_path, repository, file, **overrides)
    with torch.no_grad():
        expected = theirs.encode(rows)
        assert 0 < int((expected > 0).sum()) < expected.numel()
        torch.testing.assert_close(sae.encode(rows), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(sae.reconstruct(rows)[0], theirs(rows), rtol=1e-5, atol=1e-5)
