"""Training the transformer on modular addition until it generalises: full batch, AdamW, strong weight decay.

As Nanda et al. (2301.05217): learning rate 1e-3, weight decay 1.0, betas (0.9, 0.98), the loss in float64. At p = 53
with 0.6 of the pairs the test accuracy is 1.0 after about 1,200 steps, a minute or two on two cores.

    python -m runners.subjects.modular_addition_training --p 53 --seed 1 --steps 4000 --out FILE.safetensors

writes such a transformer, which is how the committed weights were made. The steps after the first 1,200 let weight
decay remove what is left of memorising (the "cleanup" of the paper).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.errors import GatekitError
from runners.determinism import choose_device, fix_arithmetic, prepare_environment
from runners.progress import Progress, Silent, showing

if TYPE_CHECKING:
    from runners.subjects.modular_addition import AdditionModel, Recipe

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1.0
BETAS = (0.9, 0.98)


@dataclass(frozen=True)
class TrainedAddition:
    """A transformer after its training."""

    model: AdditionModel
    train_accuracy: float
    test_accuracy: float
    """On the pairs that it never saw."""
    train_loss: float
    """Mean cross entropy in nats."""
    test_loss: float


def train_addition(recipe: Recipe, device: str, progress: Progress | None = None) -> TrainedAddition:
    """Train one transformer; `progress` is advanced by one per step."""
    import torch

    from runners.subjects import modular_addition as subject

    shown = Silent() if progress is None else progress
    model = subject.initial_model(recipe.p, recipe.seed, device)
    split = subject.trained_pairs(recipe)
    right = subject.answers(recipe.p).to(device)

    def loss_on(rows: torch.Tensor) -> torch.Tensor:
        # In float32 the loss of a solved pair rounds to zero, and Adam then divides noise by noise: the weights
        # leave the solution now and then and come back.
        return torch.nn.functional.cross_entropy(subject.logits(model, rows).double(), right[rows.to(device)])

    optimizer = torch.optim.AdamW(
        subject.weights_of(model.transformer).values(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=BETAS
    )
    for _ in range(recipe.steps):
        loss_on(split.train).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        shown.advance(1)
    with torch.no_grad():
        losses = [float(loss_on(rows)) for rows in (split.train, split.test)]
    trained = subject.with_weights(recipe, subject.weights_of(model.transformer), device)
    accuracies = [subject.accuracy(trained, rows) for rows in (split.train, split.test)]
    return TrainedAddition(trained, accuracies[0], accuracies[1], losses[0], losses[1])


def main(argv: Sequence[str]) -> int:
    """Train one transformer, write its weights and say on stderr how good it is; 4 where it does not generalise."""
    parser = argparse.ArgumentParser(prog="python -m runners.subjects.modular_addition_training", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--p", type=int, default=53)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--train-fraction", type=float, help="default: 0.6 at p = 53, 0.3 at p = 113")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--out", type=Path, required=True, help="safetensors file of the weights")
    arguments = parser.parse_args(argv)
    prepare_environment(offline=True)
    from runners.subjects import modular_addition as subject

    fix_arithmetic(arguments.threads)
    fraction = arguments.train_fraction or subject.default_train_fraction(arguments.p)
    recipe = subject.Recipe(arguments.p, fraction, arguments.seed, arguments.steps)
    with showing("training the transformer", recipe.steps, "steps") as progress:
        trained = train_addition(recipe, choose_device(arguments.device), progress)
    sys.stderr.write(
        f"accuracy {trained.train_accuracy:.4f} on training pairs, {trained.test_accuracy:.4f} on test pairs; "
        f"loss {trained.train_loss:.2e}, {trained.test_loss:.2e}\n"
    )
    if trained.test_accuracy < 1.0:
        error = GatekitError("subject.not_learnt", "the transformer has not learnt the task", remedy="more --steps")
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    sys.stderr.write(f"wrote {arguments.out} (sha256 {subject.save_weights(trained.model, arguments.out)})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
