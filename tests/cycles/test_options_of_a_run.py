"""Options that would end every task in the same way, or share a GPU by mistake, are refused before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cycles.test_full_disk import driver
from cycles.workplace import cycle, workplace

from gatekit.cycles.running import RunOptions, run_cycle
from gatekit.errors import UsageError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--gpus", "0,1,0"), "--gpus names 0 2 times; each is given to one task at a time"),
        (("--gpus", "0 1"), "--gpus names no GPU '0 1'; write their numbers, as 0,1, or their UUIDs"),
        (("--cache", "config.json"), "--cache: 'config.json' is no folder; give a folder, which is made where none is"),
        (("--cache", "nowhere://bucket"), "--cache nowhere://bucket: "),
        (("--cluster", "auto"), "--cluster without --cache"),
    ],
)
def test_an_option_that_cannot_be_meant_is_one_line_and_starts_nothing(
    tmp_path: Path, options: tuple[str, str], said: str
) -> None:
    folder = workplace(tmp_path)
    done = cycle(folder, "run", "small", *options)
    assert done.returncode == 64
    assert done.stderr.startswith(f"gatekit: {said}")
    assert done.stderr.count("\n") == 1
    assert not (folder / "runs").exists()


def test_a_cache_that_may_not_be_written_is_refused_before_every_task_fails_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def denied(path: Path, mode: int) -> bool:
        asked.append(str(path))
        return mode != os.W_OK

    monkeypatch.setattr(os, "access", denied)
    calm = driver(tmp_path)
    cache = str(tmp_path / "new/cache")
    options = RunOptions(tmp_path / "runs", cache, 1, (), in_pieces=False, retry_failed=False, wait=False)
    with pytest.raises(UsageError, match=f"--cache: '{cache}' may not be written"):
        run_cycle(calm.cycle, calm.graph, options, lambda _line: None)
    assert asked == [str(tmp_path)]  # it would be made there
    assert not (tmp_path / "runs").exists()
