"""Training and held-out tokens of one's own texts: one text a row, or texts one after another in rows of equal length.

Held-out rows are filled first and no text is in both, as with the texts of sae-probes (`runners.subjects.token_sets`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError
from runners.digests import sequence_sha256
from runners.places import caused_by, config_error
from runners.subjects.activation_store import TokenSet
from runners.subjects.language_model import LanguageModel, TokenizedText, begun, tokenize
from runners.subjects.own_texts import Decode, OwnText, refuse_foreign_ids
from runners.subjects.plan import TextPlan
from runners.subjects.text_rows import TextRow
from runners.subjects.token_sets import take_rows

_UNCUT = 1 << 30
_AS_A_TOKEN = re.compile(r"<\|[^|<>]+\|>|</?[a-z_]{1,20}>|\[[A-Z]{2,10}\]")
"""How tokenisers write tokens that are no text."""


@dataclass(frozen=True)
class DrawnTokens:
    """What is trained on and what is held out."""

    training: TokenSet
    held_out: TokenSet
    trained_on: tuple[str, ...]
    """Digests of the texts in the training set; a packed row holds parts of several."""
    held_out_texts: tuple[str, ...]


def draw_own_tokens(model: LanguageModel, texts: Sequence[OwnText], max_tokens: int, plan: TextPlan) -> DrawnTokens:
    """Return the two sets, texts from the front.

    Args:
        model: whose tokeniser cuts the texts, or made the token ids.
        texts: in the order to take them in.
        max_tokens: of a row, special tokens included.
        plan: how many tokens, packed how.

    Raises:
        GatekitError: `corpus.too_small`, or a row is too short for the tokens that the tokeniser adds.
    """
    left = iter(texts)

    def take(rows: int, name: str, key: str) -> tuple[TokenSet, tuple[str, ...]]:
        digests: list[str] = []
        noted = _noting(left, digests)
        packed = plan.packing == "context"
        rows_of = _packed(model, noted, max_tokens, plan) if packed else _single(model, noted, max_tokens)
        with caused_by(plan, key):
            filed = plan.stream is not None and name == "training"
            return take_rows(rows_of, rows, name, filed=filed), tuple(digests)

    held_out, held_out_texts = take(plan.held_out_tokens, "held-out", "held_out_tokens")
    training, trained_on = take(plan.train_tokens, "training", "train_tokens")
    return DrawnTokens(training, held_out, trained_on, held_out_texts)


def decoder_of(model: LanguageModel) -> Decode:
    """Return what makes text of token ids, special tokens left out, and refuses ids that are none of the model's."""
    size = model.embeddings

    def decode(ids: tuple[int, ...], row: TextRow | None) -> str:
        refuse_foreign_ids(ids, row, size)
        return str(model.tokenizer.decode(list(ids), skip_special_tokens=True))

    return decode


def _noting(texts: Iterator[OwnText], digests: list[str]) -> Iterator[OwnText]:
    for text in texts:
        digests.append(text.sha256)
        yield text


def _single(model: LanguageModel, texts: Iterator[OwnText], max_tokens: int) -> Iterator[TokenizedText]:
    # One by one, because texts are counted as they are taken: a chunk would count texts that no set holds.
    special = set(model.tokenizer.all_special_ids)
    for text in texts:
        if isinstance(text.content, str):
            yield from tokenize(model, [text.content], [text.sha256], max_tokens)
        else:
            ids = begun(model, text.content)[:max_tokens]
            yield TokenizedText(text.sha256, ids, tuple(at for at, one in enumerate(ids) if one not in special))


def _packed(model: LanguageModel, texts: Iterator[OwnText], max_tokens: int, plan: TextPlan) -> Iterator[TokenizedText]:
    before, after = _added(model)
    room = max_tokens - len(before) - len(after)
    if room < 1:
        message = f"a row of {max_tokens} tokens has no room beside the {max_tokens - room} that the tokeniser adds"
        raise config_error(plan, "packing", message, error_id="texts.context")
    between: list[int] = []
    if plan.separator is not None:
        between = _separator(model, plan, plan.separator)
    special = set(model.tokenizer.all_special_ids)
    ids: list[int] = []
    kept: list[bool] = []
    held: list[str] = []

    def row(start: int) -> TokenizedText:
        whole = (*before, *ids[start : start + room], *after)
        places = tuple(len(before) + at for at, keep in enumerate(kept[start : start + room]) if keep)
        return TokenizedText(sequence_sha256([*held, str(whole)]), whole, places)

    for text in texts:
        own = _ids_of(model, text, before)
        if ids:
            ids += between
            kept += [False] * len(between)
        held.append(text.sha256)
        ids += own
        kept += [one not in special for one in own]
        done = 0
        while len(ids) - done >= room:
            yield row(done)
            done += room
            held = [text.sha256]
        # Once for all rows of a text: a long one would be moved again and again.
        del ids[:done], kept[:done]
        if not ids:
            held = []
    if ids:
        yield row(0)


def _separator(model: LanguageModel, plan: TextPlan, separator: str) -> list[int]:
    """Return the tokens that stand between documents.

    Raises:
        GatekitError: `texts.separator`: it is written as a token is that the tokeniser does not have.
    """

    def ids_of(text: str) -> list[int]:
        return list(model.tokenizer(text, add_special_tokens=False)["input_ids"])

    found = ids_of(separator)
    if len(found) > 1 and _AS_A_TOKEN.fullmatch(separator):
        # TransformerLens names tokens for a beginning and an end that a tokeniser may not have.
        known = ", ".join(each for each in model.tokenizer.all_special_tokens if len(ids_of(each)) == 1)
        message = f"'{separator}' is no token of the model's tokeniser, which makes {len(found)} of it"
        remedy = f"its own: {known}; of a text file that is cut at it, make JSON lines"
        raise config_error(plan, "separator", message, remedy, error_id="texts.separator")
    return found


def _ids_of(model: LanguageModel, text: OwnText, before: Sequence[int]) -> list[int]:
    """Return a text's own tokens: what the tokeniser adds stands once a row and not once a text."""
    if isinstance(text.content, str):
        (found,) = tokenize(model, [text.content], [text.sha256], _UNCUT)
        return [found.ids[at] for at in found.kept]
    ids = list(begun(model, text.content))
    starts = before and ids[: len(before)] == list(before)
    return ids[len(before) :] if starts else ids


def _added(model: LanguageModel) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ids that the tokeniser puts before and after a text."""
    (found,) = tokenize(model, ["a"], [""], _UNCUT)
    if not found.kept:
        raise GatekitError("texts.tokenizer", "the tokeniser makes no token of 'a'")
    return found.ids[: found.kept[0]], found.ids[found.kept[-1] + 1 :]
