"""What is to be measured: the part of a configuration that names model, hook and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.subjects.hook_names import HookName


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
    hook: HookName
    """Of TransformerLens, or a module of Hugging Face's model for models that it does not know."""
    d_model: Annotated[int, Bounds(1, 1_000_000)]
    """Width at the hook; stated so that a wrong hook or a transposed matrix is an error and not a guess."""
    max_tokens_per_text: Annotated[int, Bounds(1, 1_000_000)]
    """Special tokens included."""
    prepend_bos: bool | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Whether texts begin with the token for a beginning, as the SAEs' training texts did; where nothing is said, as
    TransformerLens has the model's tokeniser do it: with that token, where the tokeniser has one."""


@dataclass(frozen=True)
class TextFilter:
    """Keeps the texts whose rows have this value in this column."""

    column: str
    equals: str
    """Numbers and booleans are compared as JSON writes them."""


@dataclass(frozen=True)
class StreamPlan:
    """Training rows in shards on disk, read through a bounded buffer (`runners.subjects.sharded_store`)."""

    shard_tokens: Annotated[int, Bounds(16, 1_000_000_000)]
    """Rows of every shard but the last."""
    buffer_shards: Annotated[int, Bounds(1, 100_000)]
    """Shards in memory at once, whose rows are shuffled together."""
    order: Literal["per_seed", "shared"] = "per_seed"
    """Whether each seed has an order of rows of its own, and a buffer; or all seeds share one, so that a seed is its
    initial weights alone."""


@dataclass(frozen=True)
class TextPlan:
    """Which tokens of the texts that no probing dataset contains.

    `sae-probes` is the texts of that package; `files`, `folder` (of datasets.save_to_disk) and `hub` are one's own, and
    the fields below `held_out_tokens` are for them. `activations` is no texts but rows that were computed from some.
    """

    source: Literal["sae-probes", "files", "folder", "hub", "activations"]
    seed: Annotated[int, Bounds(0, 4294967295)]
    """Of the order in which texts are taken."""
    train_tokens: Annotated[int, Bounds(0, 1_000_000_000_000)]
    """0 where nothing is trained."""
    held_out_tokens: Annotated[int, Bounds(2, 1_000_000_000_000)]
    paths: tuple[str, ...] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Of files, in order, all of one form (`runners.subjects.text_forms.registry`), or of one folder."""
    name: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """`owner/name` of a dataset on the hub."""
    revision: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Commit of it, in full: a branch would be another dataset tomorrow."""
    configuration: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Of a dataset on the hub that has several, such as a language or a dump."""
    split: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Of a dataset with several."""
    column: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """That holds the texts, or the token ids; 'text' or 'input_ids' where none is named. One within another is named
    from the outer one inwards, 'meta.text'."""
    holds: Literal["text", "token_ids"] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """What the column holds; texts where nothing is said."""
    filter: tuple[TextFilter, ...] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """All of them must hold."""
    packing: Literal["text", "context"] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """One text a row, cut to `max_tokens_per_text`; or texts one after another in rows of that many tokens."""
    separator: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Between documents: a plain text file is cut at it (at every line where it is not given), and its tokens stand
    between the documents of a packed row."""

    stream: StreamPlan | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """How training rows are stored and shuffled where they do not fit memory; whole and at random where not said."""
    manifest: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Path of what says which activations there are, and of what (`runners.subjects.activation_manifest`)."""

    @property
    def own(self) -> bool:
        """Say whether the texts are one's own."""
        return self.source in ("files", "folder", "hub")

    @property
    def of_token_ids(self) -> bool:
        """Say whether token ids are given, and no text."""
        return self.holds == "token_ids" or (self.paths is not None and all(p.endswith(".npy") for p in self.paths))

    @property
    def text_column(self) -> str:
        """Name of the column that is read."""
        return self.column or ("input_ids" if self.of_token_ids else "text")


@dataclass(frozen=True)
class OwnLabelledPlan:
    """A labelled dataset of one's own: a file with two columns, and perhaps a third that says how it is split."""

    name: str
    """As the summary and the list of datasets call it."""
    path: str
    """Of a file with columns."""
    text: str = "text"
    """Column of the texts."""
    label: str = "label"
    """Column of the labels: two values, of which the second in sorted order is the positive one."""
    split: str | None = None
    """Column that says `train` or `test`; rows that say anything else are left out. Without it the rows are split as
    those of a registered dataset are."""
    family: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Of which datasets it is a near copy: they count as one random draw. Without it, of none but itself."""


@dataclass(frozen=True)
class OwnShiftedPlan:
    """A labelled dataset of one's own with a shifted counterpart: in a second file, or in rows that say `shifted`."""

    name: str
    path: str
    shifted_path: str | None = None
    """File of the shifted texts, with the same columns; without it they are the rows whose split is `shifted`."""
    text: str = "text"
    label: str = "label"
    split: str | None = None
    """As of OwnLabelledPlan."""
    family: str | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """As of OwnLabelledPlan."""


def stated_families(sets: Sequence[OwnLabelledPlan | OwnShiftedPlan] | None, prefix: str = "") -> dict[str, str]:
    """Return the families that a configuration states of one's own datasets, by what a summary calls these.

    Args:
        sets: of the configuration.
        prefix: what a summary writes before their names.
    """
    return {f"{prefix}{each.name}": each.family for each in sets or () if each.family is not None}
