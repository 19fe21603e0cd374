"""The sparse step computes what the dense formulas, differentiated by autograd, compute."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from runners.saes import sparse_topk, topk, transcoder
from runners.saes.architecture import Architecture, Batch, Objective
from runners.saes.controls import Control
from runners.saes.gradient_step import Learned, step_gradients
from runners.saes.kept_latents import KeptLatents, active_counts
from runners.saes.plan import TrainingPlan
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder

pytestmark = pytest.mark.runners

D_IN, D_SAE, K, TOKENS, VARIANCE = 12, 96, 4, 50, 37.0
EACH: dict[str, Architecture] = {
    "topk": TopK(D_IN, D_SAE, K, 5),
    "wide": TopK(D_IN, D_SAE + 1, 1, 5),
    "transcoder": Transcoder(D_IN, 7, D_SAE, K, 5),
    "skip": Transcoder(D_IN, 7, D_SAE, K, 5, skip=True),
    "frozen_decoder": Control(TopK(D_IN, D_SAE, K, 5), "frozen_decoder"),
    "frozen_encoder": Control(TopK(D_IN, D_SAE, K, 5), "frozen_encoder"),
}
# With 5 for AuxK: none, fewer, few enough for a product with all of them, too many for that, and all.
DEAD = (0, 3, 18, 40, D_SAE)
Gradients = dict[str, torch.Tensor]


@pytest.fixture
def dense(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that turns the sparse step off."""

    def turn_off() -> None:
        for module in (topk, transcoder):
            monkeypatch.setattr(module, "keeps_few", lambda *_: False)

    return turn_off


def stepped(architecture: Architecture, dead: int, clip: float, drawn) -> tuple[Objective, Gradients]:
    """Compute one seed's gradients as training does: decoder-parallel part removed, clipped."""
    parameters = drawn(architecture, dtype=torch.float32)
    learned = Learned.of({name: value.unsqueeze(0) for name, value in parameters.items()}, architecture.frozen)
    draws = torch.Generator().manual_seed(1)
    x = 2 * torch.randn((1, TOKENS, D_IN), generator=draws) + 0.5
    target = x if not isinstance(architecture, Transcoder) else torch.randn((1, TOKENS, 7), generator=draws)
    batch = Batch(x, target, (torch.arange(architecture.d_sae) < dead).unsqueeze(0), 1 / 32, 0.5)
    plan = TrainingPlan(10, TOKENS, 1e-3, 0.0, 0.0, 1 / 32, 100, clip, "mean")
    objective = step_gradients(architecture, learned, batch, plan, VARIANCE)
    return objective, {name: value.grad for name, value in learned.stored.items() if value.grad is not None}


@pytest.mark.parametrize("clip", [1e6, 0.01])
@pytest.mark.parametrize("dead", DEAD)
@pytest.mark.parametrize("name", EACH)
def test_loss_and_gradients_equal_those_of_the_dense_products(name, dead, clip, drawn, dense):
    architecture = EACH[name]
    ours, gradients = stepped(architecture, min(dead, architecture.d_sae), clip, drawn)
    assert isinstance(ours.latents, KeptLatents)
    dense()
    theirs, expected = stepped(architecture, min(dead, architecture.d_sae), clip, drawn)
    assert isinstance(theirs.latents, torch.Tensor)
    torch.testing.assert_close(ours.total(), theirs.total(), rtol=1e-5, atol=0)
    torch.testing.assert_close(ours.error, theirs.error, rtol=1e-5, atol=0)
    torch.testing.assert_close(ours.latents.dense(), theirs.latents.detach(), rtol=1e-5, atol=1e-6)
    assert len(ours.terms) == len(theirs.terms) == (2 if dead else 1)
    assert gradients.keys() == expected.keys()
    for parameter, gradient in gradients.items():
        missed = (gradient - expected[parameter]).norm() / expected[parameter].norm()
        assert bool(expected[parameter].any()) and float(missed) < 1e-5, parameter


def test_without_a_weight_dead_latents_take_no_part(drawn, batch_of, learn, tokens):
    architecture = TopK(D_IN, D_SAE, K, 5)
    batch = batch_of(architecture, tokens, torch.arange(D_SAE) < 40, auxiliary_coefficient=0.0)
    objective, _ = learn(architecture, drawn(architecture), batch)
    assert isinstance(objective.latents, KeptLatents) and [term.name for term in objective.terms] == ["squared_error"]


def test_blocks_of_tokens_change_nothing(drawn, batch_of, learn, tokens, monkeypatch):
    architecture = TopK(D_IN, D_SAE, K, 5)
    batch = batch_of(architecture, tokens, torch.arange(D_SAE) < 40)
    whole, gradients = learn(architecture, drawn(architecture), batch)
    monkeypatch.setattr(sparse_topk, "BLOCK_VALUES", 7 * D_SAE)
    blocks, same = learn(architecture, drawn(architecture), batch)
    torch.testing.assert_close(blocks.total(), whole.total(), rtol=1e-12, atol=0)
    for name, gradient in gradients.items():
        torch.testing.assert_close(same[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("width", "k"), [(5, 5), (64, 1), (100, 2), (512, 8), (513, 8), (4096, 3)])
def test_the_largest_are_those_of_a_full_sort(width, k):
    values = torch.randn((40, width), generator=torch.Generator().manual_seed(width))
    places = values.argsort(dim=1, descending=True)[:, :k]
    assert torch.equal(sparse_topk.largest(values, k).sort().values, places.sort().values)


def test_kept_latents_are_counted_and_written_out_as_the_dense_ones():
    kept = KeptLatents(torch.tensor([[[2.0, 0.0], [1.0, 3.0]]]), torch.tensor([[[4, 1], [0, 4]]]), 5)
    written = torch.tensor([[[0.0, 0, 0, 0, 2], [1, 0, 0, 0, 3]]])
    assert torch.equal(kept.dense(), written)
    assert active_counts(kept).tolist() == active_counts(written).tolist() == [[1, 0, 0, 0, 2]]


@pytest.mark.parametrize(
    ("shape", "d_sae", "k", "expected"),
    [((9, 4), 64, 8, True), ((9, 4), 63, 8, False), ((1, 9, 4), 64, 8, True), ((2, 9, 4), 64, 8, False)],
)
def test_one_sae_that_keeps_few_of_many_latents_takes_the_sparse_step(shape, d_sae, k, expected):
    assert sparse_topk.keeps_few(torch.zeros(shape), d_sae, k) is expected
