"""A kind: the table of what one runner or tool measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from gatekit.kinds.measure_spec import MeasureSpec

Baseline = Literal[
    "none",
    "dense_probe",
    "public_sae",
    "random_sae",
    "random_model",
    "untrained",
    "transcoder",
    "matched_sae",
    "original_model",
    "unknown",
]
"""What a summary's baseline columns can hold.

`original_model` is the model without an SAE; `unknown` stands where another tool does not say.
"""

BASELINES: tuple[Baseline, ...] = get_args(Baseline)


@dataclass(frozen=True)
class Kind:
    """What can be measured under one name, and against which baselines."""

    name: str
    description: str
    measures: tuple[MeasureSpec, ...]
    """In the order in which people read them."""
    baselines: tuple[Baseline, ...] = BASELINES
    """What the protocol of a summary may name as its baseline."""
    control_differs_in: Literal["k"] | None = None
    """The part of the subject whose effect the kind measures: a control that is alike in it compares nothing."""
    by_name: Mapping[str, MeasureSpec] = field(init=False, repr=False, compare=False)
    """The same measures by their names."""
    showing_divergence: tuple[MeasureSpec, ...] = field(init=False, repr=False, compare=False)
    """Those of them whose values can show that an SAE diverged."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({spec.name: spec for spec in self.measures}))
        showing = tuple(spec for spec in self.measures if spec.divergence is not None)
        object.__setattr__(self, "showing_divergence", showing)

    def __hash__(self) -> int:
        # Each summary looks up what is compiled for its kind, and a table of measures takes long to hash.
        return hash(self.name)
