"""Same weights, same inputs: the loss and every gradient equal SAELens's, for each architecture that it trains."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from runners.saes.architecture import Architecture
from runners.saes.batch_topk import BatchTopK
from runners.saes.gated import Gated
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.relu import ReLU
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sae_lens
    from sae_lens.saes.sae import TrainStepInput

pytestmark = pytest.mark.runners

D_IN, D_SAE, K = 12, 40, 5
SHAPE = {"d_in": D_IN, "d_sae": D_SAE, "dtype": "float64", "decoder_init_norm": None}


def peer(name: str, parameters: dict[str, torch.Tensor], **settings: Any) -> Any:
    """Return SAELens's training class with these weights."""
    config = getattr(sae_lens, f"{name}TrainingSAEConfig")(**SHAPE, **settings)
    sae = getattr(sae_lens, f"{name}TrainingSAE")(config)
    own = sae.state_dict()
    missing, unexpected = sae.load_state_dict({n: v for n, v in parameters.items() if n in own}, strict=False)
    assert not unexpected and set(missing) <= {"topk_threshold"}
    return sae


def step(sae: Any, x: torch.Tensor, coefficients: dict[str, float], dead: torch.Tensor | None = None) -> Any:
    """Run SAELens's training step and its backward pass."""
    output = sae.training_forward_pass(TrainStepInput(x, coefficients, dead, 0, False))
    output.loss.backward()
    return output


