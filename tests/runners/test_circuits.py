from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.metrics.circuits import (
    chance_r2,
    fourier_basis,
    frequencies_of,
    frequency_shares,
    key_frequencies,
    latent_frequencies,
    projection_r2,
    recovered,
    relabelled,
    single_frequency,
    top_frequencies,
)

pytestmark = pytest.mark.runners

ODD = st.sampled_from([3, 5, 7, 13, 15, 53])


def circles(p: int, frequencies: list[int], width: int, seed: int = 0) -> np.ndarray:
    """A perfect Fourier embedding: numbers on one circle per frequency, (p, width), turned and shifted."""
    draws = np.random.default_rng(seed)
    x = np.arange(p)[:, None]
    angles = 2 * np.pi * x * np.array(frequencies)[None, :] / p
    on_circles = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return on_circles @ draws.normal(size=(2 * len(frequencies), width)) + draws.normal(size=width)


@given(ODD)
@settings(deadline=None, max_examples=10)
def test_the_basis_is_orthonormal_complete_and_free_of_the_constant(p):
    basis = fourier_basis(p)
    assert basis.shape == (p - 1, p)
    np.testing.assert_allclose(basis @ basis.T, np.eye(p - 1), atol=1e-12)
    np.testing.assert_allclose(basis.sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize("wrong", [[0], [27], [53 - 4], [4, 49], [4, 4], [-4], [53]])
def test_the_constant_a_conjugate_and_a_repetition_are_no_frequencies(wrong):
    # Frequency 49 on Z_53 is frequency 4 again; with both, the projection would count it twice.
    with pytest.raises(ValueError, match="frequency"):
        projection_r2(circles(53, [4], 8), wrong)


def test_a_perfect_embedding_of_three_frequencies_scores_one():
    # 60 and 53 are conjugates on Z_113: a transform that lists both among its largest bins names one frequency.
    embedding = circles(113, [10, 34, 53], 128)
    spectrum = np.abs(np.fft.fft(embedding - embedding.mean(axis=0), axis=0)).sum(axis=1)
    assert set(np.argsort(spectrum)[-6:]) == {10, 103, 34, 79, 53, 60}
    key = key_frequencies(frequency_shares(embedding), 2.0)
    assert key == (10, 34, 53)
    assert projection_r2(embedding, key) == pytest.approx(1.0, abs=1e-12)


def test_counting_conjugates_twice_would_lose_what_they_hold():
    # Why a conjugate is an error: two equal columns project what lies on them twice, and the residual is as large as
    # the signal. Three equal circles, two of them named by both conjugates, would score a third.
    x = np.arange(113)
    embedding = np.stack([f(2 * np.pi * k * x / 113) for k in (10, 34, 53) for f in (np.cos, np.sin)], axis=1)
    bins = [60, 53, 34, 79, 10]
    columns = np.stack([f(2 * np.pi * k * x / 113) for k in bins for f in (np.cos, np.sin)], axis=1)
    columns /= np.linalg.norm(columns, axis=0)
    residual = embedding - columns @ (columns.T @ embedding)
    assert 1 - np.square(residual).sum() / np.square(embedding).sum() == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="60 is no frequency"):
        projection_r2(embedding, bins)
    assert projection_r2(embedding, (10, 34, 53)) == pytest.approx(1.0, abs=1e-12)


