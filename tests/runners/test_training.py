from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tiny_stage import SAES, arguments, stage_of

from runners.progress import Silent
from runners.saes.normalisation import centre_of, norm_scale
from runners.saes.plan import TrainingPlan
from runners.saes.topk import TopK
from runners.saes.training import SaeStack, train_stack
from runners.seeding import derive_seed
from runners.stage.lifecycle import run_stage

pytestmark = pytest.mark.runners

PLAN = TrainingPlan(
    steps=30,
    batch_tokens=48,
    learning_rate=3e-3,
    warmup_fraction=0.1,
    decay_fraction=0.2,
    auxiliary_coefficient=0.03125,
    # So few that many latents count as dead and the auxiliary term takes part.
    dead_after_tokens=60,
    gradient_clip=1.0,
    centre="mean",
)
# Odd sizes: no row of weights ends at a vector register's or a cache line's boundary.
ARCHITECTURE = TopK(d_in=19, d_sae=75, k=3, auxiliary_k=9)


def sparse_rows(count: int = 700, d: int = 19) -> np.ndarray:
    """Rows that are sums of few directions, off centre: something to learn."""
    draw = np.random.default_rng(5)
    directions = draw.normal(size=(40, d))
    coefficients = draw.random((count, 40)) * (draw.random((count, 40)) < 0.08)
    return (coefficients @ directions + 0.5 * draw.normal(size=d)).astype(np.float16)


def train(seeds: tuple[int, ...], plan: TrainingPlan = PLAN) -> SaeStack:
    return train_stack(ARCHITECTURE, sparse_rows(), seeds, plan, "cpu", Silent())


@pytest.fixture(scope="module")
def stack() -> SaeStack:
    return train((0, 1, 7))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_seed_trained_alone_has_the_bits_that_it_has_in_a_stack(stack, place):
    alone = train((stack.seeds[place],))
    for name, value in alone.parameters.items():
        assert torch.equal(value[0], stack.parameters[name][place]), name
    assert alone.last_losses[0] == stack.last_losses[place]


def test_the_same_seeds_twice_have_the_same_bits(stack):
    again = train((0, 1, 7))
    assert all(torch.equal(value, stack.parameters[name]) for name, value in again.parameters.items())


def test_seeds_differ_from_the_start(stack):
    assert not torch.equal(stack.initial_decoders[0], stack.initial_decoders[1])
    assert not torch.equal(stack.parameters["W_dec"][0], stack.parameters["W_dec"][1])


def test_training_lowers_the_loss(stack):
    short = train((0, 1, 7), dataclasses.replace(PLAN, steps=2))
    longer = train((0, 1, 7), dataclasses.replace(PLAN, steps=100))
    assert all(after < 0.8 * before for before, after in zip(short.last_losses, longer.last_losses, strict=True))


def test_decoder_rows_keep_unit_length(stack):
    torch.testing.assert_close(stack.parameters["W_dec"].norm(dim=-1), torch.ones(3, 75))


def test_the_auxiliary_term_changes_the_result_and_so_took_part(stack):
    without = train((0, 1, 7), dataclasses.replace(PLAN, auxiliary_coefficient=0.0))
    assert not torch.equal(without.parameters["W_dec"], stack.parameters["W_dec"])


def test_the_scale_makes_the_mean_norm_the_root_of_the_width():
    rows = sparse_rows()
    norms = [float(np.sqrt(np.sum(np.square(row * norm_scale(rows))))) for row in rows.astype(np.float64)]
    assert np.mean(norms) == pytest.approx(np.sqrt(19))


def test_reconstructions_are_in_the_units_of_the_rows():
    # The same rows four times as large give the same SAEs, with outputs four times as large.
    rows = sparse_rows()
    small = train_stack(ARCHITECTURE, rows, (0,), PLAN, "cpu", Silent())
    large = train_stack(ARCHITECTURE, (rows * np.float16(4)), (0,), PLAN, "cpu", Silent())
    x = torch.from_numpy(rows[:20]).float()
    torch.testing.assert_close(large.reconstruct(4 * x)[0], 4 * small.reconstruct(x)[0])


def test_the_geometric_median_balances_unit_vectors_to_all_rows():
    draw = np.random.default_rng(0)
    rows = np.concatenate([draw.normal(size=(300, 4)), [[500.0, 0, 0, 0]] * 5]).astype(np.float16)
    centre = centre_of(rows, "geometric_median")
    away = rows.astype(np.float64) - centre
    pull = (away / np.linalg.norm(away, axis=1, keepdims=True)).sum(axis=0)
    assert np.linalg.norm(pull) < 1e-3
    assert np.linalg.norm(centre) < 0.5 < np.linalg.norm(centre_of(rows, "mean"))


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match="d_in=19"):
        train_stack(ARCHITECTURE, sparse_rows(d=20), (0,), PLAN, "cpu", Silent())


def test_too_few_rows_for_a_batch_are_refused():
    with pytest.raises(ValueError, match="do not fill one batch"):
        train_stack(ARCHITECTURE, sparse_rows(40), (0,), PLAN, "cpu", Silent())


def test_seeds_are_derived_from_purpose_and_seed_and_fit_a_generator():
    derived = {derive_seed(purpose, seed) for purpose in ("weights", "batches") for seed in range(100)}
    assert len(derived) == 200
    assert all(0 <= value < 2**63 for value in derived)
    # Fixed for good: another derivation would silently change every recorded run.
    import hashlib

    expected = int(hashlib.sha256(b"gatekit.runners/1|weights|3").hexdigest()[:16], 16) // 2
    assert derive_seed("weights", 3) == expected


def test_an_observer_sees_the_start_every_step_and_the_end_and_changes_nothing(stack):
    seen: list[tuple[int, tuple[int, ...], torch.Tensor]] = []

    def observe(done: int, seeds: tuple[int, ...], parameters: dict[str, torch.Tensor]) -> None:
        seen.append((done, seeds, parameters["W_dec"].detach().clone()))

    watched = train_stack(ARCHITECTURE, sparse_rows(), stack.seeds, PLAN, "cpu", Silent(), observe=observe)
    assert [entry[:2] for entry in seen] == [(done, (seed,)) for seed in stack.seeds for done in range(31)]
    for place in range(len(stack.seeds)):
        of_seed = seen[place * 31 : place * 31 + 31]
        assert torch.equal(of_seed[0][2][0], stack.initial_decoders[place])
        assert torch.equal(of_seed[-1][2][0], watched.parameters["W_dec"][place])
    assert all(torch.equal(value, stack.parameters[name]) for name, value in watched.parameters.items())


PRECISE = SAES + "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"


def test_bfloat16_without_cuda_is_refused_at_its_key_and_is_no_part_of_a_plan_that_does_not_name_it(tmp_path, capfd):
    text = PRECISE.replace("centre: mean", "centre: mean\n  precision: bfloat16")
    assert run_stage(stage_of("random_model"), arguments(tmp_path, text)) == 4
    err = capfd.readouterr().err
    assert "tiny.yaml:20:14: bfloat16 on cpu" in err
    plan = TrainingPlan(10, 16, 1e-3, 0.1, 0.1, 1 / 32, 100, 1.0, "mean")
    assert "precision" not in plan.recipe()
    assert dataclasses.replace(plan, precision="bfloat16").recipe()["precision"] == "bfloat16"
