"""Every type of file that the cache holds, damaged in every way: told of in a line, made again, and nothing changes.

A type without a line in `TYPES` fails here, so that none is added whose damage nobody has tried.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_ahead import RANDOM_MODEL, TWO, run
from tiny_external import OOD
from tiny_stage import PROBING, arguments

from gatekit.cache.entries import KINDS, RUNS, entries_of
from gatekit.cache.wholeness import fault_of
from runners.arms import activations, trained_saes

pytestmark = [
    pytest.mark.runners,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

STAGES = {
    "random_model": RANDOM_MODEL,
    "stability": TWO,
    "saebench": TWO + PROBING + "baseline: {kind: random_sae}\n",
    "ood": OOD.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]"),
}
DAMAGES = ("flipped", "cut", "empty", "missing", "foreign")


@dataclass(frozen=True)
class Type:
    """One type of file in the cache."""

    stage: str
    """That reads it."""
    told: str
    """What is said of a damaged one."""
    silent: tuple[str, ...] = ()
    """Damages of which nothing is said: it looks as if it had never been made."""


ARRAY = Type("random_model", "stored activations .* are not the ones computed: made again")
SAE = "stored SAE of seed . in .* is not the one trained: made again"
RESULT = "stored result .* is not the one computed: made again"
TYPES: Mapping[str, Type] = {
    "activations/*/activations.npy": ARRAY,
    "activations/*/manifest.json": ARRAY,
    "saes/*/seed_*.safetensors": Type("random_model", SAE),
    "saes/*/seed_*.json": Type("random_model", SAE, ("missing",)),
    "saes/*/trajectory_*.safetensors": Type("stability", "stored trajectory .* is not the one kept", ("missing",)),
    "probing/*.json": Type("saebench", RESULT, ("missing",)),
    "shifted_probes/*.json": Type("ood", RESULT, ("missing",)),
}
ELSEWHERE = {
    "units": "test_units.py: a damaged note is not believed",
    "given_activations": "test_given_activations.py: a faulty copy is made again",
    "snapshots": "saes/test_snapshots.py: a damaged state is not used",
    RUNS: "what runs publish: written anew by each, and never read",
}
"""Kinds that a finished run of these stages does not leave, or does not read."""


def patterns(cache: Path) -> set[str]:
    """Return the types of all files of a cache: digests and numbers are any."""
    names = (path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file())
    return {re.sub(r"_\d+\.", "_*.", re.sub(r"[0-9a-f]{64}", "*", name)) for name in names}


@pytest.fixture(scope="module")
def filled(corpus, tmp_path_factory) -> Path:
    """Each stage on a cache of its own, which it reads whole: `STAGE/out/*.json` and `STAGE/cache`."""
    folder: Path = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        for stage, text in STAGES.items():
            (folder / stage).mkdir()
            assert run(stage, *arguments(folder / stage, text)) == 0
    return folder


def observed(path: Path) -> str:
    document = json.loads(path.read_text())
    # SAEBench's own result files say when they were written.
    document["artifacts"] = [each for each in document["artifacts"] if "saebench" not in each["name"]]
    parts = [document[part] for part in ("status", "measurements", "subject", "protocol", "artifacts")]
    return json.dumps([*parts, document["producer"]["inputs"]])


def damage(paths: Sequence[Path], how: str) -> None:
    whole = [path.read_bytes() for path in paths]
    for number, path in enumerate(paths):
        data = whole[number]
        path.unlink()  # an artifact may be another name of the same file
        if how == "flipped":
            path.write_bytes(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
        elif how == "cut":
            path.write_bytes(data[: len(data) // 2])
        elif how == "empty":
            path.write_bytes(b"")
        elif how == "foreign":
            path.write_bytes(whole[number - 1])


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", TYPES)
def test_a_damaged_file_is_told_of_and_made_again(name: str, how: str, filled: Path, tmp_path: Path, capsys) -> None:
    stage = TYPES[name].stage
    shutil.copytree(filled / stage / "cache", tmp_path / "cache")
    paths = sorted((tmp_path / "cache").glob(name))
    assert len(paths) > 1
    before = {path: path.read_bytes() for path in paths}
    damage(paths, how)
    assert [path for path in paths if path.exists() and path.read_bytes() == before[path]] == []
    entries = entries_of(tmp_path / "cache", [name.partition("/")[0]])
    found = [fault_of(entry) for entry in entries if set(entry.files) & set(paths)]
    assert how == "missing" or (found and None not in found), "`gatekit cache verify` finds it too"
    capsys.readouterr()
    assert run(stage, *arguments(tmp_path, STAGES[stage])) == 0
    said = capsys.readouterr().err
    told = re.findall(TYPES[name].told, said)
    assert bool(told) != (how in TYPES[name].silent), said
    assert "Traceback" not in said
    assert observed(tmp_path / "out" / f"{stage}.json") == observed(filled / stage / "out" / f"{stage}.json")
    assert {path: path.read_bytes() for path in paths} == before


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_seed_of_a_stack_has_its_whole_group_trained_again(how: str, stacked, tmp_path: Path, capsys) -> None:
    given = arguments(tmp_path, RANDOM_MODEL.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    assert run("random_model", *given) == 0
    first = observed(tmp_path / "out" / "random_model.json")
    paths = sorted((tmp_path / "cache" / "saes").rglob("seed_*.safetensors"))
    kept = {path: path.read_bytes() for path in paths}
    of_one = [path for path in paths if path.parent == paths[0].parent]
    if how == "foreign":
        damage(of_one[:2], how)
    else:
        damage(of_one[1:2], how)
    stacked.clear()
    capsys.readouterr()
    assert run("random_model", *given[:2], "--out", str(tmp_path / "again"), *given[4:]) == 0
    assert stacked == [(0, 1, 2)]
    assert re.findall(SAE, capsys.readouterr().err)
    assert {path: path.read_bytes() for path in paths} == kept
    assert observed(tmp_path / "again" / "random_model.json") == first


def test_every_type_of_file_and_every_kind_of_entry_has_its_damages_tried(filled: Path) -> None:
    there = set().union(*(patterns(filled / stage / "cache") for stage in STAGES))
    left = {pattern for pattern in there if pattern.partition("/")[0] not in ELSEWHERE}
    assert left == set(TYPES)
    assert {name.partition("/")[0] for name in TYPES} | set(ELSEWHERE) == set(KINDS)
    root = Path(trained_saes.__file__).parents[1]
    named = {
        place
        for path in root.rglob("*.py")
        for place in re.findall(r'cache / "(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert named == set(KINDS)
