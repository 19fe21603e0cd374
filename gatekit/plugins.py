"""Plug-ins: what a package adds to gatekit under a name, found by entry point and loaded when it is asked for.

Our own are registered as anyone's: in `pyproject.toml`, under the same groups. In a checkout that file itself is read,
so that what stands there holds also where nothing is installed, or an older version is.

A plug-in that cannot be used is one refused name, never a traceback; the others go on working.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.errors import GatekitError, UsageError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

OWN_PACKAGE = "gatekit-sae"
"""The distribution that this module belongs to."""

_PROJECT = Path(__file__).parents[1] / "pyproject.toml"


@dataclass(frozen=True)
class Plugin:
    """One name that one package registers."""

    what: str
    """What it is called in messages: `runner`, `adapter`; also the first part of its error ids."""
    name: str
    value: str
    """`module` or `module:attribute`, as registered."""
    package: str | None
    """The distribution that registers it; None where its metadata names none."""
    folder: str | None = None
    """Where that distribution is installed; None for ours."""

    @property
    def module(self) -> str:
        """The module that is imported to load it."""
        return self.value.partition(":")[0].strip()

    @property
    def owner(self) -> str:
        """What tells a person whose it is: the package, or the value where there is no package's name."""
        return self.package or self.value

    @property
    def shown(self) -> str:
        """`the runner 'lab' of labtool (labtool.runner:main)`."""
        return f"the {self.what} '{self.name}' of {self.package or 'an unnamed package'} ({self.value})"


def registered(group: str, what: str) -> dict[str, tuple[Plugin, ...]]:
    """Return name -> every plug-in that claims it, ours first; more than one is a conflict that `only` refuses.

    Raises:
        GatekitError: `plugin.metadata`: the metadata of an installed package cannot be read.
    """
    return dict(_registered(group, what, tuple((path, _changed(path)) for path in (*sys.path, str(_PROJECT)))))


def _changed(path: str) -> int | None:
    """Return when something was last installed into a folder of the path, or removed; None where there is none."""
    try:
        return os.stat(path or ".").st_mtime_ns
    except OSError:
        return None


@lru_cache(maxsize=16)
def _registered(
    group: str,
    what: str,
    places: tuple[tuple[str, int | None], ...],  # noqa: ARG001 (the path as it is now: what is kept is of that one)
) -> dict[str, tuple[Plugin, ...]]:
    found = {name: [Plugin(what, name, value, OWN_PACKAGE)] for name, value in built_in(group).items()}
    for point in sorted(_points(group), key=lambda point: (point.name, point.value)):
        package = point.dist.name if point.dist is not None else None
        same = found.setdefault(point.name, [])
        # Ours are known already; and a package that is on the path twice does not conflict with itself.
        if not _is_ours(package) and point.value not in {other.value for other in same}:
            folder = str(point.dist.locate_file("")) if point.dist is not None else None
            same.append(Plugin(what, point.name, point.value, package, folder))
    return {name: tuple(found[name]) for name in sorted(found) if found[name]}


def built_in(group: str) -> dict[str, str]:
    """Return name -> value of what gatekit itself registers in a group."""
    import tomllib
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
        if project["name"] == OWN_PACKAGE:
            return dict(project["entry-points"].get(group, {}))
    except (OSError, ValueError, KeyError):
        pass  # not a checkout: a wheel brings no pyproject.toml, and another package's may lie there
    try:
        return {point.name: point.value for point in distribution(OWN_PACKAGE).entry_points if point.group == group}
    except PackageNotFoundError:
        return {}


def find(group: str, what: str, name: str) -> Plugin:
    """Return the one plug-in of that name.

    Raises:
        UsageError: there is none.
        GatekitError: as `only` and `registered`.
    """
    known = registered(group, what)
    if name not in known:
        raise UsageError(f"no {what} '{name}'", did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}")
    return only(known[name])


def only(claimants: tuple[Plugin, ...]) -> Plugin:
    """Return the plug-in, if no two packages claim its name: no package can take over another's, least of all ours.

    Raises:
        GatekitError: `WHAT.ambiguous`.
    """
    first = claimants[0]
    if len(claimants) > 1:
        owners = ", ".join(plugin.owner for plugin in claimants)
        raise GatekitError(
            f"{first.what}.ambiguous",
            f"several packages register the {first.what} '{first.name}': {owners}",
            remedy="uninstall all but one",
        )
    return first


