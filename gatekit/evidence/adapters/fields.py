"""Typed access to another tool's JSON: every value is read with its place, and nothing is converted or assumed.

A bool is not a number, a string is not a number, null is not absent unless the caller says so.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gatekit.errors import GatekitError, Location, did_you_mean
from gatekit.evidence.strict_json import Document, value_pointer

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+@=-]{0,127}", re.ASCII)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Field:
    """One value of a result file and where it stands."""

    document: Document
    tokens: tuple[str | int, ...]
    value: Any

    @property
    def source(self) -> str:
        """File name and JSON pointer, without the folder: the same on every machine."""
        return f"{os.path.basename(self.document.path)}#{value_pointer(self.tokens)}"

    def refuse(self, error_id: str, message: str, remedy: str | None = None) -> GatekitError:
        """Return the error about this value."""
        return GatekitError(
            f"adapter.{error_id}", message, Location(self.document.path, pointer=value_pointer(self.tokens)), remedy
        )

    def has(self, key: str) -> bool:
        """True when the object has the member, null or not."""
        return key in self._object()

    def __getitem__(self, key: str) -> Field:
        members = self._object()
        if key not in members:
            raise self.refuse("missing", f"there is no '{key}' here", did_you_mean(key, members))
        return Field(self.document, (*self.tokens, key), members[key])

    def get(self, key: str) -> Field | None:
        """Return the member, or None when it is absent or null."""
        return self[key] if self.has(key) and self._object()[key] is not None else None

    def at(self, *keys: str) -> Field:
        """Return a member of a member."""
        field = self
        for key in keys:
            field = field[key]
        return field

    def members(self) -> Iterator[tuple[str, Field]]:
        """Yield the members of an object, in the order of their names."""
        for key in sorted(self._object()):
            yield key, self[key]

    def items(self) -> list[Field]:
        """Return the items of an array."""
        if not isinstance(self.value, list):
            raise self.refuse("type", f"expected an array, found {_word(self.value)}")
        return [Field(self.document, (*self.tokens, index), item) for index, item in enumerate(self.value)]

    def number(self, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number between the two bounds, both included."""
        if isinstance(self.value, float) and not math.isfinite(self.value):
            place = Location(self.document.path, pointer=value_pointer(self.tokens))
            message = f"{_word(self.value)} is not a number, and a measure needs one: nothing was measured here"
            raise GatekitError("json.nonfinite", message, place)
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.refuse("type", f"expected a number, found {_word(self.value)}")
        if not low <= self.value <= high:
            raise self.refuse("range", f"{self.value} is outside [{low:g}, {high:g}]")
        return self.value

    def integer(self, low: int, high: int = 1_000_000_000_000) -> int:
        """Return an integer between the two bounds, both included."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.refuse("type", f"expected an integer, found {_word(self.value)}")
        if not low <= self.value <= high:
            raise self.refuse("range", f"{self.value} is outside [{low}, {high}]")
        return self.value

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self.refuse("type", f"expected a string, found {_word(self.value)}")
        return self.value

    def name(self) -> str:
        """Return a string that a summary can carry as a name."""
        return self._matching(_NAME, "a name (printable ASCII, no spaces, at most 128 characters)")

    def label(self) -> str:
        """Return a dataset's name as a summary can carry it: what a name may not hold becomes `_`.

        sae-probes calls datasets `131_temp_cat_Typical Time`.
        """
        label = re.sub(r"[^A-Za-z0-9_.:/+@=-]", "_", self.text(), flags=re.ASCII)
        if not _NAME.fullmatch(label):
            raise self.refuse("name", f"{self.text()[:80]!r} is not the name of a dataset")
        return label

    def identifier(self) -> str:
        """Return a lower-case identifier."""
        return self._matching(_IDENTIFIER, "a lower-case identifier")

    def sha256(self) -> str:
        """Return a digest."""
        return self._matching(_SHA256, "64 lower-case hexadecimal digits")

    def boolean(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.refuse("type", f"expected true or false, found {_word(self.value)}")
        return self.value

    def seed(self) -> int:
        """Return a seed."""
        return self.integer(0, 2**32 - 1)

    def equals(self, other: Field) -> None:
        """Refuse the file when two places that must agree do not."""
        if type(self.value) is not type(other.value) or self.value != other.value:
            raise self.refuse("contradiction", f"{self.value!r} here, {other.value!r} at {other.source}")

    def _object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.refuse("type", f"expected an object, found {_word(self.value)}")
        return self.value

    def _matching(self, pattern: re.Pattern[str], wanted: str) -> str:
        text = self.text()
        if not pattern.fullmatch(text):
            raise self.refuse("name", f"{text[:80]!r} is not {wanted}")
        return text


def root(document: Document) -> Field:
    """Return the whole document as a field; it must be an object."""
    field = Field(document, (), document.value)
    if not isinstance(document.value, dict):
        raise field.refuse("type", f"expected an object, found {_word(document.value)}")
    return field


def _word(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)  # as the file writes it: NaN, Infinity, -Infinity
    return repr(value)
