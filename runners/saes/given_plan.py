"""SAEs that somebody trained elsewhere, as a configuration names them, and what their files say of their shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from runners.config import Bounds

GIVEN = "saes"
"""Key of a configuration that names them, in place of `sae` and `training`."""


@dataclass(frozen=True)
class GivenSaesPlan:
    """SAEs on disk or on the hub, equal in all but the seed that they were trained with."""

    seeds: Mapping[Annotated[int, Bounds(0, 4294967295)], str]
    """Seed of the training -> folder or file of the SAE; inside `hub`'s repository where that is given."""
    format: str = "auto"
    """One of docs/formats.md; `auto` recognises it by the files."""
    hub: str | None = None
    """Repository `owner/name` on the hub (`{seed}` is the seed, the path `.` all of it); None where they lie here."""
    revision: str | None = None
    """Commit or tag on the hub; None is its newest."""
    trained_on: str | None = None
    """File of the SHA-256 of every training text, one a line; None where nobody knows the texts."""


@dataclass(frozen=True)
class GivenShape:
    """What the files of SAEs say of their shape and training: it stands in a configuration where `sae` would."""

    label: str
    """Name of the architecture."""
    width: int
    """Number of latents."""
    active: int | None
    """Latents active per token where the architecture fixes them, else None."""
    stated: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    """What the files say of the training, by name: format, dataset, context_size, prepend_bos, normalisation."""
