from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from runners.metrics import consistency
from runners.metrics.candidate_matching import TOLERANCE, Block, match_candidates
from runners.metrics.consistency import matching_of, mmcs_of

pytestmark = pytest.mark.runners


def blocks_of(similarity: np.ndarray) -> Block:
    return lambda start, stop: similarity[start:stop]


def best_sum(similarity: np.ndarray) -> float:
    rows, columns = linear_sum_assignment(-similarity.astype(np.float64))
    return float(similarity[rows, columns].sum(dtype=np.float64))


def unrelated(rows: int, columns: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    a, b = (draws.normal(size=(size, d)).astype(np.float32) for size in (rows, columns))
    return a / np.linalg.norm(a, axis=1)[:, None], b / np.linalg.norm(b, axis=1)[:, None]


def cosines(rows: int, columns: int, d: int, seed: int) -> np.ndarray:
    a, b = unrelated(rows, columns, d, seed)
    product: np.ndarray = a @ b.T
    return product


@pytest.mark.parametrize(
    ("rows", "columns", "d"), [(700, 700, 64), (700, 700, 4), (300, 900, 16), (1, 5, 3), (1, 1, 1)]
)
def test_where_the_bounds_meet_the_sum_is_that_of_the_hungarian_algorithm(rows, columns, d):
    similarity = cosines(rows, columns, d, seed=rows + d)
    found = match_candidates(blocks_of(similarity), rows, columns)
    assert found.shortfall <= TOLERANCE
    assert len(set(found.columns.tolist())) == rows
    assert similarity[np.arange(rows), found.columns].sum() / rows == pytest.approx(
        best_sum(similarity) / rows, abs=2 * TOLERANCE
    )


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 30),
    more=st.integers(0, 10),
    d=st.integers(1, 4),
    candidates=st.integers(1, 4),
    rounds=st.integers(1, 2),
    values=st.sampled_from(["cosines", "few", "signs"]),
)
def test_the_best_sum_lies_between_the_matching_and_its_shortfall(seed, rows, more, d, candidates, rounds, values):
    # So few candidates and rounds that the bounds often do not meet; equal values make many best matchings.
    similarity = cosines(rows, rows + more, d, seed)
    if values != "cosines":
        similarity = np.sign(similarity) if values == "signs" else np.round(similarity * 2) / 2
    found = match_candidates(blocks_of(similarity), rows, rows + more, candidates, rounds)
    assert len(set(found.columns.tolist())) == rows
    ours = float(similarity[np.arange(rows), found.columns].sum(dtype=np.float64)) / rows
    best = best_sum(similarity) / rows
    assert best - found.shortfall - 1e-6 <= ours <= best + 1e-6


def test_too_few_candidates_are_told_by_a_shortfall():
    # Everybody wants the same few columns: one candidate each and no second round cannot settle that.
    similarity = np.random.default_rng(0).uniform(size=(50, 1)) + np.linspace(0, 1, 50)[None]
    assert match_candidates(blocks_of(similarity.astype(np.float32)), 50, 50, candidates=1, rounds=1).shortfall > 0.01


def test_more_rows_than_columns_are_refused():
    with pytest.raises(ValueError, match="one of 2 columns"):
        match_candidates(blocks_of(np.zeros((3, 2), dtype=np.float32)), 3, 2)


@pytest.mark.parametrize("shape", [(2100, 2100), (2100, 1500), (1500, 2100)])
def test_a_large_matrix_has_the_hungarian_score_whichever_side_is_longer(shape):
    similarity = cosines(*shape, d=32, seed=1)
    matching = matching_of(similarity)
    assert matching.shortfall == 0
    assert matching.mean == pytest.approx(best_sum(similarity) / 2100, abs=1e-6)
    assert similarity[matching.rows, matching.columns] == pytest.approx(matching.cosines)
    assert (np.diff(matching.rows) > 0).all()
    assert len(set(matching.columns.tolist())) == min(shape)


def with_one_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let matching stop where it has one candidate per row and one round."""
    monkeypatch.setattr(
        consistency, "match_candidates", lambda block, rows, columns: match_candidates(block, rows, columns, 1, 1)
    )


def test_a_matrix_that_defeats_the_candidates_is_given_to_the_hungarian_algorithm(monkeypatch):
    with_one_candidate(monkeypatch)
    similarity = cosines(2100, 2100, d=8, seed=2)
    found = match_candidates(blocks_of(similarity), 2100, 2100, 1, 1)
    assert similarity[np.arange(2100), found.columns].mean() < best_sum(similarity) / 2100 - 0.001
    matching = matching_of(similarity)
    assert matching.mean == pytest.approx(best_sum(similarity) / 2100, abs=1e-6)
    assert matching.shortfall == 0


def test_many_copies_of_few_directions_are_matched_as_well_as_they_can_be():
    # Ten directions, each 250 times in one dictionary and in other numbers in the other: nearly every value is tied.
    directions, _ = unrelated(10, 10, 6, seed=3)
    b = directions[np.random.default_rng(2).integers(0, 10, 2500)]
    similarity = directions[np.repeat(np.arange(10), 250)] @ b.T
    assert matching_of(similarity).mean == pytest.approx(best_sum(similarity) / 2500, abs=1e-6)


@pytest.mark.parametrize("shape", [(2300, 2100), (2100, 2300)])
def test_cosines_that_are_not_held_give_the_scores_of_those_that_are(monkeypatch, shape):
    a, b = unrelated(*shape, 24, seed=5)
    held = consistency.compare(a, b, 24).agreement()
    monkeypatch.setattr(consistency, "LARGEST_HELD", 2200)
    compared = consistency.compare(a, b, 24)
    assert compared.held is None
    found = compared.agreement()
    assert found.matching.mean == pytest.approx(held.matching.mean, abs=1e-6)
    assert found.mmcs == pytest.approx(held.mmcs, abs=1e-6)
    live = np.arange(2300) < 2150
    part = compared.among(live[: shape[0]], live[: shape[1]]).agreement()
    assert part.matching.mean == pytest.approx(best_sum(a[:2150] @ b[:2150].T) / 2150, abs=1e-6)


def test_an_estimate_above_the_exact_sizes_never_exceeds_the_best_score(monkeypatch):
    monkeypatch.setattr(consistency, "LARGEST_HELD", 0)
    with_one_candidate(monkeypatch)
    a, b = unrelated(400, 400, 8, seed=6)
    matching = consistency.match(a, b, 8)
    best = best_sum(a @ b.T) / 400
    assert 0.001 < matching.shortfall < 1
    assert best - matching.shortfall - 1e-6 <= matching.mean < best


def test_mmcs_of_a_matrix_in_blocks_is_that_of_its_maxima(monkeypatch):
    from runners.metrics import candidate_matching

    monkeypatch.setattr(candidate_matching, "_BLOCK_ENTRIES", 100)
    similarity = cosines(70, 30, 8, seed=7)
    sizes = np.abs(similarity.astype(np.float64))
    assert mmcs_of(similarity) == pytest.approx((sizes.max(1).mean() + sizes.max(0).mean()) / 2, abs=1e-7)
