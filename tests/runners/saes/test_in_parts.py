"""SAEs trained part by part: the loss and gradients of the whole batch, on one device or several, in less memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gatekit.errors import GatekitError
from runners.progress import Silent
from runners.saes.alignment import Aligned
from runners.saes.architecture import Architecture, Batch, Objective, Parameters
from runners.saes.controls import Control
from runners.saes.gated import Gated
from runners.saes.gradient_step import Learned, Precision, step_gradients
from runners.saes.hierarchical_topk import HierarchicalTopK
from runners.saes.in_parts import summed
from runners.saes.in_parts.gated import GatedInParts
from runners.saes.in_parts.hierarchical_topk import HierarchicalTopKInParts
from runners.saes.in_parts.jump_relu import JumpReLUInParts
from runners.saes.in_parts.relu import ReLUInParts
from runners.saes.in_parts.topk import TopKInParts
from runners.saes.jump_relu import JumpReLU
from runners.saes.kept_latents import active_counts, as_dense
from runners.saes.making import making
from runners.saes.plan import TrainingPlan
from runners.saes.relu import ReLU
from runners.saes.snapshots import SnapshotFile
from runners.saes.topk import TopK
from runners.saes.training import train_stack

pytestmark = pytest.mark.runners

# Odd widths: no row of weights ends at a vector register's boundary.
D, F, TOKENS, PARTS = 13, 45, 48, 4
WHOLE: dict[str, Architecture] = {
    "relu": ReLU(D, F, 0.05),
    "topk": TopK(D, F, 3, 6),
    "jump_relu": JumpReLU(D, F, 0.05),
    "gated": Gated(D, F, 0.05),
    "hierarchical_topk": HierarchicalTopK(D, F, (1, 2, 5), 6),
}
IN_PARTS: dict[str, Architecture] = {
    "relu": ReLUInParts(D, F, 0.05, parts=PARTS),
    "topk": TopKInParts(D, F, 3, 6, parts=PARTS),
    "jump_relu": JumpReLUInParts(D, F, 0.05, parts=PARTS),
    "gated": GatedInParts(D, F, 0.05, parts=PARTS),
    "hierarchical_topk": HierarchicalTopKInParts(D, F, (1, 2, 5), 6, parts=PARTS),
}
# No gradient is clipped, and few tokens make a latent dead.
PLAN = TrainingPlan(60, TOKENS, 3e-3, 0.1, 0.2, 1 / 32, 60, 1e6, "mean")
CPU = torch.device("cpu")

Devices = Callable[[int], None]


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Devices:
    """Return a function that lets parts be computed as on so many devices, all of which are this processor."""

    def use(count: int) -> None:
        monkeypatch.setattr(summed, "devices_beside", lambda first: (first,) * count)

    return use


def batch_of(seeds: int) -> Batch:
    x = 2 * torch.randn((seeds, TOKENS, D), generator=torch.Generator().manual_seed(9)) + 0.5
    dead = torch.rand((seeds, F), generator=torch.Generator().manual_seed(3)) < 0.3
    # A seed without dead latents has no AuxK.
    dead[0] = seeds == 1
    return Batch(x, x, dead, 1 / 32, 0.5)


def gradients_of(
    architecture: Architecture, seeds: int, precision: Precision = "float32"
) -> tuple[Objective, Parameters]:
    """The loss of one step, and the gradient of everything that is stored."""
    drawn = [architecture.initial(torch.Generator().manual_seed(seed), torch.full((D,), 0.5)) for seed in range(seeds)]
    learned = Learned.of({name: torch.stack([each[name] for each in drawn]) for name in drawn[0]}, architecture.frozen)
    objective = step_gradients(architecture, learned, batch_of(seeds), PLAN, 13.0, precision)
    return objective, {name: value.grad for name, value in learned.stored.items() if value.grad is not None}


def rows() -> torch.Tensor:
    draw = torch.Generator().manual_seed(5)
    active = torch.rand((400, 30), generator=draw) * (torch.rand((400, 30), generator=draw) < 0.1)
    return (active @ torch.randn((30, D), generator=draw) + 0.5).half()


def test_loss_and_gradients_are_those_of_the_whole_batch_by_the_published_formula():
    draw = torch.Generator().manual_seed(1)
    shapes = TopK(D, F, 3, 6).shapes()
    values = {name: torch.randn(shape, generator=draw, dtype=torch.float64) for name, shape in shapes.items()}
    x = torch.randn((TOKENS, D), generator=draw, dtype=torch.float64)
    dead = torch.arange(F) % 4 == 0

    exact = {name: value.clone().requires_grad_() for name, value in values.items()}
    rectified = ((x - exact["b_dec"]) @ exact["W_enc"] + exact["b_enc"]).relu()

    def largest(of: torch.Tensor, count: int) -> torch.Tensor:
        return torch.where(of >= of.topk(count, dim=1).values[:, -1:], of, 0.0)

    missing = x - largest(rectified, 3) @ exact["W_dec"] - exact["b_dec"]
    auxk = missing.detach() - largest(torch.where(dead, rectified, 0.0), 6) @ exact["W_dec"]
    loss = missing.square().sum() / TOKENS + auxk.square().sum() / TOKENS / 32
    loss.backward()

    ours = {name: value.float().requires_grad_() for name, value in values.items()}
    objective = TopKInParts(D, F, 3, 6, parts=PARTS).objective(ours, Batch(x.float(), x.float(), dead, 1 / 32, 0.5))
    objective.total().backward()
    assert objective.total().item() == pytest.approx(loss.item(), rel=1e-5)
    assert objective.error.item() == pytest.approx(missing.square().sum().item() / TOKENS, rel=1e-5)
    for name, value in exact.items():
        torch.testing.assert_close(ours[name].grad, value.grad.float(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("name", WHOLE)
def test_every_architecture_in_parts_has_its_own_gradients_to_rounding(name, seeds):
    whole, expected = gradients_of(WHOLE[name], seeds)
    ours, found = gradients_of(IN_PARTS[name], seeds)
    assert ours.total().item() == pytest.approx(whole.total().item(), rel=1e-5)
    torch.testing.assert_close(ours.error, whole.error.detach(), rtol=1e-5, atol=0)
    torch.testing.assert_close(active_counts(ours.latents), active_counts(whole.latents), rtol=0, atol=0)
    assert found.keys() == expected.keys()
    for parameter, value in expected.items():
        torch.testing.assert_close(found[parameter], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 9])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("name", WHOLE)
def test_the_bits_are_the_same_on_any_number_of_devices(name, seeds, count, devices):
    alone, expected = gradients_of(IN_PARTS[name], seeds)
    devices(count)
    beside, found = gradients_of(IN_PARTS[name], seeds)
    assert torch.equal(alone.total(), beside.total())
    assert torch.equal(alone.error, beside.error)
    assert all(torch.equal(found[parameter], value) for parameter, value in expected.items())


@pytest.mark.parametrize("count", [1, 2])
def test_products_in_bfloat16_are_those_of_the_whole_batch_in_bfloat16(count, devices):
    devices(count)
    _, exact = gradients_of(IN_PARTS["relu"], 3)
    _, expected = gradients_of(WHOLE["relu"], 3, "bfloat16")
    _, found = gradients_of(IN_PARTS["relu"], 3, "bfloat16")
    assert all(value.dtype == torch.float32 for value in found.values())
    size = expected["W_enc"].abs().max()
    assert (found["W_enc"] - exact["W_enc"]).abs().max() > 1e-4 * size
    torch.testing.assert_close(found["W_enc"], expected["W_enc"], rtol=0, atol=0.01 * float(size))


class _Largest(TorchDispatchMode):
    """Notes the most numbers that one tensor holds in memory of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for each in made if isinstance(made, tuple | list) else (made,):
            if isinstance(each, torch.Tensor):
                self.numbers = max(self.numbers, each.untyped_storage().nbytes() // each.element_size())
        return made


@pytest.mark.parametrize("name", WHOLE)
def test_no_tensor_is_larger_than_one_part_s_pre_activations(name):
    with _Largest() as whole:
        gradients_of(WHOLE[name], 3)
    with _Largest() as ours:
        gradients_of(IN_PARTS[name], 3)
    # Three seeds, and for AuxK's two with dead latents fewer; weights are smaller than either.
    assert whole.numbers == 3 * TOKENS * F
    assert ours.numbers == max(3 * (TOKENS // PARTS) * F, 3 * TOKENS * D)


def test_of_the_latents_nothing_but_the_counts_can_be_asked():
    latents = gradients_of(IN_PARTS["topk"], 1)[0].latents
    assert type(active_counts(latents)) is torch.Tensor
    for asked in (lambda: latents > 1, lambda: as_dense(latents) * 2, lambda: latents.sum(), lambda: latents.shape):
        with pytest.raises(NotImplementedError, match="only counts of active tokens are kept"):
            asked()


def test_a_held_decoder_gets_no_gradient_and_stays():
    architecture = Control(IN_PARTS["topk"], "frozen_decoder")
    assert "W_dec" not in gradients_of(architecture, 1)[1]
    stack = train_stack(architecture, rows().numpy(), [0], PLAN, "cpu", Silent())
    assert torch.equal(stack.parameters["W_dec"], stack.initial_decoders)


def test_a_term_that_is_about_weights_alone_is_added_once():
    reference = torch.eye(F, D) + 0.1
    ours, whole = (Aligned(each["topk"], "v2", 0.1, 4, "0" * 64, reference=reference) for each in (IN_PARTS, WHOLE))
    (_, expected), (_, found) = gradients_of(whole, 1), gradients_of(ours, 1)
    for parameter, value in expected.items():
        torch.testing.assert_close(found[parameter], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", WHOLE)
def test_training_in_parts_comes_to_the_loss_of_training_whole(name):
    found, expected = (
        train_stack(architecture, rows().numpy(), [0], PLAN, "cpu", Silent()).last_losses[0]
        for architecture in (IN_PARTS[name], WHOLE[name])
    )
    assert found == pytest.approx(expected, rel=0.01)


class _Killed(Exception):
    pass


class _Dies(Silent):
    """Ends the training at its 31st step."""

    def __init__(self) -> None:
        self.steps = 0

    def advance(self, *_: object) -> None:
        self.steps += 1
        if self.steps == 31:
            raise _Killed


@pytest.fixture
def always_due(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(SnapshotFile, "due", lambda _: True)
    yield


@pytest.mark.usefixtures("always_due")
@pytest.mark.parametrize("count", [1, 2])
def test_a_killed_training_goes_on_to_the_same_bits_also_on_another_number_of_devices(count, devices, tmp_path):
    architecture = IN_PARTS["topk"]
    expected = train_stack(architecture, rows().numpy(), [0], PLAN, "cpu", Silent())
    with pytest.raises(_Killed):
        train_stack(architecture, rows().numpy(), [0], PLAN, "cpu", _Dies(), snapshots=tmp_path)
    assert list(tmp_path.glob("*.safetensors"))
    devices(count)
    found = train_stack(architecture, rows().numpy(), [0], PLAN, "cpu", Silent(), snapshots=tmp_path)
    assert all(torch.equal(found.parameters[name], value) for name, value in expected.parameters.items())
    assert found.last_losses == expected.last_losses


def test_another_number_of_parts_is_another_training():
    two, four = (making(TopKInParts(D, F, 3, 6, parts=parts), PLAN, "cpu") for parts in (2, 4))
    whole = making(TopK(D, F, 3, 6), PLAN, "cpu")
    assert two["architecture"] != four["architecture"]
    assert two["source"] == four["source"] != whole["source"]


@pytest.mark.parametrize("parts", [1, 0, -2])
def test_fewer_than_two_parts_are_refused(parts):
    with pytest.raises(ValueError, match=f"parts={parts} are no parts"):
        TopKInParts(D, F, 3, 6, parts=parts)


def test_a_batch_that_has_no_equal_parts_is_refused():
    with pytest.raises(ValueError, match="48 tokens are no 5 equal parts"):
        gradients_of(TopKInParts(D, F, 3, 6, parts=5), 1)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that lets this machine seem to have GPUs of these models."""

    def use(*models: str) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(models))
        monkeypatch.setattr(summed, "device_class", lambda device: f"cuda: {models[int(device.partition(':')[2])]}")

    return use


def test_all_visible_gpus_of_one_model_take_part_and_the_batch_s_own_comes_first(gpus):
    gpus("A", "A", "A")
    found = summed.devices_beside(torch.device("cuda", 1))
    assert [device.index for device in found] == [1, 0, 2]
    assert summed.devices_beside(CPU) == (CPU,)


def test_gpus_of_several_models_are_refused(gpus):
    gpus("A", "B")
    with pytest.raises(GatekitError, match=r"GPUs of one model; visible are cuda: A and cuda: B") as refused:
        summed.devices_beside(torch.device("cuda", 0))
    assert refused.value.remedy == "name those of one model in CUDA_VISIBLE_DEVICES"


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@pytest.mark.parametrize("name", WHOLE)
def test_the_bits_are_the_same_on_one_gpu_and_on_two(name, monkeypatch):
    both = train_stack(IN_PARTS[name], rows().numpy(), [0, 7], PLAN, "cuda", Silent())
    monkeypatch.setattr(summed, "devices_beside", lambda first: (first,))
    alone = train_stack(IN_PARTS[name], rows().numpy(), [0, 7], PLAN, "cuda", Silent())
    assert all(torch.equal(both.parameters[name], value) for name, value in alone.parameters.items())
