"""Whole entries of the cache in each other's places: every byte is as it was written, and none is believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_ahead import RANDOM_MODEL, TWO, all_observed, computed, run
from safetensors import safe_open
from safetensors.torch import save_file
from swapped_entries import rotate
from tiny_stage import arguments

from gatekit.cache.entries import entries_of
from gatekit.cache.wholeness import fault_of
from runners.arms import activations

pytestmark = [
    pytest.mark.runners,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

STAGES = {
    "random_model": {"first": RANDOM_MODEL},
    # Two trainings of one seed, of which each has a trajectory.
    "stability": {"first": TWO, "second": TWO.replace("steps: 8", "steps: 9")},
}


@pytest.fixture(scope="module")
def filled(corpus, tmp_path_factory) -> Path:
    """Each stage on a cache of its own: `STAGE/NAME` for what it measured, and `STAGE/cache`."""
    folder: Path = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        for stage in STAGES:
            (folder / stage).mkdir()
            measure(folder / stage, stage)
    return folder


def measure(folder: Path, stage: str) -> None:
    for name, text in STAGES[stage].items():
        assert run(stage, *arguments(folder, text, name)) == 0


def entries_with_the_same_names(folder: Path) -> None:
    """An entry in the place of one that has the same seeds, or an array as it does."""
    alike: dict[tuple[str, ...], list[Path]] = {}
    for path in sorted(folder.iterdir()):
        alike.setdefault(tuple(sorted(file.name for file in path.iterdir())), []).append(path)
    for group in alike.values():
        assert len(group) > 1
        rotate(group)


def entries_of_other_seeds(folder: Path) -> None:
    by_seed = sorted((path for path in folder.iterdir()), key=lambda path: sorted(file.name for file in path.iterdir()))
    half = len(by_seed) // 2
    for one, other in zip(by_seed[:half], by_seed[half:], strict=True):
        rotate([one, other])


def trajectories_alone(folder: Path) -> None:
    for seed in (0, 1):
        files = sorted(folder.glob(f"*/trajectory_{seed}.safetensors"))
        whole = [path.read_bytes() for path in files]
        for number, path in enumerate(files):
            path.write_bytes(whole[number - 1])


def trajectories_as_an_earlier_version_kept_them(folder: Path) -> None:
    for path in folder.glob("*/trajectory_*.safetensors"):
        with safe_open(path, framework="pt") as stream:
            told = json.loads(stream.metadata()["gatekit"])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (no mapping)
        save_file(tensors, path, metadata={"sha256": told["sha256"]})


ARRAYS = "stored activations "
SAES = "stored SAE of seed "
TRAJECTORIES = "stored trajectory of seed "
STRAY = "files of another entry lay among the stored SAEs in "
CASES: list[tuple[str, str, Callable[[Path], None], str]] = [
    ("random_model", "activations", entries_with_the_same_names, ARRAYS),
    ("random_model", "saes", entries_with_the_same_names, SAES),
    ("random_model", "saes", entries_of_other_seeds, STRAY),
    ("stability", "saes", entries_with_the_same_names, SAES),
    ("stability", "saes", entries_with_the_same_names, TRAJECTORIES),
    ("stability", "saes", entries_of_other_seeds, STRAY),
    ("stability", "saes", trajectories_alone, TRAJECTORIES),
    ("stability", "saes", trajectories_as_an_earlier_version_kept_them, TRAJECTORIES),
]


@pytest.mark.parametrize(("stage", "kind", "disorder", "told"), CASES)
def test_entries_in_the_places_of_others_are_made_again_and_change_no_number(
    stage: str, kind: str, disorder: Callable[[Path], None], told: str, filled: Path, tmp_path: Path, capsys
) -> None:
    shutil.copytree(filled / stage / "cache", tmp_path / "cache")
    before = computed(tmp_path / "cache")
    disorder(tmp_path / "cache" / kind)
    assert computed(tmp_path / "cache") != before
    assert None not in [fault_of(entry) for entry in entries_of(tmp_path / "cache", [kind])], "verify finds it too"
    capsys.readouterr()
    measure(tmp_path, stage)
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said
    for name in STAGES[stage]:
        assert all_observed(tmp_path / name) == all_observed(filled / stage / name)
    assert computed(tmp_path / "cache") == before
    assert {fault_of(entry) for entry in entries_of(tmp_path / "cache")} == {None}
