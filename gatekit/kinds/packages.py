"""Kinds that installed packages bring: entry points of the group `gatekit.kinds`.

The value of an entry point is a `Kind`, several of them, or a function that returns either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit import plugins
from gatekit.errors import GatekitError, without_frames
from gatekit.kinds.checking import faults
from gatekit.kinds.kind import Kind

GROUP = "gatekit.kinds"


@dataclass(frozen=True)
class PackageKinds:
    """What the packages bring, and what is wrong with the rest."""

    kinds: Mapping[str, tuple[tuple[plugins.Plugin, Kind], ...]]
    """Name -> every kind of that name, with the plug-in that brings it; more than one is a conflict."""
    broken: Mapping[plugins.Plugin, GatekitError]
    """Plug-ins that cannot be used, whole."""


def package_kinds(built_in: Sequence[str]) -> PackageKinds:
    """Load every plug-in; one that cannot be used is noted and the others go on.

    Raises:
        GatekitError: `plugin.metadata`.
    """
    found: dict[str, tuple[tuple[plugins.Plugin, Kind], ...]] = {}
    broken: dict[plugins.Plugin, GatekitError] = {}
    for claimants in plugins.registered(GROUP, "kind").values():
        for plugin in claimants:
            try:
                loaded = _load(plugin, built_in)
            except GatekitError as error:
                broken[plugin] = without_frames(error)
                continue
            for kind in loaded:
                found[kind.name] = (*found.get(kind.name, ()), (plugin, kind))
    return PackageKinds(found, broken)


def _load(plugin: plugins.Plugin, built_in: Sequence[str]) -> Sequence[Kind]:
    value: Any = plugins.load(plugin)
    if isinstance(value, Callable) and not isinstance(value, Kind):  # type: ignore[arg-type]
        try:
            value = value()
        except Exception as error:  # whatever another package's function raises
            raise _unusable(plugin, f"fails: {plugins.in_one_line(error)}") from error
    kinds = [value] if isinstance(value, Kind) else list(value) if isinstance(value, Iterable) else [value]
    for kind in kinds:
        if not isinstance(kind, Kind):
            raise _unusable(plugin, f"gives a {type(kind).__name__}, not a gatekit.kinds.Kind")
        if kind.name in built_in:
            message = f"{plugin.shown} redefines '{kind.name}', which is gatekit's own"
            raise GatekitError("kind.redefined", message, remedy="give it another name")
        for path, message, remedy in faults(kind):
            at = ".".join(path)
            raise GatekitError("kind.unusable", f"{plugin.shown}: kind '{kind.name}' {at}: {message}", remedy=remedy)
    return kinds


def _unusable(plugin: plugins.Plugin, problem: str) -> GatekitError:
    return GatekitError("kind.unusable", f"{plugin.shown} {problem}")
