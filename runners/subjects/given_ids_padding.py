"""What only fills up rows of given token ids: cut off at both ends, refused between a row's own tokens.

An attention mask says which tokens are padding. Without one it is the tokeniser's token for it; where that is also the
token that begins or ends texts, or stands for what is unknown, one of it may be the text's own, and two in front are
padding. A model that reads padding in front of a text reads the text at other positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.errors import GatekitError
from runners.subjects.text_rows import TextRow


@dataclass(frozen=True)
class Padding:
    """The token that a tokeniser pads with, and what else it stands for."""

    token: int | None
    begins: bool
    """Texts begin with it too."""
    ends: bool
    """Texts end with it too."""
    alone: bool
    """It stands for nothing else."""


@dataclass(frozen=True)
class OwnIds:
    """The ids of a row without padding, and how many were cut off."""

    ids: tuple[int, ...]
    in_front: int
    behind: int


def padding_of(tokenizer: Any, *, with_bos: bool) -> Padding:
    """Return what a tokeniser of transformers pads with.

    Args:
        tokenizer: whose token for a beginning TransformerLens may have set, where it had none.
        with_bos: whether texts begin with that token.
    """
    token = tokenizer.pad_token_id
    bos, eos, unknown = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id
    begins, alone = with_bos and token == bos, token not in (bos, eos, unknown)
    return Padding(token, begins=begins, ends=token == eos, alone=alone)


def without_padding(
    ids: tuple[int, ...], padding: Padding, mask: Sequence[int] | None = None, row: TextRow | None = None
) -> OwnIds:
    """Cut the padding off a row.

    Args:
        ids: of the row.
        padding: of the model's tokeniser.
        mask: 1 for each token of the row's own and 0 for padding, where the row says so.
        row: that they stand in, for errors.

    Raises:
        GatekitError: `texts.padding`: there is padding between the row's own tokens.
    """
    start, end = 0, len(ids)
    if mask is not None:
        own = [place for place, one in enumerate(mask) if one]
        start, end = (own[0], own[-1] + 1) if own else (0, 0)
        hole = next((place for place in range(start, end) if not mask[place]), None)
        if hole is not None:
            raise _between(ids, hole, row)
    if padding.token is not None and (padding.alone or mask is None):
        while start < end and ids[end - 1] == padding.token:
            end -= 1
        end += padding.ends and end < len(ids)
        front = start
        while front < end and ids[front] == padding.token:
            front += 1
        if padding.alone or front - start > 1:
            # One stays in front where it begins texts too, as one stays behind where it ends them.
            start = front - padding.begins
        if padding.alone and padding.token in ids[start:end]:
            raise _between(ids, ids.index(padding.token, start), row)
    return OwnIds(ids[start:end], start, len(ids) - end)


def _between(ids: tuple[int, ...], place: int, row: TextRow | None) -> GatekitError:
    message = f"token {place + 1} of {len(ids)} is padding ({ids[place]}) between the row's own tokens"
    remedy = "leave the padding out when the ids are written, or put it at an end"
    return (
        GatekitError("texts.padding", message, remedy=remedy)
        if row is None
        else row.error("texts.padding", message, remedy)
    )
