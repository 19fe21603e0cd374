"""Training a small causal language model on texts that ship, so that there is a loss for an SAE to recover.

SAEBench's `core` needs a model that predicts. MiniLM, which the other configurations measure, does not; this is one
that is made in minutes on two cores, without a network, and in the same bits wherever torch computes alike:

    python -m runners.subjects.causal_model_training --out models/causal
    python -m runners saebench --config runners/configs/saebench/causal.yaml --out runs/causal

It is Llama-like (rotary positions, gated MLP, RMSNorm), with a byte-level BPE tokeniser made from the same texts: those
of the sae-probes package that no probing dataset contains. A fiftieth of them is kept out of training; the loss there
must be clearly below that of always predicting by frequency, or nothing is written. SAEs are trained on, and `core`
reads, texts of the same source, most of which this model has seen: its loss there is no measure of the model, and what
an SAE loses of it is.

Beside the model lies `recipe.json`: how it was made, its losses, and its digest as summaries state it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.errors import GatekitError
from runners.determinism import choose_device, describe_device, fix_arithmetic, prepare_environment
from runners.progress import Progress, Silent, showing
from runners.subjects.model_files import find_model

if TYPE_CHECKING:
    from torch import Tensor

HELD_OUT = 50
"""One text in so many is not trained on."""
MARGIN = 0.5
"""Nats that the loss on held-out texts must be below that of predicting by frequency alone."""
LEARNING_RATE = 3e-3
TOKENISER_TEXTS = 20_000
"""From which the tokeniser is made; more change little and take longer."""


@dataclass(frozen=True)
class CausalRecipe:
    """Everything that determines the weights, on one class of device."""

    seed: int = 0
    d_model: int = 128
    layers: int = 4
    heads: int = 4
    vocabulary: int = 2048
    context: int = 96
    batch: int = 24
    steps: int = 400
    texts: int | None = None
    """At most so many, for a quick try; all of them where nothing is said."""


@dataclass(frozen=True)
class CausalTraining:
    """A model after its training, not yet written."""

    model: Any
    tokenizer: Any
    train_loss: float
    """Mean cross entropy over the last steps, in nats per token."""
    held_out_loss: float
    """The same on texts that were not trained on."""
    frequency_loss: float
    """On the same tokens, of predicting each by its frequency in the training texts."""


def train_causal_model(
    recipe: CausalRecipe, texts: Sequence[str], device: str, progress: Progress | None = None
) -> CausalTraining:
    """Train one model; `progress` is advanced by one per step.

    Args:
        recipe: of the model.
        texts: in the order that the recipe's seed gives; every fiftieth is held out.
        device: to train on.
        progress: shown to the user.

    Raises:
        GatekitError: `subject.too_few_texts`: they hold less than one row of training or of held-out tokens.
    """
    import torch

    shown = Silent() if progress is None else progress
    trained_on = [text for place, text in enumerate(texts) if place % HELD_OUT]
    tokenizer = make_tokenizer(trained_on[:TOKENISER_TEXTS], recipe.vocabulary)
    train = _end_to_end(tokenizer, trained_on)
    held_out = _end_to_end(tokenizer, texts[::HELD_OUT])
    if min(len(train), len(held_out)) <= recipe.context:
        message = f"{len(train)} tokens to train on and {len(held_out)} held out; a row is {recipe.context}"
        raise GatekitError("subject.too_few_texts", message)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = _initial(recipe, tokenizer).to(device)
        optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=recipe.steps)
        losses = []
        for _ in range(recipe.steps):
            starts = torch.randint(len(train) - recipe.context, (recipe.batch,))
            rows = torch.stack([train[start : start + recipe.context] for start in starts.tolist()]).to(device)
            loss = model(rows, labels=rows).loss
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            shown.advance(1, lambda: f"loss {losses[-1]:.3f}")
    last = losses[-min(20, len(losses)) :]
    rows = held_out[: len(held_out) // recipe.context * recipe.context].view(-1, recipe.context)
    return CausalTraining(
        model.eval(),
        tokenizer,
        sum(last) / len(last),
        _loss_on(model, rows, device),
        _frequency_loss(train, rows[:, 1:], recipe.vocabulary),
    )


def make_tokenizer(texts: Sequence[str], vocabulary: int) -> Any:
    """Return a byte-level BPE tokeniser made from the texts, which starts every text with `<s>`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


def write_causal_model(trained: CausalTraining, recipe: CausalRecipe, device: str, folder: Path) -> str:
    """Write model, tokeniser and `recipe.json`, and return the model's digest.

    Raises:
        GatekitError: `subject.not_learnt`: the loss on held-out texts is no better than frequencies give; nothing is
            written.
    """
    if not trained.held_out_loss < trained.frequency_loss - MARGIN:
        message = (
            f"the model has not learnt its texts: a loss of {trained.held_out_loss:.2f} on held-out ones, and "
            f"{trained.frequency_loss:.2f} by frequency alone"
        )
        raise GatekitError("subject.not_learnt", message, remedy="more --steps")
    trained.model.to("cpu").save_pretrained(folder)
    trained.tokenizer.save_pretrained(folder)
    digest = find_model("folder", str(folder)).digest
    losses = {name: getattr(trained, name) for name in ("train_loss", "held_out_loss", "frequency_loss")}
    said = {"recipe": dataclasses.asdict(recipe), **losses, "device": describe_device(device), "model_sha256": digest}
    (folder / "recipe.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return digest


def _initial(recipe: CausalRecipe, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.d_model,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        intermediate_size=3 * recipe.d_model,
        max_position_embeddings=2 * recipe.context,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
    )
    return LlamaForCausalLM(shape)


def _end_to_end(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    import torch

    return torch.tensor([each for text in tokenizer(list(texts))["input_ids"] for each in text])


def _loss_on(model: Any, rows: Tensor, device: str) -> float:
    """Return the mean cross entropy over (rows, context) tokens."""
    import torch

    total = 0.0
    with torch.no_grad():
        for part in rows.split(64):
            total += float(model(part.to(device), labels=part.to(device)).loss) * len(part)
    return total / len(rows)


def _frequency_loss(train: Tensor, predicted: Tensor, vocabulary: int) -> float:
    """Return the mean of -log p over the predicted tokens, p their frequency with one added to every count."""
    counts = Counter(train.tolist())
    total = len(train) + vocabulary
    seen = Counter(predicted.flatten().tolist())
    return -sum(n * math.log((counts[token] + 1) / total) for token, n in seen.items()) / predicted.numel()


def main(argv: Sequence[str]) -> int:
    """Train one model, write its folder and say on stderr what it is; 4 where it has not learnt its texts."""
    parser = argparse.ArgumentParser(prog="python -m runners.subjects.causal_model_training", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for field in dataclasses.fields(CausalRecipe):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    arguments = parser.parse_args(argv)
    prepare_environment(offline=True)
    fix_arithmetic(arguments.threads)
    from runners.subjects.text_corpus import read_corpus, sae_probes_folder, shuffled

    recipe = CausalRecipe(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(CausalRecipe)})
    try:
        device = choose_device(arguments.device)
        texts = [text.text for text in shuffled(read_corpus(sae_probes_folder()), recipe.seed)[: recipe.texts]]
        with showing("training the causal model", recipe.steps, "steps") as progress:
            trained = train_causal_model(recipe, texts, device, progress)
        digest = write_causal_model(trained, recipe, device, arguments.out)
    except GatekitError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    sys.stderr.write(
        f"loss {trained.held_out_loss:.3f} on held-out texts, {trained.frequency_loss:.3f} by frequency alone; wrote "
        f"{arguments.out} (model sha256 {digest})\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
