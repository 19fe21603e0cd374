"""Modular addition: a one-layer transformer whose circuit is known, so that what an SAE finds can be checked.

The task is (a + b) mod p. The input is the three tokens a, b, "=", the answer is read from the logits at "=" and is
never part of the input: a model that sees it learns to copy and has no circuit to recover. A transformer trained as
Nanda et al. (2301.05217) train theirs first memorises its training pairs and then generalises ("grokks") by turning
each number into cosines and sines of a few key frequencies; which ones depends on the seed.

Architecture: theirs too. One layer, 4 heads of 32, d_model 128, 512 ReLU neurons, no normalisation, no biases,
through TransformerLens, so that hooks have their usual names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from gatekit.errors import GatekitError, Location, did_you_mean
from runners.arrays import Floats
from runners.digests import file_sha256, tensors_sha256
from runners.seeding import derive_seed, generator

Position = Literal["a", "b", "equals"]

POSITIONS: tuple[Position, ...] = ("a", "b", "equals")

WEIGHTS = Path(__file__).resolve().parent / "weights"

_PAIRS_PER_PASS = 8192


@dataclass(frozen=True)
class Recipe:
    """What determines one trained transformer, on one device."""

    p: int
    """Modulus; odd, so that no frequency is its own conjugate."""
    train_fraction: float
    """Of the p * p pairs; the rest is the test set."""
    seed: int
    """Of the weights and of which pairs are trained on."""
    steps: int
    """Full batches."""


@dataclass(frozen=True)
class CommittedWeights:
    """A trained transformer whose weights ship with this package."""

    recipe: Recipe
    file: str
    sha256: str


@dataclass(frozen=True)
class AdditionModel:
    """A transformer on the task, ready to run, with hooks."""

    name: str
    digest: str
    """SHA-256 over names, shapes and bytes of the weights."""
    p: int
    transformer: Any
    device: str

    @property
    def hooks(self) -> Mapping[str, object]:
        """Hook points by name."""
        points: Mapping[str, object] = self.transformer.hook_dict
        return points


@dataclass(frozen=True)
class PairSplit:
    """Row numbers of pairs, each pair in exactly one of the two; row a * p + b is the pair (a, b)."""

    train: torch.Tensor
    test: torch.Tensor


def default_train_fraction(p: int) -> float:
    """Return the share of pairs to train on: the paper's 0.3 at p = 113, 0.6 at p = 53.

    What must be seen before the circuit pays is more nearly a number of pairs than a share of them, and the smaller
    table has a fifth of the pairs.
    """
    return 0.3 if p >= 113 else 0.6


def input_tokens(p: int) -> torch.Tensor:
    """Return the tokens of all pairs, (p * p, 3) int64: a, b, and p, which stands for "="."""
    rows = torch.arange(p * p)
    return torch.stack([rows // p, rows % p, torch.full_like(rows, p)], dim=1)


def answers(p: int) -> torch.Tensor:
    """Return (a + b) mod p of all pairs, (p * p,) int64."""
    rows = torch.arange(p * p)
    return (rows // p + rows % p) % p


def split_pairs(p: int, first_fraction: float, purpose: str, seed: int) -> PairSplit:
    """Draw which pairs are trained on.

    Args:
        p: modulus.
        first_fraction: share of all pairs in `train`.
        purpose: what is split for whom; splits of different purposes are unrelated.
        seed: of the draw.

    Raises:
        ValueError: one side would be empty.
    """
    count = round(first_fraction * p * p)
    if not 0 < count < p * p:
        raise ValueError(f"{first_fraction} of {p * p} pairs leaves one side of the split empty")
    order = torch.randperm(p * p, generator=generator(purpose, seed))
    return PairSplit(order[:count].sort().values, order[count:].sort().values)


def trained_pairs(recipe: Recipe) -> PairSplit:
    """Return the pairs that the recipe's transformer is trained and tested on."""
    return split_pairs(recipe.p, recipe.train_fraction, "modular addition pairs", recipe.seed)


def initial_model(p: int, seed: int, device: str) -> AdditionModel:
    """Build the transformer with weights drawn from `seed` by TransformerLens's own initialisation."""
    transformer = _build(p, seed, device)
    return _wrap(f"modular-addition-{p}+initial-{seed}", p, transformer, device)


def reinitialised(model: AdditionModel, seed: int) -> AdditionModel:
    """Build the twin: same architecture and tokens, weights drawn anew.

    Its purpose is not that of `initial_model`, so that no seed gives the weights that the model's training began with.
    """
    transformer = _build(model.p, derive_seed("reinitialised modular addition", seed), model.device)
    return _wrap(f"{model.name}+reinitialised-{seed}", model.p, transformer, model.device)


def trained_name(recipe: Recipe) -> str:
    """Return the name of the recipe's transformer, for people and for the subject."""
    return f"modular-addition-{recipe.p}-seed-{recipe.seed}"


