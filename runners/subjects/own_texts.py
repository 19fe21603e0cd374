"""Texts of one's own that SAEs may train on: read up to what is needed, each once, none that an evaluation contains.

Texts are told apart by digest, as those of sae-probes are (`runners.subjects.text_corpus`). Of files with more than is
needed the first part is read, so that a stream from the hub and a file of a terabyte work alike; what was read is put
in an order that depends on the seed and each text alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from gatekit.errors import GatekitError
from runners.digests import sequence_sha256, text_sha256
from runners.places import config_error
from runners.subjects.documents import DocumentFile, document_files, read_documents
from runners.subjects.given_ids_padding import Padding, without_padding
from runners.subjects.plan import TextPlan
from runners.subjects.text_document import TextDocument
from runners.subjects.text_names import label_of, named
from runners.subjects.text_rows import TextRow

CHARACTERS_PER_TOKEN = 16
"""Texts are read until they have so many characters for each token that is asked for; English has four. Where that
turns out to be too few, four times as many are read."""

_ROWS_OF_STREAM = 16
"""Of a long row without texts that is packed: the rows that stay together, on one side."""

Decode = Callable[[tuple[int, ...], TextRow | None], str]
"""Token ids -> their text without special tokens."""


@dataclass(frozen=True)
class OwnText:
    """One text."""

    sha256: str
    content: str | tuple[int, ...]
    """The text without white space around it, or its token ids."""
    text: str
    """In both cases."""


@dataclass(frozen=True)
class Padded:
    """Digests of the texts of rows that padding was cut off, by where it stood."""

    in_front: tuple[str, ...]
    behind: tuple[str, ...]


@dataclass(frozen=True)
class OwnTexts:
    """What was read of one's own texts, each once, in the order to take them in."""

    label: str
    """Names the texts in a summary: their file, and how many more there are."""
    files: tuple[DocumentFile, ...]
    texts: tuple[OwnText, ...]
    in_evaluation: tuple[str, ...]
    """Digests of the texts that were left out because an evaluation dataset has them."""
    whole: bool
    """Whether everything was read that there is."""
    repeated: tuple[str, ...]
    """Digests of the texts that were left out because they were already taken."""
    padded: Padded | None = None
    """Rows of token ids that padding was cut off; None of texts."""

    @property
    def inputs(self) -> list[tuple[str, str, int]]:
        """Name, digest and rows of what a summary lists them by."""
        parts = {
            "read-and-in-no-evaluation-dataset": tuple(text.sha256 for text in self.texts),
            "left-out-as-in-an-evaluation-dataset": self.in_evaluation,
            "left-out-as-repeated": self.repeated,
        }
        if self.padded is not None:
            parts["padding-cut-off-in-front"] = self.padded.in_front
            parts["padding-cut-off-behind"] = self.padded.behind
        return [
            *((f"texts:file:{named(file.name)}", file.sha256, 0) for file in self.files),
            *((f"texts:{name}", sequence_sha256(digests), len(digests)) for name, digests in parts.items()),
        ]


def read_own_texts(
    plan: TextPlan,
    max_tokens: int,
    forbidden: Set[str],
    decode: Decode,
    characters_per_token: int | None = None,
    padding: Padding | None = None,
) -> OwnTexts:
    """Read texts until they are enough, and put them in order.

    Args:
        plan: of the configuration.
        max_tokens: of a row; where a row is one text, what is longer does not count.
        forbidden: digests of the texts that evaluations contain.
        decode: of the measured model's tokeniser, for token ids.
        characters_per_token: how much is read; `CHARACTERS_PER_TOKEN` where None.
        padding: of the same tokeniser, that is cut off token ids; None where there is none.

    Raises:
        GatekitError: as `read_documents` and `without_padding`; `texts.filter`, `texts.none`: nothing is left.
    """
    files = document_files(plan)
    kept: dict[str, OwnText] = {}
    each = characters_per_token or CHARACTERS_PER_TOKEN
    wanted = each * (plan.train_tokens + plan.held_out_tokens)
    longest = wanted if plan.packing == "context" else each * max_tokens
    passed = found = 0
    in_evaluation: list[str] = []
    repeated: list[str] = []
    in_front: list[str] = []
    behind: list[str] = []
    refused: dict[str, str] = {}
    for document, cut in _cut(read_documents(plan, refused), plan, max_tokens, padding):
        passed += 1
        text = document.content if isinstance(document.content, str) else decode(document.content, document.row)
        digest = text_sha256(text)
        in_front += [digest] if cut[0] else []
        behind += [digest] if cut[1] else []
        if not text.strip():
            continue
        if digest in forbidden:
            in_evaluation.append(digest)
        elif digest in kept:
            repeated.append(digest)
        else:
            content = document.content.strip() if isinstance(document.content, str) else document.content
            kept[digest] = OwnText(digest, content, text.strip())
            found += min(len(text), longest)
            if found >= wanted:
                break
    if not passed and plan.filter is not None:
        said = " and ".join(f"{each.column} = {each.equals}" for each in plan.filter)
        values = ", ".join(f"{column} = {value}" for value, column in refused.items())
        raise config_error(plan, "filter", f"no row has {said}", f"rows have {values}", error_id="texts.filter")
    if not kept:
        message = (
            f"no text is left: {len(in_evaluation)} of {passed} stand in evaluation datasets, the others are empty"
        )
        raise config_error(plan, "source", message, error_id="texts.none")
    ordered = sorted(kept.values(), key=lambda text: hashlib.sha256(f"{plan.seed}|{text.sha256}".encode()).digest())
    return OwnTexts(
        label=label_of(plan),
        files=files,
        texts=tuple(ordered),
        in_evaluation=tuple(in_evaluation),
        whole=found < wanted,
        repeated=tuple(repeated),
        padded=Padded(tuple(in_front), tuple(behind)) if plan.of_token_ids else None,
    )


def _cut(
    documents: Iterator[TextDocument], plan: TextPlan, max_tokens: int, padding: Padding | None
) -> Iterator[tuple[TextDocument, tuple[int, int]]]:
    """Cut padding off token ids, and what is longer than a row where rows hold no more.

    A stream of token ids becomes documents of one row. Beside each stands how much padding was cut off in front of the
    whole document, and behind it: with its first part.
    """
    for document in documents:
        if isinstance(document.content, str):
            yield document, (0, 0)
            continue
        ids, cut = document.content, (0, 0)
        if padding is not None:
            own = without_padding(ids, padding, document.mask, document.row)
            ids, cut = own.ids, (own.in_front, own.behind)
        step = max_tokens
        if plan.packing == "context":
            step = _ROWS_OF_STREAM * max_tokens if document.stream else max(len(ids), 1)
        for start in range(0, max(len(ids), 1), step):
            yield TextDocument(ids[start : start + step], document.row), cut if start == 0 else (0, 0)


def refuse_foreign_ids(ids: tuple[int, ...], row: TextRow | None, size: int) -> None:
    """Refuse token ids that the model has no vector for.

    Raises:
        GatekitError: `table.token_ids`, at the row.
    """
    wrong = next((one for one in ids if not 0 <= one < size), None)
    if wrong is not None:
        message = f"token {wrong} is none of the model's {size}"
        error = GatekitError("table.token_ids", message) if row is None else row.error("table.token_ids", message)
        raise error
