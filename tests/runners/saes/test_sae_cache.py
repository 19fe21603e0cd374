"""An SAE in the cache says for which entry and seed it was made; one that was made for another is never used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from swapped_entries import swap

from gatekit.cache.entries import entries_of
from gatekit.cache.wholeness import fault_of
from runners.digests import data_sha256
from runners.progress import Silent
from runners.saes.plan import TrainingPlan
from runners.saes.sae import Sae
from runners.saes.sae_cache import cache_folder, find_seed, keep, publish
from runners.saes.topk import TopK
from runners.saes.training import SaeStack, train_stack

pytestmark = pytest.mark.runners

ROWS = np.random.default_rng(4).normal(size=(90, 10)).astype(np.float16)
PLAN = TrainingPlan(
    steps=4,
    batch_tokens=48,
    learning_rate=3e-3,
    warmup_fraction=0.2,
    decay_fraction=0.3,
    auxiliary_coefficient=0.03125,
    dead_after_tokens=100,
    gradient_clip=1.0,
    centre="mean",
)
SHAPE = TopK(10, 40, 2, 5)
FACTS = {"model": "any"}


@pytest.fixture(scope="module")
def stacks() -> dict[tuple[int, ...], SaeStack]:
    return {group: train_stack(SHAPE, ROWS, list(group), PLAN, "cpu", Silent()) for group in ((0, 1), (2, 3))}


def kept(cache: Path, stack: SaeStack, rows: str) -> Path:
    folder = cache_folder(cache, SHAPE, PLAN, [rows], "cpu", stack.seeds)
    keep(stack, folder, FACTS)
    return folder


def faults(cache: Path) -> list[str | None]:
    return [fault_of(entry) for entry in entries_of(cache, ["saes"])]


def same(sae: Sae | None, stack: SaeStack, place: int) -> bool:
    return sae is not None and torch.equal(sae.parameters["W_dec"], stack.parameters["W_dec"][place])


def test_what_was_kept_is_found(stacks, tmp_path):
    folder = kept(tmp_path, stacks[0, 1], "some")
    assert all(same(find_seed(folder, seed), stacks[0, 1], seed) for seed in (0, 1))
    assert faults(tmp_path) == [None]


def test_the_entry_of_other_rows_is_not_found_and_is_whole_once_kept_again(stacks, tmp_path, capsys):
    one, other = (kept(tmp_path, stacks[0, 1], rows) for rows in ("some", "others"))
    swap(one, other)
    assert faults(tmp_path) == ["'seed_0.json' is that of another entry"] * 2
    assert [find_seed(folder, seed) for folder in (one, other) for seed in (0, 1)] == [None] * 4
    assert "stored SAE of seed 0 in" in capsys.readouterr().err
    for rows in ("some", "others"):
        folder = kept(tmp_path, stacks[0, 1], rows)
        assert same(find_seed(folder, 1), stacks[0, 1], 1)
    assert faults(tmp_path) == [None, None]


def test_files_that_only_another_entry_has_are_taken_away_in_one_line(stacks, tmp_path, capsys):
    one, other = (kept(tmp_path, stacks[group], "some") for group in ((0, 1), (2, 3)))
    swap(one, other)
    (one / "trajectory_0.safetensors").write_bytes(b"of anybody")
    assert find_seed(one, 0) is None
    capsys.readouterr()
    kept(tmp_path, stacks[0, 1], "some")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"files of another entry lay among the stored SAEs in {one.name[:12]}: taken away"
    names = {f"seed_{seed}.{ending}" for seed in (0, 1) for ending in ("json", "safetensors")}
    assert {path.name for path in one.iterdir()} == names
    assert same(find_seed(one, 0), stacks[0, 1], 0)


def test_another_seed_of_the_same_entry_is_not_taken_for_this_one(stacks, tmp_path):
    folder = kept(tmp_path, stacks[0, 1], "some")
    for ending in ("json", "safetensors"):
        shutil.copyfile(folder / f"seed_1.{ending}", folder / f"seed_0.{ending}")
    assert faults(tmp_path) == ["'seed_0.json' is that of another entry"]
    assert find_seed(folder, 0) is None
    assert same(find_seed(folder, 1), stacks[0, 1], 1)


def test_an_sae_of_an_earlier_version_which_does_not_say_whose_it_is_is_made_again(stacks, tmp_path, capsys):
    folder = kept(tmp_path, stacks[0, 1], "some")
    path = folder / "seed_0.json"
    told = json.loads(path.read_text())
    del told["made_for"], told["description_sha256"]
    path.write_text(json.dumps({**told, "description_sha256": data_sha256(told)}))
    assert faults(tmp_path) == ["'seed_0.json' is that of another entry"]
    assert find_seed(folder, 0) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"stored SAE of seed 0 in {folder.name[:12]} is not the one trained: made again"


def test_an_artifact_says_nothing_of_the_cache_that_it_is_from(stacks, tmp_path):
    folder = kept(tmp_path / "cache", stacks[0, 1], "some")
    sae = find_seed(folder, 0)
    assert sae is not None
    publish({0: folder}, {0: sae}, tmp_path / "artifacts")
    told = json.loads((tmp_path / "artifacts" / "seed_0.json").read_text())
    kept_facts = json.loads((folder / "seed_0.json").read_text())
    assert set(kept_facts) - set(told) == {"made_for", "description_sha256"}
