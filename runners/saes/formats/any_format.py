"""The front door for SAEs from elsewhere: whatever format they lie in, from their files alone.

Other packages add formats under the entry point group `gatekit.sae_formats`: each entry point is a
`runners.saes.formats.sae_format.SaeFormat` of the entry point's own name. They are looked up only where none of ours
is meant, and cannot take one of our names.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from pathlib import Path

from gatekit.errors import GatekitError, Location, did_you_mean
from runners.saes.formats.own_formats import OWN
from runners.saes.formats.sae_format import WEIGHT_SUFFIXES, SaeFormat
from runners.saes.sae import Sae
from runners.saes.weights import checked, read_torch_object, refused

GROUP = "gatekit.sae_formats"

_LOOKED_AT = 200
"""Files and folders below a folder that are looked at for a hint."""

_CENTRED = frozenset({"relu", "topk", "batch_topk", "matryoshka", "hierarchical_topk", "jump_relu", "gated"})
"""Architectures that subtract b_dec from their input, and add it to their output."""


def read_sae(path: str | Path, format: str = "auto") -> Sae:
    """Read one SAE.

    Args:
        path: a folder, or the one file that a format keeps an SAE in.
        format: its name, or `auto`: the one format whose files these are.

    Returns:
        The SAE in our form, float32 on the CPU; `stated` has what its files say of its use.

    Raises:
        GatekitError: `checkpoint.format`: no format of that name, or the files are of none or of several;
            `checkpoint.plug_in`: another package's format cannot be used; `checkpoint.invalid`: the files are not what
            their format says.
    """
    path = Path(path)
    if not path.exists():
        raise refused(path, "no such file or folder")
    chosen = _recognised(path) if format == "auto" else _named(format, path)
    sae = _read(chosen, path)
    architecture = sae.architecture
    stated = replace(sae.stated, format=chosen.name, d_in=architecture.d_in, d_sae=architecture.d_sae)
    return replace(
        sae,
        parameters=checked(path, sae.parameters, architecture.shapes()),
        stated=stated,
        subtracts_first=architecture.name in _CENTRED and chosen.name != "gatekit",
    )


def format_names() -> tuple[str, ...]:
    """Return the names that `read_sae` takes beside `auto`, sorted."""
    return tuple(sorted({*(own.name for own in OWN), *entry_points(group=GROUP).names}))


def _named(name: str, path: Path) -> SaeFormat:
    for own in OWN:
        if own.name == name:
            return own
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        known = format_names()
        remedy = did_you_mean(name, known) or f"known: auto, {', '.join(known)}"
        raise GatekitError("checkpoint.format", f"no SAE format '{name}'", Location(str(path)), remedy)
    return _loaded(points)


def _recognised(path: Path) -> SaeFormat:
    """Return the one format whose files these are."""
    found = [own for own in OWN if own.recognises(path)]
    others: list[SaeFormat] = []
    if not found:
        others = [_loaded([point]) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]
        found = [other for other in others if _recognises(other, path)]
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(f"{one.name} ({one.looks_for})" for one in found)
        raise GatekitError(
            "checkpoint.format", f"is of several formats: {both}", Location(str(path)), "name one as 'format'"
        )
    if path.is_file() and path.suffix in (".pt", ".pth", ".bin"):
        # A pickle that runs code is named as that, before anything is said of formats.
        read_torch_object(path)
    known = "; ".join(f"{one.name}: {one.looks_for}" for one in (*OWN, *others))
    raise GatekitError(
        "checkpoint.format",
        f"{_content(path)}, which no SAE format keeps; looked for {known}",
        Location(str(path)),
        _nearby(path),
    )


def _nearby(path: Path) -> str | None:
    """Return where an SAE lies instead, if it is the file's own folder or a folder or file at most two levels below."""
    if path.is_file():
        return "name its folder" if any(own.recognises(path.parent) for own in OWN) else None
    below = sorted(chain(path.glob("*"), path.glob("*/*")))[:_LOOKED_AT]
    found = [inside for inside in below if any(own.recognises(inside) for own in OWN)]
    names = [str(inside.relative_to(path)) for inside in found[:3]]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"name what is meant of {', '.join(names)}{more}" if names else None


def _content(path: Path) -> str:
    if path.is_file():
        return f"is the file {path.name}"
    names = sorted(inside.name for inside in path.iterdir() if inside.is_file())
    files = [name for name in names if name.endswith((*WEIGHT_SUFFIXES, ".json", ".yaml", ".yml"))]
    if not files:
        return "holds no weights and no configuration"
    shown = ", ".join(files[:6])
    return f"holds {shown}" if len(files) <= 6 else f"holds {shown} and {len(files) - 6} more"


def _loaded(points: list[EntryPoint]) -> SaeFormat:
    """Return another package's format.

    Raises:
        GatekitError: `checkpoint.plug_in`: it cannot be loaded, is no format, or has a name that is taken.
    """
    name = points[0].name
    if len({point.value for point in points}) > 1:
        owners = ", ".join(sorted(point.value for point in points))
        raise _unusable(f"several packages register the SAE format '{name}': {owners}")
    if any(own.name == name for own in OWN):
        raise _unusable(f"the SAE format '{name}' of {points[0].value} has the name of one of gatekit's own")
    try:
        loaded = points[0].load()
    except Exception as error:  # another package's code may raise anything
        reason = f"{type(error).__name__}: {_first_line(error)}"
        raise _unusable(f"the SAE format '{name}' ({points[0].value}) cannot be loaded: {reason}") from error
    if not isinstance(loaded, SaeFormat) or loaded.name != name:
        raise _unusable(f"the SAE format '{name}' ({points[0].value}) is no SaeFormat of that name")
    return loaded


def _recognises(other: SaeFormat, path: Path) -> bool:
    try:
        return bool(other.recognises(path))
    except Exception as error:
        raise _failed(other, "recognise", path, error) from error


def _read(chosen: SaeFormat, path: Path) -> Sae:
    if chosen in OWN:
        return chosen.read(path)
    try:
        sae = chosen.read(path)
    except GatekitError:
        raise
    except Exception as error:
        raise _failed(chosen, "read", path, error) from error
    if not isinstance(sae, Sae):
        raise _unusable(f"the SAE format '{chosen.name}' returned {type(sae).__name__} and no Sae", path)
    return sae


def _failed(other: SaeFormat, doing: str, path: Path, error: Exception) -> GatekitError:
    reason = f"{type(error).__name__}: {_first_line(error)}"
    return _unusable(f"the SAE format '{other.name}' failed to {doing} this: {reason}", path)


def _unusable(message: str, path: Path | None = None) -> GatekitError:
    return GatekitError("checkpoint.plug_in", message, None if path is None else Location(str(path)))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")
