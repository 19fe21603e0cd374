"""What a summary names as its model is what was loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import POSITIONS, make_tiny_model
from tiny_stage import arguments

from gatekit.errors import GatekitError
from gatekit.evidence.model_digest import model_sha256
from runners.stages.random_model import stage as random_model
from runners.subjects.language_model import load, load_reinitialised
from runners.subjects.model_files import find_model, positions_of

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

TEXTS = [f"the {noun} of the {other} is far" for noun in ("cat", "dog", "sea", "red") for other in ("king", "moon")]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {family: make_tiny_model(family, folder / family, TEXTS).folder for family in ("gpt2", "llama")}


@pytest.fixture
def model(made, tmp_path) -> Path:
    return Path(shutil.copytree(made["llama"], tmp_path / "model"))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def save(folder: Path, tensors: dict[str, torch.Tensor], name: str = "model.safetensors") -> None:
    save_file(tensors, folder / name, metadata={"format": "pt"})


def refused(folder: Path) -> str:
    with pytest.raises(GatekitError) as caught:
        load(find_model("folder", str(folder)), "cpu")
    assert caught.value.exit_code == 4
    assert caught.value.error_id in ("runner.model_weights", "runner.model_unusable", "digest.unreadable")
    return caught.value.message


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_model_as_it_was_saved_is_loaded_tied_weights_included(made, family):
    assert load(find_model("folder", str(made[family])), "cpu").name == family


def test_the_packaged_encoder_whose_head_nobody_trained_is_loaded(minilm, minilm_files):
    assert minilm.digest == minilm_files.digest == model_sha256(minilm_files.folder)


@pytest.mark.parametrize("prefix", ["_orig_mod.", "base_model.model.", "module."])
def test_weights_whose_names_match_nothing_are_refused_naming_a_tensor_of_the_architecture(model, prefix):
    save(model, {prefix + name: value for name, value in weights(model).items()})
    said = refused(model)
    assert "the weights lack '" in said
    assert prefix not in said


@pytest.mark.parametrize(
    "name", ["model.layers.1.mlp.up_proj.weight", "model.norm.weight", "model.embed_tokens.weight"]
)
def test_a_tensor_that_is_missing_is_refused_by_name(model, name):
    tensors = weights(model)
    del tensors[name]
    save(model, tensors)
    assert f"'{name}'" in refused(model)


def test_a_causal_model_without_its_head_is_refused_unless_it_is_tied(model):
    tensors = weights(model)
    tensors.pop("lm_head.weight")
    save(model, tensors)
    assert "'lm_head.weight'" in refused(model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    assert load(find_model("folder", str(model)), "cpu").name == "model"


def test_a_tensor_of_a_layer_that_the_configuration_has_not_is_refused(model):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    assert "the weights hold 'model.layers.1." in refused(model)


def test_weights_of_another_shape_are_refused(model):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    assert "cannot be loaded" in refused(model) or "another shape" in refused(model)


def test_a_shard_that_is_missing_is_refused(model):
    tensors = weights(model)
    half = dict(list(tensors.items())[:5])
    rest = {name: value for name, value in tensors.items() if name not in half}
    (model / "model.safetensors").unlink()
    save(model, half, "model-00001-of-00002.safetensors")
    save(model, rest, "model-00002-of-00002.safetensors")
    table = {name: f"model-0000{1 if name in half else 2}-of-00002.safetensors" for name in tensors}
    (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": table}))
    assert load(find_model("folder", str(model)), "cpu").name == "model"
    (model / "model-00002-of-00002.safetensors").unlink()
    assert "'model-00002-of-00002.safetensors', which is not there" in refused(model)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_an_adapter_beside_the_weights_is_refused(model, name):
    (model / name).write_bytes(b"{}")
    assert f"'{name}' is an adapter" in refused(model)


def test_a_stray_file_of_weights_beside_a_pickle_is_refused(model):
    (model / "model.safetensors").rename(model / "other.safetensors")
    (model / "pytorch_model.bin").write_bytes(b"")
    assert "the weights are other.safetensors" in refused(model)


def test_a_second_file_of_weights_is_refused(model):
    save(model, {"x": torch.zeros(1)}, "ema.safetensors")
    assert "beside the weights lies 'ema.safetensors'" in refused(model)


def test_a_folder_of_pickles_alone_is_refused(model):
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "no safetensors weights" in refused(model)


def test_weights_that_the_configuration_takes_from_elsewhere_are_refused(model):
    save(model, weights(model), "model.safetensors.other")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "transformers_weights": "model.safetensors.other"}))
    assert "takes the weights from 'model.safetensors.other'" in refused(model)


@pytest.mark.parametrize("modules", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_no_finite_number_is_refused_by_the_name_of_its_tensor(model, modules, value):
    tensors = weights(model)
    tensors["model.layers.1.mlp.up_proj.weight"][3, 2] = value
    save(model, tensors)
    with pytest.raises(GatekitError, match=r"up_proj\.weight' holds values that are no finite numbers") as caught:
        load(find_model("folder", str(model)), "cpu", modules=modules)
    assert (caught.value.error_id, caught.value.exit_code) == ("runner.model_weights", 4)


def test_quantised_weights_without_their_scales_are_refused(model):
    tensors = weights(model)
    tensors["model.layers.0.mlp.up_proj.weight"] = tensors["model.layers.0.mlp.up_proj.weight"].to(torch.int8)
    save(model, tensors)
    assert "up_proj.weight' is of whole numbers (I8)" in refused(model)


@pytest.mark.parametrize("modules", [False, True])
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"num_attention_heads": 5}, "hidden size (32) is not a multiple of"),
        ({"num_hidden_layers": "2"}, "expected int, got str (value: '2')"),
        ({"architectures": ["GPT2LMHeadModel"]}, "transformer"),
    ],
)
def test_a_configuration_that_no_model_can_be_made_of_is_one_line_with_the_reason(model, changed, said, modules):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, **changed}))
    with pytest.raises(GatekitError) as caught:
        load(find_model("folder", str(model)), "cpu", modules=modules)
    assert said in caught.value.message
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("architecture", ["InternLM2ForCausalLM", "BaichuanForCausalLM", "OuroForCausalLM"])
def test_code_beside_the_weights_is_not_run(model, tmp_path, architecture):
    # TransformerLens imports these from the folder, whether or not anybody trusts it.
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "architectures": [architecture]}))
    for name in ("internlm2", "baichuan", "ouro"):
        (model / f"modeling_{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(GatekitError, match=f"is of the class {architecture}, which is code of its own") as caught:
        load(find_model("folder", str(model)), "cpu")
    assert (caught.value.error_id, caught.value.exit_code) == ("runner.model_code", 4)
    assert not (tmp_path / "ran").exists()


# Rows of the table of positions less those before the first token's, as each class of transformers numbers them.
LIMITS = [
    ({"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
    ({"model_type": "esm", "max_position_embeddings": 1026, "pad_token_id": 1}, 1024),
    ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
    ({"model_type": "xlm-roberta-xl", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
    ({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}, 512),
    ({"model_type": "opt", "max_position_embeddings": 2048, "pad_token_id": 1}, 2048),
    ({"model_type": "gpt2", "n_positions": 64, "n_ctx": 64}, 64),
    ({"model_type": "mpt", "max_seq_len": 80}, 80),
    ({"model_type": "rwkv", "context_length": 70}, 70),
    ({"model_type": "speech_to_text", "max_target_positions": 60}, 60),
    ({"model_type": "gemma3", "text_config": {"max_position_embeddings": 90}}, 90),
    ({"model_type": "gpt2"}, 1024),
    ({"model_type": "roberta"}, 510),
    ({"model_type": "t5"}, None),
    ({"model_type": "own"}, None),
]


@pytest.mark.parametrize(("config", "limit"), LIMITS)
def test_the_most_tokens_of_a_text_are_those_that_the_model_has_positions_for(tmp_path, config, limit):
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = positions_of(tmp_path)
    assert (found and found[1]) == limit


@pytest.mark.parametrize("family", ["MPNet", "Esm", "Roberta"])
def test_positions_that_begin_late_leave_as_many_as_the_model_itself_takes(tmp_path, family):
    import transformers

    config = getattr(transformers, f"{family}Config")(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=20,
        pad_token_id=1,
        mask_token_id=4,
    )
    network = getattr(transformers, f"{family}Model")(config).eval()
    config.save_pretrained(tmp_path)
    _, limit = positions_of(tmp_path)
    network(input_ids=torch.full((1, limit), 7))
    with pytest.raises((IndexError, RuntimeError)):
        network(input_ids=torch.full((1, limit + 1), 7))


def test_another_configuration_of_the_same_weights_is_another_model_and_another_twin(model):
    files = find_model("folder", str(model))
    before = files.digest, load_reinitialised(files, load(files, "cpu"), 0).digest
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    files = find_model("folder", str(model))
    after = files.digest, load_reinitialised(files, load(files, "cpu"), 0).digest
    assert before[0] != after[0]
    assert before[1] != after[1]


TINY = """\
threads: 1
seeds: [0, 1]
subject:
  model: {{source: folder, name: {model}}}
  hook: blocks.0.hook_resid_post
  d_model: 32
  max_tokens_per_text: {tokens}
