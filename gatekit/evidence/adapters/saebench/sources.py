"""The result files that the user names: `SEED=FILE`, or the file alone where it knows its seed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.adapters.fields import Field, root
from gatekit.evidence.strict_json import JsonLimits, read_json

# One record per latent in core results: 64 MiB hold 200,000 latents. SAEBench writes what Python's json writes, so the
# cosine of a dead latent is the word NaN; `Field.number` refuses it where it falls in a measure.
# A judge's answers about a latent are one string.
LIMITS = JsonLimits(size=64 << 20, values=2_000_000, string=1 << 20, keep_nonfinite=True)

_SEEDED = re.compile(r"([0-9]{1,10})=(.+)", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class SeedFile:
    """One file and the seed that the user gave it."""

    file: Field
    """An object, or the array that sae-probes writes per dataset."""
    seed: int | None


def seed_and_path(given: str) -> tuple[int | None, str]:
    """Return what `SEED=FILE` or `FILE` says.

    Raises:
        UsageError: a seed beyond 32 bits.
    """
    match = _SEEDED.fullmatch(given)
    if match is None:
        return None, given
    if int(match[1]) >= 2**32:
        raise UsageError(f"'{given}': a seed is below 2^32")
    return int(match[1]), match[2]


def read_sources(paths: Sequence[str]) -> list[SeedFile]:
    """Read the files strictly.

    Raises:
        UsageError: a seed beyond 32 bits.
        GatekitError: `json.*`; `adapter.type` for a file that is neither object nor array; `adapter.repeated` when two
            names lead to the same bytes: one result is not two seeds.
    """
    sources: list[SeedFile] = []
    first: dict[str, str] = {}
    for path in paths:
        seed, name = seed_and_path(path)
        document = read_json(name, LIMITS)
        if document.sha256 in first:
            raise GatekitError(
                "adapter.repeated", f"the same bytes as {first[document.sha256]}", Location(name), "name it once"
            )
        first[document.sha256] = name
        file = Field(document, (), document.value) if isinstance(document.value, list) else root(document)
        sources.append(SeedFile(file, seed))
    return sources
