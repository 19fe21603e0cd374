"""The runners on a command line: `gatekit run NAME` and `python -m runners NAME` are this module, and nothing more.

A runner is a plug-in of the group `gatekit.runners`: a module with a function `main(arguments) -> exit code`, or that
function. It is imported when it is called. Nothing here imports torch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from inspect import getdoc, signature
from types import ModuleType
from typing import Any

from gatekit.errors import GatekitError, UsageError
from gatekit.exit_codes import ExitCode
from gatekit.plugins import Plugin, find, in_one_line, load, only, registered
from gatekit.python_version import too_old as too_old
from gatekit.streams import guard_streams as guard_streams

GROUP = "gatekit.runners"
WHAT = "runner"
OURS = "runners"
"""The package of our own runners, all of which need torch."""
INSTALL = "install the runners extra: in a checkout of gatekit, pip install '.[runners]'"

Main = Callable[[Sequence[str]], Any]


def runner_names() -> tuple[str, ...]:
    """Return the names of all runners, sorted."""
    return tuple(registered(GROUP, WHAT))


def call_runner(name: str, arguments: Sequence[str]) -> int:
    """Run one runner with its own arguments and return its exit code: one of `ExitCode`, or 128 + a signal's number.

    Raises:
        UsageError: there is no such runner, or a package that it needs is not installed.
        GatekitError: it cannot be used; or it broke, with exit code 70. GATEKIT_TRACEBACK=1 shows where.
    """
    guard_streams()
    plugin = find(GROUP, WHAT, name)
    asks_for_help = any(argument in ("-h", "--help") for argument in arguments)
    if not asks_for_help and (missing := _missing(plugin)):
        # A run that starts without torch would leave a summary of a failed run behind.
        raise UsageError(f"the runner '{name}' needs {missing}, which is not installed", INSTALL)
    main = _main(plugin)
    try:
        return _exit_code(plugin, main(list(arguments)))
    except SystemExit as stop:
        # argparse ends --help with 0 and a wrong command line with 2, which is the gate's `blocked`.
        if stop.code == ExitCode.BLOCKED:
            return ExitCode.USAGE
        return _exit_code(plugin, 0 if stop.code is None else stop.code)
    except GatekitError:
        raise
    except ModuleNotFoundError as error:
        root = (error.name or "").partition(".")[0]
        if root in ("", plugin.module.partition(".")[0]):
            raise _broken(plugin, f"failed: {in_one_line(error)}") from error
        raise UsageError(f"{plugin.shown} needs {error.name}, which is not installed", INSTALL) from None
    except Exception as error:
        raise _broken(plugin, f"failed: {in_one_line(error)}") from error


def configurations(
    name: str, path: str, settings: Sequence[str] = (), left_by: Mapping[str, Any] | None = None
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return (name of the cell, kind, recorded configuration) of every summary that a runner would write; no torch.

    A runner's module says them by a function `configurations(path)`, or by the method of that name of its `STAGE`.
    Where there are settings, they are its second argument; `left_by` is its third.

    Args:
        name: of the runner.
        path: of the configuration.
        settings: `KEY=VALUE`, as `--set` takes it.
        left_by: recorded configuration of the run whose SAEs will be measured; None where they are trained or there.

    Raises:
        UsageError: there is no such runner, or it does not say them.
        GatekitError: the configuration is refused.
    """
    plugin = find(GROUP, WHAT, name)
    loaded = load(plugin, INSTALL)
    described = getattr(loaded, "configurations", None) or getattr(
        getattr(loaded, "STAGE", None), "configurations", None
    )
    if not callable(described):
        remedy = "name its kind and protocol, or register what one of its summaries says"
        raise UsageError(f"{plugin.shown} does not say what it would record", remedy)
    try:
        given = (path, tuple(settings)) if settings or left_by is not None else (path,)
        if left_by is not None and not _takes(described, 3):
            remedy = "its `configurations` takes (path, settings, left_by)"
            raise UsageError(f"{plugin.shown} does not say what it would record of SAEs that a run leaves", remedy)
        found = described(*given) if left_by is None else described(*given, left_by)
        return [(str(cell), str(kind), dict(recorded)) for cell, kind, recorded in found]
    except ModuleNotFoundError as error:
        raise UsageError(f"{plugin.shown} needs {error.name} to read {path}", INSTALL) from None


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        signature(function).bind(*range(count))
    except TypeError:
        return False
    return True


def listing() -> Iterator[str]:
    """Yield one line per runner: its name, its package and its title, or what keeps it from being used."""
    known = registered(GROUP, WHAT)
    rows = [(name, _packages(known[name]), _title(known[name])) for name in known]
    name_width = max((len(name) for name, _, _ in rows), default=0)
    package_width = max((len(package) for _, package, _ in rows), default=0)
    for name, package, title in rows:
        yield _printable(f"{name:<{name_width}}  {package:<{package_width}}  {title}".rstrip())


def _packages(claimants: tuple[Plugin, ...]) -> str:
    return ", ".join(plugin.owner for plugin in claimants)


def _title(claimants: tuple[Plugin, ...]) -> str:
    """Return the first line of a runner's docstring, found as a run would find it: by importing it."""
    try:
        plugin = only(claimants)
        main = _main(plugin)
    except GatekitError as error:
        return f"broken: {error}"
    # A package may take its `main` from a module of its own that says more of it.
    described = main if ":" in plugin.value else sys.modules.get(getattr(main, "__module__", ""), main)
    title = (getdoc(described) or "").split("\n")[0].removeprefix(f"Runner `{plugin.name}`: ")
    missing = _missing(plugin)
    return f"{title} (needs {missing}, which is not installed)" if missing else title


def _missing(plugin: Plugin) -> str | None:
    is_ours = plugin.module.partition(".")[0] == OURS
    return "torch" if is_ours and find_spec("torch") is None else None


def _main(plugin: Plugin) -> Main:
    """Return the function behind an entry point: the one that it names, or the `main` of the module that it names."""
    loaded = load(plugin, INSTALL)
    if isinstance(loaded, ModuleType):
        loaded = getattr(loaded, "main", None)
    if not callable(loaded):
        raise GatekitError("runner.unusable", f"{plugin.shown} has no function `main`")
    main: Main = loaded
    return main


def _exit_code(plugin: Plugin, code: object) -> int:
    """Return the code if it is one that means something here; Python's 1 and a forgotten `return` mean nothing."""
    if isinstance(code, int) and not isinstance(code, bool) and (code in set(ExitCode) or 128 < code < 256):
        return int(code)
    raise _broken(plugin, f"ended with {code!r}, which is no exit code of gatekit")


def _broken(plugin: Plugin, problem: str) -> GatekitError:
    if os.environ.get("GATEKIT_TRACEBACK"):
        import traceback

        traceback.print_exc()
    return GatekitError("runner.failed", f"{plugin.shown} {problem}", exit_code=ExitCode.INTERNAL)


def _printable(text: str) -> str:
    """Return the text with what a terminal would act on written as an escape: names come from other packages."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
