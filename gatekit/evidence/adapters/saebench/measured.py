"""What one SAE scored in one eval, before it is known of which subject and beside which seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.evidence.adapters.building import Json
from gatekit.evidence.adapters.fields import Field
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
class RecordedSae:
    """What a result file records about its SAE; None where it does not."""

    model: str | None
    hook: str | None
    d_model: int | None
    d_sae: int | None
    k: int | None
    architecture: str | None
    name: str
    """Release and id, or what else tells this SAE from another."""


@dataclass(frozen=True)
class EvalScores:
    """One SAE, one eval."""

    kind: str
    """`core`, `sparse_probing` or `sae_probes`."""
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


def shape_of(file: Field) -> RecordedSae:
    """Read `sae_cfg_dict`: a flat configuration, or SAELens's with the place in its `metadata`."""
    config = file["sae_cfg_dict"]
    place = config if config.get("hook_name") is not None or not config.has("metadata") else config["metadata"]
    k = config.get("k")
    architecture = config.get("architecture")
    return RecordedSae(
        model=_name_in(place, "model_name"),
        hook=_name_in(place, "hook_name"),
        d_model=config["d_in"].integer(1),
        d_sae=config["d_sae"].integer(1),
        k=None if k is None else k.integer(1),
        architecture=architecture.text() if architecture is not None and architecture.value else None,
        name=_released_as(file) or "unnamed",
    )


def _name_in(place: Field, key: str) -> str | None:
    found = place.get(key)
    return None if found is None else found.name()


def _released_as(file: Field) -> str:
    parts = (file.get("sae_lens_release_id"), file.get("sae_lens_id"))
    return "/".join(part.text() for part in parts if part is not None)


def seed_of(file: Field, given: int | None) -> int | None:
    """Return the seed that the user gave, or the one in `sae_cfg_dict`; both must agree."""
    recorded = file["sae_cfg_dict"].get("seed")
    if recorded is None:
        return given
    if given is not None and recorded.seed() != given:
        raise recorded.refuse("contradiction", f"the file was named as seed {given}")
    return recorded.seed()


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
