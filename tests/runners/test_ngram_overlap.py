from __future__ import annotations

import numpy as np
import pytest

from runners.subjects.ngram_overlap import texts_that_overlap

pytestmark = pytest.mark.runners

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "and", "then", "runs", "far", "away"]


def test_thirteen_words_in_a_row_overlap_and_twelve_do_not():
    thirteen, twelve = " ".join(WORDS[:13]), " ".join(WORDS[:12])
    evaluation = [[f"before {thirteen} behind"]]
    assert texts_that_overlap([thirteen, twelve, "x " + thirteen, twelve + " x"], evaluation).tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_case_and_punctuation_do_not_hide_an_overlap():
    assert texts_that_overlap([" ".join(WORDS)], [[", ".join(WORDS).upper() + "!"]]).tolist() == [True]


def test_no_run_crosses_from_one_text_into_the_next():
    assert texts_that_overlap([" ".join(WORDS)], [[" ".join(WORDS[:7]), " ".join(WORDS[7:])]]).tolist() == [False]


def test_it_agrees_with_sets_of_tuples_on_random_texts():
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(["a", "b"], size=20)) for _ in range(60)]
    evaluation = [[" ".join(draw.choice(["a", "b"], size=20)) for _ in range(25)] for _ in range(3)]

    def runs(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[i : i + 13]) for i in range(len(words) - 12)}

    theirs = set().union(*(runs(text) for batch in evaluation for text in batch))
    expected = [bool(runs(text) & theirs) for text in texts]
    assert 5 < sum(expected) < 60
    assert texts_that_overlap(texts, evaluation).tolist() == expected


def test_nothing_overlaps_with_nothing():
    assert texts_that_overlap([], [["a"]]).tolist() == []
    assert texts_that_overlap(["a b"], []).tolist() == [False]
