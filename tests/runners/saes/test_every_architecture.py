"""What holds for every architecture: trained, saved, read, and evaluated as trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gatekit.errors import GatekitError
from runners.digests import file_sha256
from runners.progress import Silent
from runners.saes.alignment import Aligned
from runners.saes.architecture import Architecture
from runners.saes.batch_topk import BatchTopK
from runners.saes.checkpoint import load_sae, save_stack
from runners.saes.controls import Control
from runners.saes.gated import Gated
from runners.saes.hierarchical_topk import HierarchicalTopK
from runners.saes.in_parts.gated import GatedInParts
from runners.saes.in_parts.hierarchical_topk import HierarchicalTopKInParts
from runners.saes.in_parts.jump_relu import JumpReLUInParts
from runners.saes.in_parts.relu import ReLUInParts
from runners.saes.in_parts.topk import TopKInParts
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.plan import TrainingPlan
from runners.saes.registry import ARCHITECTURES
from runners.saes.relu import ReLU
from runners.saes.route import RouteSAE
from runners.saes.topk import TopK
from runners.saes.training import SaeStack, train_stack
from runners.saes.transcoder import Transcoder

pytestmark = pytest.mark.runners

# Odd sizes: no row of weights ends at a vector register's or a cache line's boundary.
D, F = 13, 45
EACH: dict[str, Architecture] = {
    "relu": ReLU(D, F, 0.05),
    "topk": TopK(D, F, 3, 6),
    "batch_topk": BatchTopK(D, F, 3, 6),
    "jump_relu": JumpReLU(D, F, 0.05),
    "gated": Gated(D, F, 0.05),
    "matryoshka": Matryoshka(D, (9, 20, F), 3, 6),
    "hierarchical_topk": HierarchicalTopK(D, F, (1, 2, 5), 6),
    "route": RouteSAE(D, F, 3, 2),
    "transcoder": Transcoder(D, 7, F, 3, 6, skip=True),
    "relu_in_parts": ReLUInParts(D, F, 0.05, parts=3),
    "topk_in_parts": TopKInParts(D, F, 3, 6, parts=3),
    "jump_relu_in_parts": JumpReLUInParts(D, F, 0.05, parts=3),
    "gated_in_parts": GatedInParts(D, F, 0.05, parts=3),
    "hierarchical_topk_in_parts": HierarchicalTopKInParts(D, F, (1, 2, 5), 6, parts=3),
    "control": Control(BatchTopK(D, F, 3, 6), "soft_frozen_decoder"),
    "aligned": Aligned(TopK(D, F, 3, 6), "v2", 0.1, 4, "0" * 64, reference=torch.eye(F, D) + 0.1),
}
PLAN = TrainingPlan(
    steps=30,
    batch_tokens=48,
    learning_rate=3e-3,
    warmup_fraction=0.1,
    decay_fraction=0.2,
    auxiliary_coefficient=1 / 32,
    # So few that many latents count as dead and the auxiliary term takes part.
    dead_after_tokens=60,
    gradient_clip=1.0,
    centre="geometric_median",
)


def rows_of(name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs, and targets where they are not the inputs."""
    draw = np.random.default_rng(5)
    shape = (400, 2, D) if name == "route" else (400, D)
    directions = draw.normal(size=(30, D))
    rows = (draw.random((*shape[:-1], 30)) * (draw.random((*shape[:-1], 30)) < 0.1)) @ directions + 0.5
    targets = rows @ draw.normal(size=(D, 7)) * 5 if name == "transcoder" else None
    return rows.astype(np.float16), None if targets is None else targets.astype(np.float16)


def trained(name: str, seeds: tuple[int, ...], plan: TrainingPlan = PLAN) -> SaeStack:
    rows, targets = rows_of(name)
    return train_stack(EACH[name], rows, seeds, plan, "cpu", Silent(), targets)


def test_the_list_leaves_none_out():
    assert set(EACH) == set(ARCHITECTURES)


