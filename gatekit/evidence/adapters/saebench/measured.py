"""What one SAE scored in one eval, before it is known of which subject and beside which seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.evidence.adapters.building import Json
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.saebench.recorded_sae import RecordedSae
from gatekit.evidence.strict_json import Document

NOT_MEASURED = -1
"""What SAEBench writes for NaN, and for a probe that it skipped."""


@dataclass(frozen=True)
class OwnNumber:
    """A number that SAEBench itself states for the SAE as a whole."""

    value: float
    at: Field
    source: str


@dataclass(frozen=True)
class EvalScores:
    """One SAE, one eval."""

    kind: str
    """The eval: `core`, `sparse_probing`, `sae_probes`, `absorption`, ..."""
    file: Field
    documents: tuple[Document, ...]
    seed: int | None
    shape: RecordedSae
    protocol: Json
    """Everything but seeds and selection."""
    values: Mapping[str, Mapping[str, tuple[float, float | None]]]
    """Measure -> dataset -> (candidate, baseline); the dataset is "" where a measure has none."""
    own: Mapping[str, OwnNumber]
    """Measure -> SAEBench's own number, for an import without observations."""
    millis: int | None
    """When SAEBench wrote the file, milliseconds since 1970."""
    packages: Mapping[str, str]
    config: Json
    table: str = "saebench"
    """The kind of its summary."""


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


def seed_of(file: Field, given: int | None) -> int | None:
    """Return the seed that the user gave, or the one in `sae_cfg_dict`; both must agree."""
    recorded = file["sae_cfg_dict"].get("seed")
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
