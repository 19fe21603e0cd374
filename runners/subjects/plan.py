"""What is to be measured: the part of a configuration that names model, hook and texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from runners.config import ABSENT_WHERE_NONE, Bounds


@dataclass(frozen=True)
class ModelPlan:
    """Where the model is."""

    source: Literal["package", "folder", "hub"]
    name: str
    """Import name of a package with a `model` folder, path of a folder, or `owner/name` on the hub."""
    revision: str | None = None
    """Commit or tag on the hub; nothing elsewhere."""
    known_as: str | None = None
    """Name that the files of given SAEs call this model by, where that is another one."""


@dataclass(frozen=True)
class SubjectPlan:
    """Model and hook."""

    model: ModelPlan
    hook: str
    d_model: Annotated[int, Bounds(1, 1_000_000)]
    """Width at the hook; stated so that a wrong hook or a transposed matrix is an error and not a guess."""
    max_tokens_per_text: Annotated[int, Bounds(1, 1_000_000)]
    """Special tokens included."""
    prepend_bos: bool | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Whether texts begin with the token for a beginning, as the SAEs' training texts did; where nothing is said, as
    TransformerLens has the model's tokeniser do it: with that token, where the tokeniser has one."""


@dataclass(frozen=True)
class TextPlan:
    """Which tokens of the texts that no probing dataset contains."""

    source: Literal["sae-probes"]
    seed: Annotated[int, Bounds(0, 4294967295)]
    """Of the order in which texts are taken."""
    train_tokens: Annotated[int, Bounds(0, 1_000_000_000_000)]
    """0 where nothing is trained."""
    held_out_tokens: Annotated[int, Bounds(2, 1_000_000_000_000)]