def load(plugin: Plugin, remedy: str | None = None) -> Any:
    """Import a plug-in and return the module or the object that it names.

    Args:
        plugin: what to load.
        remedy: what to do about a package that it needs and that is not installed.

    Raises:
        UsageError: it needs a package that is not installed.
        GatekitError: `WHAT.unusable`: it names nothing, or its import fails.
    """
    from importlib import import_module

    _module, colon, attribute = plugin.value.partition(":")
    _refuse_judged(plugin)
    try:
        loaded: Any = import_module(plugin.module)
    except ModuleNotFoundError as error:
        missing = error.name or str(error)
        if missing.partition(".")[0] == plugin.module.partition(".")[0]:
            raise _unusable(plugin, f"has no module '{missing}'") from None
        raise UsageError(f"{plugin.shown} needs {missing}, which is not installed", remedy) from None
    except (Exception, SystemExit) as error:  # whatever the code of another package raises while it is imported
        raise _unusable(plugin, f"cannot be imported: {in_one_line(error)}") from error
    for part in attribute.strip().split(".") if colon else ():
        if not hasattr(loaded, part):
            raise _unusable(plugin, f"has nothing called '{attribute.strip()}' in '{plugin.module}'")
        loaded = getattr(loaded, part)
    return loaded


@contextmanager
def kept_out(top: str, holds: Callable[[str], bool]) -> Iterator[None]:
    """Load no plug-in that is part of what is judged: code of a pull request does not run in its own gate.

    Ours is the gate itself; where that is part of the repository, a change of it needs approval anyhow.

    Args:
        top: folder of the work tree in which what is judged may be checked out.
        holds: whether what is judged has a file of this path from the top, or any below it.
    """
    token = _JUDGED.set((os.path.realpath(top), holds))
    try:
        yield
    finally:
        _JUDGED.reset(token)


_JUDGED: ContextVar[tuple[str, Callable[[str], bool]] | None] = ContextVar("judged", default=None)


def _refuse_judged(plugin: Plugin) -> None:
    judged = _JUDGED.get()
    if judged is None or _is_ours(plugin.package):
        return
    top, holds = judged
    for path in _places(plugin):
        relative = os.path.relpath(os.path.realpath(path), top)
        if not relative.startswith(os.pardir) and holds(relative.replace(os.sep, "/")):
            message = f"{plugin.shown} is part of the repository that is judged ({relative})"
            remedy = "install it from elsewhere, at a version that the base branch names"
            raise GatekitError(f"{plugin.what}.judged", message, remedy=remedy)


def _places(plugin: Plugin) -> Iterator[str]:
    """Yield the files and folders that a plug-in is loaded from, and the metadata that registers it."""
    from importlib.machinery import PathFinder
    from importlib.util import find_spec

    top = plugin.module.partition(".")[0]
    try:
        # Of the outermost package, which is found without running it.
        spec = find_spec(top) or PathFinder.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is not None:
        yield from spec.submodule_search_locations or ()
        if spec.origin is not None and spec.has_location:
            yield spec.origin
    if plugin.folder is not None and os.path.isdir(plugin.folder):
        for name in os.listdir(plugin.folder):
            if name.lower().endswith((".dist-info", ".egg-info")):
                yield os.path.join(plugin.folder, name)


def in_one_line(error: BaseException) -> str:
    """Return `TypeError: its message`, on one line whatever the message holds."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _unusable(plugin: Plugin, problem: str) -> GatekitError:
    return GatekitError(f"{plugin.what}.unusable", f"{plugin.shown} {problem}")


def _is_ours(package: str | None) -> bool:
    return package is not None and package.lower().replace("_", "-").replace(".", "-") == OWN_PACKAGE


def _points(group: str) -> list[EntryPoint]:
    # ~10 ms, which a command that uses no plug-in must not pay.
    from importlib.metadata import distributions, entry_points

    try:
        return list(entry_points(group=group))
    except Exception as error:  # a line of some package's entry_points.txt that the standard library cannot split
        culprit = "an installed package"
        for distribution in distributions():
            try:
                list(distribution.entry_points)
            except Exception:
                culprit = str(distribution.name)
                break
        message = f"the entry points of {culprit} cannot be read: {in_one_line(error)}"
        raise GatekitError("plugin.metadata", message, remedy="install that package again") from None