texts: {{source: sae-probes, seed: 0, train_tokens: 400, held_out_tokens: 200}}
sae: {{architecture: topk, d_sae: 48, k: 4, auxiliary_k: 16}}
training: {{steps: 4, batch_tokens: 64, learning_rate: 2.0e-3, warmup_fraction: 0.1, decay_fraction: 0.2,
  auxiliary_coefficient: 0.03125, dead_after_tokens: 128, gradient_clip: 1.0, centre: mean}}
controls: {{random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}}
"""


@pytest.mark.parametrize("hook", ["blocks.0.hook_resid_post", "{module: {module}.0, output: 0}"])
@pytest.mark.parametrize(("family", "module"), [("gpt2", "transformer.h"), ("llama", "model.layers")])
def test_more_tokens_than_the_model_has_positions_are_refused_with_both_named(
    made, tmp_path, capsys, family, module, hook
):
    text = TINY.format(model=made[family], tokens=POSITIONS + 1)
    text = text.replace("blocks.0.hook_resid_post", hook.replace("{module}", module))
    assert random_model.main(arguments(tmp_path, text)) == 4
    said = capsys.readouterr().err
    assert "tiny.yaml:7:24" in said
    assert f"{POSITIONS + 1} tokens are more than the {POSITIONS} positions of {family}" in said
    assert not list((tmp_path / "cache").glob("activations/*"))


def test_a_tokeniser_s_file_beside_the_weights_changes_identity_and_misses_the_cache(model, tmp_path):
    text = TINY.format(model=model, tokens=32)
    assert random_model.main(arguments(tmp_path, text, "before")) == 0
    first = set((tmp_path / "cache").glob("activations/*"))
    (model / "source.spm").write_bytes(b"pieces")
    assert random_model.main(arguments(tmp_path, text, "after")) == 0
    before, after = (json.loads((tmp_path / out / "random_model.json").read_text()) for out in ("before", "after"))
    assert before["subject"]["model"]["digest"] != after["subject"]["model"]["digest"]
    assert len(set((tmp_path / "cache").glob("activations/*"))) == 2 * len(first) > 0


def test_a_further_chat_template_that_the_tokeniser_reads_is_part_of_the_model(model):
    from runners.subjects.module_network import tokenizer_of

    before = find_model("folder", str(model))
    (model / "additional_chat_templates").mkdir()
    (model / "additional_chat_templates" / "tool_use.jinja").write_text("{{ messages }}")
    after = find_model("folder", str(model))
    assert tokenizer_of(model).chat_template == {"tool_use": "{{ messages }}"}
    assert before.digest != after.digest == model_sha256(model)
    assert before.tokenizer_digest != after.tokenizer_digest


def test_a_changed_configuration_misses_the_cache(model, tmp_path):
    text = TINY.format(model=model, tokens=32)
    assert random_model.main(arguments(tmp_path, text, "before")) == 0
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.5}))
    assert random_model.main(arguments(tmp_path, text, "after")) == 0
    before, after = (json.loads((tmp_path / out / "random_model.json").read_text()) for out in ("before", "after"))
    assert before["subject"]["model"]["digest"] != after["subject"]["model"]["digest"]
    assert before["measurements"]["r2"]["columns"] != after["measurements"]["r2"]["columns"]
