"""One cache, many writers: claims save work, renames keep entries whole, and what is damaged is made again."""

from __future__ import annotations

import json
import os
import platform
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_stage import PROBING, SAES, arguments

from runners.arms import activations
from runners.benchmarks.saebench_cache import remembered
from runners.claims import claimed
from runners.stages.random_model import stage as random_model
from runners.whole_files import building_folder, make_folder, own_token, rename_folder, write_text

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

TINY = SAES + "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"


def observed(path: Path) -> str:
    document = json.loads(path.read_text())
    parts = [document[part] for part in ("status", "measurements", "subject", "protocol", "artifacts")]
    return json.dumps([*parts, document["producer"]["inputs"]])


def holding(place: Path) -> subprocess.Popen[str]:
    """Start a process that has the claim on an entry until it is told to go on."""
    code = (
        "import sys; from pathlib import Path; from runners.claims import claimed\n"
        f"with claimed(Path({str(place)!r}), 'entry'): print('held', flush=True); sys.stdin.readline()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_an_entry_that_somebody_computes_is_waited_for(capsys, tmp_path):
    place = tmp_path / "kind" / "entry"
    other = holding(place)
    with claimed(place, "entry", wait=False) as ours:
        assert not ours
    code = (
        "from pathlib import Path; from runners.claims import claimed\n"
        f"with claimed(Path({str(place)!r}), 'entry') as ours: print(ours)\n"
    )
    waiting = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert waiting.stderr is not None
    assert waiting.stderr.readline() == "entry: another process is at it; waiting for what it leaves\n"
    assert waiting.poll() is None
    other.communicate("go on\n")
    assert waiting.communicate()[0] == "True\n"
    assert list((tmp_path / "kind").iterdir()) == []


def test_the_claim_of_a_process_that_was_killed_is_taken_at_once(capsys, tmp_path):
    place = tmp_path / "kind" / "entry"
    other = holding(place)
    other.kill()
    other.wait()
    assert len(list((tmp_path / "kind").iterdir())) == 1
    started = time.monotonic()
    with claimed(place, "entry") as ours:
        assert ours
    assert time.monotonic() - started < 10


def test_where_no_claim_can_be_made_the_entry_is_computed_all_the_same(capsys, tmp_path):
    (tmp_path / "kind").write_text("a file where the folder goes")
    with claimed(tmp_path / "kind" / "entry", "entry") as ours:
        assert ours
    assert "no claim on it" in capsys.readouterr().err


def test_an_error_inside_a_claim_passes_and_gives_the_claim_back(tmp_path):
    place = tmp_path / "kind" / "entry"
    for error in (OSError("full"), ValueError("wrong")):
        with pytest.raises(type(error)), claimed(place, "entry"):
            raise error
    assert list((tmp_path / "kind").iterdir()) == []


@pytest.mark.parametrize("mode", [0o2770, 0o777, 0o755, 0o700])
def test_what_is_made_in_a_cache_has_the_permissions_of_its_folder(mode, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(mode)
    kept = os.umask(0o077)
    try:
        with building_folder(cache / "kind" / "entry") as folder:
            (folder / "rows").write_bytes(b"1")
            rename_folder(folder, cache / "kind" / "entry")
        write_text(cache / "kind" / "more" / "result.json", "{}")
    finally:
        os.umask(kept)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in cache.rglob("*")}
    assert {found[name] for name in ("kind", "entry", "more")} == {mode}
    assert {found[name] for name in ("rows", "result.json")} == {mode & 0o666}


@pytest.mark.usefixtures("corpus_read_once")
def test_what_a_run_leaves_in_a_cache_of_a_group_can_be_changed_by_all_of_the_group(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o2770)
    kept = os.umask(0o077)
    try:
        assert random_model.main(arguments(tmp_path, TINY)) == 0
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(kept)
    modes = {path.relative_to(cache): stat.S_IMODE(path.stat().st_mode) for path in cache.rglob("*")}
    assert {path.parts[0] for path in modes} >= {"activations", "saes", "runs"}
    assert {oct(mode & 0o060) for mode in modes.values()} == {"0o60"}
    assert {oct(mode & 0o007) for mode in modes.values()} == {"0o0"}


def test_a_folder_that_another_process_put_there_first_stays(tmp_path):
    place = tmp_path / "entry"
    with building_folder(place) as ours:
        (ours / "rows").write_bytes(b"ours")
        make_folder(place)
        (place / "rows").write_bytes(b"theirs")
        rename_folder(ours, place)
    assert (place / "rows").read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [place]


def test_two_names_that_are_being_built_are_never_one():
    assert len({own_token() for _ in range(100)}) == 100


@pytest.mark.parametrize("fault", ["flipped", "cut", "empty", "nested", "another"])
def test_a_damaged_result_is_told_of_and_computed_again(fault, capsys, tmp_path):
    key = {"of": 1}
    assert remembered(tmp_path, key, lambda: {"auc": 0.5}) == {"auc": 0.5}
    (path,) = tmp_path.glob("*.json")
    whole = path.read_text()
    damaged = {"flipped": whole.replace("0.5", "0.6"), "cut": whole[:-9], "empty": "", "nested": "[" * 100_000}
    path.write_text(damaged.get(fault, whole.replace('"of": 1', '"of": 2')))
    assert remembered(tmp_path, key, lambda: {"auc": 0.5}) == {"auc": 0.5}
    assert capsys.readouterr().err == f"stored result {path.name[:12]} is not the one computed: made again\n"
    assert path.read_text() == whole


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory) -> Path:
    """A finished run: `out`, and `cache`."""
    folder: Path = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        assert random_model.main(arguments(folder, TINY)) == 0
    return folder


