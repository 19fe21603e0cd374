from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.metrics.consistency import (
    chance_corrected,
    cosines,
    match,
    matching_of,
    mean_row_cosine,
    mmcs,
    pw_mcc,
)

pytestmark = pytest.mark.runners


def gaussian(rows: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, d)).astype(np.float32)


@pytest.mark.parametrize(("measure", "floor"), [(pw_mcc, 0.254), (mmcs, 0.282)])
def test_gaussian_dictionaries_score_the_known_floor_of_their_shape(measure, floor):
    draws = [measure(gaussian(512, 128, 2 * i), gaussian(512, 128, 2 * i + 1), 128) for i in range(8)]
    assert round(float(np.mean(draws)), 3) == pytest.approx(floor, abs=0.0011)


def test_matching_on_absolute_cosines_equals_sae_lens():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sae_lens.synthetic.evals import mean_correlation_coefficient
    a, b = gaussian(60, 24, 1), gaussian(45, 24, 2)
    theirs = mean_correlation_coefficient(torch.from_numpy(a), torch.from_numpy(b))
    # SAELens divides by the matched pairs, ours by the larger dictionary.
    assert matching_of(np.abs(cosines(a, b, 24))).cosines.mean() == pytest.approx(theirs, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 6), d=st.integers(1, 5))
def test_the_matching_is_the_best_of_all_permutations(seed, rows, d):
    a, b = gaussian(rows, d, seed), gaussian(rows, d, seed + 1)
    unit_a = [row / math.sqrt(sum(float(x) ** 2 for x in row)) for row in a.tolist() if True for row in [np.array(row)]]
    unit_b = [row / math.sqrt(sum(float(x) ** 2 for x in row)) for row in b.tolist() if True for row in [np.array(row)]]
    best = max(
        sum(float(np.dot(unit_a[i], unit_b[j])) for i, j in enumerate(order)) / rows
        for order in itertools.permutations(range(rows))
    )
    assert pw_mcc(a, b, d) == pytest.approx(best, abs=1e-9)


def test_a_permuted_copy_scores_one():
    a = gaussian(50, 20, 3)
    shuffled = a[np.random.default_rng(0).permutation(50)] * 7.5
    assert pw_mcc(a, shuffled, 20) == pytest.approx(1.0)
    assert mmcs(a, shuffled, 20) == pytest.approx(1.0)


def test_opposite_latents_agree_for_mmcs_and_not_for_pw_mcc():
    a = np.eye(6)
    assert mmcs(a, -a, 6) == pytest.approx(1.0)
    assert pw_mcc(a, -a, 6) == pytest.approx(0.0)


def test_duplicates_of_one_latent_raise_mmcs_and_not_pw_mcc():
    # Three copies of the first axis against the three axes: each copy finds the axis; one to one, only one may keep it.
    copies, axes = np.array([[1.0, 0, 0]] * 3), np.eye(3)
    assert pw_mcc(copies, axes, 3) == pytest.approx(1 / 3)
    assert mmcs(copies, axes, 3) == pytest.approx((1 + 1 / 3) / 2)


def test_a_latent_without_partner_counts_as_cosine_zero():
    # Two of three axes are matched perfectly.
    matching = match(np.eye(3)[:2], np.eye(3), 3)
    assert matching.mean == pytest.approx(2 / 3)
    assert matching.fraction_at_least(0.7) == pytest.approx(2 / 3)


def test_the_cut_counts_a_match_that_lies_on_it():
    matching = matching_of(np.array([[0.7, 0.0], [0.0, 0.69]]))
    assert matching.fraction_at_least(0.7) == 0.5


@pytest.mark.parametrize("measure", [pw_mcc, mmcs])
def test_a_transposed_dictionary_is_refused_and_never_turned(measure):
    decoder = gaussian(256, 128, 4)
    with pytest.raises(ValueError, match="rows = latents"):
        measure(decoder.T, decoder.T, 128)


def test_fewer_latents_than_dimensions_is_a_dictionary_like_any_other():
    # The case that a shape guess gets wrong: 64 latents in 128 dimensions. Orthogonal dictionaries share nothing.
    axes = np.eye(128)
    assert pw_mcc(axes[:64], axes[64:], 128) == pytest.approx(0.0)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_row_without_direction_is_refused(value):
    decoder = gaussian(8, 4, 5)
    decoder[3] = value
    with pytest.raises(ValueError, match="no direction"):
        cosines(decoder, gaussian(8, 4, 6), 4)


def test_chance_correction_puts_the_floor_at_zero_and_identity_at_one():
    assert chance_corrected(0.25, 0.25) == 0.0
    assert chance_corrected(1.0, 0.25) == 1.0
    assert chance_corrected(0.4, 0.25) == pytest.approx(0.2)
    assert chance_corrected(0.1, 0.25) == pytest.approx(-0.2)


def test_similarity_to_init_compares_row_by_row():
    turned = np.array([[1.0, 0.0], [1.0, 1.0]])
    assert mean_row_cosine(turned, np.eye(2), 2) == pytest.approx((1 + math.sqrt(0.5)) / 2)
