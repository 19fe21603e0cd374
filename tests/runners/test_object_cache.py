"""A cache in an object store: entries are there whole or not at all, computed once, and made again where damaged."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from made_ahead import RANDOM_MODEL, computed, listed, observed, run

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import object_files
from gatekit.evidence.object_store import ObjectStore, open_store
from gatekit.evidence.provenance import shown_argument
from runners import object_cache
from runners.claims import claimed
from runners.object_cache import cache_folder, has, pull, share, share_if_possible

pytestmark = pytest.mark.runners

NAME = "a" * 64
OTHER = "b" * 64


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield f"memory://{tmp_path.name}/cache" if request.param == "memory" else f"file://{tmp_path}/store"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(object_files, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(object_cache, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(object_cache, "_FRONTS", {})
    yield


def front(url: str, folder: Path) -> Path:
    """Return the folder of one machine in front of a store."""
    return cache_folder(url, lambda: folder)


def write(place: Path, text: str = "rows") -> None:
    place.mkdir(parents=True)
    (place / "activations.npy").write_text(text)
    (place / "manifest.json").write_text(json.dumps({"of": text}))


def made(place: Path, text: str = "rows") -> bool:
    """Do as a run does with a claimed entry; return whether it was computed here."""
    with claimed(place, "an entry"):
        if place.exists():
            return False
        write(place, text)
        return True


def files_of(store: ObjectStore, top: str) -> list[str]:
    return store.files.below(top)


def rewrite(store: ObjectStore, path: str, data: bytes) -> None:
    store.files.system.pipe_file(f"{store.files.root}/{path}", data)


def test_what_one_machine_computed_another_finds(url: str, tmp_path: Path) -> None:
    here, there = front(url, tmp_path / "here"), front(url, tmp_path / "there")
    assert here != there
    assert made(here / "activations" / NAME)
    assert not made(there / "activations" / NAME)
    for name in ("activations.npy", "manifest.json"):
        assert (there / "activations" / NAME / name).read_bytes() == (here / "activations" / NAME / name).read_bytes()
    store = open_store(url)
    assert store.names() == [f"activations/{NAME}"]
    assert store.fault_of(f"activations/{NAME}") is None
    assert files_of(store, "claims") == []


def test_a_file_is_an_entry_too(url: str, tmp_path: Path) -> None:
    here, there = front(url, tmp_path / "here"), front(url, tmp_path / "there")
    place = here / "probing" / f"{NAME}.json"
    with claimed(place, "a result"):
        place.write_text("{}")
    assert pull(there / "probing" / f"{NAME}.json")
    assert (there / "probing" / f"{NAME}.json").read_text() == "{}"
    assert has(there / "probing" / f"{NAME}.json", 2)
    assert not has(there / "probing" / f"{OTHER}.json", 2)


def test_an_entry_that_grows_keeps_what_others_added(url: str, tmp_path: Path) -> None:
    here, there = front(url, tmp_path / "here"), front(url, tmp_path / "there")
    for folder, name in ((here, "seed_0.safetensors"), (there, "trajectory_0.safetensors")):
        place = folder / "saes" / NAME
        place.mkdir(parents=True)
        (place / name).write_text(name)
        share([place / name])
    entry = open_store(url).read(f"saes/{NAME}")
    assert entry is not None
    assert set(entry.files) == {"seed_0.safetensors", "trajectory_0.safetensors"}


def test_runs_and_states_of_training_stay_on_their_machine(url: str, tmp_path: Path) -> None:
    here = front(url, tmp_path / "here")
    for kind in ("runs", "snapshots"):
        place = here / kind / NAME
        with claimed(place, "a run"):
            place.mkdir(parents=True)
            (place / "seed_0.safetensors").write_text("weights")
    assert files_of(open_store(url), "files") == []


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "list"])
def test_a_damaged_entry_is_found_and_made_again(damage: str, url: str, tmp_path: Path, capsys) -> None:
    here, there = front(url, tmp_path / "here"), front(url, tmp_path / "there")
    place = here / "activations" / NAME
    assert made(place)
    store = open_store(url)
    path = files_of(store, "files")[0] if damage != "list" else files_of(store, "entries")[0]
    whole = store.files.text(path)
    assert whole is not None
    if damage == "gone":
        store.files.remove(path)
    else:
        flipped = bytes([whole[0] ^ 1]) + whole[1:]
        rewrite(store, path, whole[:-1] if damage == "cut" else flipped)
    assert store.fault_of(f"activations/{NAME}") is not None
    assert made(there / "activations" / NAME), "computed again"
    if damage != "list":
        assert "is not what was published: made again" in capsys.readouterr().err
    assert store.fault_of(f"activations/{NAME}") is None
    third = front(url, tmp_path / "third")
    assert not made(third / "activations" / NAME)
    assert (third / "activations" / NAME / "activations.npy").read_text() == "rows"


class _Cut(OSError):
    pass


@pytest.mark.parametrize("silent", [False, True])
def test_an_upload_that_is_cut_leaves_nothing_that_a_reader_takes_for_an_entry(
    silent: bool, url: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    here = front(url, tmp_path / "here")
    system = open_store(url).files.system

    def cut(place: str, path: str, **_: Any) -> None:
        data = Path(place).read_bytes()
        system.pipe_file(path, data[: len(data) // 2])
        if not silent:
            raise _Cut("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(type(system), "put_file", lambda _self, place, path, **more: cut(place, path, **more))
        # What was computed is used here all the same.
        assert made(here / "activations" / NAME)
        assert f"{'was cut short' if silent else 'the connection was lost'}" in capsys.readouterr().err
        with pytest.raises(GatekitError) as raised:
            share([here / "activations" / NAME / "manifest.json"])
        assert raised.value.exit_code == 70
        share_if_possible([here / "activations" / NAME / "manifest.json"])
    assert open_store(url).names() == []
    there = front(url, tmp_path / "there")
    assert not pull(there / "activations" / NAME)
    assert made(there / "activations" / NAME), "another machine makes it, and its upload is whole"
    assert not made(front(url, tmp_path / "third") / "activations" / NAME)


def test_a_claim_of_a_dead_machine_is_taken_over(url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(object_cache, "LEASE_SECONDS", 0.3)
    store = open_store(url)
    assert store.create_claim(f"activations/{NAME}", "of a machine that lost its power")
    started = time.monotonic()
    assert made(front(url, tmp_path / "here") / "activations" / NAME)
    assert time.monotonic() - started > 0.3
    assert files_of(store, "claims") == []


def test_a_claim_of_a_living_machine_is_waited_for(url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(object_cache, "LEASE_SECONDS", 0.4)
    monkeypatch.setattr(object_cache, "RENEW_SECONDS", 0.1)
    here, there = front(url, tmp_path / "here"), front(url, tmp_path / "there")
    begun = threading.Event()

    def slow() -> None:
        with claimed(here / "activations" / NAME, "an entry"):
            begun.set()
            time.sleep(1.2)
            write(here / "activations" / NAME)

    worker = threading.Thread(target=slow)
    worker.start()
    assert begun.wait(10)
    with claimed(there / "activations" / NAME, "an entry", wait=False) as ours:
        assert not ours
    assert not made(there / "activations" / NAME)
    worker.join()


def test_a_claim_that_fails_leaves_no_claim_and_no_entry(url: str, tmp_path: Path) -> None:
    here = front(url, tmp_path / "here")
    with pytest.raises(ValueError, match="it failed"), claimed(here / "activations" / NAME, "an entry"):
        raise ValueError("it failed")
    store = open_store(url)
    assert (files_of(store, "claims"), store.names()) == ([], [])


def _worker(url: str, folder: str, log: str, names: list[str]) -> None:
    object_cache.POLL_SECONDS = 0.05
    here = cache_folder(url, lambda: Path(folder))
    for name in names:
        place = here / "activations" / name
        with claimed(place, "an entry"):
            if not place.exists():
                time.sleep(0.05)
                with open(log, "a", encoding="utf-8") as file:
                    file.write(f"{name}\n")
                write(place, name)


def test_many_processes_on_one_store_compute_each_entry_once(tmp_path: Path) -> None:
    url, log = f"file://{tmp_path}/store", tmp_path / "computed"
    names = [f"{number:064x}" for number in range(6)]
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    workers = [
        # Each with a folder of its own, as machines have, and from another end.
        context.Process(target=_worker, args=(url, str(tmp_path / f"m{n}"), str(log), names[n:] + names[:n]))
        for n in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert sorted(log.read_text().split()) == names
    store = open_store(url)
    assert store.names() == [f"activations/{name}" for name in names]
    assert [store.fault_of(name) for name in store.names()] == [None] * len(names)
    assert files_of(store, "claims") == []


def test_threads_that_publish_one_entry_leave_it_whole(url: str, tmp_path: Path) -> None:
    places = []
    for number in range(8):
        folder = front(url, tmp_path / f"m{number}")
        write(folder / "activations" / NAME)
        places.append(folder / "activations" / NAME / "manifest.json")
    workers = [threading.Thread(target=share, args=([place],)) for place in places]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert open_store(url).fault_of(f"activations/{NAME}") is None


def test_names_in_a_list_never_lead_out_of_the_entry(url: str, tmp_path: Path) -> None:
    from gatekit.evidence import object_store

    store = open_store(url)
    told = {"format": "gatekit.objects/1", "entry": f"saes/{NAME}", "published": 1.0}
    files = {"../../evil": {"sha256": "0" * 64, "bytes": 1}}
    document = {**told, "files": files}
    data = json.dumps({**document, "sha256": object_store._sha256(document)}).encode()
    store.files.write(f"entries/saes/{NAME}.json", data)
    assert store.read(f"saes/{NAME}") is None
    assert not pull(front(url, tmp_path / "here") / "saes" / NAME)


def test_a_store_that_does_not_answer_stops_no_measurement(tmp_path: Path, monkeypatch, capsys) -> None:
    here = front(f"file://{tmp_path}/store", tmp_path / "here")
    (tmp_path / "store").write_text("no folder")
    assert made(here / "activations" / NAME)
    assert capsys.readouterr().err.count("does not do what it is asked") == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://bucket/x", "--cache nonsense://bucket/x: Protocol not known: nonsense"),
        ("memory://", "--cache memory://: no folder in it is named"),
    ],
)
def test_a_url_that_opens_nothing_is_a_wrong_command_line(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        cache_folder(url, lambda: tmp_path)


def test_without_fsspec_one_line_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(UsageError, match=r"needs fsspec, which is not installed; pip install 'gatekit-sae\[objects\]'"):
        cache_folder("s3://key:secret@bucket/x", lambda: tmp_path)


def test_keys_in_a_url_are_shown_nowhere() -> None:
    assert object_files.shown_url("s3://key:secret@bucket/x?token=1") == "s3://bucket/x"
    assert shown_argument("s3://key:secret@bucket/x") == "s3://x"
    assert shown_argument("--cache=s3://key:secret@bucket/x/?token=1") == "--cache=s3://x"
    assert shown_argument("file:///home/me/store") == "file://store"


def gatekit(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gatekit", "cache", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_lists_sizes_verifies_and_prunes_a_store(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/store"
    here = front(url, tmp_path / "here")
    assert made(here / "activations" / NAME)
    assert made(here / "activations" / OTHER, "others")
    store = open_store(url)
    code, said = gatekit("list", "--cache", url)
    assert code == 0
    assert [line.split()[-1] for line in said.splitlines()] == [f"activations/{NAME}", f"activations/{OTHER}"]
    assert gatekit("size", "--cache", url)[1].splitlines()[-1].split()[-3:] == ["2", "in", "all"]
    assert gatekit("verify", "--cache", url) == (0, "cache: 2 entries, none damaged\n")
    torn = f"files/activations/{NAME}/{'0' * 64}"
    store.files.write(torn, b"half")
    path = files_of(store, f"files/activations/{OTHER}")[0]
    rewrite(store, path, b"flipped")
    code, said = gatekit("verify", "--cache", url)
    assert (code, f"activations/{OTHER}: " in said) == (4, True)
    assert gatekit("verify", "--cache", url, "--remove")[0] == 0
    assert store.names() == [f"activations/{NAME}"]
    os.utime(tmp_path / "store" / torn, (0, 0))
    assert gatekit("prune", "--cache", url, "--to", "1M")[0] == 0
    assert torn not in files_of(store, "files"), "a torn upload is cleared away a day later"
    assert store.fault_of(f"activations/{NAME}") is None
    assert gatekit("prune", "--cache", url, "--to", "1")[0] == 0
    assert files_of(store, "files") == []
    assert gatekit("list", "--cache", "nonsense://x/y")[0] == 64


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("corpus_read_once")
def test_a_run_finds_in_a_store_what_another_machine_made_and_makes_again_what_is_damaged(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    url = f"file://{tmp_path}/store"
    config = tmp_path / "tiny.yaml"
    config.write_text(RANDOM_MODEL)

    def on(machine: str, out: str, *more: str) -> list[str]:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / machine))
        paths = ["--out", str(tmp_path / out), "--artifacts", str(tmp_path / machine / "artifacts")]
        return ["--config", str(config), *paths, "--device", "cpu", *more]

    assert run("random_model", *on("alone", "alone")) == 0
    keys = [unit["key"] for unit in listed(capsys, "random_model", on("first", "first", "--cache", url))["units"]]
    assert run("random_model", *on("first", "first", "--cache", url), *(f"--only={key}" for key in keys)) == 0
    units = listed(capsys, "random_model", on("second", "second", "--cache", url))["units"]
    assert [unit["done"] for unit in units] == [True] * len(keys), "another machine knows it"
    store = open_store(url)
    kinds = [name.partition("/")[0] for name in store.names()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"activations": 4, "saes": 6, "units": 8}
    saes = next(name for name in store.names() if name.startswith("saes/"))
    path = next(path for path in files_of(store, f"files/{saes}") if store.files.size(path) > 5000)
    data = store.files.text(path)
    rewrite(store, path, data[:2000] + bytes([data[2000] ^ 1]) + data[2001:])
    assert run("random_model", *on("second", "second", "--cache", url)) == 0
    said = capsys.readouterr().err
    assert said.count("is not what was published: made again") == 1
    assert said.count("training") >= 1
    made_here, joined = ({*computed(next((tmp_path / m / "gatekit").glob("fronts/*")))} for m in ("first", "second"))
    assert joined == made_here
    assert [store.fault_of(name) for name in store.names() if store.fault_of(name)] == []
    alone = tmp_path / "alone" / "random_model.json"
    assert observed(tmp_path / "second" / "random_model.json") == observed(alone)
    producer = json.loads((tmp_path / "second" / "random_model.json").read_text())["producer"]
    assert str(tmp_path) not in json.dumps(producer)
