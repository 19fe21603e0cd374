"""A language model behind TransformerLens, its re-initialised twin, and the residual stream at one hook.

The twin has the architecture and the tokeniser of the model and weights drawn anew by the model's own initialisation:
what an SAE finds there owes nothing to training. It does not tell which part of training mattered.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gatekit.errors import GatekitError, Location
from runners.digests import tensors_sha256
from runners.seeding import derive_seed
from runners.subjects.model_files import ModelFiles


@dataclass(frozen=True)
class LanguageModel:
    """A model ready to run, with hooks."""

    name: str
    digest: str
    tokenizer_digest: str
    tokenizer: Any
    bridge: Any
    device: str


@dataclass(frozen=True)
class TokenizedText:
    """One text as the model sees it."""

    sha256: str
    ids: tuple[int, ...]
    kept: tuple[int, ...]
    """Positions whose activations are used: every token that the tokeniser did not add ([CLS], [SEP], BOS, ...)."""


def load(files: ModelFiles, device: str) -> LanguageModel:
    """Load the trained model.

    Raises:
        GatekitError: `runner.model_unusable`: the libraries cannot read its files, or do not know its architecture.
    """
    from safetensors import SafetensorError

    try:
        bridge = _boot(files.folder, device)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        # The libraries' messages go on for lines, and name folders of this machine.
        said = str(error).split("\n")[0].replace(str(files.folder), files.folder.name)
        message = f"the model '{files.name}' cannot be loaded: {type(error).__name__}: {said}"
        raise GatekitError("runner.model_unusable", message, Location(str(files.folder))) from error
    return _wrap(files, files.name, files.digest, bridge, device)


def load_reinitialised(files: ModelFiles, trained: LanguageModel, seed: int) -> LanguageModel:
    """Build the twin: same configuration and tokeniser, weights drawn from `seed` by the model's own initialisation.

    Its digest is over the drawn weights, so that another seed, or another library's initialisation, is another model.
    """
    original = trained.bridge.original_model
    with torch.random.fork_rng(devices=[]):
        # The model class draws from the global generator and takes no other.
        torch.manual_seed(derive_seed("reinitialised model", seed))
        twin = type(original)(copy.deepcopy(original.config)).eval()
    digest = tensors_sha256(twin.state_dict())
    bridge = _boot(files.folder, trained.device, hf_model=twin.to(trained.device))
    return _wrap(files, f"{files.name}+reinitialised-{seed}", digest, bridge, trained.device)


def _boot(folder: Path, device: str, **options: Any) -> Any:
    from transformer_lens.model_bridge import TransformerBridge
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    bridge = TransformerBridge.boot_transformers(str(folder), device=device, **options)
    bridge.original_model.eval()
    return bridge


def _wrap(files: ModelFiles, name: str, digest: str, bridge: Any, device: str) -> LanguageModel:
    return LanguageModel(
        name=name,
        digest=digest,
        tokenizer_digest=files.tokenizer_digest,
        tokenizer=bridge.tokenizer,
        bridge=bridge,
        device=device,
    )


def tokenize(
    model: LanguageModel, texts: Sequence[str], digests: Sequence[str], max_tokens: int
) -> list[TokenizedText]:
    """Tokenise as the model's own tokeniser does, special tokens included, cut to `max_tokens`.

    Special tokens stay in the input, where the model expects them, and their activations are not used: they stand in
    every text at the same place, so that a large share of the rows would be near copies.
    """
    encoded = model.tokenizer(
        list(texts),
        truncation=True,
        max_length=max_tokens,
        padding=False,
        return_attention_mask=False,
        return_special_tokens_mask=True,
    )
    tokenized = []
    for digest, ids, special in zip(digests, encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
        kept = tuple(position for position, added in enumerate(special) if not added)
        tokenized.append(TokenizedText(digest, tuple(ids), kept))
    return tokenized


class _HookReached(Exception):
    """Ends a forward pass once the hook has fired."""


def activations(model: LanguageModel, hook: str, ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the activations at `hook`, (texts, positions, d_model) float32, and compute no layer above it.

    The pass is ended from inside the hook because `stop_at_layer` runs the whole of an encoder model.

    Raises:
        GatekitError: the model has no such hook, or it does not hold one vector per position.
    """
    if hook not in model.bridge.hook_dict:
        from gatekit.errors import did_you_mean

        raise GatekitError(
            "runner.hook", f"{model.name} has no hook '{hook}'", remedy=did_you_mean(hook, model.bridge.hook_dict)
        )
    caught: list[torch.Tensor] = []

    # TransformerLens passes the hook point by keyword.
    def catch(value: torch.Tensor, hook: object) -> None:  # noqa: ARG001
        caught.append(value.detach())
        raise _HookReached

    with torch.no_grad(), contextlib.suppress(_HookReached):
        model.bridge.run_with_hooks(ids, attention_mask=attention_mask, return_type=None, fwd_hooks=[(hook, catch)])
    if not caught or caught[0].ndim != 3 or caught[0].shape[:2] != ids.shape:
        raise GatekitError("runner.hook", f"'{hook}' does not hold one vector per position")
    return caught[0].float()
