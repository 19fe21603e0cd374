from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import zscore

from gatekit.errors import GatekitError
from runners.benchmarks.cebench import Conditions, PairMeans, ceiling, check_matched, largest_z, score_pairs

pytestmark = pytest.mark.runners

# Two pairs over three latents; the second story of the first pair has three tokens, every other story one.
FIRST = np.array([[1.0, 0.0, 2.0], [0.0, 4.0, 0.0]])
SECOND = np.array([[0.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
MEANS = PairMeans(FIRST, SECOND, np.array([[1, 3], [1, 1]]))


def drawn(pairs: int, d_sae: int, seed: int = 0) -> PairMeans:
    """Sparse, non-negative means as an SAE gives them."""
    generator = np.random.default_rng(seed)
    first, second = generator.gamma(0.3, size=(2, pairs, d_sae)) * (generator.random((2, pairs, d_sae)) < 0.3)
    return PairMeans(first.astype(np.float32), second.astype(np.float32), generator.integers(1, 40, size=(pairs, 2)))


def test_contrastive_is_the_largest_z_of_the_distance_between_the_stories_by_hand():
    # |V1 - V2| = 1, 0, 3: mean 4/3, unbiased variance (1/9 + 16/9 + 25/9) / 2 = 7/3, and (3 - 4/3) / sqrt(7/3).
    assert score_pairs(MEANS, "paper").contrastive[0] == pytest.approx((5 / 3) / (7 / 3) ** 0.5)


def test_the_joint_mean_counts_every_token_once():
    # Token sums 1, 0, 2 + 3 x 5 over four tokens; one token each in the second pair.
    assert MEANS.joint(0, 2).tolist() == [[0.25, 0.0, 4.25], [0.0, 2.0, 0.0]]


def test_independence_of_the_paper_is_the_distance_to_the_average_pair_by_hand():
    # I_avg = 1/8, 1, 17/8; the first pair is 1/8, 1, 17/8 away from it too.
    distance = np.array([0.125, 1.0, 2.125])
    expected = (2.125 - distance.mean()) / np.std(distance, ddof=1)
    assert score_pairs(MEANS, "paper").independence[0] == pytest.approx(expected)


def test_independence_of_the_released_code_is_the_loudest_latent():
    joint = np.array([0.25, 0.0, 4.25])
    scores = score_pairs(MEANS, "upstream_2025_05")
    assert scores.independence[0] == pytest.approx((4.25 - joint.mean()) / np.std(joint, ddof=1))


def test_interpretability_adds_the_distances_before_the_z_and_not_the_scores():
    scores = score_pairs(MEANS, "paper")
    added = np.array([1.125, 1.0, 5.125])
    assert scores.interpretability[0] == pytest.approx((5.125 - added.mean()) / np.std(added, ddof=1))
    assert scores.interpretability[0] != pytest.approx(scores.contrastive[0] + scores.independence[0])


def test_the_two_formulas_agree_on_contrast_and_on_nothing_else():
    means = drawn(30, 40)
    paper, upstream = score_pairs(means, "paper"), score_pairs(means, "upstream_2025_05")
    assert np.array_equal(paper.contrastive, upstream.contrastive)
    assert not np.isclose(paper.independence, upstream.independence).any()
    assert not np.isclose(paper.interpretability, upstream.interpretability).any()


@pytest.mark.parametrize("formula", ["paper", "upstream_2025_05"])
def test_scores_equal_another_librarys_z_over_many_chunks(formula):
    means = drawn(600, 50)
    n1, n2 = means.tokens.astype(float).T[:, :, None]
    i1 = (n1 * means.first + n2 * means.second) / (n1 + n2)
    i2 = i1.mean(axis=0) if formula == "paper" else 0.0
    contrast, distance = np.abs(means.first.astype(float) - means.second), np.abs(i1 - i2)
    found = score_pairs(means, formula)
    for name, each in zip(
        ("contrastive", "independence", "interpretability"), (contrast, distance, contrast + distance), strict=True
    ):
        assert getattr(found, name) == pytest.approx(zscore(each, axis=1, ddof=1).max(axis=1))


def test_scores_do_not_depend_on_the_units_of_the_latents():
    means = drawn(20, 30)
    # A power of two changes no digit.
    scaled = PairMeans(means.first * 8, means.second * 8, means.tokens)
    for name in ("contrastive", "independence", "interpretability"):
        assert np.array_equal(getattr(score_pairs(means, "paper"), name), getattr(score_pairs(scaled, "paper"), name))


@pytest.mark.parametrize(
    ("d_sae", "expected"), [(1024, 31.97), (1280, 35.75), (2048, 45.23), (3072, 55.41), (32768, 181.0)]
)
def test_the_ceiling_is_what_a_lone_latent_reaches(d_sae, expected):
    lone = np.zeros((1, d_sae))
    lone[0, 7] = 3.0
    assert ceiling(d_sae) == pytest.approx(expected, abs=0.02)
    assert largest_z(lone)[0] == pytest.approx(ceiling(d_sae))


def test_one_latent_has_no_ceiling():
    with pytest.raises(ValueError, match="needs two"):
        ceiling(1)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (3, 5), elements=st.floats(0, 1e6)))
def test_no_score_lies_outside_zero_and_the_ceiling(values):
    means = PairMeans(values, values[::-1].copy(), np.ones((3, 2), dtype=int))
    for formula in ("paper", "upstream_2025_05"):
        scores = score_pairs(means, formula)
        for each in (scores.contrastive, scores.independence, scores.interpretability):
            assert ((each >= 0) & (each <= ceiling(5))).all()


def test_latents_that_are_silent_on_both_stories_score_zero_and_are_counted():
    silent = np.zeros((2, 4))
    scores = score_pairs(PairMeans(silent, silent, np.ones((2, 2), dtype=int)), "paper")
    assert scores.contrastive.tolist() == scores.interpretability.tolist() == [0.0, 0.0]
    assert scores.flat.tolist() == [True, True]
    assert not score_pairs(MEANS, "paper").flat.any()


def test_a_distance_equal_at_every_latent_is_flat_however_it_rounds():
    # Its computed standard deviation is not exactly 0.
    found, same = largest_z(np.full((1, 3), 0.1))
    assert (found[0], same[0]) == (0.0, True)


def sides(**other: object) -> tuple[Conditions, Conditions]:
    alike = {"hook": "h", "d_sae": 1024, "pairs_sha256": "d", "pairs": 200, "l0": (32.0, 31.0)}
    return Conditions("the candidate", **alike), Conditions("the baseline", **{**alike, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"hook": "g"}, "hook h against g"),
        ({"d_sae": 32768}, "latents 1024 against 32768"),
        ({"pairs": 5000}, "pairs 200 against 5000"),
        ({"pairs_sha256": "e"}, "digest of the pairs d against e"),
        ({"l0": (32.0, 40.0)}, "L0 31 against 40, not within a factor of 1.25"),
        ({"l0": (20.0, 31.0)}, "L0 32 against 20"),
        ({"l0": (0.0,)}, "L0 32 against 0"),
        ({"l0": (32.0, 31.0, 30.0)}, "SAEs 2 against 3"),
        ({"d_sae": 512, "pairs": 100}, "latents 1024 against 512; pairs 200 against 100"),
    ],
)
def test_a_baseline_that_differs_is_refused_with_every_difference(other, named):
    with pytest.raises(GatekitError, match="no match") as caught:
        check_matched(*sides(**other), 1.25)
    assert caught.value.error_id == "benchmark.unmatched"
    assert named in str(caught.value)


def test_a_silent_candidate_matches_nothing():
    candidate, baseline = sides(l0=(0.0,))
    with pytest.raises(GatekitError, match="no match"):
        check_matched(baseline, candidate, 1.25)


@pytest.mark.parametrize("l0", [(32.0, 31.0), (40.0, 38.75), (25.6, 24.8), (32.0,)])
def test_a_baseline_inside_the_band_is_taken_one_sae_or_one_for_every_seed(l0):
    check_matched(*sides(l0=l0), 1.25)
