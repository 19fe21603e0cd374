"""Options that would end every task in the same way, or share a GPU by mistake, are refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from cycles.workplace import cycle, workplace


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
