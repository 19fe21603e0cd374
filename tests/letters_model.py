"""A small causal model that knows with which letter a word begins: what a benchmark of spelling can be run on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

WIDTH = 32
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def letters_model(folder: Path) -> Path:
    """Write a GPT-2-like model whose embeddings say with which letter a token begins, and a tokeniser of whole words.

    Args:
        folder: of it; made.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    draw = random.Random(0)
    words = {letter + "".join(draw.choices(LETTERS, k=4)) for letter in LETTERS for _ in range(14)}
    lines = [f"\n{word} has the first letter: {word[0].upper()}\n {word} {word[0].upper()}" for word in sorted(words)]
    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=5000, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(lines * 3, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>", model_max_length=320
    )
    torch.manual_seed(0)
    shape = GPT2Config(
        vocab_size=len(wrapped), n_embd=WIDTH, n_layer=1, n_head=2, n_positions=320, initializer_range=0.05
    )
    model = GPT2LMHeadModel(shape)
    directions = torch.nn.functional.normalize(torch.randn(26, WIDTH), dim=-1)
    for token, number in wrapped.get_vocab().items():
        first = token.removeprefix("Ġ")[:1].lower()
        if first in LETTERS and first:
            model.transformer.wte.weight.data[number] += 2 * directions[LETTERS.index(first)]
    model.eval().save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder
