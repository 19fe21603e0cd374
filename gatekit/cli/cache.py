"""`gatekit cache`: what the runners' cache holds, whether it is whole, how much room it takes, and what may go."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from gatekit.errors import UsageError
from gatekit.exit_codes import ExitCode
from gatekit.report import inert

if TYPE_CHECKING:
    from gatekit.cache.opened import OpenedCache

_DAY = 86_400.0
_AGES = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY, "w": 7 * _DAY}
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

_folder = click.option(
    "--cache",
    "folder",
    metavar="DIR|URL",
    help="The cache's folder, or the URL of an object store (default: the user's, as `gatekit run` has it).",
)


@click.group("cache")
def command() -> None:
    """List, verify, size and prune the cache of the runners.

    Everything in it can be computed again. Nothing here needs torch: names, manifests and digests say enough. An object
    store needs the extra `objects`, and the package for its protocol.
    """


@command.command("list")
@_folder
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_entries(folder: str | None, as_json: bool) -> int:
    """Print every entry: its size, the days since it was last used (in an object store: published), and its name."""
    for entry in _cache(folder).entries():
        if as_json:
            told = {"kind": entry.kind, "name": entry.name, "bytes": entry.bytes, "used": int(entry.used)}
            click.echo(json.dumps(told, sort_keys=True))
        else:
            days = max(0.0, time.time() - entry.used) / _DAY
            click.echo(inert.terminal(f"{_shown(entry.bytes):>10}  {days:5.1f} d  {entry.name}"))
    return ExitCode.PASS


@command.command("size")
@_folder
def size(folder: str | None) -> int:
    """Print how many entries of each kind there are and what they take."""
    totals: dict[str, tuple[int, int]] = {}
    for entry in _cache(folder).entries():
        number, taken = totals.get(entry.kind, (0, 0))
        totals[entry.kind] = (number + 1, taken + entry.bytes)
    for kind, (number, taken) in totals.items():
        click.echo(f"{_shown(taken):>10}  {number:6}  {kind}")
    taken = sum(of_kind for _, of_kind in totals.values())
    click.echo(f"{_shown(taken):>10}  {sum(number for number, _ in totals.values()):6}  in all")
    return ExitCode.PASS


@command.command("verify")
@_folder
@click.option("--remove", "removes", is_flag=True, help="Take damaged entries away; the next run makes them again.")
def verify(folder: str | None, removes: bool) -> int:
    """Compare every entry with its digest and its place: exit 0 where all are whole, 4 where one is damaged and stays.

    A run finds a damaged entry itself and makes it again; this finds it before.
    """
    cache = _cache(folder)
    entries = cache.entries()
    damaged = 0
    for entry in entries:
        fault = cache.fault_of(entry)
        if fault is None:
            continue
        damaged += 1
        click.echo(inert.terminal(f"{entry.name}: {fault}{': removed' if removes else ''}"))
        if removes:
            cache.remove(entry.name)
    click.echo(f"cache: {len(entries)} entries, {damaged or 'none'} damaged")
    return ExitCode.REFUSED if damaged and not removes else ExitCode.PASS


@command.command("prune")
@_folder
@click.option("--older-than", metavar="TIME", help="Remove what was not used for this long: 12h, 30d, 8w.")
@click.option("--to", "at_most", metavar="SIZE", help="Remove the least recently used until this is left: 50G, 800M.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
def prune(folder: str | None, older_than: str | None, at_most: str | None, dry_run: bool) -> int:
    """Remove entries by age or until the rest fits, and what writers that died left behind.

    Checkpoints of runs stay, since summaries name them, and so does what a process is at work on.
    """
    from gatekit.cache.pruning import to_remove

    cache, now = _cache(folder), time.time()
    age = None if older_than is None else _number(older_than, _AGES, "--older-than", "12h, 30d or 8w")
    room = None if at_most is None else int(_number(at_most, _SIZES, "--to", "50G or 800M"))
    going = to_remove(cache.entries(), now, age, room, cache.is_claimed)
    word = "would go" if dry_run else "removed"
    for entry in going:
        click.echo(inert.terminal(f"{_shown(entry.bytes):>10}  {entry.name}: {word}"))
    scraps = cache.left_behind(now)
    for name in scraps:
        click.echo(inert.terminal(f"{'':>10}  {name}: left behind: {word}"))
    for name in () if dry_run else (*(entry.name for entry in going), *scraps):
        cache.remove(name)
    click.echo(f"cache: {_shown(sum(entry.bytes for entry in going))} in {len(going)} entries {word}")
    return ExitCode.PASS


def _cache(given: str | None) -> OpenedCache:
    from gatekit.cache.opened import open_cache
    from gatekit.evidence.object_store import is_url

    if given is None:
        # As the runners choose it (runners.stage.lifecycle): the XDG base directory specification.
        return open_cache(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatekit")
    if not is_url(given) and not os.path.isdir(given):
        raise UsageError(f"--cache: no folder at '{given}'")
    return open_cache(given)


def _number(text: str, units: dict[str, float] | dict[str, int], option: str, example: str) -> float:
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)([A-Za-z]?)", text, re.ASCII)
    unit = None if match is None else next((u for u in units if u.lower() == match[2].lower()), None)
    if match is None or unit is None:
        raise UsageError(f"{option} '{text}' is none", f"write {example}")
    return float(match[1]) * units[unit]


def _shown(size: int) -> str:
    power = min(4, max(0, size.bit_length() - 1) // 10)
    return f"{size} B" if power == 0 else f"{size / (1 << 10 * power):.1f} {'KMGT'[power - 1]}iB"
