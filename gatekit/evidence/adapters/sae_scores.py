"""What one SAE scored in one evaluation of another tool, before it is known of which subject and beside which seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatekit.evidence.adapters.building import Json
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.strict_json import Document

Scores = Mapping[str, tuple[float, float | None]]
"""Dataset -> (candidate, baseline)."""

# TransformerLens loads the same weights under both names.
_SAME_MODEL = {"gpt2-small": "gpt2"}


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
    trained_on: str | None = None
    """The model that the SAE was trained on, where the one that was evaluated is a tuned form of it."""
    recipe: Mapping[str, object] = field(default_factory=dict)
    """What else the file says of how the SAE was trained and computes, which SAEs of several seeds have in common."""


@dataclass(frozen=True)
class OwnNumber:
    """A number that the tool itself states for the SAE as a whole."""

    value: float
    at: Field
    source: str


@dataclass(frozen=True)
class EvalScores:
    """One SAE, one eval."""

    kind: str
    """Which evaluation: `core`, `sparse_probing`, `sae_probes`, `absorption`, ..."""
    file: Field
    documents: tuple[Document, ...]
    seed: int | None
    shape: RecordedSae
    protocol: Json
    """Everything but seeds and selection."""
    values: Mapping[str, Scores]
    """Measure -> dataset or row -> (candidate, baseline); the key is "" where a measure has neither."""
    own: Mapping[str, OwnNumber]
    """Measure -> the tool's own number, for an import without observations."""
    millis: int | None
    """When the tool wrote the file, milliseconds since 1970."""
    packages: Mapping[str, str]
    config: Json
    table: str = "saebench"
    """The kind of its summary."""


def same_model(one: str, other: str) -> bool:
    """True when two names are of one model: owners and upper case differ between tools, weights do not."""
    return plain_name(one) == plain_name(other)


def plain_name(name: str) -> str:
    """Return a model's name without its owner, in lower case, the same for two names of the same weights."""
    last = name.rpartition("/")[2].lower()
    return _SAME_MODEL.get(last, last)
