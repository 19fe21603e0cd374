"""Choosing any architecture, and a sanity control of it, in a configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

from runners.places import config_error
from runners.saes.architecture_options import ArchitectureOptions

if TYPE_CHECKING:
    from runners.saes.architecture import Architecture


class SaeShape(Protocol):
    """What a summary says of the shape of SAEs, whoever trained them."""

    @property
    def label(self) -> str:
        """What a summary calls the architecture."""
        ...

    @property
    def width(self) -> int:
        """Number of latents."""
        ...

    @property
    def active(self) -> int | None:
        """Latents active per token where the architecture fixes them, else None."""
        ...


class TrainableShape(SaeShape, Protocol):
    """What an arm that is trained here needs to know; `ArchitecturePlan` is the one that a configuration holds."""

    def build(self, d_in: int, d_out: int | None = None, layers: int | None = None) -> Architecture:
        """Return the architecture for a subject of these widths; see `ArchitecturePlan.build`."""
        ...


@dataclass(frozen=True)
class ArchitecturePlan(ArchitectureOptions):
    """The shape of every seed's SAE; widths of inputs and outputs are the subject's.

    A field that the architecture has must be given unless the architecture has a default; one that it has not must be
    left out, so that nothing in a configuration is without effect.
    """

    @property
    def label(self) -> str:
        """What a summary calls the architecture."""
        return self.architecture if self.control is None else f"{self.architecture}_{self.control}"

    @property
    def width(self) -> int:
        """Number of latents."""
        return self.d_sae if self.d_sae is not None else (self.widths or (0,))[-1]

    @property
    def active(self) -> int | None:
        """Latents active per token where the architecture fixes them, else None."""
        return self.k if self.k is not None else (self.levels or (None,))[-1]

    def build(self, d_in: int, d_out: int | None = None, layers: int | None = None) -> Architecture:
        """Return the architecture for a subject of these widths.

        Args:
            d_in: width of an input.
            d_out: width of a transcoder's output; None for any other architecture.
            layers: layers of a RouteSAE; None for any other architecture.

        Raises:
            GatekitError: `config.together`: fields that the architecture lacks or needs, or that do not go together.
        """
        from runners.saes.registry import architecture_class

        shape = architecture_class(self.architecture)
        values = {member.name: getattr(self, member.name) for member in fields(self)}
        values |= {"d_in": d_in, "d_out": d_out, "layers": layers}
        given = {name for name, value in values.items() if value is not None} - {"architecture", "control"}
        known = {member.name for member in fields(shape)}
        if given - known:
            surplus = sorted(given - known)
            listed = ", ".join(f"'{name}'" for name in surplus)
            raise config_error(self, self._key(surplus), f"architecture '{self.architecture}' has no {listed}")
        try:
            built: Architecture = shape(**{name: values[name] for name in given})
        except TypeError:
            missing = [f"'{m.name}'" for m in fields(shape) if m.name not in given and m.default is m.default_factory]
            message = f"architecture '{self.architecture}' needs {', '.join(missing)}"
            raise config_error(self, "architecture", message) from None
        except ValueError as error:
            # What an architecture refuses begins with the field at fault: `k=400 of d_sae=48 latents`.
            raise config_error(self, self._key(re.findall(r"\w+", str(error))), str(error)) from None
        if self.control is None:
            return built
        from runners.saes.controls import Control

        return Control(built, self.control)

    def _key(self, names: Sequence[str]) -> str:
        """Return the first of these names that is a field with a value, and else the field that names the whole."""
        return next((name for name in names if getattr(self, name, None) is not None), "architecture")
