from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gatekit.errors import GatekitError
from runners.saes.formats.dictionary_learning import read

pytestmark = pytest.mark.runners

D, F, K = 6, 15, 3
Tensors = dict[str, torch.Tensor]


def drawn_tensors(shapes: dict[str, tuple[int, ...]]) -> Tensors:
    generator = torch.Generator().manual_seed(4)
    return {name: torch.randn(shape, generator=generator) * 0.7 for name, shape in shapes.items()}


LINEAR = {"encoder.weight": (F, D), "encoder.bias": (F,), "decoder.weight": (D, F)}
CANONICAL = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}


def largest(values: torch.Tensor, k: int) -> torch.Tensor:
    """Zero all but the k largest of each row, by sorting."""
    return values * (values >= values.sort(dim=1, descending=True).values[:, k - 1 : k])


def linear(t: Tensors, x: torch.Tensor) -> torch.Tensor:
    return (x @ t["encoder.weight"].T + t["encoder.bias"]).clamp_min(0)


def gated(t: Tensors, x: torch.Tensor) -> torch.Tensor:
    shared = (x - t["decoder_bias"]) @ t["encoder.weight"].T
    return (shared + t["gate_bias"] > 0) * (t["r_mag"].exp() * shared + t["mag_bias"]).clamp_min(0)


def canonical(t: Tensors, x: torch.Tensor) -> torch.Tensor:
    return (x @ t["W_enc"] + t["b_enc"]).clamp_min(0)


