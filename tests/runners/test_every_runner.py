"""What holds for every runner: nobody need listen, wrong uses are told in a line, faults cost nothing that is done."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from forked_runs import ran
from letters_model import letters_model
from tiny_runs import OWN, every_configuration

from gatekit.evidence import provenance
from gatekit.runner_command import runner_names
from runners.arms import activations
from runners.stages.layer_routing import measuring as layer_routing_measuring

pytestmark = [pytest.mark.runners, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NAMES = (*sorted(OWN), "known_circuit", "saebench_absorption")


@pytest.fixture(scope="session")
def configurations(tiny_models, corpus, tmp_path_factory) -> dict[str, str]:
    letters = letters_model(tmp_path_factory.mktemp("letters") / "letters")
    for name in NAMES:
        import_module(f"runners.stages.{name}.stage")
    return every_configuration(tiny_models["llama"].folder, letters)


@pytest.fixture(autouse=True)
def _corpus_is_read_already(corpus, monkeypatch):
    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)
    # Which architecture is the best of a layer is chance after eight steps; here the two assignments differ.
    chosen = layer_routing_measuring.Assignment(("topk", "batch_topk"), "topk")
    monkeypatch.setattr(layer_routing_measuring, "assign", lambda *_: chosen)


def command(name: str, text: str, folder: Path, cache: Path, *more: str) -> list[str]:
    config = folder / "tiny.yaml"
    config.write_text(text)
    return [
        name,
        "--config",
        str(config),
        "--out",
        str(folder / "out"),
        "--cache",
        str(cache),
        "--device",
        "cpu",
        *more,
    ]


def observed(out: Path) -> dict[str, str]:
    """What every summary below a folder says was measured."""
    found = {}
    for path in sorted(out.rglob("*.json")):
        document = json.loads(path.read_text())
        # SAEBench's own result files say when they were written.
        document["artifacts"] = [each for each in document["artifacts"] if "saebench" not in each["name"]]
        parts = [document[part] for part in ("status", "measurements", "subject", "protocol", "artifacts")]
        found[path.relative_to(out).as_posix()] = json.dumps([*parts, document["producer"]["inputs"]])
    return found


@pytest.fixture(scope="session")
def filled(configurations, tmp_path_factory) -> Callable[[str], Path]:
    """Gives a runner's finished run: `out`, and `cache`."""
    done: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            ended = ran(command(name, configurations[name], folder, folder / "cache"))
            assert ended.code == 0, ended.err
            done[name] = folder
        return done[name]

    return of


def test_every_runner_that_is_registered_is_among_them():
    assert set(NAMES) == set(runner_names())


@pytest.mark.parametrize("lost", ["closed", "full", "dead"])
@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_nobody_listens_to_is_done_and_leaves_its_summary(name, lost, filled, configurations, tmp_path):
    # What is trained anew tells of its progress, so that there is something to be lost.
    cache = tmp_path / "cache"
    if lost != "full":
        shutil.copytree(filled(name) / "cache", cache)
    assert ran(command(name, configurations[name], tmp_path, cache), lost, lost).code == 0
    assert observed(tmp_path / "out") == observed(filled(name) / "out")


@pytest.mark.parametrize("name", NAMES)
def test_no_summary_names_a_folder_of_the_machine(name, filled, configurations, tmp_path):
    folder = tmp_path / "of the lab" / "täst"
    folder.mkdir(parents=True)
    shutil.copytree(filled(name) / "cache", folder / "cache")
    artifacts = ("--artifacts", str(folder / "artifacts"))
    given = command(name, configurations[name], folder, folder / "cache", *artifacts)
    assert ran(given, before=lambda: os.chdir(folder)).code == 0
    summaries = list((folder / "out").rglob("*.json"))
    assert summaries
    for path in summaries:
        text = json.dumps(json.loads(path.read_text()), ensure_ascii=False)
        for part in (
            str(tmp_path),
            "of the lab",
            "täst",
            str(Path.home()) + "/",
            "/tmp",
            str(Path(__file__).parents[2]),
        ):
            assert part not in text, (path.name, part)


