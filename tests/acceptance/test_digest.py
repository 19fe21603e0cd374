"""`gatekit digest` as a process: of a model without torch; of SAEs one line says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.console_script import gatekit

from gatekit.evidence.model_digest import model_sha256


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return folder


def test_a_model_s_digest_is_printed_beside_its_path(model: Path, tmp_path: Path) -> None:
    done = gatekit("digest", "tiny", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{model_sha256(model)}  tiny\n", "")


def test_saes_need_the_runners_and_say_so_in_one_line(model: Path, tmp_path: Path) -> None:
    (tmp_path / "sae").mkdir()
    done = gatekit("digest", "tiny", "sae", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert "torch, which is not installed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_name_is_a_model_s(tmp_path: Path) -> None:
    (tmp_path / "sae").mkdir()
    done = gatekit("digest", "sae", "--name", "x", cwd=tmp_path)
    assert done.returncode == 64
    assert "--name is of a model" in done.stderr


def test_a_model_without_weights_is_refused(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").unlink()
    done = gatekit("digest", "tiny", cwd=tmp_path)
    assert done.returncode == 4
    assert "no safetensors weights" in done.stderr


def test_several_models_have_a_line_each(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.safetensors").write_bytes(b"weights")
    (other / "config.json").write_text('{"model_type": "gpt2"}')
    done = gatekit("digest", "tiny", "other", cwd=tmp_path)
    assert done.stdout == f"{model_sha256(model)}  tiny\n{model_sha256(other)}  other\n"
    assert model_sha256(model) != model_sha256(other)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in ("nowhere", "3=nowhere"):
        done = gatekit("digest", path, cwd=tmp_path)
        assert (done.returncode, "no file or folder at 'nowhere'" in done.stderr) == (64, True)


def test_a_folder_that_is_no_models_is_said_to_have_no_config_json(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = gatekit("digest", "empty", cwd=tmp_path)
    assert done.returncode == 64
    assert "'empty' is no model's folder" in done.stderr and "config.json that names its architecture" in done.stderr


def test_a_second_model_is_no_sae(model: Path, tmp_path: Path) -> None:
    (tmp_path / "sae").mkdir()
    done = gatekit("digest", "tiny", "sae", "tiny", cwd=tmp_path)
    assert (done.returncode, "'tiny' is a model's folder too" in done.stderr) == (64, True)
