"""One's own texts as a run uses them: read, cut into tokens, and compared with what evaluations contain."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import GatekitError
from runners.digests import sequence_sha256, text_sha256
from runners.places import caused_by
from runners.subjects.given_ids_padding import padding_of
from runners.subjects.language_model import LanguageModel, begins_with_bos
from runners.subjects.ngram_overlap import WORDS, texts_that_overlap
from runners.subjects.own_texts import CHARACTERS_PER_TOKEN, OwnTexts, read_own_texts
from runners.subjects.own_token_sets import DrawnTokens, decoder_of, draw_own_tokens
from runners.subjects.plan import TextPlan
from runners.subjects.text_corpus import evaluation_files, texts_of


@dataclass(frozen=True)
class DrawnOwnTexts:
    """The texts, the tokens that are trained on and judged on, and how many share a long run with an evaluation."""

    texts: OwnTexts
    tokens: DrawnTokens
    overlapping: tuple[str, ...]
    """Digests of the training texts that share thirteen words in a row with an evaluation text."""

    @property
    def inputs(self) -> list[tuple[str, str, int]]:
        """Name, digest and rows of what a summary lists them by."""
        return [
            (f"texts:{name}", sequence_sha256(digests), len(digests))
            for name, digests in (
                ("documents-trained-on", self.tokens.trained_on),
                ("documents-held-out", self.tokens.held_out_texts),
                (f"trained-on-that-share-{WORDS}-words-with-an-evaluation-dataset", self.overlapping),
            )
        ]


def draw_own_texts(model: LanguageModel, plan: TextPlan, max_tokens: int, evaluations: Path) -> DrawnOwnTexts:
    """Read one's own texts and draw tokens of them.

    Args:
        model: whose tokeniser cuts them.
        plan: of the configuration.
        max_tokens: of a row, special tokens included.
        evaluations: data folder of sae-probes, whose registered datasets and shifted sets no text may stand in.

    Raises:
        GatekitError: as `read_own_texts` and `draw_own_tokens`.
    """
    files = evaluation_files(evaluations)
    forbidden = {text_sha256(text) for path in files for text in texts_of(path)}
    texts, tokens = _enough(model, plan, max_tokens, forbidden)
    by_digest = {text.sha256: text.text for text in texts.texts}
    trained = [by_digest[digest] for digest in tokens.trained_on]
    shares = texts_that_overlap(trained, map(texts_of, files)) if trained else ()
    overlapping = tuple(digest for digest, share in zip(tokens.trained_on, shares, strict=True) if share)
    return DrawnOwnTexts(texts, tokens, overlapping)


def _enough(model: LanguageModel, plan: TextPlan, max_tokens: int, forbidden: Set[str]) -> tuple[OwnTexts, DrawnTokens]:
    """Read more texts until the tokens suffice or there is no more."""
    each = CHARACTERS_PER_TOKEN
    padding = padding_of(model.tokenizer, with_bos=begins_with_bos(model))
    while True:
        with caused_by(plan, "source"):
            texts = read_own_texts(plan, max_tokens, forbidden, decoder_of(model), each, padding)
        try:
            return texts, draw_own_tokens(model, texts.texts, max_tokens, plan)
        except GatekitError as error:
            if error.error_id != "corpus.too_small":
                raise
            if texts.whole:
                cut = "" if plan.packing == "context" else f", and what is longer than {max_tokens} tokens is cut"
                error.remedy = f"there are {len(texts.texts)} texts; none stands on both sides{cut}"
                raise
        each *= 4
