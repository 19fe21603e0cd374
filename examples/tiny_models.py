"""Two small causal language models, as folders of files: what a lab's own model looks like to the runners.

    python examples/tiny_models.py models/tiny      # a Llama-like one, on texts of the sae-probes package

They are made and trained in seconds on texts that are given, with a tokeniser made from the same texts. One is
GPT-2-like (learned positions, all projections with biases, a tokeniser that adds nothing to a text), one Llama-like
(rotary positions, shared key and value heads, gated MLP, a tokeniser that starts every text with `<s>`). Neither
tokeniser has a padding token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

Family = Literal["gpt2", "llama"]
FAMILIES: tuple[Family, ...] = ("gpt2", "llama")

D_MODEL = 32
LAYERS = 2
HEADS = 4
POSITIONS = 96
VOCABULARY = 384
_STEPS, _BATCH, _CONTEXT = 200, 16, 32


@dataclass(frozen=True)
class TinyModel:
    """A trained model in a folder."""

    folder: Path
    first_loss: float
    """Mean cross-entropy in nats over the first ten steps of training."""
    last_loss: float
    """The same over the last ten."""


def make_tiny_model(family: Family, folder: Path, texts: Sequence[str]) -> TinyModel:
    """Train a model of this family on the texts and write it into the folder.

    Args:
        family: of its architecture.
        folder: of config.json, model.safetensors and the tokeniser's files; made.
        texts: in any order; their tokens stand end to end in training, each text with the beginning that its tokeniser
            gives it.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(family, texts)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if family == "gpt2":
            shape = GPT2Config(
                vocab_size=len(tokenizer),
                n_embd=D_MODEL,
                n_layer=LAYERS,
                n_head=HEADS,
                n_positions=POSITIONS,
                initializer_range=0.05,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                bos_token_id=0,
                eos_token_id=0,
            )
            model: Any = GPT2LMHeadModel(shape)
        else:
            model = LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=len(tokenizer),
                    hidden_size=D_MODEL,
                    num_hidden_layers=LAYERS,
                    num_attention_heads=HEADS,
                    num_key_value_heads=HEADS // 2,
                    intermediate_size=2 * D_MODEL,
                    max_position_embeddings=POSITIONS,
                    bos_token_id=0,
                    eos_token_id=1,
                )
            )
        ids = torch.tensor([each for text in tokenizer(list(texts))["input_ids"] for each in text])
        losses = _trained(model, ids)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return TinyModel(folder, sum(losses[:10]) / 10, sum(losses[-10:]) / 10)


def make_tokenizer(family: Family, texts: Sequence[str]) -> Any:
    """Return a byte-level BPE tokeniser made from the texts, as `transformers` wraps it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    names = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    if family == "llama":
        names = {"bos_token": "<s>", "eos_token": "</s>"}
    special = list(dict.fromkeys(names.values()))
    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if family == "llama":
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def _trained(model: Any, ids: Tensor) -> list[float]:
    import torch

    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3)
    losses = []
    for rows in _batches(ids):
        loss = model(rows, labels=rows).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def _batches(ids: Tensor) -> Iterator[Tensor]:
    import torch

    for _ in range(_STEPS):
        starts = torch.randint(len(ids) - _CONTEXT, (_BATCH,))
        yield torch.stack([ids[start : start + _CONTEXT] for start in starts.tolist()])


if __name__ == "__main__":
    import sys

    from activations import example_texts

    make_tiny_model("llama", Path(sys.argv[1]), example_texts(100))
