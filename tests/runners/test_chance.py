from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from runners.metrics.chance import score_beside_chance
from runners.metrics.gaussian import gaussian_dictionaries
from runners.progress import Silent

pytestmark = pytest.mark.runners

SEEDS, LATENTS, WIDTH = (3, 5, 9), 20, 12


def matched(a: np.ndarray, b: np.ndarray) -> float:
    """Mean signed cosine of the best matching, over the larger number of rows."""
    cosine = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    return float(cosine[linear_sum_assignment(1 - cosine)].sum() / max(cosine.shape))


@pytest.fixture(scope="module")
def arm() -> tuple[np.ndarray, np.ndarray]:
    """Dictionaries that agree in part, and which of their latents are live."""
    draws = np.random.default_rng(0)
    common = draws.normal(size=(LATENTS, WIDTH))
    decoders = np.stack([common + draws.normal(size=common.shape) for _ in SEEDS])
    live = np.ones((len(SEEDS), LATENTS), dtype=bool)
    live[1, 4:] = False
    return decoders, live


def test_the_floor_is_the_mean_over_draws_of_gaussian_dictionaries_of_the_same_shape(arm):
    found = score_beside_chance(*arm, SEEDS, WIDTH, 2, Silent())
    drawn = [gaussian_dictionaries(SEEDS, LATENTS, WIDTH, draw) for draw in range(2)]
    expected = [np.mean([matched(each[a], each[b]) for each in drawn]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert found.floor.pw_mcc == pytest.approx(expected)


def test_the_floor_of_live_latents_has_as_many_rows_as_there_are_live_latents(arm):
    decoders, live = arm
    found = score_beside_chance(decoders, live, SEEDS, WIDTH, 1, Silent())
    drawn = gaussian_dictionaries(SEEDS, LATENTS, WIDTH, 0)
    assert found.scores.pw_mcc_live[0] == pytest.approx(matched(decoders[0], decoders[1][:4]))
    assert found.floor.pw_mcc_live[0] == pytest.approx(matched(drawn[0], drawn[1][:4]))
    assert found.floor.pw_mcc_live[1] == found.floor.pw_mcc[1]


def test_corrected_scores_lie_between_chance_at_0_and_identity_at_1(arm):
    decoders, live = arm
    found = score_beside_chance(decoders, live, SEEDS, WIDTH, 1, Silent())
    for name in ("pw_mcc", "pw_mcc_live", "mmcs", "mmcs_live"):
        scores, floor = (np.array(getattr(each, name)) for each in (found.scores, found.floor))
        assert found.corrected(name) == pytest.approx((scores - floor) / (1 - floor))
    same = score_beside_chance(np.stack([decoders[0]] * 3), np.ones_like(live), SEEDS, WIDTH, 1, Silent())
    assert same.corrected("pw_mcc") == pytest.approx([1.0] * 3)


def test_dictionaries_that_owe_nothing_to_each_other_stand_at_chance():
    draws = np.random.default_rng(1)
    decoders = draws.normal(size=(5, 200, 40))
    found = score_beside_chance(decoders, np.ones((5, 200), dtype=bool), range(5), 40, 2, Silent())
    assert np.mean(found.corrected("pw_mcc")) == pytest.approx(0.0, abs=0.01)
