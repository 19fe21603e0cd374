"""Which SAEs lie at the paths that somebody names, and which seed each is of."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from gatekit.errors import UsageError
from runners.saes.formats.own_formats import OWN

_DEEPEST = 3
"""Levels of folders below the one that is named, in which SAEs are looked for."""
_MOST = 1000
_NUMBER = re.compile(r"[0-9]{1,9}$", re.ASCII)
_END = re.compile(r"final(_[0-9]+)?")
"""What SAELens calls the SAE at the end of a training."""


def seeds_of(paths: Sequence[str], least: int = 2) -> dict[int, str]:
    """Return path of every SAE by its seed, in increasing order of these.

    Args:
        paths: `PATH`, or `SEED=PATH`. Without a seed it is the number at the end of the SAE's name, or of a folder's
            that it lies in, where all have another; or they are numbered from 0. Of a folder that holds SAEs all are
            taken.
        least: how many SAEs are needed.

    Raises:
        UsageError: nothing lies at a path, two SAEs have one seed, or they are too few.
    """
    given = [_split(path) for path in paths]
    for _, path in given:
        if not Path(path).exists():
            raise UsageError(f"there is no file or folder '{path}'")
    found = [(seed, sae) for seed, path in given for sae in _saes_in(path, alone=seed is not None)]
    numbers = _numbers([path for _, path in found])
    seeds: dict[int, str] = {}
    for place, (stated, path) in enumerate(found):
        seed = stated if stated is not None else numbers[place]
        if seed in seeds:
            raise UsageError(f"two SAEs of seed {seed}: {seeds[seed]} and {path}", "write SEED=PATH for each")
        seeds[seed] = path
    if len(seeds) < least:
        raise UsageError("one SAE says nothing about other seeds", "give at least two, better five, one a seed")
    return dict(sorted(seeds.items()))


def _split(given: str) -> tuple[int | None, str]:
    head, equals, tail = given.partition("=")
    numbered = bool(equals) and head.isascii() and head.isdecimal()
    return (int(head), tail) if numbered else (None, given)


def _saes_in(given: str, alone: bool) -> list[str]:
    """Return the SAEs that a path means: itself, or those in a folder.

    Args:
        given: by the user.
        alone: whether one seed was given for it, so that it has to be one SAE.
    """
    path = Path(given)
    held = [] if path.is_file() or _is_sae(path) else _below(path, _DEEPEST)
    # What is no SAE, or several where one is meant, is refused by who reads it, which says what lies near.
    return [str(inside) for inside in held] if len(held) == 1 or (held and not alone) else [given]


def _below(folder: Path, levels: int) -> list[Path]:
    """Return the SAEs in a folder, or where it has none itself, in its folders.

    A training that kept its steps beside its end (SAELens: `1000`, `2000`, `final_3000`) is one SAE, and not several.
    """
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be listed: {error.strerror}") from None
    if len(inside) > _MOST:
        raise UsageError(f"'{folder}' holds more than {_MOST} files and folders", "name each SAE")
    saes = [path for path in inside if _is_sae(path)]
    ends = [path for path in saes if _END.fullmatch(path.name)]
    if len(ends) == 1:
        return ends
    if saes or not levels:
        return saes
    return [sae for path in inside if path.is_dir() for sae in _below(path, levels - 1)]


def _numbers(paths: Sequence[str]) -> list[int]:
    """Return the seed of each SAE: the number at the end of its name, or of a folder's that it lies in; or its place.

    It is the last part of the path in which all have a number and all another.
    """
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    for back in range(1, 1 + min((len(part) for part in parts), default=0)):
        names = [part[-back] for part in parts]
        if back == 1:
            names = [Path(name).stem if Path(path).is_file() else name for name, path in zip(names, paths, strict=True)]
        found = [int(number[0]) for number in map(_NUMBER.search, names) if number is not None]
        if len(set(found)) == len(paths):
            return found
        if len({part[:-back] for part in parts}) == 1:
            break  # whatever stands before is the same for all
    return list(range(len(paths)))


def _is_sae(path: Path) -> bool:
    return any(own.recognises(path) for own in OWN)