def with_weights(
    recipe: Recipe, weights: Mapping[str, torch.Tensor], device: str, path: Path | None = None
) -> AdditionModel:
    """Build the recipe's transformer from its trained weights.

    Args:
        recipe: how it was trained.
        weights: by name.
        device: to run on.
        path: of the file that the weights are read from.

    Raises:
        GatekitError: names or shapes are not the architecture's, or a weight is not finite.
    """
    place = None if path is None else Location(str(path))
    transformer = _build(recipe.p, 0, device)
    own = weights_of(transformer)
    expected = {name: tuple(value.shape) for name, value in own.items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if found != expected:
        wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        raise GatekitError("subject.weights", f"weights of another architecture: {', '.join(wrong)}", place)
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise GatekitError("subject.weights", "a weight is not finite", place)
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(weights[name])
    return _wrap(trained_name(recipe), recipe.p, transformer, device)


def load_committed(committed: CommittedWeights, device: str, folder: Path = WEIGHTS) -> AdditionModel:
    """Load a transformer whose weights ship with this package.

    Raises:
        GatekitError: the file is missing or its digest is not the one written down here.
    """
    from safetensors.torch import load_file

    path = folder / committed.file
    if not path.is_file():
        raise GatekitError("subject.weights", "the weights are not installed", Location(str(path)))
    if file_sha256(path) != committed.sha256:
        raise GatekitError("subject.weights", "the weights are not the ones that were committed", Location(str(path)))
    return with_weights(committed.recipe, load_file(path), device, path)


def weights_of(transformer: Any) -> dict[str, torch.Tensor]:
    """Return the trained weights by name; biases are zero for ever and left out."""
    return {name: value for name, value in transformer.named_parameters() if ".b_" not in name}


def save_weights(model: AdditionModel, path: Path) -> str:
    """Write the trained weights as safetensors and return the file's digest."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    weights = weights_of(model.transformer)
    save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, path)
    return file_sha256(path)


def logits(model: AdditionModel, rows: torch.Tensor) -> torch.Tensor:
    """Return the logits at "=" of the given pairs, (pairs, p)."""
    found: torch.Tensor = model.transformer(input_tokens(model.p)[rows].to(model.device))[:, -1]
    return found


def accuracy(
    model: AdditionModel, rows: torch.Tensor, replaced: tuple[str, Position, torch.Tensor] | None = None
) -> float:
    """Return the share of the given pairs that the model answers right.

    Args:
        model: to run.
        rows: row numbers of pairs.
        replaced: a hook, a position, and (pairs, width) values that take the place of the activations there.
    """
    tokens = input_tokens(model.p)[rows].to(model.device)
    right = answers(model.p)[rows].to(model.device)
    with torch.no_grad():
        if replaced is None:
            given = model.transformer(tokens)
        else:
            hook, position, values = replaced
            _check_hook(model, hook)
            place = POSITIONS.index(position)

            # TransformerLens passes the hook point by keyword.
            def put(value: torch.Tensor, hook: object) -> torch.Tensor:  # noqa: ARG001
                changed = value.clone()
                changed[:, place] = values.to(value)
                return changed

            given = model.transformer.run_with_hooks(tokens, fwd_hooks=[(hook, put)])
    return float((given[:, -1].argmax(dim=-1) == right).double().mean())


def activations(model: AdditionModel, hook: str, position: Position) -> Floats:
    """Return the activations of all pairs at one hook and position, (p * p, width) float32, in order of rows.

    Raises:
        GatekitError: there is no such hook, or it does not hold one vector per position.
    """
    _check_hook(model, hook)
    place = POSITIONS.index(position)
    caught: list[torch.Tensor] = []

    def catch(value: torch.Tensor, hook: object) -> None:  # noqa: ARG001
        caught.append(value)

    with torch.no_grad():
        for tokens in input_tokens(model.p).split(_PAIRS_PER_PASS):
            model.transformer.run_with_hooks(tokens.to(model.device), fwd_hooks=[(hook, catch)], return_type=None)
    if any(value.ndim != 3 or value.shape[1] != len(POSITIONS) for value in caught):
        raise GatekitError("runner.hook", f"'{hook}' does not hold one vector per position")
    rows: Floats = torch.cat([value[:, place] for value in caught]).float().cpu().numpy()
    return rows


def embedding(model: AdditionModel) -> Floats:
    """Return the embedding of the numbers 0 .. p - 1, (p, d_model) float64; "=" is left out."""
    rows: Floats = model.transformer.W_E.detach()[: model.p].double().cpu().numpy()
    return rows


def _check_hook(model: AdditionModel, hook: str) -> None:
    if hook not in model.hooks:
        raise GatekitError("runner.hook", f"{model.name} has no hook '{hook}'", remedy=did_you_mean(hook, model.hooks))


def _wrap(name: str, p: int, transformer: Any, device: str) -> AdditionModel:
    return AdditionModel(name, tensors_sha256(weights_of(transformer)), p, transformer, device)


def _build(p: int, seed: int, device: str) -> Any:
    if p < 3 or p % 2 == 0:
        raise ValueError(f"the modulus must be odd and at least 3, not {p}")
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    d_model = 128
    shape = HookedTransformerConfig(
        n_layers=1,
        n_heads=4,
        d_model=d_model,
        d_head=32,
        d_mlp=512,
        n_ctx=len(POSITIONS),
        d_vocab=p + 1,
        d_vocab_out=p,
        act_fn="relu",
        normalization_type=None,
        initializer_range=0.8 / math.sqrt(d_model),
        device="cpu",
    )
    with torch.random.fork_rng(devices=[]):
        # The initialisation draws from the global generator and takes no other.
        torch.manual_seed(derive_seed("modular addition weights", seed))
        transformer = HookedTransformer(shape).eval()
    for name, value in transformer.named_parameters():
        if ".b_" in name:
            value.requires_grad_(False)
    return transformer.to(device, print_details=False)


COMMITTED: Mapping[int, CommittedWeights] = {
    # Seed 1 and not 0: it uses four key frequencies, as is usual, where seed 0 makes do with two.
    53: CommittedWeights(
        Recipe(p=53, train_fraction=0.6, seed=1, steps=4000),
        "modular_addition_p53.safetensors",
        "16e8192581a5bdf227b194f30d320dc497039ed9d2193c48619de5c1aeeef185",
    )
}
"""By modulus; made by the command that `modular_addition_training` names, on a CPU with two threads."""