PAIRS: dict[str, tuple[Architecture, str, dict[str, Any], dict[str, float]]] = {
    "relu": (ReLU(D_IN, D_SAE, l1_coefficient=0.3), "Standard", {"l1_coefficient": 0.3}, {"l1": 0.3}),
    "topk": (TopK(D_IN, D_SAE, K, 6), "TopK", {"k": K, "rescale_acts_by_decoder_norm": False}, {}),
    "batch_topk": (BatchTopK(D_IN, D_SAE, K, 6), "BatchTopK", {"k": K, "rescale_acts_by_decoder_norm": False}, {}),
    "matryoshka": (
        Matryoshka(D_IN, (7, 20, D_SAE), K, 6),
        "MatryoshkaBatchTopK",
        {"k": K, "rescale_acts_by_decoder_norm": False, "matryoshka_widths": [7, 20, D_SAE]},
        {},
    ),
    "jump_relu": (
        JumpReLU(D_IN, D_SAE, l0_coefficient=0.7, bandwidth=0.5),
        "JumpReLU",
        {"l0_coefficient": 0.7, "jumprelu_bandwidth": 0.5},
        {"l0": 0.7},
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_loss_and_gradients_equal_sae_lens(name, drawn, batch_of, learn, tokens):
    architecture, theirs, settings, coefficients = PAIRS[name]
    parameters = drawn(architecture)
    sae = peer(theirs, parameters, **settings)
    output = step(sae, tokens, coefficients)
    objective, gradients = learn(architecture, parameters, batch_of(architecture, tokens))
    torch.testing.assert_close(objective.total(), output.loss.detach(), rtol=1e-9, atol=0)
    latents = objective.latents
    latents = latents if isinstance(latents, torch.Tensor) else latents.dense()
    torch.testing.assert_close(latents, output.feature_acts.detach(), rtol=1e-9, atol=1e-12)
    for parameter, gradient in gradients.items():
        expected = getattr(sae, parameter).grad
        assert expected is not None and bool(gradient.any()), parameter
        torch.testing.assert_close(gradient, expected.to(gradient.dtype), rtol=1e-5, atol=1e-9, msg=parameter)


@pytest.mark.parametrize("name", ["topk", "batch_topk", "matryoshka"])
def test_auxk_equals_sae_lens_where_dead_latents_are_positive(name, drawn, batch_of, learn, tokens):
    # Elsewhere SAELens lets negative pre-activations take part, which no latent could.
    architecture, theirs, settings, _ = PAIRS[name]
    parameters = drawn(architecture)
    dead = torch.zeros(D_SAE, dtype=torch.bool)
    dead[: D_IN + 3] = True
    parameters["b_enc"][dead] += 40.0
    sae = peer(theirs, parameters, aux_loss_coefficient=1 / 32, **settings)
    output = step(sae, tokens, {}, dead)
    objective, gradients = learn(architecture, parameters, batch_of(architecture, tokens, dead))
    assert objective.terms[-1].name == "auxk"
    auxiliary = objective.terms[-1].weight * objective.terms[-1].value
    expected = output.losses["auxiliary_reconstruction_loss"].detach()
    torch.testing.assert_close(auxiliary.detach(), expected, rtol=1e-9, atol=0)
    for parameter, gradient in gradients.items():
        torch.testing.assert_close(gradient, getattr(sae, parameter).grad, rtol=1e-5, atol=1e-9, msg=parameter)


def test_the_gated_loss_and_its_encoder_gradients_equal_sae_lens(drawn, batch_of, learn, tokens):
    architecture = Gated(D_IN, D_SAE, l1_coefficient=0.3)
    parameters = drawn(architecture)
    sae = peer("Gated", parameters, l1_coefficient=0.3)
    output = step(sae, tokens, {"l1": 0.3})
    objective, gradients = learn(architecture, parameters, batch_of(architecture, tokens))
    torch.testing.assert_close(objective.total(), output.loss.detach(), rtol=1e-9, atol=0)
    for parameter in ("W_enc", "b_gate", "r_mag", "b_mag"):
        torch.testing.assert_close(gradients[parameter], getattr(sae, parameter).grad, rtol=1e-5, atol=1e-9)


def test_the_gated_decoder_learns_less_than_in_sae_lens_by_what_the_paper_holds_fixed(drawn, batch_of, learn, tokens):
    architecture = Gated(D_IN, D_SAE, l1_coefficient=0.3)
    parameters = drawn(architecture)
    sae = peer("Gated", parameters, l1_coefficient=0.3)
    step(sae, tokens, {"l1": 0.3})
    _, gradients = learn(architecture, parameters, batch_of(architecture, tokens))
    # By hand: d/dW_dec of mean |x - (g W_dec + b_dec)|^2 with g = ReLU(pi).
    gate = ((tokens - parameters["b_dec"]) @ parameters["W_enc"] + parameters["b_gate"]).clamp_min(0)
    missing = tokens - gate @ parameters["W_dec"] - parameters["b_dec"]
    through_gate = -2 * gate.T @ missing / len(tokens)
    torch.testing.assert_close(gradients["W_dec"] + through_gate, sae.W_dec.grad, rtol=1e-5, atol=1e-9)


def test_the_batch_topk_threshold_moves_as_in_sae_lens_once_it_is_set(drawn):
    architecture = BatchTopK(D_IN, D_SAE, K, 6)
    parameters = drawn(architecture)
    sae = peer("BatchTopK", parameters, k=K)
    sae.topk_threshold = parameters["threshold"].clone()
    latents = torch.rand((30, D_SAE), dtype=torch.float64) + 0.3
    sae.update_topk_threshold(latents)
    architecture.after_step(parameters, latents)
    torch.testing.assert_close(parameters["threshold"], sae.topk_threshold, rtol=1e-12, atol=0)


@pytest.mark.parametrize("skip", [False, True])
def test_a_relu_transcoder_predicts_what_sae_lens_predicts(skip, drawn, tokens):
    architecture = Transcoder(D_IN, 7, D_SAE, k=D_SAE, auxiliary_k=0, skip=skip)
    parameters = drawn(architecture)
    name = "SkipTranscoder" if skip else "Transcoder"
    shape = {"d_in": D_IN, "d_sae": D_SAE, "d_out": 7, "dtype": "float64", "apply_b_dec_to_input": False}
    theirs = getattr(sae_lens, name)(getattr(sae_lens, f"{name}Config")(**shape))
    theirs.load_state_dict(parameters)
    predicted, latents = architecture.reconstruct(parameters, tokens)
    with torch.no_grad():
        torch.testing.assert_close(predicted, theirs(tokens), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(latents, theirs.encode(tokens), rtol=1e-9, atol=1e-9)
