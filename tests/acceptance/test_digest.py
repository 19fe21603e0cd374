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