@pytest.mark.usefixtures("corpus_read_once")
@pytest.mark.parametrize("fault", ["weights", "cut", "description", "k", "no object"])
def test_a_damaged_sae_of_the_cache_is_told_of_and_trained_again(fault, done, capsys):
    first = sorted((done / "cache" / "saes").rglob("seed_2.safetensors"))[0]
    path = first if fault in ("weights", "cut") else first.with_suffix(".json")
    whole = path.read_bytes()
    changed = bytearray(whole)
    if fault == "weights":
        changed[-5] ^= 1
    damaged = {
        "weights": bytes(changed),
        "cut": whole[:-40],
        "description": whole[:-40],
        "k": whole.replace(b'"k": 4', b'"k": 5'),
        "no object": b"[]",
    }[fault]
    assert damaged != whole
    path.unlink()  # An artifact may be another name of the same file.
    path.write_bytes(damaged)
    capsys.readouterr()
    assert random_model.main(arguments(done, TINY, f"again {fault}")) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "made again" in line]
    assert told[0] == f"stored SAE of seed 2 in {path.parent.name[:12]} is not the one trained: made again"
    assert path.read_bytes() == whole
    assert observed(done / f"again {fault}" / "random_model.json") == observed(done / "out" / "random_model.json")


@pytest.mark.usefixtures("corpus_read_once")
def test_a_pilot_of_three_and_then_five_is_five_at_once_and_nothing_is_trained_twice(stacked, done, tmp_path):
    five = list(arguments(tmp_path, TINY, "at-once", "first"))
    assert random_model.main(five) == 0
    assert stacked == [(0, 1, 2), (3, 4)] * 2
    stacked.clear()
    later = list(arguments(tmp_path, TINY, "later", "second"))
    assert (
        random_model.main([*later[:2], "--set", "seeds=[0, 1, 2]", *later[2:3], str(tmp_path / "p"), *later[4:]]) == 0
    )
    assert stacked == [(0, 1, 2)] * 2
    assert random_model.main(later) == 0
    assert stacked == [(0, 1, 2), (0, 1, 2), (3, 4), (3, 4)]
    assert observed(tmp_path / "later" / "random_model.json") == observed(tmp_path / "at-once" / "random_model.json")
    alone = json.loads((done / "out" / "random_model.json").read_text())["subject"]["checkpoints"]
    together = json.loads((tmp_path / "later" / "random_model.json").read_text())["subject"]["checkpoints"]
    assert alone != together, "a stack of three gave the bits of one: this test shows nothing"


