"""Which kinds there are: a lookup by name that is passed to whoever reads evidence or policies.

A kind comes from one of three places, and no place can change what another one says: gatekit itself, an installed
package, the repository's own `kinds/*.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from gatekit.errors import GatekitError, UsageError, did_you_mean
from gatekit.kinds.kind import Kind

if TYPE_CHECKING:
    from gatekit.kinds.measure_spec import MeasureSpec
    from gatekit.kinds.packages import PackageKinds

BUILT_IN = (
    *("ablation", "adaptive_l0", "cebench", "consistency", "downstream_score", "frontier", "known_circuit"),
    *("layer_routing", "ood", "random_model", "saebench", "saebench_absorption", "saebench_autointerp"),
    *("saebench_ravel", "saebench_scr", "saebench_tpp", "saebench_unlearning", "scaling", "stability", "transcoder"),
)
"""Each is a module of `gatekit.kinds.built_in` that is imported when its kind is asked for."""


FOLDER = "kinds"
"""Where a repository keeps its own, beside `policies/`: one file per kind."""


class Kinds:
    """The kinds that are known in one place; what a name means there never changes.

    Packages are looked at only for a name that is neither built in nor the repository's own: it costs some 10 ms.

    Args:
        own: the repository's kinds; `taken` says whether a name is still free.
    """

    def __init__(self, own: Iterable[Kind] = ()) -> None:
        self.own: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in own})
        self._loaded: dict[str, Kind] = dict(self.own)
        self._packages: PackageKinds | None = None

    def get(self, name: object) -> Kind | None:
        """Return the kind of that name, None where there is none.

        Raises:
            GatekitError: `kind.ambiguous`: two packages bring it; `kind.unusable`, `kind.redefined`: the package that
                registers it cannot be used; `plugin.metadata`.
        """
        if not isinstance(name, str):
            return None
        if name not in self._loaded:
            found = self._import(name) if name in BUILT_IN else self._from_packages(name)
            if found is None:
                return None
            self._loaded[name] = found
        return self._loaded[name]

    def named(self, name: object) -> Kind:
        """Return the kind of that name.

        Raises:
            UsageError: there is none.
            GatekitError: as `get`.
        """
        kind = self.get(name)
        if kind is None:
            raise UsageError(f"no kind '{name}'", self.remedy(name))
        return kind

    def remedy(self, name: object) -> str:
        """Return what to do about a name that is not known."""
        known = self.names()
        words = did_you_mean(str(name), known) or f"known: {', '.join(known)}; a kind of your own is a file in kinds/"
        # A plug-in may bring kinds of other names than its own.
        broken = [f"; {error.message}" for error in self._brought().broken.values()]
        return words + "".join(broken)

    def measures(self, name: object) -> Mapping[str, MeasureSpec]:
        """Return the measures of a kind by name; a kind that is not known has none."""
        kind = self.get(name)
        return {} if kind is None else kind.by_name

    def names(self) -> tuple[str, ...]:
        """Return the names of all kinds, sorted; those of a package that cannot be used are missing."""
        return tuple(sorted({*BUILT_IN, *self.own, *self._brought().kinds}))

    def taken(self, name: str) -> str | None:
        """Return whose a name is already, None where the repository may use it."""
        if name in BUILT_IN:
            return "gatekit's own"
        brought = self._brought().kinds.get(name)
        return brought[0][0].shown if brought else None

    def _import(self, name: str) -> Kind:
        kind: Kind = import_module(f"gatekit.kinds.built_in.{name}").KIND
        return kind

    def _from_packages(self, name: str) -> Kind | None:
        brought = self._brought()
        claimants = brought.kinds.get(name, ())
        if len(claimants) > 1:
            owners = ", ".join(plugin.owner for plugin, _ in claimants)
            message = f"several packages bring the kind '{name}': {owners}"
            raise GatekitError("kind.ambiguous", message, remedy="uninstall all but one")
        if claimants:
            return claimants[0][1]
        for plugin, error in brought.broken.items():
            if plugin.name == name:
                raise error
        return None

    def _brought(self) -> PackageKinds:
        if self._packages is None:
            from gatekit.kinds.packages import package_kinds

            self._packages = package_kinds(BUILT_IN)
        return self._packages


INSTALLED = Kinds()
"""What is known on this machine whatever the repository: built in, or brought by a package."""
