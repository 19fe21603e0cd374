"""`gatekit run`: measure, where the runners and torch are installed. Nothing else of gatekit loads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import rich_click as click
from click.shell_completion import CompletionItem

from gatekit.errors import GatekitError, UsageError, did_you_mean
from gatekit.exit_codes import ExitCode

GROUP = "gatekit.runners"
OWN_PACKAGE = "runners"
INSTALL = "install the runners extra: in a checkout of gatekit, pip install '.[runners]'"


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in _runners() if name.startswith(incomplete)]


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("runner", shell_complete=_names)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(runner: str, arguments: tuple[str, ...]) -> int:
    """Run one RUNNER, e.g. `gatekit run random_model --config FILE --out evidence`.

    ARGUMENTS are the runner's own; `gatekit run RUNNER --help` lists them. It is the same as `python -m runners`.
    """
    point = _find(runner)
    if point.module.partition(".")[0] == OWN_PACKAGE and find_spec("torch") is None:
        # A run that starts without torch would leave a summary of a failed run behind.
        raise UsageError(f"the runner '{runner}' needs torch, which is not installed", INSTALL)
    try:
        return int(_main(point)(arguments))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == point.module.partition(".")[0]:
            raise  # a fault of the runner, not of the installation
        raise UsageError(f"the runner '{runner}' needs {error.name}, which is not installed", INSTALL) from None
    except SystemExit as stop:
        # argparse ends --help with 0 and a wrong command line with 2, which is the gate's `blocked`.
        if stop.code in (None, 0):
            return ExitCode.PASS
        if stop.code == 2:
            return ExitCode.USAGE
        raise


def _runners() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        same = found.setdefault(point.name, [])
        if point.value not in {other.value for other in same}:
            same.append(point)
    return found


def _find(name: str) -> EntryPoint:
    """Return the entry point of a runner.

    Raises:
        UsageError: there is none of that name.
        GatekitError: several packages register one.
    """
    runners = _runners()
    if name not in runners:
        remedy = did_you_mean(name, runners) or f"known: {', '.join(runners) or 'none'}"
        raise UsageError(f"no runner '{name}'", remedy)
    if len(runners[name]) > 1:
        owners = ", ".join(point.value for point in runners[name])
        raise GatekitError("runner.ambiguous", f"several packages register the runner '{name}': {owners}")
    return runners[name][0]


def _main(point: EntryPoint) -> Callable[[Sequence[str]], int]:
    """Return the function behind an entry point: the one it names, or the `main` of the module that it names."""
    loaded: Any = import_module(point.module) if not point.attr else point.load()
    if isinstance(loaded, ModuleType):
        loaded = getattr(loaded, "main", None)
    if not callable(loaded):
        raise GatekitError("runner.unusable", f"the runner '{point.name}' ({point.value}) has no main function")
    main: Callable[[Sequence[str]], int] = loaded
    return main
