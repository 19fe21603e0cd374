"""What every SAEBench result file has: metrics that may be missing, a seed, versions, names of datasets."""

from __future__ import annotations

from gatekit.errors import GatekitError
from gatekit.evidence.adapters.fields import Field

NOT_MEASURED = -1
"""What SAEBench writes for NaN, and for a probe that it skipped."""


def measured_number(field: Field, low: float, high: float) -> float:
    """Return a metric; -1 is SAEBench's word for NaN and never a value.

    Raises:
        GatekitError: `adapter.not_measured`, `adapter.type`, `adapter.range`.
    """
    if not isinstance(field.value, bool) and field.value == NOT_MEASURED:
        raise not_measured(field)
    return field.number(low, high)


def not_measured(field: Field) -> GatekitError:
    """Return the error about a metric that is -1 or null."""
    return field.refuse("not_measured", f"{field.value!r} is what SAEBench writes where it measured nothing")


def seed_of(file: Field, given: int | None, member: str = "sae_cfg_dict") -> int | None:
    """Return the seed that the user gave, or the one in the SAE's configuration; both must agree."""
    recorded = file[member].get("seed")
    if recorded is None:
        return given
    if given is not None and recorded.seed() != given:
        raise recorded.refuse("contradiction", f"the file was named as seed {given}")
    return recorded.seed()


def plain(field: Field) -> str | float | bool:
    """Return a setting that must be a string, a number, true or false."""
    if not isinstance(field.value, str | int | float | bool):
        raise field.refuse("type", "expected a plain value")
    return field.value


def versions(file: Field) -> dict[str, str]:
    """Return the versions that the file records."""
    lens = file.get("sae_lens_version")
    return {} if lens is None else {"sae-lens": lens.name()}


def unpathed(name: Field) -> Field:
    """Return the name of a dataset without the folder where it lay: no path of a machine enters a summary."""
    text = name.text()
    if text.startswith((".", "/", "~")):
        return Field(name.document, name.tokens, text.rstrip("/").rpartition("/")[2])
    return name
