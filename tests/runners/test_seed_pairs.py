from __future__ import annotations

import numpy as np
import pytest

from runners.metrics.seed_pairs import score_pairs
from runners.progress import Silent

pytestmark = pytest.mark.runners


def test_every_pair_of_seeds_is_scored_once_in_increasing_order():
    decoders = np.random.default_rng(0).normal(size=(4, 6, 3))
    scores = score_pairs(decoders, (2, 3, 5, 9), 3, 0.7, Silent())
    assert scores.pairs == ((2, 3), (2, 5), (2, 9), (3, 5), (3, 9), (5, 9))
    assert len(scores.pw_mcc) == len(scores.mmcs) == len(scores.matched_fraction) == 6


def test_seeds_out_of_order_are_refused():
    with pytest.raises(ValueError, match="increasing"):
        score_pairs(np.ones((2, 3, 3)), (5, 1), 3, 0.7, Silent())


def test_live_scores_leave_dead_latents_out_on_both_sides():
    # Seed 0 has the axes x, y, z; seed 1 has x, y and -z. The third latent is dead in both.
    decoders = np.stack([np.eye(3), np.diag([1.0, 1.0, -1.0])])
    live = np.array([[True, True, False], [True, True, False]])
    scores = score_pairs(decoders, (0, 1), 3, 0.7, Silent(), live)
    # All latents: x and y match at 1, z and -z at -1, or x, z crossed at 0: the best sum is 1 + 1 - 1 = 1 or 1 + 0 + 0.
    assert scores.pw_mcc == (pytest.approx(1 / 3),)
    assert scores.pw_mcc_live == (pytest.approx(1.0),)


def test_a_live_latent_whose_partner_died_counts_as_unmatched():
    decoders = np.stack([np.eye(3), np.eye(3)])
    live = np.array([[True, True, True], [True, True, False]])
    scores = score_pairs(decoders, (0, 1), 3, 0.7, Silent(), live)
    assert scores.pw_mcc_live == (pytest.approx(2 / 3),)


def test_a_seed_without_live_latents_agrees_with_nothing():
    live = np.array([[True, True, True], [False, False, False]])
    scores = score_pairs(np.stack([np.eye(3), np.eye(3)]), (0, 1), 3, 0.7, Silent(), live)
    assert scores.pw_mcc_live == (0.0,)
    assert scores.mmcs_live == (0.0,)
