"""The cache loses what a run uses: the run is begun anew, and its numbers are those of an undisturbed one."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_ahead import all_observed
from tiny_external import OOD
from tiny_stage import arguments

from gatekit.errors import GatekitError, Location
from runners.stage.lost_entries import lost_entry
from runners.stage.supervision import ATTEMPTS

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

TAKEN_AWAY = """\
import os, shutil, sys
from pathlib import Path
from runners.stage import lifecycle
from runners.subjects.activation_store import ActivationStore
lifecycle.is_command = lambda: True
times, count = int(sys.argv.pop(1)), Path(sys.argv.pop(1))
read = ActivationStore.read
def taken_away(store):
    done = len(count.read_text()) if count.exists() else 0
    if done < times:
        count.write_text("x" * (done + 1))
        shutil.rmtree(store.path.parent)
    return read(store)
ActivationStore.read = taken_away
from runners.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
ALWAYS = 1000


def ended(folder: Path, times: int, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a stage whose stored activations are taken away so many times, between their opening and their reading."""
    given = [sys.executable, "-c", TAKEN_AWAY, str(times), str(folder / f"{out}.count"), "ood"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [*given, *arguments(folder, OOD, out, f"{out}-cache", *more)], env=environment, capture_output=True, text=True
    )


def test_a_run_whose_cache_is_pruned_under_it_is_begun_anew_and_changes_no_number(tmp_path: Path) -> None:
    calm, rough = ended(tmp_path, 0, "calm"), ended(tmp_path, 2, "rough")
    assert calm.returncode == 0, calm.stderr
    assert rough.returncode == 0, rough.stderr
    assert rough.stderr.count("the cache lost or changed an entry while it was used (activations/") == 2
    assert rough.stderr.count("ood: begun anew") == 2
    assert "Traceback" not in rough.stderr
    assert all_observed(tmp_path / "rough") == all_observed(tmp_path / "calm")


def test_a_run_whose_cache_is_emptied_all_the_time_ends_with_one_line_each_time(tmp_path: Path) -> None:
    done = ended(tmp_path, ALWAYS, "out")
    assert done.returncode == 70
    assert done.stderr.count("the cache lost or changed an entry while it was used (activations/") == ATTEMPTS
    assert "Traceback" not in done.stderr


def test_a_piece_whose_cache_is_pruned_under_it_is_begun_anew(tmp_path: Path) -> None:
    keys = [unit["key"] for unit in json.loads(ended(tmp_path, 0, "out", "--units").stdout)["units"]]
    done = ended(tmp_path, 2, "out", *(part for key in keys for part in ("--only", key)))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the cache lost or changed an entry while it was used (activations/") == 2
    assert "Traceback" not in done.stderr
    units = json.loads(ended(tmp_path, 0, "out", "--units").stdout)["units"]
    assert all(unit["done"] for unit in units)


@pytest.mark.parametrize(
    ("path", "is_lost"),
    [
        ("cache/activations/ab/activations.npy", True),
        ("cache/runs/ood/cd/seed_0.json", True),
        ("cache", True),
        ("models/config.json", False),
        ("cache-of-another/activations/ab/activations.npy", False),
    ],
)
def test_a_file_that_is_gone_is_the_caches_where_it_lay_in_it(tmp_path: Path, path: str, is_lost: bool) -> None:
    for number in (errno.ENOENT, errno.ESTALE):
        error = OSError(number, os.strerror(number), str(tmp_path / path))
        assert (lost_entry(error, tmp_path / "cache") is not None) is is_lost
    denied = OSError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / path))
    assert lost_entry(denied, tmp_path / "cache") is None
    assert lost_entry(FileNotFoundError(errno.ENOENT, "no name"), tmp_path / "cache") is None


@pytest.mark.parametrize(
    ("error_id", "path", "is_lost"),
    [
        ("activations.altered", "cache/activations/ab/activations.npy", True),
        ("runner.sae_cache", None, True),
        ("checkpoint.invalid", "cache/saes/ab/seed_0.json", True),
        # SAEs that another run left are an input.
        ("checkpoint.invalid", "cache/runs/consistency/ab/seed_0.json", False),
        ("checkpoint.invalid", "saes/seed_0.json", False),
        ("config.value", None, False),
    ],
)
def test_a_refusal_is_a_loss_where_it_is_of_what_can_be_made_again(
    tmp_path: Path, error_id: str, path: str | None, is_lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = GatekitError(error_id, "it is not what was stored", None if path is None else Location(path))
    for cache in (tmp_path / "cache", Path("cache")):
        assert (lost_entry(error, cache) is not None) is is_lost


def test_an_error_of_another_sort_is_no_loss(tmp_path: Path) -> None:
    found: list[Any] = [lost_entry(error, tmp_path) for error in (ValueError(str(tmp_path)), KeyboardInterrupt())]
    assert found == [None, None]
