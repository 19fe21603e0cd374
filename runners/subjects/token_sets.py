"""Which tokens SAEs train on and which they are judged on: whole texts, disjoint by digest, drawn by a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from gatekit.errors import GatekitError
from runners.places import caused_by
from runners.subjects.activation_store import TokenSet
from runners.subjects.filed_texts import FiledTexts
from runners.subjects.language_model import LanguageModel, TokenizedText, tokenize
from runners.subjects.plan import TextPlan
from runners.subjects.text_corpus import CorpusText

_TEXTS_PER_CALL = 512


def draw_token_sets(
    model: LanguageModel,
    texts: Sequence[CorpusText],
    held_out_rows: int,
    train_rows: int,
    max_tokens: int,
    plan: TextPlan | None = None,
) -> tuple[TokenSet, TokenSet]:
    """Return the training and the held-out set: texts from the front until the rows are full, held-out ones first.

    Held-out texts come first so that a longer training set is the same texts and more, judged on the same rows.

    Args:
        model: whose tokeniser cuts the texts; twins share it, so their sets are equal.
        texts: in the order to take them in, each text once.
        held_out_rows: tokens to judge on.
        train_rows: tokens to train on.
        max_tokens: cut per text, special tokens included.
        plan: whose numbers these are, where a configuration asks for them.

    Raises:
        GatekitError: the texts have too few tokens.
    """
    stream = _tokenized(model, texts, max_tokens)
    with caused_by(plan, "held_out_tokens"):
        held_out = take_rows(stream, held_out_rows, "held-out")
    with caused_by(plan, "train_tokens"):
        return take_rows(stream, train_rows, "training", filed=plan is not None and plan.stream is not None), held_out


def _tokenized(model: LanguageModel, texts: Sequence[CorpusText], max_tokens: int) -> Iterator[TokenizedText]:
    left = iter(texts)
    while chunk := list(islice(left, _TEXTS_PER_CALL)):
        yield from tokenize(model, [text.text for text in chunk], [text.sha256 for text in chunk], max_tokens)


def take_rows(stream: Iterator[TokenizedText], rows: int, name: str, *, filed: bool = False) -> TokenSet:
    """Take texts from the front until their kept tokens fill the rows.

    Args:
        stream: of texts; the rest of it is left.
        rows: to fill.
        name: of the set.
        filed: keep the tokens in a file and not in memory (`runners.subjects.filed_texts`).

    Raises:
        GatekitError: `corpus.too_small`.
    """
    taken = _filling(stream, rows, name)
    return TokenSet(name, FiledTexts(taken) if filed else tuple(taken), rows)


def _filling(stream: Iterator[TokenizedText], rows: int, name: str) -> Iterator[TokenizedText]:
    found = 0
    while found < rows:
        text = next(stream, None)
        if text is None:
            raise GatekitError(
                "corpus.too_small", f"the texts have {found} tokens left for the {name} set, {rows} are asked for"
            )
        if text.kept:
            yield text
            found += len(text.kept)
