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
from runners.subjects.model_files import find_model

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


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_more_tokens_than_the_model_has_positions_are_refused_with_both_named(made, tmp_path, capsys, family):
    text = TINY.format(model=made[family], tokens=POSITIONS + 1)
    assert random_model.main(arguments(tmp_path, text)) == 4
    said = capsys.readouterr().err
    assert "tiny.yaml:7:24" in said
    assert f"{POSITIONS + 1} tokens are more than the {POSITIONS} positions of {family}" in said
    assert not list((tmp_path / "cache").glob("activations/*"))


def test_a_changed_configuration_misses_the_cache(model, tmp_path):
    text = TINY.format(model=model, tokens=32)
    assert random_model.main(arguments(tmp_path, text, "before")) == 0
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.5}))
    assert random_model.main(arguments(tmp_path, text, "after")) == 0
    before, after = (json.loads((tmp_path / out / "random_model.json").read_text()) for out in ("before", "after"))
    assert before["subject"]["model"]["digest"] != after["subject"]["model"]["digest"]
    assert before["measurements"]["r2"]["columns"] != after["measurements"]["r2"]["columns"]
