"""One digest for a model on disk: the shell can compute it too."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from gatekit.errors import GatekitError
from gatekit.evidence.model_digest import model_sha256


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in {
        "model.safetensors": b"weights",
        "config.json": b'{"hidden_act": "silu"}',
        "tokenizer.json": b"{}",
        "special_tokens_map.json": b"{}",
        "README.md": b"words",
        "generation_config.json": b"{}",
    }.items():
        (folder / name).write_bytes(data)
    return folder


PAGE = Path(__file__).resolve().parents[2] / "docs" / "import.md"


def by_shell(folder: Path) -> str:
    """The digest as the documentation has it for a terminal."""
    (script,) = re.findall(r"^  ```sh\n(.*?)^  ```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout[:64]


def test_it_is_what_a_terminal_computes(model: Path) -> None:
    assert model_sha256(model) == by_shell(model)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "special_tokens_map.json"])
def test_each_file_that_decides_what_is_computed_changes_it(model: Path, name: str) -> None:
    before = model_sha256(model)
    (model / name).write_bytes(b"{}\n")
    assert model_sha256(model) != before


DECIDING_NOTHING = [
    *("README.md", ".gitattributes", "LICENSE", "generation_config.json", "training_args.bin", "trainer_state.json"),
    *("preprocessor_config.json", "sentence_bert_config.json", "model.onnx", "Tokenizer.md"),
    *("._tokenizer.model", ".config.json.swp", "._vocab.txt"),
    *("additional_chat_templates/notes.md", "additional_chat_templates/._tool_use.jinja", "other/tool_use.jinja"),
]


@pytest.mark.parametrize("name", DECIDING_NOTHING)
def test_a_file_that_decides_nothing_leaves_it(model: Path, name: str) -> None:
    before = model_sha256(model)
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(b"others")
    assert model_sha256(model) == before


# Every name in the tables VOCAB_FILES_NAMES of transformers 5.23, and what it reads beside them.
TOKENISERS = [
    *("vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
    *("tokenizer_config.json", "added_tokens.json", "entity_vocab.json", "target_vocab.json", "vocab-src.json"),
    *("bpe.codes", "dict.txt", "source.spm", "target.spm", "spm_char.model", "prophetnet.tokenizer", "emoji.json"),
    *("normalizer.json", "byte_maps.json", "word_shape.json", "word_pronunciation.json", "tekken.json"),
    *("tiktoken.model", "qwen.tiktoken", "chat_template.jinja", "chat_template.json"),
    "additional_chat_templates/tool_use.jinja",
]


@pytest.mark.parametrize("name", [*TOKENISERS, "config.4.30.0.json", "modeling_own.py"])
def test_a_file_that_is_added_to_what_is_computed_changes_it(model: Path, name: str) -> None:
    before = model_sha256(model)
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(b"{}")
    assert model_sha256(model) != before
    assert model_sha256(model) == by_shell(model)


BESIDE = {
    "weights of another library": {"pytorch_model.bin": "b", "pytorch_model.bin.index.json": "{}", "tf_model.h5": "t"},
    "the same weights under another name": {"consolidated.safetensors": "c", "consolidated.00.pth": "c"},
    "an index that is not read": {"model.safetensors.index.json": '{"weight_map": {"a": "model.safetensors"}}'},
    "a folder named as a tokeniser": {"tokenizer_old/tokenizer.json": "{}", "onnx/model.safetensors": "m"},
    "a name with a blank": {"my vocab.txt": "v"},
}


@pytest.mark.parametrize("case", BESIDE)
def test_whatever_lies_beside_them_a_terminal_computes_the_same(model: Path, case: str) -> None:
    for name, content in BESIDE[case].items():
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_text(content)
    assert model_sha256(model) == by_shell(model)


def sharded(model: Path, names: list[str]) -> None:
    (model / "model.safetensors").unlink()
    (model / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {f"tensor{place}": name for place, name in enumerate(names)}})
    )


def test_of_a_model_in_shards_all_count(model: Path) -> None:
    sharded(model, ["model-1.safetensors", "model-2.safetensors"])
    for name in ("model-1.safetensors", "model-2.safetensors"):
        (model / name).write_bytes(name.encode())
    before = model_sha256(model)
    assert before == by_shell(model)
    (model / "model-2.safetensors").write_bytes(b"other")
    assert model_sha256(model) != before


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["model-1.safetensors"], "names 'model-1.safetensors', which is not there"),
        (["../model-1.safetensors"], "does not name the files"),
        ([], "does not name the files"),
    ],
)
def test_an_index_whose_files_are_not_there_is_refused(model: Path, names: list[str], said: str) -> None:
    sharded(model, names)
    with pytest.raises(GatekitError, match=said):
        model_sha256(model)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatekitError, match="no safetensors weights"):
        model_sha256(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_file_of_which_there_is_a_pointer_of_lfs_only_is_refused(model: Path, name: str) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 5000\n"
    (model / name).write_text(pointer)
    with pytest.raises(GatekitError, match=f"{name}: a pointer of Git LFS stands here.*git lfs pull"):
        model_sha256(model)
