"""`--units` and `--only KEY`: what can be made ahead of a run, listed as JSON, and one of it made."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.errors import GatekitError, UsageError
from gatekit.exit_codes import ExitCode
from runners.determinism import choose_device, device_class, fix_arithmetic
from runners.stage.lost_entries import lost_entry
from runners.stage.machine_faults import machine_fault
from runners.stage.planned_steps import all_pieces
from runners.stage.units import Unit, is_done, units_of
from runners.summary_writing import config_digest

if TYPE_CHECKING:
    from runners.stage.stage import Stage

Summaries = Sequence[tuple[str, "Stage", Any]]
"""Folder name, stage and configuration of each."""


def write_units(summaries: Summaries, device: str, cache: Path) -> None:
    """Write to standard output, on one line, which units and summaries a configuration stands for; measures nothing.

    Args:
        summaries: of the run.
        device: as `--device` says it; of units for a GPU that is not in this machine, none is done.
        cache: where they are looked for.

    Raises:
        GatekitError: the model or the texts are not there.
    """
    kind, here = _device_of(device)
    units = [
        {
            "key": unit.key,
            "name": unit.name,
            "after": list(unit.after),
            "needs": {"gpus": 1 if kind == "cuda" else 0},
            "done": here is not None and is_done(cache, unit.key, here),
        }
        for unit in _units(summaries, kind)
    ]
    announced = [
        {
            "path": (Path(folder) / f"{stage.kind}.json").as_posix(),
            "kind": stage.kind,
            "config_sha256": config_digest(stage.recorded(config)),
        }
        for folder, stage, config in summaries
    ]
    sys.stdout.write(json.dumps({"units": units, "summaries": announced}, allow_nan=False) + "\n")


def make_units(
    keys: Sequence[str], summaries: Summaries, device: str, cache: Path, begin_anew: Callable[[], None]
) -> int:
    """Make the units of these keys, one after the other, and return the exit code: no summary is written.

    Args:
        keys: of the units.
        summaries: of the run.
        device: as `--device` says it.
        cache: that takes them.
        begin_anew: called where the cache lost what was used, before this ends in 70.

    Raises:
        UsageError: a key is none of a unit of this configuration, or there is no such device.
        GatekitError: as measuring would raise it.
    """
    chosen = choose_device(device)
    units = {unit.key: unit for unit in _units(summaries, chosen)}
    unknown = next((key for key in keys if key not in units), None)
    if unknown is not None:
        raise UsageError(f"--only '{unknown}' is no unit of this configuration on {chosen}", "--units lists them")
    # Imported here: it brings torch, and all that measures.
    from runners.stage.run_environment import RunEnvironment
    from runners.stage.unit_making import make

    environment = RunEnvironment(chosen, cache, cache)
    try:
        for key in keys:
            fix_arithmetic(units[key].config.threads)
            make(units[key], environment)
            sys.stderr.write(f"{units[key].name}: in the cache\n")
    except Exception as error:
        lost = lost_entry(error, cache)
        fault = machine_fault(error) if lost is None and not isinstance(error, GatekitError) else None
        if lost is not None:
            sys.stderr.write(f"{lost}\n")
            begin_anew()
        elif isinstance(error, GatekitError):
            raise
        elif isinstance(fault, GatekitError):
            raise fault from None
        elif fault is not None:
            sys.stderr.write(f"{fault}\n")
        else:
            traceback.print_exc()
        return int(ExitCode.INTERNAL)
    return int(ExitCode.PASS)


def _units(summaries: Summaries, device: str) -> list[Unit]:
    return units_of(
        [(folder, config, all_pieces(stage, config, device)) for folder, stage, config in summaries], device
    )


def _device_of(name: str) -> tuple[str, str | None]:
    """Return the kind of device, and the class of this machine's; None where it has no such device."""
    try:
        chosen = choose_device(name)
    except UsageError:
        return name, None
    return chosen, device_class(chosen)