def over(values: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    return values * (values > threshold)


# What each class computes after training, written from its source: (tensors, other settings, latents, decoder, bias).
CLASSES: dict[str, tuple[Tensors, dict[str, Any], Callable[[Tensors, torch.Tensor], torch.Tensor], str, str]] = {
    "AutoEncoder": (
        drawn_tensors({**LINEAR, "bias": (D,)}),
        {},
        # The library brings decoder columns to unit length when it loads one, and latents take up their norms.
        lambda t, x: linear(t, x - t["bias"]) * t["decoder.weight"].norm(dim=0),
        "unit decoder.weight",
        "bias",
    ),
    "AutoEncoderNew": (
        drawn_tensors({**LINEAR, "decoder.bias": (D,)}),
        {},
        linear,
        "decoder.weight",
        "decoder.bias",
    ),
    "AutoEncoderTopK": (
        {**drawn_tensors({**LINEAR, "b_dec": (D,)}), "k": torch.tensor(K), "threshold": torch.tensor(0.9)},
        {"k": K},
        lambda t, x: largest(linear(t, x - t["b_dec"]), K),
        "decoder.weight",
        "b_dec",
    ),
    "BatchTopKSAE": (
        {**drawn_tensors({**LINEAR, "b_dec": (D,)}), "k": torch.tensor(K), "threshold": torch.tensor(0.9)},
        {"k": K},
        lambda t, x: over(linear(t, x - t["b_dec"]), t["threshold"]),
        "decoder.weight",
        "b_dec",
    ),
    "MatryoshkaBatchTopKSAE": (
        {
            **drawn_tensors(CANONICAL),
            "k": torch.tensor(K),
            "threshold": torch.tensor(0.9),
            "group_sizes": torch.tensor([4, 11]),
        },
        {"k": K, "group_sizes": [4, 11]},
        lambda t, x: over(canonical(t, x - t["b_dec"]), t["threshold"]),
        "W_dec",
        "b_dec",
    ),
    "JumpReluAutoEncoder": (
        drawn_tensors({**CANONICAL, "threshold": (F,)}),
        {},
        lambda t, x: over(canonical(t, x), t["threshold"]),
        "W_dec",
        "b_dec",
    ),
    "GatedAutoEncoder": (
        drawn_tensors(
            {
                "encoder.weight": (F, D),
                "decoder.weight": (D, F),
                "decoder_bias": (D,),
                "r_mag": (F,),
                "gate_bias": (F,),
                "mag_bias": (F,),
            }
        ),
        {},
        gated,
        "decoder.weight",
        "decoder_bias",
    ),
}


def saved(tmp_path: Path, name: str, changed: dict[str, Any] | None = None, **trainer: Any) -> Path:
    """Write a dictionary as its trainer does; None takes a tensor out."""
    tensors, settings, *_ = CLASSES[name]
    tensors = {key: value for key, value in {**tensors, **(changed or {})}.items() if value is not None}
    torch.save(tensors, tmp_path / "ae.pt")
    config = {"dict_class": name, "activation_dim": D, "dict_size": F, "lm_name": "m", **settings, **trainer}
    (tmp_path / "config.json").write_text(json.dumps({"trainer": config, "buffer": {}}))
    return tmp_path


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn((50, D), generator=torch.Generator().manual_seed(9)) * 2 + 0.5


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_read_computes_what_its_class_computes(name, rows, tmp_path):
    tensors, _, latents_of, decoder, bias = CLASSES[name]
    sae = read(saved(tmp_path, name))
    reconstruction, latents = sae.reconstruct(rows)
    expected = latents_of(tensors, rows)
    assert 0 < int((expected > 0).sum()) < expected.numel()
    rows_of_decoder = tensors[decoder.removeprefix("unit ")]
    if decoder != "W_dec":
        rows_of_decoder = rows_of_decoder.T
    if decoder.startswith("unit "):
        rows_of_decoder = rows_of_decoder / rows_of_decoder.norm(dim=1, keepdim=True)
    torch.testing.assert_close(latents, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(reconstruction, expected @ rows_of_decoder + tensors[bias], rtol=1e-5, atol=1e-5)


class Harm:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def test_code_in_a_pickle_is_not_run(tmp_path):
    trace = tmp_path / "ran"
    saved(tmp_path, "AutoEncoder", {"harm": Harm(trace)})
    with pytest.raises(GatekitError, match="cannot be read as weights only"):
        read(tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize("content", [{"a": 1}, [torch.ones(2)], torch.ones(2)])
def test_anything_but_tensors_by_name_is_refused(content, tmp_path):
    saved(tmp_path, "AutoEncoder")
    torch.save(content, tmp_path / "ae.pt")
    with pytest.raises(GatekitError, match="other than tensors"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "changed", "trainer", "message"),
    [
        ("BatchTopKSAE", {"threshold": torch.tensor(-1.0)}, {}, "training never set it"),
        ("BatchTopKSAE", {"threshold": None}, {}, "training never set it"),
        ("BatchTopKSAE", {"k": torch.tensor(4)}, {}, "k is 4 where the configuration says 3"),
        ("AutoEncoderTopK", {}, {"k": None}, "'k' is None"),
        ("AutoEncoder", {}, {"dict_class": "AutoEncoderTopK", "k": 3}, "where the configuration says"),
        ("AutoEncoder", {}, {"dict_class": "CrossCoder"}, "'dict_class' is 'CrossCoder'"),
        ("AutoEncoder", {}, {"dict_size": F + 1}, "where the configuration says"),
        ("AutoEncoder", {"bias": torch.full((D,), torch.nan)}, {}, "not finite"),
        ("AutoEncoder", {"encoder.weight": torch.ones(D, F)}, {}, "where the configuration says"),
        ("MatryoshkaBatchTopKSAE", {"group_sizes": torch.tensor([4, 10])}, {"group_sizes": [4, 10]}, "of 15 latents"),
        ("MatryoshkaBatchTopKSAE", {"group_sizes": torch.tensor([5, 10])}, {}, "group sizes"),
        ("MatryoshkaBatchTopKSAE", {"group_sizes": torch.tensor([15, 0])}, {"group_sizes": [15, 0]}, "not increasing"),
    ],
)
def test_what_does_not_agree_with_itself_is_refused(name, changed, trainer, message, tmp_path):
    with pytest.raises(GatekitError, match=message):
        read(saved(tmp_path, name, changed, **trainer))


def test_a_square_dictionary_is_turned_as_its_class_says(tmp_path):
    weight = torch.nn.functional.normalize(torch.randn(D, D))
    tensors = {"encoder.weight": weight, "encoder.bias": torch.zeros(D), "decoder.weight": weight.T.clone()}
    torch.save({**tensors, "bias": torch.zeros(D)}, tmp_path / "ae.pt")
    trainer = {"dict_class": "AutoEncoder", "activation_dim": D, "dict_size": D}
    (tmp_path / "config.json").write_text(json.dumps({"trainer": trainer}))
    assert torch.equal(read(tmp_path).parameters["W_enc"], weight.T)
    assert torch.equal(read(tmp_path).parameters["W_dec"], weight)
