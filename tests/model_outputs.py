"""What transformers itself computes on the small causal models, module by module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from tiny_models import TinyModel

BLOCKS = {"gpt2": "transformer.h", "llama": "model.layers"}
"""Family -> path of its list of blocks."""
# Not as long as each other, and the shortest between the longer ones.
TEXTS = (
    "The borough of Queens lies in the east.",
    "a",
    "Sparse autoencoders find directions in activations, or so it is claimed by those who train them.",
    "Rivers",
)


def network_of(tiny_models: Mapping[str, TinyModel], family: str) -> Any:
    """The model as transformers itself loads it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_models[family].folder).eval()


@contextmanager
def outputs_of(network: Any, path: str) -> Iterator[list[torch.Tensor]]:
    """Yield a list that fills with what this module returns."""
    found: list[torch.Tensor] = []

    def catch(_module: object, _inputs: object, output: Any) -> None:
        found.append(output[0] if isinstance(output, tuple) else output)

    handle = network.get_submodule(path).register_forward_hook(catch)
    yield found
    handle.remove()


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Equal to a hundred thousandth of the largest value, in single precision."""
    torch.testing.assert_close(ours, theirs, atol=1e-5 * float(theirs.abs().max()), rtol=0)


def padded(texts: list[tuple[int, ...]], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, texts))
    ids, mask = torch.zeros((2, len(texts), longest), dtype=torch.long)
    for row, text in enumerate(texts):
        place = slice(0, len(text)) if side == "right" else slice(longest - len(text), longest)
        ids[row, place], mask[row, place] = torch.tensor(text), 1
    return ids, mask