@given(st.sets(st.integers(1, 26), min_size=1, max_size=6), st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_every_perfect_embedding_scores_one_and_not_without_one_of_its_frequencies(frequencies, seed):
    embedding = circles(53, sorted(frequencies), 64, seed)
    found = top_frequencies(frequency_shares(embedding), len(frequencies))
    assert set(found) == frequencies
    assert projection_r2(embedding, found) == pytest.approx(1.0, abs=1e-12)
    assert projection_r2(embedding, found[1:]) < 0.999


def test_shares_are_those_of_the_discrete_fourier_transform():
    table = np.random.default_rng(1).normal(size=(13, 5))
    power = np.square(np.abs(np.fft.fft(table, axis=0))).sum(axis=1)
    expected = (power[1:7] + power[:6:-1]) / power[1:].sum()
    np.testing.assert_allclose(frequency_shares(table), expected, rtol=1e-12)


def test_r2_is_that_of_least_squares_on_cosines_sines_and_a_constant():
    table = np.random.default_rng(2).normal(size=(53, 7)) + 3
    x = np.arange(53)
    columns = [np.ones(53)] + [f(2 * np.pi * k * x / 53) for k in (3, 20) for f in (np.cos, np.sin)]
    design = np.stack(columns, axis=1)
    residual = table - design @ np.linalg.lstsq(design, table, rcond=None)[0]
    expected = 1 - np.square(residual).sum() / np.square(table - table.mean(axis=0)).sum()
    assert projection_r2(table, [3, 20]) == pytest.approx(expected, abs=1e-12)


def test_shares_sum_to_one_and_r2_is_the_sum_of_the_chosen_shares():
    table = np.random.default_rng(3).normal(size=(53, 16))
    shares = frequency_shares(table)
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    assert projection_r2(table, [1, 5, 26]) == pytest.approx(shares[[0, 4, 25]].sum(), abs=1e-12)


def test_a_gaussian_embedding_scores_its_chance_level_as_a_beta_distribution():
    # The share of an isotropic vector in a subspace is Beta(half its dimensions, half the others').
    p, width, count = 13, 4, 2
    draws = np.random.default_rng(4)
    scores = [projection_r2(draws.normal(size=(p, width)), [1, 4]) for _ in range(1500)]
    law = scipy.stats.beta(width * 2 * count / 2, width * (p - 1 - 2 * count) / 2)
    assert law.mean() == pytest.approx(chance_r2(p, count))
    assert scipy.stats.kstest(scores, law.cdf).pvalue > 1e-3


def test_any_embedding_scores_exactly_the_chance_level_on_average_over_all_relabellings():
    for embedding in (circles(5, [1], 3), np.random.default_rng(5).normal(size=(5, 2))):
        scores = [projection_r2(relabelled(embedding, 5, np.array(order)), [2]) for order in permutations(range(5))]
        assert np.mean(scores) == pytest.approx(chance_r2(5, 1), abs=1e-12)
        assert chance_r2(5, 1) == 0.5


def test_a_random_embedding_has_no_key_frequency_and_a_relabelled_circle_has_none():
    draws = np.random.default_rng(6)
    assert key_frequencies(frequency_shares(draws.normal(size=(53, 128))), 2.0) == ()
    shuffled = relabelled(circles(53, [2, 4, 12, 19], 128), 53, draws.permutation(53))
    assert projection_r2(shuffled, top_frequencies(frequency_shares(shuffled), 4)) < 0.5


@pytest.mark.parametrize("table", [np.ones((53, 4)), np.full((53, 4), np.nan), np.ones(53)])
def test_a_table_without_variation_or_of_another_shape_is_refused(table):
    with pytest.raises(ValueError, match="table"):
        frequency_shares(table)


def test_an_even_modulus_is_refused():
    with pytest.raises(ValueError, match="odd"):
        frequencies_of(52)


def grid(p: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(p * p)
    return rows // p, rows % p


def test_a_latent_of_one_frequency_is_pure_whatever_it_is_a_function_of():
    p, k = 53, 7
    a, b = grid(p)
    turn = 2 * np.pi * k / p
    latents = [
        np.cos(turn * a),
        2 + np.sin(turn * b),
        np.cos(turn * (a + b) + 1.0),
        np.cos(turn * a) + np.cos(turn * b) + np.sin(turn * (a + b)),
    ]
    found = latent_frequencies(np.stack(latents, axis=1), p)
    np.testing.assert_allclose(found.purity, 1.0, atol=1e-12)
    assert (found.purity <= 1.0).all()
    assert found.frequency.tolist() == [k] * 4
    thirds = [1 / 3] * 3
    np.testing.assert_allclose(found.families, [[1, 0, 0], [0, 1, 0], [0, 0, 1], thirds], atol=1e-12)


def test_purity_is_the_r2_of_least_squares_on_the_six_functions_of_the_best_frequency():
    p = 7
    a, b = grid(p)
    values = np.random.default_rng(7).normal(size=(p * p, 3))
    found = latent_frequencies(values, p)
    for latent in range(3):
        scores = []
        for k in (1, 2, 3):
            angles = [2 * np.pi * k * x / p for x in (a, b, a + b)]
            design = np.stack([np.ones(p * p)] + [f(x) for x in angles for f in (np.cos, np.sin)], axis=1)
            y = values[:, latent]
            residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
            scores.append(1 - np.square(residual).sum() / np.square(y - y.mean()).sum())
        assert found.purity[latent] == pytest.approx(max(scores), abs=1e-12)
        assert found.frequency[latent] == 1 + int(np.argmax(scores))


def test_two_equal_frequencies_are_half_pure():
    p = 53
    a, b = grid(p)
    mixed = np.cos(2 * np.pi * 3 * (a + b) / p) + np.cos(2 * np.pi * 8 * (a + b) / p)
    assert latent_frequencies(mixed[:, None], p).purity[0] == pytest.approx(0.5, abs=1e-12)


def test_a_difference_of_the_numbers_is_neither_of_them_nor_their_sum():
    a, b = grid(13)
    found = latent_frequencies(np.cos(2 * np.pi * 2 * (a - b) / 13)[:, None], 13)
    np.testing.assert_allclose(found.families, 0, atol=1e-12)
    assert found.purity[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6])
def test_a_latent_that_does_not_vary_is_neither_pure_nor_single_frequency(constant):
    found = latent_frequencies(np.full((49, 1), constant), 7)
    assert (found.purity[0], found.frequency[0], found.varies[0]) == (0.0, 0, False)
    assert not single_frequency(found, 0.0).any()


def test_relabelling_pairs_moves_functions_of_a_number_along_and_breaks_the_sum():
    p = 53
    a, b = grid(p)
    order = np.random.default_rng(8).permutation(p)
    values = np.stack([np.cos(2 * np.pi * 5 * a / p), np.cos(2 * np.pi * 5 * (a + b) / p)], axis=1)
    moved = relabelled(values, p, order)
    np.testing.assert_array_equal(moved[:, 0], np.cos(2 * np.pi * 5 * order[a] / p))
    np.testing.assert_array_equal(moved[:, 1], np.cos(2 * np.pi * 5 * (order[a] + order[b]) / p))
    found = latent_frequencies(moved, p)
    assert found.families[0, 0] == pytest.approx(1, abs=1e-12)
    assert found.purity.max() < 0.5


def test_a_frequency_is_recovered_by_a_pure_latent_and_not_by_a_mixed_one():
    p = 53
    a, b = grid(p)

    def sums(*frequencies: int) -> np.ndarray:
        return sum(np.cos(2 * np.pi * k * (a + b) / p) for k in frequencies)

    found = latent_frequencies(np.stack([sums(3), sums(8, 9), sums(20)], axis=1), p)
    assert recovered(found, (3, 8, 9, 11), 0.9) == (3,)
    assert recovered(found, (3, 8, 9, 11), 0.4)[0] == 3


@pytest.mark.parametrize("values", [np.ones((48, 1)), np.full((49, 1), np.inf)])
def test_latents_on_some_pairs_only_or_not_finite_are_refused(values):
    with pytest.raises(ValueError, match=r"pairs|finite"):
        latent_frequencies(values, 7)
