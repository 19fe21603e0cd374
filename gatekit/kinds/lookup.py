"""Which kinds there are: a lookup by name that is passed to whoever reads evidence or policies."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from gatekit.errors import UsageError, did_you_mean
from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec

BUILT_IN = (
    *("ablation", "adaptive_l0", "cebench", "consistency", "frontier", "known_circuit", "layer_routing", "ood"),
    *("random_model", "saebench", "scaling", "stability", "transcoder"),
)
"""Each is a module of `gatekit.kinds.built_in` that is imported when its kind is asked for."""


class Kinds:
    """The kinds that are known in one place; what a name means there never changes."""

    def __init__(self) -> None:
        self._found: dict[str, Kind] = {}

    def get(self, name: object) -> Kind | None:
        """Return the kind of that name, None where there is none."""
        if not isinstance(name, str):
            return None
        if name not in self._found and name in BUILT_IN:
            self._found[name] = import_module(f"gatekit.kinds.built_in.{name}").KIND
        return self._found.get(name)

    def named(self, name: object) -> Kind:
        """Return the kind of that name.

        Raises:
            UsageError: there is none.
        """
        kind = self.get(name)
        if kind is None:
            known = self.names()
            raise UsageError(f"no kind '{name}'", did_you_mean(str(name), known) or f"known: {', '.join(known)}")
        return kind

    def measures(self, name: object) -> Mapping[str, MeasureSpec]:
        """Return the measures of a kind by name; a kind that is not known has none."""
        kind = self.get(name)
        return {} if kind is None else kind.by_name

    def names(self) -> tuple[str, ...]:
        """Return the names of all kinds, sorted."""
        return BUILT_IN

    def __contains__(self, name: object) -> bool:
        return self.get(name) is not None


INSTALLED = Kinds()
"""What is known everywhere on this machine, whatever the repository."""
