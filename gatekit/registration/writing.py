"""The text of a registration, as `gatekit register` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.registration.model import Spending


@dataclass(frozen=True)
class Announced:
    """One measurement to be registered."""

    kind: str
    config: str | None
    protocol: str | None
    candidate: str | None
    origin: str
    """Where the digest comes from: a file for people to look at."""
    saes_of: str | None = None
    """Of SAEs that another measurement leaves: that one's digest, and `config` is one without SAEs."""


def registration_text(
    identifier: str,
    claim: str,
    measurements: Sequence[Announced],
    seeds: Sequence[int],
    looks: Sequence[int],
    spending: Spending,
    candidates: Sequence[str],
) -> str:
    """Return the YAML text, ending in a line feed."""
    lines = [
        "# yaml-language-server: $schema=../schemas/registration.schema.json",
        "# Said before it is measured: commit it to the base branch first, then measure (docs/registration.md).",
        "schema: gatekit.registration/1",
        f"id: {identifier}",
        f"claim: {claim}",
    ]
    if candidates:
        lines.append(f"candidates: [{', '.join(map(_quoted, candidates))}]")
    lines += ["measurements:", *measurement_lines(measurements)]
    lines += [
        f"seeds: [{', '.join(map(str, seeds))}]",
        f"looks: [{', '.join(map(str, looks))}]",
        f"spending: {spending}",
    ]
    return "\n".join(lines) + "\n"


def measurement_lines(measurements: Sequence[Announced]) -> list[str]:
    """Return the lines of the list of measurements, indented by two."""
    lines: list[str] = []
    for one in measurements:
        lines.append(f"  - kind: {one.kind} # {_in_comment(one.origin)}")
        if one.config is None:
            lines.append(f"    protocol: {_quoted(one.protocol)}")
        elif one.saes_of is None:
            lines.append(f"    config_without_seeds: {one.config}")
        else:
            lines += [f"    saes_of: {one.saes_of}", f"    config_without_saes: {one.config}"]
        if one.candidate is not None:
            lines.append(f"    candidate: {_quoted(one.candidate)}")
    return lines


def _quoted(text: str | None) -> str:
    """Return the text so that YAML reads it as text, whatever it is."""
    escaped = (text or "").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _in_comment(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