@pytest.mark.usefixtures("corpus_read_once")
def test_where_one_seed_is_missing_its_whole_group_is_trained_again_to_the_same_bits(stacked, tmp_path):
    given = list(arguments(tmp_path, TINY))
    assert random_model.main(given) == 0
    stacked.clear()
    kept = {path: path.read_bytes() for path in (tmp_path / "cache" / "saes").rglob("seed_*.safetensors")}
    gone = sorted(path for path in kept if path.name == "seed_1.safetensors")[0]
    gone.unlink()
    assert random_model.main(list(arguments(tmp_path, TINY, "again"))) == 0
    assert stacked == [(0, 1, 2)]
    assert {path: path.read_bytes() for path in kept} == kept


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names the vector instructions of x86")
def test_machines_with_other_vector_instructions_share_no_entry_and_each_finds_its_own(tmp_path):
    text = TINY.replace("[0, 1, 2, 3, 4]", "[0, 1]")

    def run(out: str, instructions: str) -> tuple[list[dict[str, str]], str]:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "ATEN_CPU_CAPABILITY": instructions}
        command = [sys.executable, "-m", "runners", "random_model", *arguments(tmp_path, text, out)]
        subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
        document = json.loads((tmp_path / out / "random_model.json").read_text())
        return document["subject"]["checkpoints"], document["producer"]["device"]

    def stored() -> set[str]:
        places = [tmp_path / "cache" / kind for kind in ("saes", "activations")]
        return {path.name for place in places for path in place.iterdir()}

    first, first_device = run("default", "default")
    ours = stored()
    second, second_device = run("avx2", "avx2")
    assert first_device != second_device
    assert len(stored()) == 2 * len(ours)
    both = stored()
    assert run("default-again", "default") == (first, first_device)
    assert stored() == both
    assert second != first


@pytest.mark.usefixtures("corpus_read_once")
def test_a_checkpoint_among_the_artifacts_takes_no_room_of_its_own(done):
    cached = {path.stat().st_ino for path in (done / "cache" / "saes").rglob("*.safetensors")}
    published = [path.stat().st_ino for path in (done / "cache" / "runs").rglob("model/*.safetensors")]
    assert len(published) == 5
    assert set(published) <= cached


@pytest.mark.slow
def test_processes_that_share_a_cache_and_are_killed_at_random_leave_what_one_alone_leaves(tmp_path):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}

    def start(out: str, cache: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "runners", "random_model", *arguments(tmp_path, TINY, out, cache)]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    started = time.monotonic()
    assert start("alone", "first").wait() == 0
    seconds = time.monotonic() - started
    points = random.Random(4)
    killed = 0
    for attempt in range(3):
        together = [start(f"together-{attempt}-{number}", "second") for number in range(3)]
        for process in together[1:]:
            try:
                process.wait(timeout=points.uniform(0.2, 0.9) * seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                killed += process.wait() == -signal.SIGKILL
        if attempt < 2:
            together[0].kill()
            together[0].wait()
        else:
            assert together[0].wait() == 0
    assert killed
    assert start("joined", "second").wait() == 0
    ours = observed(tmp_path / "alone" / "random_model.json")
    assert observed(tmp_path / "joined" / "random_model.json") == ours
    assert observed(tmp_path / "together-2-0" / "random_model.json") == ours
    left = {path.relative_to(tmp_path / "second") for path in (tmp_path / "second" / "saes").rglob("seed_*")}
    assert {path.relative_to(tmp_path / "first") for path in (tmp_path / "first" / "saes").rglob("seed_*")} == left


@pytest.mark.slow
def test_units_made_by_killed_and_other_processes_are_joined_to_the_bytes_of_an_undisturbed_run(tmp_path):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    text = SAES.replace("[0, 1, 2, 3, 4]", "[0, 1]") + PROBING + "baseline: {kind: dense_probe}\n"

    def command(out: str, cache: str, *more: str) -> list[str]:
        return [sys.executable, "-m", "runners", "saebench", *arguments(tmp_path, text, out, cache), *more]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(*words), env=environment, capture_output=True, text=True)

    assert run("alone", "first").returncode == 0
    listed = json.loads(run("joined", "second", "--units").stdout)["units"]
    points = random.Random(7)
    for unit in listed:
        process = subprocess.Popen(command("joined", "second", "--only", unit["key"]), env=environment)
        try:
            process.wait(timeout=points.uniform(2, 12))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert run("joined", "second", "--only", unit["key"]).returncode == 0
    assert run("joined", "second").returncode == 0
    found = {out: json.loads((tmp_path / out / "saebench.json").read_text()) for out in ("alone", "joined")}
    for document in found.values():
        # SAEBench's own result files say when they were written.
        document["artifacts"] = [each for each in document["artifacts"] if "saebench" not in each["name"]]
        assert len(document["artifacts"]) == 3, "two checkpoints and the table of probes"
    for part in ("measurements", "subject", "protocol", "artifacts"):
        assert json.dumps(found["joined"][part]) == json.dumps(found["alone"][part]), part
