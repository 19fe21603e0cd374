"""Where a configuration's values stand, so that a fault of them names file, line and column whenever it is found.

`runners.config.read_config` notes the places on the objects that it makes, beside their fields: two configurations with
equal values are equal, wherever they were read, and no digest sees a place. `derived` and `taking` carry the places on
to the configurations that a stage makes of the one it was given; `dataclasses.replace` would lose them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode

C = TypeVar("C")

ITSELF = ""
"""Key, among the places of an object, of the place of the object itself."""

_NOTED = "_places"
_PART = re.compile(r"(\w+)((?:\[\d+\])*)")


def note(config: object, places: Mapping[str, Location]) -> None:
    """Note on a configuration, or a block of one, where its keys stand.

    Args:
        config: a frozen dataclass.
        places: `name` of a field, or `name[i]` of an entry of its list, or ITSELF -> where its value stands.
    """
    object.__setattr__(config, _NOTED, dict(places))


def place_of(config: object, key: str) -> Location | None:
    """Return where a value stands, or the nearest thing around it that stands anywhere; None where nothing does.

    Args:
        config: as `read_config` returned it, or derived from that.
        key: `sae.k`, `seeds`, `sweep.ks[1]`, `architectures[0].k`; a key that the file leaves out stands where its
            block does. "" is the configuration itself.
    """
    value: Any = config
    nearest = _noted(config).get(ITSELF)
    for part in filter(None, key.split(".")):
        matched = _PART.fullmatch(part)
        if matched is None:
            raise ValueError(f"no key of a configuration: {key!r}")
        if value is None:
            break  # an optional block that was left out, or no configuration at all
        places = _noted(value)
        nearest = places.get(matched[1], nearest)
        nearest = places.get(part, nearest)
        value = getattr(value, matched[1])
        for index in re.findall(r"\d+", matched[2]):
            value = value[int(index)]
        nearest = _noted(value).get(ITSELF, nearest)
    return nearest


def derived(config: C, places: Mapping[str, Location | None] | None = None, /, **changes: Any) -> C:
    """Return `dataclasses.replace(config, **changes)` with the places of what stays.

    A changed field stands where `places` says, or where its value knows that it stands, or else where the field that
    it changes stood.
    """
    made: C = dataclasses.replace(config, **changes)  # type: ignore[type-var]
    noted = {key: place for key, place in _noted(config).items() if key.partition("[")[0] not in changes}
    for name, value in changes.items():
        given = (places or {}).get(name)
        place = given or _noted(value).get(ITSELF) or _noted(config).get(name)
        if place is not None:
            noted[name] = place
    note(made, noted)
    return made


def taking(config: C, source: Any, *names: str) -> C:
    """Return the configuration with these fields of another one, and their places.

    One that was made in Python and stands nowhere itself stands where the other one does.
    """
    taken = _noted(source)
    made = derived(config, **{name: getattr(source, name) for name in names})
    kept = {key: place for key, place in _noted(made).items() if key.partition("[")[0] not in names}
    brought = {key: place for key, place in taken.items() if key.partition("[")[0] in names}
    itself = {ITSELF: taken[ITSELF]} if ITSELF in taken else {}
    note(made, itself | kept | brought)
    return made


def config_error(
    config: object,
    key: str | tuple[str, ...],
    message: str,
    remedy: str | None = None,
    *,
    error_id: str = "config.together",
    exit_code: ExitCode = ExitCode.REFUSED,
) -> GatekitError:
    """Return the error that a value of a configuration is at fault, with the place of the value.

    Args:
        config: of the run, or of a cell.
        key: as of `place_of`; where values do not go together, the one at fault and then the others, whose places are
            told where they stand on another line.
        message: as of GatekitError.
        remedy: as of GatekitError.
        error_id: as of GatekitError.
        exit_code: as of GatekitError.
    """
    first, *others = (key,) if isinstance(key, str) else key
    place = place_of(config, first)
    remedies = [] if remedy is None else [remedy]
    for other in others:
        at = place_of(config, other)
        if place is not None and at is not None and (at.path, at.line) != (place.path, place.line):
            where = at.path if at.line is None else f"{Path(at.path).name}:{at.line}:{at.column}"
            remedies.append(f"'{other}' stands at {where}")
    return GatekitError(error_id, message, place, "; ".join(remedies) or None, exit_code)


def first_repeat(values: Sequence[object]) -> int | None:
    """Return the place of the first value that stood before, or None where all are different."""
    return next((place for place, value in enumerate(values) if value in values[:place]), None)


def refuse_first(config: object, *faults: tuple[str | tuple[str, ...], str, bool]) -> None:
    """Refuse the first fault that is present.

    Args:
        config: of the run, or of a cell.
        faults: (key or keys as of `config_error`, message, whether it is present).

    Raises:
        GatekitError: `config.together`, at the key's place.
    """
    for key, message, present in faults:
        if present:
            raise config_error(config, key, message)


@contextmanager
def caused_by(config: object, key: str) -> Iterator[None]:
    """Give an error without a place that of the value that the block inside is run with.

    For what shows only while measuring: the model has no such hook, the texts have too few tokens.
    """
    try:
        yield
    except GatekitError as error:
        if error.location is None:
            error.location = place_of(config, key)
        raise


def _noted(value: object) -> dict[str, Location]:
    places: dict[str, Location] = getattr(value, _NOTED, {})
    return places
