from __future__ import annotations

import warnings

import pytest
import torch

from runners.saes.auxk import keep_largest, revived
from runners.saes.topk import TopK
from runners.seeding import generator

pytestmark = pytest.mark.runners


def drawn(architecture: TopK, seed: int = 0) -> dict[str, torch.Tensor]:
    """Parameters away from their special starting values, so that every term matters."""
    draws = torch.Generator().manual_seed(seed)
    parameters = architecture.initial(draws, torch.randn(architecture.d_in, generator=draws))
    parameters["b_enc"] = torch.randn(architecture.d_sae, generator=draws) * 0.1
    parameters["W_enc"] = parameters["W_enc"] + 0.1 * torch.randn(parameters["W_enc"].shape, generator=draws)
    return parameters


def test_encoding_and_decoding_equal_sae_lens():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sae_lens import TopKSAE, TopKSAEConfig

        theirs = TopKSAE(TopKSAEConfig(d_in=16, d_sae=64, k=5))
    ours = TopK(16, 64, 5, 8)
    parameters = drawn(ours)
    theirs.load_state_dict(parameters)
    x = torch.randn((50, 16), generator=torch.Generator().manual_seed(3)) * 2
    latents = ours.encode(parameters, x)
    with torch.no_grad():
        torch.testing.assert_close(latents, theirs.encode(x), atol=2e-6, rtol=1e-5)
        torch.testing.assert_close(ours.decode(parameters, latents), theirs(x), atol=5e-6, rtol=1e-5)


def test_at_most_k_latents_are_active_and_none_is_negative():
    architecture = TopK(8, 32, 4, 4)
    latents = architecture.encode(drawn(architecture), torch.randn((200, 8)))
    assert int((latents > 0).sum(dim=1).max()) == 4
    assert float(latents.min()) >= 0.0


def test_only_kept_values_receive_a_gradient():
    values = torch.tensor([[3.0, 1.0, 2.0, 0.5]], requires_grad=True)
    keep_largest(values, 2).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[1.0, 0.0, 1.0, 0.0]]


def test_the_encoder_starts_as_the_transposed_unit_norm_decoder():
    parameters = TopK(8, 32, 4, 4).initial(generator("test", 0), torch.zeros(8))
    torch.testing.assert_close(parameters["W_enc"], parameters["W_dec"].T)
    torch.testing.assert_close(parameters["W_dec"].norm(dim=1), torch.ones(32))


def test_dead_latents_alone_reconstruct_the_error():
    architecture = TopK(8, 32, 4, 3)
    parameters = drawn(architecture)
    rectified = architecture.rectified(parameters, torch.randn((10, 8)))
    dead = torch.zeros(32, dtype=torch.bool)
    dead[[2, 7]] = True
    expected = rectified[:, [2, 7]] @ parameters["W_dec"][[2, 7]]
    torch.testing.assert_close(revived(parameters["W_dec"], rectified, dead, 3), expected)


def test_a_stack_computes_each_seed_as_if_it_were_alone():
    architecture = TopK(12, 40, 3, 4)
    several = [drawn(architecture, seed) for seed in range(3)]
    stack = {name: torch.stack([each[name] for each in several]) for name in several[0]}
    x = torch.randn((3, 21, 12))
    together = architecture.decode(stack, architecture.encode(stack, x))
    for place, alone in enumerate(several):
        torch.testing.assert_close(together[place], architecture.decode(alone, architecture.encode(alone, x[place])))
