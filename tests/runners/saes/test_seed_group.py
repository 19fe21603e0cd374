"""Seeds as one stack, as CUDA trains them: the same path on the CPU, beside each seed alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from runners.progress import Silent
from runners.saes.architecture import Architecture
from runners.saes.batch_topk import BatchTopK
from runners.saes.gradient_step import Learned, Precision
from runners.saes.plan import TrainingPlan
from runners.saes.relu import ReLU
from runners.saes.seed_group import SeedGroup, TrainingData
from runners.saes.topk import TopK
from runners.saes.training import train_stack

pytestmark = pytest.mark.runners

SEEDS = (0, 3, 9)
PLAN = TrainingPlan(20, 64, 1e-3, 0.1, 0.2, 0.03125, 200, 1.0, "mean")
EACH: dict[str, Architecture] = {
    "topk": TopK(16, 128, 3, 8),
    "batch_topk": BatchTopK(16, 64, 3, 8),
    "relu": ReLU(16, 64, 0.3),
}
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def data(device: str = "cpu") -> TrainingData:
    draw = np.random.default_rng(2)
    rows = (draw.random((400, 40)) * (draw.random((400, 40)) < 0.1)) @ draw.normal(size=(40, 16))
    return TrainingData(torch.from_numpy(rows).half().to(device), None, 1.0, 1.0, float(rows.var(axis=0).sum()))


def group(
    name: str, seeds: tuple[int, ...], device: str, precision: Precision = "float32", plan: TrainingPlan = PLAN
) -> SeedGroup:
    return SeedGroup(EACH[name], data(device), torch.zeros(16), seeds, plan, device, precision)


def trained(made: SeedGroup) -> SeedGroup:
    for _ in range(PLAN.steps):
        made.step()
    return made


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", EACH)
def test_a_seed_in_a_stack_is_the_seed_alone_to_rounding(name, device):
    stack = trained(group(name, SEEDS, device))
    for place, seed in enumerate(SEEDS):
        alone = trained(group(name, (seed,), device))
        assert stack.last_losses()[place] == pytest.approx(alone.last_losses()[0], rel=1e-4)
        for parameter, value in alone.parameters().items():
            torch.testing.assert_close(stack.parameters()[parameter][place], value[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", EACH)
def test_bfloat16_products_leave_float32_weights_and_nearly_the_same_loss(name, device):
    exact, quick = trained(group(name, SEEDS, device)), trained(group(name, SEEDS, device, "bfloat16"))
    assert all(value.dtype == torch.float32 for value in quick.state().values() if value.is_floating_point())
    assert quick.last_losses() != exact.last_losses()
    assert quick.last_losses() == pytest.approx(exact.last_losses(), rel=0.05)


@pytest.mark.parametrize("device", DEVICES)
def test_a_stack_goes_on_from_its_state_with_the_same_bits(device):
    through, stopped = group("topk", SEEDS, device), group("topk", SEEDS, device)
    for _ in range(7):
        stopped.step()
    kept = {name: value.cpu().clone() for name, value in stopped.state().items()}
    resumed = group("topk", SEEDS, device)
    resumed.restore(kept)
    for _ in range(7, PLAN.steps):
        resumed.step()
    expected = trained(through).parameters()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.parameters().items())


def test_a_report_is_of_the_last_batch():
    made = group("topk", (0,), "cpu")
    assert np.isnan(made.report().loss)
    trained(made)
    report = made.report()
    assert report.step == PLAN.steps
    assert report.loss == pytest.approx(made.last_losses()[0], rel=0.3) and report.r2 == 1 - report.loss
    # At most 3 of 128 latents are active, and most were never or not for 200 tokens.
    assert 0 < report.l0 <= 3 and 0 < report.dead < 1
    assert report.words() == f"loss {report.loss:.4f}, r2 {report.r2:.3f}, L0 {report.l0:.1f}, {report.dead:.1%} dead"


def test_what_the_optimizer_holds_is_contiguous_and_is_the_parameters():
    shaped = {"W_enc": torch.arange(6.0).view(1, 2, 3), "b_enc": torch.zeros(1, 3)}
    learned = Learned.of(shaped, frozenset({"b_enc"}))
    assert torch.equal(learned.parameters()["W_enc"], shaped["W_enc"])
    assert learned.stored["W_enc"].shape == (1, 3, 2) and learned.stored["W_enc"].is_contiguous()
    assert [value.shape for value in learned.moved()] == [(1, 3, 2)]
    learned.parameters()["W_enc"].sum().backward()
    assert learned.stored["W_enc"].grad is not None and learned.stored["W_enc"].grad.is_contiguous()


def test_bfloat16_without_cuda_is_refused():
    with pytest.raises(ValueError, match="float32"):
        train_stack(EACH["topk"], data().inputs.numpy(), SEEDS, PLAN, "cpu", Silent(), precision="bfloat16")
