from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime, linear_sum_assignment

from runners.metrics.consistency import match
from runners.progress import Silent
from runners.saes.alignment import Aligned, assign, matched_cosine, nearest_cosine
from runners.saes.architecture import Architecture, Parameters
from runners.saes.checkpoint import load_sae, save_stack
from runners.saes.controls import Control
from runners.saes.plan import TrainingPlan
from runners.saes.topk import TopK
from runners.saes.training import SaeStack, train_stack

pytestmark = pytest.mark.runners

D, F = 12, 20
BASE = TopK(D, F, 2, 4)
SHA = "0" * 64
PLAN = TrainingPlan(60, 64, 1e-2, 0.05, 0.2, 1 / 32, 256, 1.0, "mean")


def rows_like(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn / drawn.norm(dim=-1, keepdim=True)


def toward(version: str, weight: float = 0.5, interval: int = 1, seed: int = 7, **others: bool) -> Aligned:
    return Aligned(BASE, version, weight, interval, SHA, reference=rows_like((F, D), seed), **others)


def trained(architecture: Architecture, seeds: tuple[int, ...] = (0, 5)) -> SaeStack:
    draw = np.random.default_rng(2)
    rows = ((draw.random((500, 30)) < 0.1) * draw.random((500, 30))) @ draw.normal(size=(30, D))
    return train_stack(architecture, rows.astype(np.float16), seeds, PLAN, "cpu", Silent())


def pw_mcc(a: torch.Tensor, b: torch.Tensor) -> float:
    cosine = a.double().numpy() @ b.double().numpy().T
    return float(cosine[linear_sum_assignment(1 - cosine)].mean())


def test_v1_is_the_mean_of_each_row_s_largest_absolute_cosine():
    # Unit directions at 0, 60 and 100 degrees, in other lengths; the reference at 30 and 90 degrees.
    degrees = torch.tensor([0.0, 60.0, 100.0], dtype=torch.float64).deg2rad()
    decoder = torch.stack([degrees.cos(), degrees.sin()], dim=1) * torch.tensor([[1.0], [2.0], [0.5]])
    reference = torch.tensor([[3**0.5 / 2, 0.5], [0.0, 1.0]], dtype=torch.float64)
    # Nearest: 30 degrees away, 30 (both), 10.
    expected = (2 * np.cos(np.pi / 6) + np.cos(np.pi / 18)) / 3
    assert float(nearest_cosine(decoder, reference)) == pytest.approx(expected)


def test_v1_counts_a_direction_and_its_opposite_alike_and_v2_does_not():
    reference = rows_like((4, 6), 1)
    assert float(nearest_cosine(-reference, reference)) == pytest.approx(1.0)
    assert float(matched_cosine(-reference, reference)) == pytest.approx(-1.0)


def test_v1_lets_all_rows_share_one_reference_row_and_v2_does_not():
    reference = rows_like((4, 6), 1)
    decoder = reference[:1].expand(4, 6)
    assert float(nearest_cosine(decoder, reference)) == pytest.approx(1.0)
    assigned = reference.clone()
    assign(decoder, assigned)
    assert float(matched_cosine(decoder, assigned)) < 0.9


def test_v2_assigns_as_the_best_of_all_permutations_does():
    decoder, reference = rows_like((6, 4), 3), rows_like((6, 4), 4)
    cosine = (decoder @ reference.T).numpy()
    best = max(np.mean([cosine[i, j] for i, j in enumerate(order)]) for order in permutations(range(6)))
    assigned = reference.clone()
    assign(decoder, assigned)
    assert float(matched_cosine(decoder, assigned)) == pytest.approx(best)
    assert {tuple(row) for row in assigned.tolist()} == {tuple(row) for row in reference.tolist()}


def test_v2_assigns_each_seed_of_a_stack_by_itself():
    decoders, reference = rows_like((3, F, D), 3), rows_like((F, D), 4).expand(3, F, D).clone()
    assign(decoders, reference)
    for decoder, assigned in zip(decoders, reference, strict=True):
        assert float(matched_cosine(decoder, assigned)) == pytest.approx(pw_mcc(decoder, rows_like((F, D), 4)))


def objective_by_numpy(version: str, flat: np.ndarray, reference: np.ndarray) -> float:
    """lambda d_in (1 - agreement) at lambda = 0.5, written out again."""
    rows = flat.reshape(F, D)
    cosine = (rows / np.linalg.norm(rows, axis=1)[:, None]) @ reference.T
    if version == "v1":
        return float(0.5 * D * (1 - np.abs(cosine).max(axis=1).mean()))
    return float(0.5 * D * (1 - np.diag(cosine).mean()))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_term_s_value_and_gradient_are_those_of_finite_differences(version, drawn, batch_of, learn, tokens):
    architecture = toward(version)
    parameters: Parameters = drawn(architecture)
    parameters["W_ref"] = rows_like((F, D), 7)
    batch = batch_of(architecture, tokens)
    objective, gradients = learn(architecture, parameters, batch)
    _, plain = learn(BASE, {name: parameters[name] for name in BASE.shapes()}, batch)

    flat, reference = parameters["W_dec"].numpy().ravel(), parameters["W_ref"].numpy()
    term = objective.terms[-1]
    assert term.name == "alignment"
    assert term.weight * float(term.value.detach()) == pytest.approx(objective_by_numpy(version, flat, reference))
    numeric = approx_fprime(flat, lambda at: objective_by_numpy(version, at, reference), 1e-7).reshape(F, D)
    np.testing.assert_allclose((gradients["W_dec"] - plain["W_dec"]).numpy(), numeric, atol=1e-5)
    for name in ("W_enc", "b_enc", "b_dec"):
        torch.testing.assert_close(gradients[name], plain[name])


def test_the_loss_is_the_architecture_s_own_and_the_term(drawn, batch_of, learn, tokens):
    architecture = toward("v2")
    parameters = drawn(architecture)
    batch = batch_of(architecture, tokens)
    whole, _ = learn(architecture, parameters, batch)
    own, _ = learn(BASE, {name: parameters[name] for name in BASE.shapes()}, batch)
    term = whole.terms[-1]
    with torch.no_grad():
        assert float(whole.total()) == pytest.approx(float(own.total()) + 0.5 * float(term.value))
        assert float(whole.error) == float(own.error)


def test_the_assignment_is_solved_at_the_start_and_then_at_every_third_step_only():
    architecture = toward("v2", interval=3)
    generator = torch.Generator().manual_seed(0)
    parameters = architecture.initial(generator, torch.zeros(D))
    best = {"start": pw_mcc(parameters["W_dec"], rows_like((F, D), 7))}
    assert float(matched_cosine(parameters["W_dec"], parameters["W_ref"])) == pytest.approx(best["start"], abs=1e-6)
    held = parameters["W_ref"].clone()
    parameters["W_dec"] = parameters["W_dec"].flip(0).contiguous()
    for _ in range(2):
        architecture.after_step(parameters, torch.zeros(1, F))
        assert torch.equal(parameters["W_ref"], held)
    architecture.after_step(parameters, torch.zeros(1, F))
    torch.testing.assert_close(parameters["W_ref"], held.flip(0))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_with_a_weight_of_zero_training_is_the_plain_one_to_the_bit(version):
    plain, aligned = trained(BASE), trained(toward(version, weight=0.0))
    for name, value in plain.parameters.items():
        assert torch.equal(aligned.parameters[name], value), name
    assert aligned.last_losses == plain.last_losses


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_training_draws_the_decoder_to_the_reference_and_leaves_the_reference_alone(version):
    reference = rows_like((F, D), 7).float()
    plain, aligned = trained(BASE), trained(toward(version, interval=5))

    def agreement(decoder: torch.Tensor) -> float:
        nearest = np.abs(decoder.numpy() @ reference.numpy().T).max(axis=1).mean()
        return float(nearest) if version == "v1" else pw_mcc(decoder, reference)

    for place in range(2):
        gained = agreement(aligned.parameters["W_dec"][place]) - agreement(plain.parameters["W_dec"][place])
        assert gained > 0.1
        rows = sorted(aligned.parameters["W_ref"][place].tolist())
        np.testing.assert_allclose(rows, sorted(reference.tolist()), atol=1e-6)


def copies_of(seed: int) -> SaeStack:
    return trained(Control(toward("v1", weight=0.0, seed=seed, from_reference=True), "frozen_decoder"))


def test_a_copy_keeps_its_reference_s_decoder_and_learns_the_rest():
    stack = copies_of(7)
    for place in range(2):
        assert torch.equal(stack.parameters["W_dec"][place], stack.parameters["W_ref"][place])
        assert not torch.equal(stack.parameters["W_enc"][place], stack.parameters["W_ref"][place].T)
    assert stack.last_losses[0] < trained(Control(BASE, "frozen_decoder")).last_losses[0] * 1.5


def test_copies_of_one_reference_agree_wholly_and_copies_of_two_as_the_two_references_do():
    one, other = copies_of(7), copies_of(8)
    same = match(one.parameters["W_dec"][0].numpy(), one.parameters["W_dec"][1].numpy(), D).mean
    assert same == pytest.approx(1.0, abs=1e-6)
    across = match(one.parameters["W_dec"][0].numpy(), other.parameters["W_dec"][1].numpy(), D).mean
    assert across == pytest.approx(pw_mcc(rows_like((F, D), 7), rows_like((F, D), 8)), abs=1e-6)
    assert across < 0.7


def test_the_checkpoint_names_the_reference_and_holds_its_rows(tmp_path):
    stack = trained(toward("v2"))
    read = load_sae(save_stack(stack, tmp_path, {})[1].path)
    assert read.architecture == toward("v2")
    assert read.facts["reference_sha256"] == SHA
    assert torch.equal(read.parameters["W_ref"], stack.parameters["W_ref"][1])


def test_what_was_read_from_a_checkpoint_has_no_reference_to_train_toward(tmp_path):
    read = load_sae(save_stack(trained(toward("v2")), tmp_path, {})[0].path)
    parameters = read.architecture.initial(torch.Generator().manual_seed(0), torch.zeros(D))
    assert bool(parameters["W_ref"].isnan().all())
    assert bool(parameters["W_dec"].isfinite().all())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weight": -1.0}, "at least 0"),
        ({"weight": float("nan")}, "not finite"),
        ({"update_interval": 0}, "less than one step"),
        ({"reference": torch.ones(F, D + 1)}, r"shape \(20, 13\)"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(changed, message):
    fields = {"weight": 0.5, "update_interval": 1, "reference": None, **changed}
    with pytest.raises(ValueError, match=message):
        Aligned(BASE, "v2", reference_sha256=SHA, **fields)