def cannot_grow(size: int) -> Callable[[], object]:
    """What makes a disk that takes no file longer than so many bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_is_full_is_told_in_a_line_and_costs_nothing_that_is_done(name, filled, configurations, tmp_path):
    sizes = sorted({path.stat().st_size for path in (filled(name) / "cache").rglob("*") if path.is_file()})
    given = command(name, configurations[name], tmp_path, tmp_path / "cache")
    # Each time a little more is done, and the next file is the one that finds no room.
    for size in (0, sizes[0], sizes[len(sizes) // 2], sizes[-2]):
        ended = ran(given, before=cannot_grow(size))
        assert ended.code == 70 or (size and ended.code == 4), (size, ended.err)
        assert "Traceback" not in ended.err, ended.err
        told = [line for line in ended.err.splitlines() if "File too large" in line]
        # Each summary of a sweep has its own.
        assert told and len(told) <= 2 * len(observed(filled(name) / "out")), ended.err
    assert ran(given).code == 0
    assert observed(tmp_path / "out") == observed(filled(name) / "out")
    assert left_over(tmp_path) == []


def left_over(folder: Path) -> list[str]:
    """Files and folders that were being built, and claims."""
    names = [path.name for path in folder.rglob(".*")]
    return [name for name in names if name != ".lock"]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_damaged_in_the_cache_is_made_again_in_one_run(name, filled, configurations, tmp_path):
    shutil.copytree(filled(name) / "cache", tmp_path / "cache")
    paths = [
        path
        for path in sorted((tmp_path / "cache").rglob("*"))
        if path.is_file() and path.relative_to(tmp_path / "cache").parts[0] != "runs"
    ]
    before = {path: path.read_bytes() for path in paths}
    for number, path in enumerate(paths):
        data = before[path]
        path.unlink()
        how = number % 5
        if how == 0:
            path.write_bytes(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
        elif how == 1:
            path.write_bytes(data[: len(data) // 2])
        elif how == 2:
            path.write_bytes(b"")
        elif how == 3:
            path.write_bytes(before[paths[number - 1]])
    ended = ran(command(name, configurations[name], tmp_path, tmp_path / "cache"))
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
    assert observed(tmp_path / "out") == observed(filled(name) / "out")


@pytest.mark.parametrize("name", NAMES)
def test_a_clock_that_goes_back_in_the_middle_costs_no_measurement(name, filled, configurations, tmp_path):
    shutil.copytree(filled(name) / "cache", tmp_path / "cache")
    real, asked = time.time, [0]

    def clock() -> float:
        # Every time that it is asked it has gone back another hour.
        asked[0] += 1
        return real() - 3600 * asked[0]

    def back() -> None:
        time.time = clock

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.fromtimestamp(clock(), UTC)

        provenance.datetime = Clock

    assert ran(command(name, configurations[name], tmp_path, tmp_path / "cache"), before=back).code == 0
    assert observed(tmp_path / "out") == observed(filled(name) / "out")
    for path in (tmp_path / "out").rglob("*.json"):
        times = [json.loads(path.read_text())["producer"][name] for name in ("started", "finished")]
        started, finished = map(datetime.fromisoformat, times)
        assert timedelta(0) <= finished - started < timedelta(minutes=10)


def wrong_uses(text: str, folder: Path, good: Sequence[str]) -> dict[str, tuple[int, list[str]]]:
    """Return what is wrong -> (exit code, command line)."""
    name = good[0]

    def other(changed: str | bytes) -> list[str]:
        path = folder / f"{len(list(folder.iterdir()))}.yaml"
        path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
        return [*good[:2], str(path), *good[3:]]

    def at(option: str, place: str) -> list[str]:
        where = good.index(option)
        return [*good[: where + 1], place, *good[where + 2 :]]

    def setting(*values: str) -> list[str]:
        return [*good, *(part for value in values for part in ("--set", value))]

    a_file = good[2]
    found: dict[str, tuple[int, list[str]]] = {
        "an empty configuration": (4, other("")),
        "bytes": (4, other(bytes(range(256)))),
        "UTF-16": (4, other(text.encode("utf-16"))),
        "a list": (4, other("- 1\n- 2\n")),
        "no configuration": (4, at("--config", str(folder / "none.yaml"))),
        "a folder": (4, at("--config", str(folder))),
        "a device": (4, at("--config", "/dev/null")),
        "a key that is none": (4, other(f"{text}nokey: 1\n")),
        "a key twice": (4, other(f"{text}threads: 1\n")),
        "a negative seed": (4, setting("seeds=[-1, 1]")),
        "a seed twice": (4, setting("seeds=[1, 1]")),
        "a seed of letters": (4, setting("seeds=[a, b]")),
        "a seed of twenty digits": (4, setting("seeds=[99999999999999999999, 1]")),
        "half a seed": (4, setting("seeds=[0.5, 1]")),
        "no seeds": (4, setting("seeds=[]")),
        "a setting of nothing": (4, setting("nokey=1")),
        "a setting without a value": (64, setting("seeds")),
        "a setting that is no YAML": (4, setting("seeds=[1,")),
        "a setting twice": (64, setting("seeds=[1]", "seeds=[2]")),
        "a setting below a value": (4, setting("seeds.x.y=1")),
        "no threads": (4, setting("threads=0")),
        "threads that are no number": (4, setting("threads=.nan")),
        "an infinite rate": (4, setting("training.learning_rate=.inf")),
        "more latents at once than there are": (4, setting("sae.k=100000")),
        "an architecture that is none": (4, setting("sae.architecture=nope")),
        "an option that is none": (64, [*good, "--nope"]),
        "a device that is none": (64, at("--device", "tpu")),
        "no --out": (64, [*good[:3]]),
        "no --config": (64, [name, *good[3:]]),
        "no value": (64, [name, "--out", str(folder / "x"), "--config"]),
        "--select alone": (64, [*good, "--select", str(folder / "selected")]),
        "--beside alone": (64, [*good, "--beside", str(folder)]),
        "--units and --only": (64, [*good, "--units", "--only", "0" * 64]),
        "--out is a file": (4, at("--out", a_file)),
        "--out below a file": (4, at("--out", f"{a_file}/x")),
        "--out where nothing can be": (4, at("--out", "/proc/x")),
        "--out with a long name": (4, at("--out", str(folder / ("x" * 300)))),
        "--out is no text": (64, at("--out", os.fsdecode(bytes(folder) + b"/\xff"))),
        "--config is no text": (64, at("--config", os.fsdecode(bytes(folder) + b"/\xff.yaml"))),
        "--cache is a file": (4, at("--cache", a_file)),
        "--cache where nothing can be": (4, at("--cache", "/proc/cache")),
        "--cache of an unknown protocol": (64, at("--cache", "nope://bucket/x")),
        "--artifacts is a file": (4, [*good, "--artifacts", a_file]),
        "--artifacts where nothing can be": (4, [*good, "--artifacts", "/proc/artifacts"]),
    }
    if "subject:" in text:
        hub = ("subject.model.source=hub", "subject.model.name=nobody/none")
        found |= {
            "no such model": (4, setting(f"subject.model.name={folder}/none")),
            "a model that is a file": (4, setting(f"subject.model.name={a_file}")),
            "a model of the hub that is not here": (4, setting(*hub)),
            "a package that is not installed": (4, setting("subject.model.source=package", "subject.model.name=nope")),
            "a hook that is none": (4, setting("subject.hook=nope")),
            "texts that are not there": (4, setting("texts.source=files", f"texts.paths=[{folder}/none.jsonl]")),
        }
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_use_is_told_in_a_few_lines_and_never_ends_in_1(name, filled, configurations, tmp_path):
    (tmp_path / "given").mkdir()
    good = command(name, configurations[name], tmp_path / "given", filled(name) / "cache")
    # The reason, where it stands, and of each summary of a sweep that it failed.
    most = 2 + len(observed(filled(name) / "out"))
    for what, (code, argv) in wrong_uses(configurations[name], tmp_path / "given", good).items():
        ended = ran(argv)
        lines = ended.err.splitlines()
        assert (ended.code, ended.out) == (code, ""), (what, ended.err)
        assert 1 <= len(lines) <= most and "Traceback" not in ended.err, (what, ended.err)
    assert not [path for path in tmp_path.rglob(f"{name}.json") if json.loads(path.read_text())["status"] != "failed"]
