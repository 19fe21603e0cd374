from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from runners.metrics import reconstruction
from runners.metrics.extreme_rows import extreme_rows
from runners.metrics.reconstruction import measure_reconstruction

pytestmark = pytest.mark.runners


def giving(restored: np.ndarray, latents: np.ndarray):
    """A stack whose outputs are fixed tables, (seeds, rows, ...), read off in the order in which rows are asked for."""
    place = 0

    def reconstruct(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal place
        part = slice(place, place + len(x))
        place += len(x)
        return torch.from_numpy(restored[:, part]).float(), torch.from_numpy(latents[:, part]).float()

    return reconstruct


def test_r2_of_a_case_worked_by_hand():
    # Column means 2 and 10, so SST = (1 + 1) + (4 + 4) = 10; the errors are 1 and 2 in one entry each, so SSE = 5.
    rows = np.array([[1.0, 8.0], [3.0, 12.0]], dtype=np.float16)
    restored = np.array([[[2.0, 8.0], [3.0, 10.0]]])
    measured = measure_reconstruction(giving(restored, np.ones((1, 2, 4))), rows, "cpu")
    assert measured.r2 == (pytest.approx(0.5),)
    assert measured.mse == (pytest.approx(5 / 4),)


def test_r2_equals_sklearn_weighted_by_variance_over_several_chunks(monkeypatch):
    monkeypatch.setattr(reconstruction, "_ROWS_PER_CHUNK", 37)
    draw = np.random.default_rng(1)
    rows = (draw.normal(size=(200, 6)) * [1, 2, 3, 4, 5, 6] + 20).astype(np.float16)
    restored = (rows + draw.normal(size=(2, 200, 6))).astype(np.float32)
    measured = measure_reconstruction(giving(restored, np.ones((2, 200, 3))), rows, "cpu")
    for seed in range(2):
        expected = r2_score(rows.astype(np.float64), restored[seed], multioutput="variance_weighted")
        assert measured.r2[seed] == pytest.approx(expected, abs=1e-9)


def test_r2_sees_a_constant_offset_that_a_ratio_of_variances_does_not():
    rows = np.random.default_rng(2).normal(size=(100, 3)).astype(np.float16)
    restored = rows[None].astype(np.float64) + 3.0
    measured = measure_reconstruction(giving(restored, np.ones((1, 100, 2))), rows, "cpu")
    assert measured.r2[0] < -7


def test_l0_and_dead_latents_of_a_case_worked_by_hand():
    # Rows activate 1, 2 and 0 of four latents; the fourth is never active.
    latents = np.array([[[0.5, 0, 0, 0], [0.1, 0, 2.0, 0], [0, 0, 0, 0]], [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]])
    rows = np.array([[0.0], [1.0], [2.0]], dtype=np.float16)
    measured = measure_reconstruction(giving(np.zeros((2, 3, 1)), latents), rows, "cpu")
    assert measured.l0 == (pytest.approx(1.0), pytest.approx(4.0))
    assert measured.live.tolist() == [[True, False, True, False], [True, True, True, True]]
    assert measured.dead_fraction == (0.5, 0.0)


def test_rows_that_do_not_vary_have_no_r2():
    with pytest.raises(ValueError, match="do not vary"):
        measure_reconstruction(giving(np.ones((1, 4, 2)), np.ones((1, 4, 2))), np.ones((4, 2), np.float16), "cpu")


def test_a_transcoder_is_measured_on_its_targets_and_not_on_its_inputs():
    # Targets of the case above, from inputs of another width and spread.
    rows = np.array([[5.0, 1.0, 2.0], [7.0, 0.0, 9.0]], dtype=np.float16)
    targets = np.array([[1.0, 8.0], [3.0, 12.0]], dtype=np.float16)
    restored = np.array([[[2.0, 8.0], [3.0, 10.0]]])
    measured = measure_reconstruction(giving(restored, np.ones((1, 2, 4))), rows, "cpu", targets)
    assert measured.r2 == (pytest.approx(0.5),)
    assert measured.mse == (pytest.approx(5 / 4),)


def test_fewer_targets_than_rows_are_an_error():
    with pytest.raises(ValueError, match="2 rows and 1 targets"):
        measure_reconstruction(giving(np.zeros((1, 2, 1)), np.ones((1, 2, 1))), np.ones((2, 1)), "cpu", np.ones((1, 1)))


def sinks(count: int, ordinary: int = 400, width: int = 8) -> np.ndarray:
    """Rows of a unit normal distribution, and before them `count` rows of 200 times their norm in one direction."""
    rows = np.random.default_rng(3).normal(size=(count + ordinary, width))
    rows[:count] = 0.0
    rows[:count, 0] = 200 * np.sqrt(width)
    return rows.astype(np.float16)


def test_a_few_rows_of_extreme_norm_do_not_carry_r2():
    # What returns the sinks exactly and nothing of the other rows: 0 over those, near 1 over all.
    rows = sinks(5)
    restored = np.where(np.arange(405)[:, None] < 5, rows, rows[5:].astype(np.float64).mean(axis=0))
    by_value = {row.tobytes(): back for row, back in zip(rows.astype(np.float32), restored, strict=True)}

    def reconstruct(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        back = np.stack([by_value[row.tobytes()] for row in x.numpy()])
        return torch.from_numpy(back)[None], (x[:, :1] > 100).float()[None]

    measured = measure_reconstruction(reconstruct, rows, "cpu")
    assert measured.extreme_rows == 5
    assert measured.r2[0] == pytest.approx(0.0, abs=1e-6)
    expected = r2_score(rows.astype(np.float64), restored, multioutput="variance_weighted")
    assert measured.r2_all_rows[0] == pytest.approx(expected, abs=1e-6)
    assert measured.r2_all_rows[0] > 0.99
    # A latent that only they activate is dead.
    assert (measured.l0, measured.dead_fraction) == ((0.0,), (1.0,))


def test_without_extreme_rows_nothing_is_left_out_and_both_r2_are_one_number():
    rows = np.random.default_rng(4).normal(size=(300, 4)).astype(np.float16)
    restored = rows[None].astype(np.float64) * 0.5
    measured = measure_reconstruction(giving(restored, np.ones((1, 300, 2))), rows, "cpu")
    assert measured.extreme_rows == 0
    assert measured.r2_all_rows == measured.r2


def test_a_row_is_extreme_over_ten_times_the_median_norm_and_not_at_it():
    rows = np.array([[1.0, 0.0]] * 9 + [[0.0, 10.0], [0.0, 10.5]])
    assert extreme_rows(rows).tolist() == [False] * 10 + [True]


def test_of_several_layers_a_row_is_extreme_where_it_is_so_at_one():
    rows = np.ones((9, 2, 3))
    rows[4, 1] *= 50
    assert extreme_rows(rows).tolist() == [place == 4 for place in range(9)]


def test_a_row_whose_target_is_extreme_is_left_out_too():
    draw = np.random.default_rng(5)
    rows, targets = draw.normal(size=(50, 3)), draw.normal(size=(50, 3))
    targets[7] *= 1000

    def reconstruct(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(1, len(x), 3), torch.ones(1, len(x), 2)

    assert measure_reconstruction(reconstruct, rows, "cpu", targets).extreme_rows == 1