@pytest.mark.parametrize("name", EACH)
def test_a_seed_trained_alone_or_again_has_the_same_bits(name):
    both, alone, again = trained(name, (0, 7)), trained(name, (7,)), trained(name, (0, 7))
    for parameter, value in both.parameters.items():
        assert torch.equal(value[1], alone.parameters[parameter][0]), parameter
        assert torch.equal(value, again.parameters[parameter]), parameter
    assert both.last_losses == again.last_losses
    assert both.last_losses[1] == alone.last_losses[0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", EACH)
def test_a_stack_trained_twice_on_cuda_has_the_same_bits(name):
    rows, targets = rows_of(name)
    first, again = (train_stack(EACH[name], rows, (0, 7), PLAN, "cuda", Silent(), targets) for _ in range(2))
    for parameter, value in first.parameters.items():
        assert torch.equal(value, again.parameters[parameter]), parameter


@pytest.mark.parametrize("name", EACH)
def test_training_lowers_the_error(name):
    short = trained(name, (0,), TrainingPlan(**{**vars(PLAN), "steps": 2}))
    longer = trained(name, (0,), TrainingPlan(**{**vars(PLAN), "steps": 150}))
    assert longer.last_losses[0] < 0.9 * short.last_losses[0]


@pytest.mark.parametrize("name", EACH)
def test_decoder_rows_have_unit_length(name):
    decoder = trained(name, (0,)).parameters["W_dec"]
    torch.testing.assert_close(decoder.norm(dim=-1), torch.ones(decoder.shape[:-1]))


@pytest.mark.parametrize("name", EACH)
def test_what_is_read_back_computes_what_was_trained(name, tmp_path):
    stack = trained(name, (4, 9))
    rows = torch.from_numpy(rows_of(name)[0][:50]).float()
    expected, latents = stack.reconstruct(rows)
    for place, saved in enumerate(save_stack(stack, tmp_path, {"model": "m", "hook": "h"})):
        sae = load_sae(saved.path)
        assert sae.architecture == stack.architecture
        assert (sae.scale, sae.target_scale) == (stack.scale, stack.target_scale)
        torch.testing.assert_close(sae.reconstruct(rows)[0], expected[place])
        torch.testing.assert_close(sae.encode(rows), latents[place])


def test_the_checkpoint_says_how_it_was_trained(tmp_path):
    saved = save_stack(trained("batch_topk", (4,)), tmp_path, {"model": "m", "hook": "h"})[0]
    described = json.loads(saved.path.with_suffix(".json").read_text())
    training = described["training"]
    assert (described["model"], described["hook"], described["seed"]) == ("m", "h", 4)
    assert (training["auxiliary_coefficient"], training["auxiliary_residual"]) == (1 / 32, "detached")
    assert training["centre"] == "geometric_median"
    assert training["decoder_rows"].startswith("unit norm")
    assert training["decoder_gradient"].endswith("removed")
    tensors = load_file(saved.path)
    assert float(tensors["scale"]) > 0 and float(tensors["threshold"]) > 0


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("batch_topk", {"threshold": torch.tensor(-0.1)}, "threshold is negative"),
        ("batch_topk", {"threshold": torch.tensor(float("nan"))}, "not finite"),
        ("batch_topk", {"scale": torch.tensor(0.0)}, "a scale of 0.0"),
        ("batch_topk", {"scale": torch.tensor([1.0, 1.0])}, "a scale of shape"),
        ("route", {"scale": torch.tensor(1.0)}, "a scale of shape"),
        ("route", {"W_router": torch.ones(D, 3)}, "where the configuration says"),
        ("control", {"W_dec_start": torch.eye(F, D)}, "left its start"),
        ("topk", {"W_enc": torch.ones((D, F), dtype=torch.int32)}, "is of type torch.int32"),
    ],
)
def test_what_training_cannot_have_left_is_refused(name, changed, message, tmp_path):
    path = save_stack(trained(name, (4,)), tmp_path, {})[0].path
    save_file({**load_file(path), **changed}, path)
    described = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**described, "sha256": file_sha256(path)}))
    with pytest.raises(GatekitError, match=message):
        load_sae(path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"architecture": "topk"}'])
def test_a_description_that_is_no_description_is_refused(content, tmp_path: Path):
    path = save_stack(trained("topk", (4,)), tmp_path, {})[0].path
    path.with_suffix(".json").write_text(content)
    with pytest.raises(GatekitError, match="checkpoint"):
        load_sae(path)


def test_a_batch_topk_sae_is_as_sparse_after_training_as_in_it():
    stack = trained("batch_topk", (0,), TrainingPlan(**{**vars(PLAN), "steps": 200}))
    latents = stack.reconstruct(torch.from_numpy(rows_of("batch_topk")[0]).float())[1]
    assert float((latents > 0).sum(dim=-1).double().mean()) == pytest.approx(3, rel=0.2)
