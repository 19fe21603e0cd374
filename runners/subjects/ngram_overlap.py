"""Which texts share a long run of words with an evaluation: near copies that equal digests do not find.

Thirteen words in a row, lower case, punctuation left out, are the rule by which GPT-3's authors told training texts
from benchmarks (Brown et al. 2005.14165, appendix C). It counts; nothing is left out by it, because a quotation, a
licence or a template is shared as well. Time and memory are linear in the words read; evaluation texts pass once and
are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from runners.arrays import Flags, Integers

WORDS = 13

_WORD = re.compile(r"\w+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that multiplying by it loses nothing."""


def texts_that_overlap(texts: Sequence[str], evaluation: Iterable[Sequence[str]]) -> Flags:
    """Say of each text whether it shares `WORDS` words in a row with any evaluation text, (texts,) bool.

    Args:
        texts: to be asked about.
        evaluation: batches of texts; read once.
    """
    vocabulary: dict[str, int] = {}
    words = [[vocabulary.setdefault(word, len(vocabulary) + 1) for word in _words(text)] for text in texts]
    hashes, owner = _runs(words)
    order = np.argsort(hashes, kind="stable")
    sorted_hashes, found = hashes[order], np.zeros(len(hashes), dtype=bool)
    for batch in evaluation:
        theirs, _ = _runs([[vocabulary.get(word, 0) for word in _words(text)] for text in batch])
        theirs = np.unique(theirs)
        first = np.searchsorted(sorted_hashes, theirs, side="left")
        last = np.searchsorted(sorted_hashes, theirs, side="right")
        for start, stop in zip(first[last > first], last[last > first], strict=True):
            found[start:stop] = True
    overlaps = np.zeros(len(texts), dtype=bool)
    overlaps[owner[order][found]] = True
    return overlaps


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _runs(texts: Sequence[Sequence[int]]) -> tuple[Integers, Integers]:
    """Return a hash of every run of `WORDS` words, uint64, and the place of the text that it lies in.

    Word 0 is one that no run may hold; a text's end is one as well.
    """
    lengths = np.array([len(words) + 1 for words in texts], dtype=np.int64)
    flat = np.fromiter((word for words in texts for word in (*words, 0)), dtype=np.uint64, count=int(lengths.sum()))
    count = len(flat) - WORDS + 1
    if count < 1:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    # Words are scattered over 64 bits first: small numbers in a polynomial would meet too often.
    scattered = (flat + np.uint64(1)) * _FACTOR
    scattered ^= scattered >> np.uint64(29)
    hashes = np.zeros(count, dtype=np.uint64)
    whole = np.ones(count, dtype=bool)
    for place in range(WORDS):
        hashes = hashes * np.uint64(0xD6E8FEB86659FD93) + scattered[place : place + count]
        whole &= flat[place : place + count] != 0
    owner = np.repeat(np.arange(len(texts)), lengths)[:count]
    return hashes[whole], owner[whole]
