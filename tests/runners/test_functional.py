from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

from runners.metrics.functional import (
    effects,
    functional_scores,
    latents_of,
    match_effects,
    score_functional_pairs,
)

pytestmark = pytest.mark.runners

AXES = np.eye(3)


def latents(*rows: list[float]) -> csr_array:
    return csr_array(np.array(rows, dtype=np.float32))


def test_the_cosine_of_two_effects_is_that_of_the_changes_of_the_reconstruction():
    draws = np.random.default_rng(0)
    z_a, z_b = (np.maximum(draws.normal(size=(40, 5)), 0) for _ in range(2))
    d_a, d_b = (draws.normal(size=(5, 7)) for _ in range(2))

    def ablated(z: np.ndarray, d: np.ndarray, latent: int) -> np.ndarray:
        without = z.copy()
        without[:, latent] = 0
        return (without @ d - z @ d).ravel()

    expected = [
        [
            (u := ablated(z_a, d_a, i)) @ (v := ablated(z_b, d_b, j)) / np.linalg.norm(u) / np.linalg.norm(v)
            for j in range(5)
        ]
        for i in range(5)
    ]
    ours = effects(csr_array(z_a), d_a).with_rows_of(effects(csr_array(z_b), d_b), 0, 5)
    assert ours == pytest.approx(np.maximum(expected, 0), abs=1e-6)


def test_one_sae_matches_itself_under_any_order_and_scale_of_its_latents():
    draws = np.random.default_rng(1)
    z, d = np.maximum(draws.normal(size=(60, 8)), 0), draws.normal(size=(8, 4))
    order = draws.permutation(8)
    scores = functional_scores(effects(csr_array(z), d), effects(csr_array(z[:, order] / 3), d[order] * 3))
    assert (scores.pw_mcc, scores.pw_mcc_by_cosine, scores.agreement) == pytest.approx((1.0, 1.0, 1.0))


def test_latents_that_point_the_same_way_on_disjoint_rows_do_nothing_alike():
    first = effects(latents([1, 0], [0, 1], [0, 0], [0, 0]), AXES[:2])
    second = effects(latents([0, 0], [0, 0], [1, 0], [0, 1]), AXES[:2])
    scores = functional_scores(first, second)
    assert (scores.pw_mcc, scores.pw_mcc_by_cosine, scores.agreement) == (0.0, 0.0, 0.0)
    assert len(match_effects(first, second).rows) == 0


def test_opposite_effects_are_no_match():
    first, second = effects(latents([1], [2]), AXES[:1]), effects(latents([1], [2]), -AXES[:1])
    assert functional_scores(first, second).pw_mcc == 0.0


def test_two_matchings_that_disagree_by_hand():
    # In d = 2: a0 = b0 = x by direction, but a0 is active where b1 is, whose direction lies at 60 degrees.
    sixty = [0.5, math.sqrt(0.75)]
    first = effects(latents([1, 0], [0, 1]), np.array([[1.0, 0.0], sixty]))
    second = effects(latents([0, 1], [1, 0]), np.array([[1.0, 0.0], sixty]))
    scores = functional_scores(first, second)
    # By cosine each latent gets its twin, whose activations are disjoint; by effect the crossed one, at cosine 1/2.
    assert scores.agreement == 0.0
    assert scores.pw_mcc_by_cosine == 0.0
    assert scores.pw_mcc == pytest.approx(0.5)


def test_latents_without_partner_count_as_zero_and_dead_ones_do_not_count():
    # Three live latents against two live and one dead: x and y are shared.
    first = effects(latents([1, 0, 0], [0, 1, 0], [0, 0, 1]), AXES)
    second = effects(latents([1, 0, 0], [0, 1, 0], [0, 0, 0]), AXES)
    scores = functional_scores(first, second)
    assert (scores.pw_mcc, scores.agreement) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert second.places.tolist() == [0, 1]


def test_a_dead_sae_agrees_with_nothing():
    dead = effects(latents([0, 0]), AXES[:2])
    scores = functional_scores(dead, effects(latents([1, 1]), AXES[:2]))
    assert (scores.pw_mcc, scores.pw_mcc_by_cosine, scores.agreement) == (0.0, 0.0, 0.0)


def test_partners_are_named_by_their_numbers_in_the_saes():
    first = effects(latents([0, 2, 0], [0, 0, 5]), AXES)
    second = effects(latents([3, 0, 0], [0, 0, 1]), AXES[[1, 0, 2]])
    matching = match_effects(first, second)
    assert (matching.rows.tolist(), matching.columns.tolist()) == ([1, 2], [0, 2])


def test_a_live_latent_without_direction_is_refused():
    with pytest.raises(ValueError, match="no direction"):
        effects(latents([1, 1]), np.array([[0.0, 0.0], [1.0, 0.0]]))


@pytest.mark.parametrize("limit", [16384, 4])
def test_the_score_is_the_hungarian_one_whether_similarities_are_held_or_not(monkeypatch, limit):
    from runners.metrics import functional

    monkeypatch.setattr(functional, "LARGEST_HELD", limit)
    draws = np.random.default_rng(3)
    z = [np.maximum(draws.normal(size=(50, 30)) - 1, 0) for _ in range(2)]
    d = draws.normal(size=(2, 30, 3))
    unit = [rows / np.linalg.norm(rows, axis=1)[:, None] for rows in d]
    active = [columns / np.linalg.norm(columns, axis=0) for columns in z]
    similarity = (active[0].T @ active[1]) * (unit[0] @ unit[1].T)
    # A pair of negative similarity may stay unmatched.
    best = np.maximum(similarity, 0)[linear_sum_assignment(-np.maximum(similarity, 0))].sum() / 30
    scores = score_functional_pairs([csr_array(each) for each in z], d, [(0, 1)])
    assert scores[0].pw_mcc == pytest.approx(best, abs=2e-6)


def test_latents_are_gathered_over_chunks_of_rows(monkeypatch):
    from runners.metrics import functional

    monkeypatch.setattr(functional, "_ROWS_PER_CHUNK", 3)
    rows = np.random.default_rng(4).normal(size=(8, 2)).astype(np.float16)

    def reconstruct(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.stack([x, x]), torch.stack([x.relu(), (-x).relu()])

    up, down = latents_of(reconstruct, rows, "cpu")
    assert np.array_equal(up.toarray(), np.maximum(rows, 0))
    assert np.array_equal(down.toarray(), np.maximum(-rows, 0))
