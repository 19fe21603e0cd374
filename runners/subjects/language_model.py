"""A language model, its re-initialised twin, and its activations at one hook.

The twin has the architecture and the tokeniser of the model and weights drawn anew by the model's own initialisation:
what an SAE finds there owes nothing to training. It does not tell which part of training mattered.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gatekit.errors import GatekitError, Location, did_you_mean
from gatekit.evidence.model_digest import CONFIG, VOCABULARIES, files_named
from runners.digests import data_sha256, file_sha256, tensors_sha256
from runners.seeding import derive_seed
from runners.subjects.hook_names import holds_heads
from runners.subjects.loaded_weights import RecordingClass, check_code, check_loaded
from runners.subjects.model_files import ModelFiles
from runners.subjects.model_files import find_model as find_model  # part of this module's interface too
from runners.subjects.module_network import instead_of_module, load_network, module_output

_OTHER_WAY = (
    "if TransformerLens does not know its architecture, name a module of it: hook: {module: model.layers.12, output: 0}"
)


@dataclass(frozen=True)
class LanguageModel:
    """A model ready to run, with hooks."""

    name: str
    digest: str
    tokenizer_digest: str
    tokenizer: Any
    bridge: Any
    """The model behind TransformerLens; None where it is read at modules of transformers."""
    network: Any
    """The model as transformers knows it."""
    device: str
    folder: Path
    """Of its files, for messages."""
    prepend_bos: bool | None = None
    """Whether texts begin with the token for a beginning; None leaves that to the tokeniser."""

    @property
    def embeddings(self) -> int:
        """Number of tokens that the model knows."""
        return int(self.network.get_input_embeddings().weight.shape[0])


@dataclass(frozen=True)
class TokenizedText:
    """One text as the model sees it."""

    sha256: str
    ids: tuple[int, ...]
    kept: tuple[int, ...]
    """Positions whose activations are used: every token that the tokeniser did not add ([CLS], [SEP], BOS, ...)."""


def load(files: ModelFiles, device: str, *, modules: bool = False) -> LanguageModel:
    """Load the trained model.

    Args:
        files: of the model.
        device: to put it on.
        modules: read it at modules of transformers, without TransformerLens.

    Raises:
        GatekitError: `runner.model_unusable`: the libraries cannot read its files, or do not know its architecture;
            `runner.tokenizer_missing`: there is no tokeniser among them;
            `runner.model_weights`: as `runners.subjects.loaded_weights.check_loaded`;
            `runner.model_code`: as `runners.subjects.loaded_weights.check_code`.
    """
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    known = (OSError, ValueError, KeyError, RuntimeError, AttributeError, TypeError)
    recording = RecordingClass()
    try:
        if modules:
            network, tokenizer, loaded = load_network(files.folder, device)
            model = _wrap(files, files.name, files.digest, network, tokenizer, device)
        else:
            check_code(files)
            bridge = _boot(files.folder, device, model_class=recording)
            loaded = recording.loaded
            model = _wrap_bridge(files, files.name, files.digest, bridge, device)
    except (*known, SafetensorError, StrictDataclassError) as error:
        if not files_named(files.folder, VOCABULARIES):
            raise _no_tokenizer(files) from error
        # The libraries' messages go on for lines, and name folders of this machine.
        lines = [line.strip() for line in str(error).split("\n")]
        # What is wrong with a value of config.json stands in the line below the value's name.
        said = " ".join(lines[: 2 if lines[0].endswith(":") else 1])
        said = said.replace(str(files.folder), files.folder.name)
        message = f"the model '{files.name}' cannot be loaded: {type(error).__name__}: {said}"
        remedy = None if modules else _OTHER_WAY
        raise GatekitError("runner.model_unusable", message, Location(str(files.folder)), remedy) from error
    check_loaded(files, loaded, model.network)
    _check_tokenizer(files, model)
    return model


def load_like(files: ModelFiles, other: LanguageModel) -> LanguageModel:
    """Load a trained model the way another one is loaded, so that both read the same tokens at the same places.

    Raises:
        GatekitError: as `load` and `with_beginning`.
    """
    return with_beginning(load(files, other.device, modules=other.bridge is None), other.prepend_bos)


def with_beginning(model: LanguageModel, prepend_bos: bool | None) -> LanguageModel:
    """Return the model with texts that begin as an SAE's training texts did.

    Args:
        model: as loaded.
        prepend_bos: as of `LanguageModel`.

    Raises:
        GatekitError: `runner.prepend_bos`: the model has no token for the beginning.
    """
    if prepend_bos and _beginning(model) is None:
        raise GatekitError("runner.prepend_bos", f"{model.name} has no token for the beginning of a text")
    return replace(model, prepend_bos=prepend_bos)


def _beginning(model: LanguageModel) -> int | None:
    """Return the token that texts may begin with; None where the model knows none."""
    # [CLS] is what models of BERT's kind begin with; TransformerLens names them another one that they do not know.
    cls = getattr(model.tokenizer, "cls_token_id", None)
    found = (cls, model.tokenizer.bos_token_id)
    return next((token for token in found if token is not None and token < model.embeddings), None)


def begun(model: LanguageModel, ids: tuple[int, ...]) -> tuple[int, ...]:
    """Return token ids from elsewhere with the beginning that `prepend_bos` says; as they are where it is None."""
    bos = _beginning(model)
    if model.prepend_bos is None or bos is None:
        return ids
    own = ids[1:] if ids[:1] == (bos,) else ids
    return (bos, *own) if model.prepend_bos else own


def begins_with_bos(model: LanguageModel) -> bool:
    """Say whether texts begin with the token for a beginning."""
    return _begins(model) if model.prepend_bos is None else model.prepend_bos


def _begins(model: LanguageModel) -> bool:
    """Say whether the tokeniser begins a text with the token for that."""
    encoded = model.tokenizer("a", return_special_tokens_mask=True)
    return bool(encoded["special_tokens_mask"][0]) and encoded["input_ids"][0] == _beginning(model)


def _check_tokenizer(files: ModelFiles, model: LanguageModel) -> None:
    """Refuse a tokeniser that was made of nothing, as transformers makes some where a folder has none.

    Raises:
        GatekitError: `runner.tokenizer_missing`.
    """
    tokenizer = model.tokenizer
    words = [] if tokenizer is None else tokenizer("The quick brown fox", add_special_tokens=False)["input_ids"]
    if not set(words) - {getattr(tokenizer, "unk_token_id", None)}:
        raise _no_tokenizer(files)


def _no_tokenizer(files: ModelFiles) -> GatekitError:
    return GatekitError(
        "runner.tokenizer_missing",
        f"the model '{files.name}' has no tokeniser: there is no vocabulary in its folder",
        Location(str(files.folder)),
        "put the tokeniser's files there: tokenizer.json and tokenizer_config.json",
    )


def load_reinitialised(files: ModelFiles, trained: LanguageModel, seed: int) -> LanguageModel:
    """Build the twin: same configuration and tokeniser, weights drawn from `seed` by the model's own initialisation.

    Its digest is over the drawn weights and the files that say how they are used, so that another seed, another
    library's initialisation or another configuration is another model.
    """
    original = trained.network
    with torch.random.fork_rng(devices=[]):
        # The model class draws from the global generator and takes no other.
        torch.manual_seed(derive_seed("reinitialised model", seed))
        twin = type(original)(copy.deepcopy(original.config)).eval()
    drawn = tensors_sha256(twin.state_dict())
    digest = data_sha256({"weights": drawn, "config": file_sha256(files.folder / CONFIG), "of": files.tokenizer_digest})
    twin.to(trained.device)
    name = f"{files.name}+reinitialised-{seed}"
    if trained.bridge is None:
        return replace(trained, name=name, digest=digest, network=twin)
    bridge = _boot(files.folder, trained.device, hf_model=twin)
    return replace(_wrap_bridge(files, name, digest, bridge, trained.device), prepend_bos=trained.prepend_bos)


def _boot(folder: Path, device: str, **options: Any) -> Any:
    from transformer_lens.model_bridge import TransformerBridge
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    bridge = TransformerBridge.boot_transformers(str(folder), device=device, **options)
    bridge.original_model.eval()
    return bridge


def _wrap_bridge(files: ModelFiles, name: str, digest: str, bridge: Any, device: str) -> LanguageModel:
    model = _wrap(files, name, digest, bridge.original_model, bridge.tokenizer, device)
    return replace(model, bridge=bridge)


def _wrap(files: ModelFiles, name: str, digest: str, network: Any, tokenizer: Any, device: str) -> LanguageModel:
    return LanguageModel(
        name=name,
        digest=digest,
        tokenizer_digest=files.tokenizer_digest,
        tokenizer=tokenizer,
        bridge=None,
        network=network,
        device=device,
        folder=files.folder,
    )


def tokenize(
    model: LanguageModel, texts: Sequence[str], digests: Sequence[str], max_tokens: int
) -> list[TokenizedText]:
    """Tokenise as the model's own tokeniser does, special tokens included, cut to `max_tokens`.

    Special tokens stay in the input, where the model expects them, and their activations are not used: they stand in
    every text at the same place, so that a large share of the rows would be near copies. The token for the beginning
    is left out or put there where `model.prepend_bos` says so.

    Raises:
        GatekitError: `runner.tokenizer`: a token that the model does not know.
    """
    bos, known = _beginning(model), model.embeddings
    # What is left out or put there afterwards.
    change = int(model.prepend_bos) - int(_begins(model)) if model.prepend_bos is not None else 0
    encoded = model.tokenizer(
        list(texts),
        truncation=True,
        max_length=max(1, max_tokens - change),
        padding=False,
        return_attention_mask=False,
        return_special_tokens_mask=True,
    )
    tokenized = []
    for digest, ids, special in zip(digests, encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
        added = list(map(bool, special))
        if change < 0:
            ids, added = ids[1:], added[1:]
        elif change > 0:
            ids, added = [bos, *ids][:max_tokens], [True, *added][:max_tokens]
        unknown = max(ids, default=0)
        if unknown >= known:
            message = f"the tokeniser gives token {unknown}; {model.name} knows {known} tokens"
            remedy = "take the tokeniser that the model was trained with"
            raise GatekitError("runner.tokenizer", message, Location(str(model.folder)), remedy)
        kept = tuple(position for position, is_added in enumerate(added) if not is_added)
        tokenized.append(TokenizedText(digest, tuple(ids), kept))
    return tokenized


class _HookReached(Exception):
    """Ends a forward pass once the hook has fired."""


def activations(model: LanguageModel, hook: str, ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the activations at `hook`, (texts, positions, d_model) float32, and compute no layer above it.

    Where a hook of TransformerLens holds one vector per head (`attn.hook_z`), d_model is heads times d_head: the
    heads' vectors stand one after the other.

    Raises:
        GatekitError: `runner.hook`: the model has no such hook, or it does not hold one vector per position.
    """
    if model.bridge is None:
        found = module_output(model.network, model.name, hook, ids, attention_mask)
    else:
        found = _at_hook(model, hook, ids, attention_mask)
    if holds_heads(hook) and found.ndim == 4:
        found = found.flatten(2)
    if found.ndim != 3 or found.shape[:2] != ids.shape:
        raise GatekitError("runner.hook", f"'{hook}' does not hold one vector per position")
    return found.float()


def _at_hook(model: LanguageModel, hook: str, ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return what a hook of TransformerLens holds.

    The pass is ended from inside the hook because `stop_at_layer` runs the whole of an encoder model.
    """
    if hook not in model.bridge.hook_dict:
        remedy = instead_of_module(model.network, hook) or did_you_mean(hook, model.bridge.hook_dict)
        raise GatekitError("runner.hook", f"{model.name} has no hook '{hook}'", remedy=remedy)
    caught: list[torch.Tensor] = []

    # TransformerLens passes the hook point by keyword.
    def catch(value: torch.Tensor, hook: object) -> None:  # noqa: ARG001
        caught.append(value.detach())
        raise _HookReached

    hooks = [(hook, catch)]
    try:
        with torch.no_grad(), contextlib.suppress(_HookReached):
            model.bridge.run_with_hooks(ids, attention_mask=attention_mask, return_type=None, fwd_hooks=hooks)
    except ValueError as error:
        # Some hooks exist and are switched off, such as attn.hook_result.
        raise GatekitError("runner.hook", f"'{hook}' cannot be read: {error}".split("\n")[0]) from None
    if not caught:
        raise GatekitError("runner.hook", f"{model.name} does not reach the hook '{hook}' on texts")
    return caught[0]
