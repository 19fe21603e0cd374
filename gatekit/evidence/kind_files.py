"""The repository's own kinds: `kinds/NAME.yaml`, read as strictly as a policy.

    # yaml-language-server: $schema=../schemas/kind.schema.json
    schema: gatekit.kind/1
    description: Does adding a latent's direction steer the model?
    baselines: [untrained]
    measures:
      success:
        description: Share of prompts whose continuation a judge calls steered.
        direction: higher
        range: [0, 1]

The name of the kind is that of the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from gatekit.errors import GatekitError, Location, UsageError, without_frames
from gatekit.evidence.folder_limits import KIND_FILES, beyond, sizes_of
from gatekit.evidence.listing import visible_files
from gatekit.evidence.newer_schema import REMEDY, newer_schema
from gatekit.evidence.schemas import document_faults
from gatekit.evidence.strict_yaml import YamlDocument, parse_yaml, read_yaml
from gatekit.kinds import BASELINES, FOLDER, Kind, Kinds, MeasureSpec
from gatekit.kinds.checking import faults
from gatekit.kinds.measure_spec import NO_UNIT


def is_kind_name(name: str) -> bool:
    """Whether a file of this name in `kinds/` is read as a kind."""
    return name.endswith((".yaml", ".yml")) and not name.startswith(".")


def read_kind(path: str) -> Kind:
    """Read one kind.

    Raises:
        GatekitError: `yaml.*` or `kind.*` with file, line and column.
    """
    return _kind(read_yaml(path))


def parse_kind(data: bytes, name: str) -> Kind:
    """Read a kind from bytes, as `read_kind` does from a file."""
    return _kind(parse_yaml(data, name))


def read_kinds(folder: str = FOLDER) -> tuple[Kinds, list[GatekitError]]:
    """Read every kind of a folder; where there is no such folder there are no kinds of one's own.

    Raises:
        UsageError: `folder` is something else than a folder.
    """
    if not os.path.lexists(folder):
        return Kinds(), []
    if not os.path.isdir(folder):
        raise UsageError(f"'{folder}' is no folder of kinds")
    found: list[tuple[str, Kind]] = []
    # What lies in a folder below is none, for `pr` too.
    paths = [path for path in visible_files(folder, is_kind_name) if os.path.dirname(path) == folder.rstrip("/")]
    errors = beyond(sizes_of(paths), KIND_FILES)
    for path in () if errors else paths:
        try:
            found.append((path, read_kind(path)))
        except GatekitError as error:
            errors.append(without_frames(error))
    kinds, more = together(found)
    return kinds, errors + more


def own_kinds(folder: str = FOLDER) -> Kinds:
    """Return the kinds that hold in a repository.

    Raises:
        GatekitError: the first fault of any file in the folder: what one of them means could change the others.
    """
    kinds, errors = read_kinds(folder)
    if errors:
        raise errors[0]
    return kinds


def together(found: Iterable[tuple[str, Kind]]) -> tuple[Kinds, list[GatekitError]]:
    """Return the kinds of (path, kind) as one lookup, and an error for every name that is taken already."""
    others = Kinds()
    own: dict[str, Kind] = {}
    places: dict[str, str] = {}
    errors: list[GatekitError] = []
    for path, kind in found:
        owner = f"that of {places[kind.name]}" if kind.name in places else others.taken(kind.name)
        if owner is not None:
            message = f"the name '{kind.name}' is {owner}, and one name means one thing"
            errors.append(GatekitError("kind.taken", message, Location(path, 1), "rename the file"))
            continue
        own[kind.name], places[kind.name] = kind, path
    return Kinds(own.values()), errors


def _kind(document: YamlDocument) -> Kind:
    if not document.path.endswith(".yaml"):
        raise GatekitError("kind.name", "a kind is a file NAME.yaml", Location(document.path, 1), "rename the file")
    value = document.plain()
    newer = newer_schema(value.get("schema"), "gatekit.kind/1") if isinstance(value, dict) else None
    if newer is not None:
        raise GatekitError("kind.newer_schema", newer, document.location(document.node_at(("schema",))), REMEDY)
    for tokens, message, remedy in document_faults("kind", value):
        raise GatekitError("kind.schema", message, document.location(document.node_at(tokens, key=True)), remedy)
    name = PurePosixPath(document.path.replace(os.sep, "/")).name.rpartition(".")[0]
    measures = tuple(_measure(key, fields) for key, fields in value["measures"].items())
    compares = any(spec.compares for spec in measures)
    baselines = value.get("baselines", BASELINES if compares else ("none", "unknown"))
    kind = Kind(
        name=name,
        description=value.get("description", f"{name}, as this repository defines it."),
        measures=measures,
        baselines=tuple(baselines),
    )
    for tokens, message, remedy in faults(kind):
        where = f"{'.'.join(tokens[1:])}: " if tokens[1:] else ""
        place = document.location(document.node_at(tokens, key=True))
        raise GatekitError("kind.table", f"{where}{message}", place, remedy)
    return kind


def _measure(name: str, given: Mapping[str, Any]) -> MeasureSpec:
    low, high = given["range"]
    return MeasureSpec(
        name=name,
        description=given.get("description", f"{name.replace('_', ' ')}."),
        unit=given.get("unit", NO_UNIT),
        direction=given["direction"],
        range=(low, high),
        design=given.get("design", "per_seed"),
        compares=given.get("compares", "difference_of" in given),
        difference_of=given.get("difference_of"),
        structural=given.get("structural", False),
        lattice=given.get("lattice"),
        ceiling=given.get("ceiling"),
    )
