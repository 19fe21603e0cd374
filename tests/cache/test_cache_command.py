"""`gatekit cache` on a cache that these tests write themselves, byte by byte."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acceptance.console_script import gatekit

NAME = "a" * 64
DAY = 86_400.0


def digest_of(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def stored_activations(cache: Path) -> Path:
    key = {"hook": "x"}
    folder = cache / "activations" / digest_of(key)
    folder.mkdir(parents=True)
    rows = np.arange(12, dtype=np.float16).reshape(3, 4)
    np.save(folder / "activations.npy", rows)
    manifest = {"key": key, "sha256": hashlib.sha256(rows.tobytes()).hexdigest(), "shape": [3, 4], "dtype": "float16"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder / "activations.npy"


def stored_sae(cache: Path) -> Path:
    folder = cache / "saes" / NAME
    folder.mkdir(parents=True)
    (folder / "seed_0.safetensors").write_bytes(b"weights")
    told = {"seed": 0, "made_for": NAME, "k": 4, "sha256": hashlib.sha256(b"weights").hexdigest()}
    (folder / "seed_0.json").write_text(json.dumps({**told, "description_sha256": digest_of(told)}))
    return folder / "seed_0.safetensors"


def stored_result(cache: Path) -> Path:
    key, result = {"dataset": "x"}, {"auc": 0.75}
    path = cache / "probing" / f"{digest_of(key)}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"key": key, "result": result, "sha256": digest_of(result)}))
    return path


def stored_state(cache: Path) -> Path:
    """Write a safetensors file: the length of its header, the header, the tensors."""
    values = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7, dtype=np.int64)}
    said = hashlib.sha256()
    for name, (kind, shape) in {"a": ("torch.float32", "(2, 3)"), "b": ("torch.int64", "()")}.items():
        said.update(f"{name}|{kind}|{shape}\n".encode() + values[name].tobytes())
    header: dict[str, Any] = {
        "__metadata__": {"gatekit": json.dumps({"training": NAME, "sha256": said.hexdigest()})},
        "b": {"dtype": "I64", "shape": [], "data_offsets": [24, 32]},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    }
    text = json.dumps(header).encode()
    path = cache / "snapshots" / f"{NAME}.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + values["a"].tobytes() + values["b"].tobytes())
    return path


MAKERS = {
    "activations": stored_activations,
    "saes": stored_sae,
    "probing": stored_result,
    "snapshots": stored_state,
}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    for make in MAKERS.values():
        make(folder)
    run = folder / "runs" / "random_model" / "0123456789abcdef"
    run.mkdir(parents=True)
    (run / "seed_0.safetensors").write_bytes(b"checkpoint")
    return folder


def test_every_entry_is_listed_with_its_size_and_kind(cache: Path, tmp_path: Path) -> None:
    done = gatekit("cache", "list", "--cache", "cache", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["kind"] for entry in found] == ["activations", "saes", "probing", "snapshots", "runs"]
    assert {entry["name"] for entry in found} >= {f"saes/{NAME}", "runs/random_model/0123456789abcdef"}
    on_disk = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    assert sum(entry["bytes"] for entry in found) == on_disk


def test_sizes_are_by_kind_and_in_all(cache: Path, tmp_path: Path) -> None:
    lines = gatekit("cache", "size", "--cache", "cache", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["activations", "saes", "probing", "snapshots", "runs", "all"]
    assert lines[-2].split() == ["10", "B", "1", "runs"]


def test_a_whole_cache_is_verified_with_exit_code_0(cache: Path, tmp_path: Path) -> None:
    done = gatekit("cache", "verify", "--cache", "cache", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "cache: 5 entries, none damaged\n")


@pytest.mark.parametrize("kind", sorted(MAKERS))
@pytest.mark.parametrize("fault", ["flipped", "cut", "empty", "gone"])
def test_a_damaged_entry_is_found_and_taken_away_when_asked(kind: str, fault: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "cache")
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[whole.index(b"0.75") if kind == "probing" else -3] ^= 1
    if fault == "gone" and kind in ("probing", "snapshots"):
        return  # the entry is that file
    if fault == "gone":
        path.unlink()
    else:
        path.write_bytes({"flipped": bytes(changed), "cut": whole[:-3], "empty": b""}[fault])
    done = gatekit("cache", "verify", "--cache", "cache", cwd=tmp_path)
    assert done.returncode == 4
    first, last = done.stdout.splitlines()
    assert first.startswith(f"{kind}/") and last == "cache: 1 entries, 1 damaged"
    assert gatekit("cache", "verify", "--cache", "cache", "--remove", cwd=tmp_path).returncode == 0
    assert gatekit("cache", "verify", "--cache", "cache", cwd=tmp_path).stdout == "cache: 0 entries, none damaged\n"


def test_a_changed_description_is_found_though_the_weights_are_whole(cache: Path, tmp_path: Path) -> None:
    path = cache / "saes" / NAME / "seed_0.json"
    path.write_text(path.read_text().replace('"k": 4', '"k": 5'))
    done = gatekit("cache", "verify", "--cache", "cache", cwd=tmp_path)
    assert done.returncode == 4
    assert "'seed_0.json' is not the description that was written" in done.stdout


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_whole_entry_in_the_place_of_another_is_found(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "cache")
    entry = path.parent if path.parent.parent.name == kind else path
    entry.rename(entry.with_name(entry.name.replace(entry.name[:64], "b" * 64)))
    done = gatekit("cache", "verify", "--cache", "cache", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stdout.startswith(f"{kind}/{'b' * 64}")
    assert done.stdout.endswith("cache: 1 entries, 1 damaged\n")


@pytest.mark.parametrize("told", [{"seed": 1}, {"made_for": "b" * 64}, {"made_for": None}])
def test_an_sae_of_another_seed_or_entry_or_that_does_not_say_whose_it_is_is_found(told: Any, tmp_path: Path) -> None:
    path = stored_sae(tmp_path / "cache").with_suffix(".json")
    said = {name: value for name, value in (json.loads(path.read_text()) | told).items() if value is not None}
    del said["description_sha256"]
    path.write_text(json.dumps({**said, "description_sha256": digest_of(said)}))
    done = gatekit("cache", "verify", "--cache", "cache", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stdout.splitlines()[0] == f"saes/{NAME}: 'seed_0.json' is that of another entry"


def used(path: Path, days_ago: float) -> None:
    moment = time.time() - days_ago * DAY
    for file in [path] if path.is_file() else path.rglob("*"):
        os.utime(file, (moment, moment))


def test_what_was_not_used_for_long_goes_and_checkpoints_of_runs_stay(cache: Path, tmp_path: Path) -> None:
    used(cache / "saes" / NAME, 40)
    used(cache / "runs", 400)
    said = gatekit("cache", "prune", "--cache", "cache", "--older-than", "30d", "--dry-run", cwd=tmp_path)
    assert (cache / "saes" / NAME).is_dir() and "would go" in said.stdout
    done = gatekit("cache", "prune", "--cache", "cache", "--older-than", "30d", cwd=tmp_path)
    assert done.returncode == 0
    left = {path.name for path in cache.iterdir() if list(path.iterdir())}
    assert left == {"activations", "probing", "snapshots", "runs"}


def test_the_least_recently_used_go_until_the_rest_fits(cache: Path, tmp_path: Path) -> None:
    for days, kind in enumerate(("probing", "snapshots", "saes", "activations")):
        used(cache / kind, days)
    sizes = {path.name: sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) for path in cache.iterdir()}
    fits = sum(sizes.values()) - sizes["activations"]
    gatekit("cache", "prune", "--cache", "cache", "--to", f"{fits}", cwd=tmp_path)
    assert {path.name for path in cache.iterdir() if list(path.iterdir())} == set(sizes) - {"activations"}


def test_what_a_process_is_at_work_on_stays_and_what_dead_ones_left_goes(cache: Path, tmp_path: Path) -> None:
    used(cache, 40)
    (cache / "saes" / f".{NAME}.claim").write_text("held")
    fresh, left = (cache / "activations" / f".building-{name}" for name in ("fresh", "left"))
    for folder in (fresh, left):
        folder.mkdir()
        (folder / "activations.npy").write_bytes(b"half")
    partial = cache / "snapshots" / f"{NAME}.host.1.0123456789abcdef.partial"
    partial.write_bytes(b"half")
    for path in (left / "activations.npy", left, partial):
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    assert gatekit("cache", "prune", "--cache", "cache", "--older-than", "1d", cwd=tmp_path).returncode == 0
    assert (cache / "saes" / NAME / "seed_0.json").exists()
    assert (fresh.exists(), left.exists(), partial.exists()) == (True, False, False)
    assert not list((cache / "probing").iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "--cache", "none"), "--cache: no folder at 'none'"),
        (("prune", "--cache", ".", "--older-than", "long"), "--older-than 'long' is none; write 12h, 30d or 8w"),
        (("prune", "--cache", ".", "--to", "-5G"), "--to '-5G' is none; write 50G or 800M"),
    ],
)
def test_a_wrong_command_line_is_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = gatekit("cache", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (64, f"gatekit: {said} [usage]\n")


def test_a_user_without_a_cache_has_an_empty_one(tmp_path: Path) -> None:
    done = gatekit("cache", "size", cwd=tmp_path, env={"XDG_CACHE_HOME": str(tmp_path / "none")})
    assert (done.returncode, done.stdout.split()) == (0, ["0", "B", "0", "in", "all"])
