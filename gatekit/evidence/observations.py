"""The observations of one measure as they come in: each is checked at once, by the rules that the gate will apply."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatekit.errors import GatekitError, did_you_mean
from gatekit.evidence.plain_values import plain_number
from gatekit.evidence.summary import KEY_COLUMNS
from gatekit.kinds import MeasureSpec

LARGEST = {"seed": 2**32 - 1, "seed_a": 2**32 - 1, "seed_b": 2**32 - 1, "row": 10**12}
"""Per key column that holds integers."""

PAIRED = ("per_seed", "per_seed_pair")
"""Designs whose control may be a group of its own, with other seeds."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+@=-]{0,127}", re.ASCII)

Key = tuple[int | str, ...]


class ObservationError(GatekitError):
    """One observation that cannot stand in a summary.

    Args:
        error_id: after `observation.`.
        message: what is wrong.
        part: the argument or column at fault: `measure`, `value`, `baseline` or a key column.
        remedy: what to do about it.
    """

    def __init__(self, error_id: str, message: str, part: str, remedy: str | None = None) -> None:
        super().__init__(f"observation.{error_id}", message, remedy=remedy)
        self.part = part


class Observations:
    """What was observed of one measure, and of its control.

    Args:
        measure: the row of the kind's table.
        seeds: the seeds that have a checkpoint; None while they are not known.
        datasets: the datasets of the protocol; None while they are not known.
    """

    def __init__(self, measure: MeasureSpec, seeds: Iterable[int] | None, datasets: Iterable[str] | None) -> None:
        self.measure = measure
        self.key_columns = KEY_COLUMNS[measure.design]
        self._seeds = None if seeds is None else frozenset(seeds)
        self._datasets = None if datasets is None else frozenset(datasets)
        self._values: dict[Key, tuple[float, float | None]] = {}
        self._control: dict[Key, float] = {}

    def add(self, parts: Mapping[str, Any], value: Any, baseline: Any = None) -> None:
        """Take one observation.

        Args:
            parts: key column -> seed, dataset or row; those of the measure's design, no more and no less.
            value: the candidate's.
            baseline: the control's for the same key, where the measure compares.

        Raises:
            ObservationError: it is refused, and nothing changes.
        """
        name = self.measure.name
        ratio = self.measure.ratio_of
        if ratio is not None:
            remedy = f"give {ratio.numerator} and {ratio.denominator} instead"
            raise ObservationError("computed", f"{name} is a ratio of means and never observed", "measure", remedy)
        key = self._key(parts, self._seeds)
        candidate = self._number(value, "value")
        control = None if baseline is None else self._number(baseline, "baseline")
        if control is not None and not self.measure.compares:
            raise ObservationError("baseline", f"{name} is not compared with a baseline", "baseline", "leave it out")
        if control is not None and self._control:
            raise ObservationError("baseline", f"{name} has a control group of its own already", "baseline")
        known = next(iter(self._values.values()), None)
        if known is not None and (known[1] is None) != (control is None):
            word = "this one has none" if control is None else "those before have none"
            raise ObservationError("baseline", f"every observation of {name} needs a baseline: {word}", "baseline")
        if control is None and self.measure.compares and self.measure.design not in PAIRED:
            remedy = "give the control's value for the same key as `baseline`"
            raise ObservationError("baseline", f"{name} needs a baseline for every observation", "baseline", remedy)
        if key in self._values:
            raise ObservationError("duplicate", f"{name} of {self._words(key)} is there twice", self.key_columns[0])
        self._values[key] = (candidate, control)

    def add_control(self, parts: Mapping[str, Any], value: Any) -> None:
        """Take one observation of a control group that has seeds of its own, and is compared without pairs.

        Raises:
            ObservationError: it is refused, and nothing changes.
        """
        name = self.measure.name
        if not self.measure.compares:
            raise ObservationError("baseline", f"{name} is not compared with a control", "measure")
        if self.measure.design not in PAIRED:
            remedy = "give the control's value for the same key as baseline"
            raise ObservationError("baseline", f"{name} cannot have an unpaired control", "measure", remedy)
        if any(control is not None for _, control in self._values.values()):
            raise ObservationError("baseline", f"{name} has a paired baseline already", "value")
        key = self._key(parts, None)
        number = self._number(value, "value")
        if key in self._control:
            words = self._words(key)
            raise ObservationError("duplicate", f"the control's {name} of {words} is there twice", self.key_columns[0])
        self._control[key] = number

    def columns(self) -> dict[str, list[Any]]:
        """Return the key columns, `candidate` and, where there is one, `baseline`, in the order of the keys."""
        ordered = sorted(self._values)
        found: dict[str, list[Any]] = self._key_lists(ordered)
        found["candidate"] = [self._values[key][0] for key in ordered]
        baselines = [self._values[key][1] for key in ordered]
        if None not in baselines:
            found["baseline"] = baselines
        return found

    def control_columns(self) -> dict[str, list[Any]] | None:
        """Return the key columns and `value` of the control group; None where there is none."""
        if not self._control:
            return None
        ordered = sorted(self._control)
        return {**self._key_lists(ordered), "value": [self._control[key] for key in ordered]}

    @property
    def empty(self) -> bool:
        """Whether nothing was observed yet, of the candidate or of a control."""
        return not self._values and not self._control

    @property
    def seeds(self) -> list[int]:
        """The candidate's seeds that occur, sorted."""
        parts = {part for key in self._values for part in (key if self.measure.design == "per_seed_pair" else key[:1])}
        return sorted(map(int, parts))

    @property
    def datasets(self) -> list[str]:
        """The datasets that occur, sorted."""
        return sorted({str(key[1]) for key in self._values}) if self.measure.design == "per_seed_dataset" else []

    @property
    def rows(self) -> list[int]:
        """The rows that occur, sorted."""
        return sorted({int(key[1]) for key in self._values}) if self.measure.design == "per_seed_row" else []

    def missing(self, seeds: Sequence[int], datasets: Sequence[str], control_seeds: Sequence[int]) -> list[str]:
        """Return what is not there yet: `seed 3 has no value of accuracy`, one entry per seed, and the control's.

        Args:
            seeds: all that have a checkpoint.
            datasets: all of the protocol.
            control_seeds: all that the control's own subject has a checkpoint for.
        """
        levels: Sequence[int | str] = datasets if self.measure.design == "per_seed_dataset" else self.rows
        found = _gaps(f"value of {self.measure.name}", self.measure.design, self._values, seeds, levels)
        if not self.measure.compares or any(control is not None for _, control in self._values.values()):
            return found
        if not self._control:
            return [*found, f"{self.measure.name} has no baseline: it is a difference to a control"]
        planned = control_seeds or sorted({int(seed) for key in self._control for seed in key})
        return found + _gaps(f"control value of {self.measure.name}", self.measure.design, self._control, planned, ())

    def _key(self, parts: Mapping[str, Any], seeds: frozenset[int] | None) -> Key:
        name, wanted = self.measure.name, " and ".join(self.key_columns)
        for part, given in parts.items():
            if given is not None and part not in self.key_columns:
                raise ObservationError("key", f"{name} has one value per {wanted}, not per {part}", part)
        for part in self.key_columns:
            if parts.get(part) is None:
                raise ObservationError("key", f"{name} has one value per {wanted}: there is no {part}", part)
        key = tuple(
            self._dataset(parts[part]) if part == "dataset" else whole_number(parts[part], part)
            for part in self.key_columns
        )
        for part, value in zip(self.key_columns, key, strict=True):
            if seeds is not None and part.startswith("seed") and value not in seeds:
                remedy = f"the subject has seeds {', '.join(map(str, sorted(seeds)))}"
                raise ObservationError("seed", f"seed {value} has no checkpoint in the subject", part, remedy)
        if self.measure.design != "per_seed_pair":
            return key
        if key[0] == key[1]:
            raise ObservationError("self_pair", f"seed {key[0]} is paired with itself", "seed_b")
        return tuple(sorted(key, key=int))

    def _dataset(self, value: Any) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            words = "letters, digits and . _ : / + @ = - only, at most 128"
            raise ObservationError("dataset", f"{_shown(value)} is not the name of a dataset", "dataset", words)
        if self._datasets is not None and value not in self._datasets:
            near = did_you_mean(value, self._datasets) or f"the protocol has {', '.join(sorted(self._datasets))}"
            raise ObservationError("dataset", f"'{value}' is not a dataset of the protocol", "dataset", near)
        return str(value)  # numpy's strings are subclasses

    def _number(self, value: Any, part: str) -> float:
        number = finite_number(value, part)
        low, high = self.measure.low, self.measure.high
        if not low <= number <= high:
            message = f"{number!r} cannot be {self.measure.name}, which lies in [{low:g}, {high:g}]"
            raise ObservationError("out_of_range", message, part)
        return number

    def _key_lists(self, ordered: Sequence[Key]) -> dict[str, list[Any]]:
        return {column: [key[index] for key in ordered] for index, column in enumerate(self.key_columns)}

    def _words(self, key: Key) -> str:
        return ", ".join(f"{column} {part}" for column, part in zip(self.key_columns, key, strict=True))


