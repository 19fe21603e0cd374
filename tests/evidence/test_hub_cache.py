"""Links inside a snapshot of the hub's cache lead to the cache's own blobs, and to nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatekit.errors import GatekitError
from gatekit.evidence.hub_cache import blob_of
from gatekit.evidence.model_digest import model_sha256
from gatekit.evidence.strict_json import read_json


def snapshot(home: Path, **files: str) -> Path:
    """Write a repository of the cache as huggingface_hub does, and return its snapshot."""
    repository = home / "models--lab--tiny"
    folder = repository / "snapshots" / "0123abc"
    folder.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for number, (name, content) in enumerate(files.items()):
        (repository / "blobs" / f"{number:040x}").write_text(content)
        (folder / name.replace("_json", ".json")).symlink_to(f"../../blobs/{number:040x}")
    return folder


def test_a_file_of_a_snapshot_is_read(tmp_path: Path) -> None:
    folder = snapshot(tmp_path, config_json='{"n_positions": 8}')
    assert read_json(folder / "config.json").value == {"n_positions": 8}


def test_a_sharded_model_in_the_cache_has_the_digest_of_its_plain_folder(tmp_path: Path) -> None:
    index = '{"weight_map": {"w": "model-1.safetensors"}}'
    files = {"config.json": "{}", "model.safetensors.index.json": index, "model-1.safetensors": "weights"}
    plain = tmp_path / "plain"
    plain.mkdir()
    for name, content in files.items():
        (plain / name).write_text(content)
    assert model_sha256(snapshot(tmp_path / "home", **files)) == model_sha256(plain)


def test_a_link_to_anything_else_is_not_followed(tmp_path: Path) -> None:
    folder = snapshot(tmp_path, config_json="{}")
    (tmp_path / "secret.json").write_text("{}")
    (folder / "outside.json").symlink_to(tmp_path / "secret.json")
    (folder.parents[1] / "blobs" / "link").symlink_to(tmp_path / "secret.json")
    (folder / "twice.json").symlink_to("../../blobs/link")
    (folder / "nowhere.json").symlink_to("../../blobs/none")
    (tmp_path / "plain.json").symlink_to(folder / "config.json")
    for place in (folder / "outside.json", folder / "twice.json", tmp_path / "plain.json"):
        assert blob_of(place) is None
        with pytest.raises(GatekitError, match="symbolic link"):
            read_json(place)
    with pytest.raises(GatekitError, match="no such file"):
        read_json(folder / "nowhere.json")


def test_blobs_that_are_a_link_themselves_are_not_followed(tmp_path: Path) -> None:
    folder = snapshot(tmp_path, config_json="{}")
    blobs = folder.parents[1] / "blobs"
    blobs.rename(tmp_path / "elsewhere")
    blobs.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GatekitError, match="symbolic link"):
        read_json(folder / "config.json")
