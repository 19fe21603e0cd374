"""The values that gatekit's JSON reports are made of, and how a report is written.

The same verdict always gives the same bytes. Text is pure ASCII, so nothing in it can steer a terminal.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from gatekit.errors import GatekitError, Location

MAX_TEXT = 4096
"""Characters; the schemas' bound. Longer text ends in `...`."""


def written(document: dict[str, Any]) -> str:
    """Return the JSON text of a report, ending in a line feed.

    Raises:
        ValueError: a number is not finite. The gate never computes one, so this is a fault of gatekit.
    """
    whole = json.dumps(document, allow_nan=False, ensure_ascii=True, indent=2, sort_keys=True)
    # `##[` anywhere in a printed line is a command to GitHub's runner. In JSON `#` stands in strings only, where the
    # escape means the same character.
    return whole.replace("##[", "#\\u0023[") + "\n"


def tool(version: str) -> dict[str, Any]:
    """Who wrote the report."""
    return {"name": "gatekit", "version": text(version)}


def time(moment: datetime) -> str:
    """UTC, RFC 3339, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def error_value(error: GatekitError) -> dict[str, Any]:
    """An error with its place and remedy."""
    return {
        "id": text(error.error_id),
        "message": text(error.message),
        "location": location_or_null(error.location),
        "remedy": text_or_null(error.remedy),
        "exit_code": int(error.exit_code),
    }


def location_value(location: Location) -> dict[str, Any]:
    """A place in an input file."""
    return {
        "path": text(location.path),
        "line": location.line,
        "column": location.column,
        "pointer": text_or_null(location.pointer),
        "source_line": text_or_null(location.source_line),
    }


def location_or_null(location: Location | None) -> dict[str, Any] | None:
    """A place, where one is known."""
    return None if location is None else location_value(location)


def text_or_null(value: str | None) -> str | None:
    """Text, where there is any."""
    return None if value is None else text(value)


def text(value: str) -> str:
    """Text as it was read, as far as JSON and the schemas allow."""
    # A file name that is not UTF-8 reaches Python as lone surrogates, which no strict JSON reader accepts.
    value = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 3] + "..."