def finite_number(value: Any, part: str) -> float:
    """Return a Python, numpy or 0-d array number as the double it is.

    Raises:
        ObservationError: it is a bool, no number, or not finite.
    """
    plain = plain_number(value)
    if isinstance(plain, bool) or not isinstance(plain, numbers.Real):
        raise ObservationError("not_a_number", f"{_shown(value)} is not a number", part)
    try:
        number = float(plain)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ObservationError("not_finite", f"{_shown(value)} is not a finite number", part)
    return number


def whole_number(value: Any, part: str) -> int:
    """Return a seed or row as an integer of its range.

    Raises:
        ObservationError: it is a bool, a float (also 3.0), no number, negative or too large.
    """
    plain = plain_number(value)
    if isinstance(plain, bool) or not isinstance(plain, numbers.Integral):
        raise ObservationError("key", f"the {part} {_shown(value)} is not an integer", part)
    number = int(plain)
    if not 0 <= number <= LARGEST[part]:
        raise ObservationError("key", f"the {part} {_shown(value)} is outside [0, {LARGEST[part]}]", part)
    return number


_BEFORE_LEVELS = {
    "per_seed": "",
    "per_seed_pair": " with seed ",
    "per_seed_dataset": " on dataset ",
    "per_seed_row": " on row ",
}
_LISTED = 50
"""So many absent levels of one seed are named; a table of a million rows can lack most of them."""


def _gaps(
    what: str, design: str, there: Mapping[Key, Any], seeds: Sequence[int], levels: Sequence[int | str]
) -> list[str]:
    """Return one phrase per seed that lacks observations; a seed that has none at all is named without its levels."""
    ordered = sorted(seeds)
    seen = {part for key in there for part in (key if design == "per_seed_pair" else key[:1])}
    found = []
    for place, seed in enumerate(ordered):
        if seed not in seen:
            found.append(f"seed {seed} has no {what}")
            continue
        if design == "per_seed_pair":
            # Each pair is named once, with its smaller seed, and a seed that was named alone not again.
            levels = [other for other in ordered[place + 1 :] if other in seen]
        elif design == "per_seed":
            levels = []
        absent = [str(level) for level in levels if (seed, level) not in there]
        if absent:
            more = f" and {len(absent) - _LISTED} more" if len(absent) > _LISTED else ""
            found.append(f"seed {seed} has no {what}{_BEFORE_LEVELS[design]}{', '.join(absent[:_LISTED])}{more}")
    return found


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an int with more digits than Python prints
        text = "this integer"
    return text if len(text) <= 60 else text[:57] + "..."
