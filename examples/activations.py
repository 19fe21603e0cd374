"""What an SAE library trains on: the residual stream of a small causal model, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

HOOK = "blocks.0.hook_resid_post"
"""Where the activations are from, as TransformerLens names it: the output of the first block."""
LAYER = 0
MODULE = "model.layers.0"
"""The same place as transformers names it."""
CONTEXT = 64
"""Tokens per text."""


def example_texts(count: int) -> list[str]:
    """Return texts that no probing dataset contains, from the sae-probes package."""
    from runners.subjects.text_corpus import read_corpus, sae_probes_folder, shuffled

    corpus = read_corpus(sae_probes_folder())
    return [each.text for each in shuffled(corpus, 1)[:count]]


def activations_of(model: Path, texts: Sequence[str]) -> torch.Tensor:
    """Return activations, (tokens, d_model) float32, of all tokens but the first of each text.

    Args:
        model: folder of a causal model that transformers loads.
        texts: in order.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(model).eval()
    tokenizer = AutoTokenizer.from_pretrained(model)
    found = []
    with torch.no_grad():
        for text in texts:
            ids = tokenizer(text, truncation=True, max_length=CONTEXT, return_tensors="pt")["input_ids"]
            if ids.shape[1] > 1:
                # Hidden state 0 is the embedding.
                found.append(network(ids, output_hidden_states=True).hidden_states[LAYER + 1][0, 1:])
    return torch.cat(found).float()


def batches(rows: torch.Tensor, size: int, seed: int) -> Iterator[torch.Tensor]:
    """Yield batches of rows, (size, d_model), in an order of the seed, for ever."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for chosen in torch.randperm(len(rows), generator=generator).split(size):
            if len(chosen) == size:
                yield rows[chosen]
