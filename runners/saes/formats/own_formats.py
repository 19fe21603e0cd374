"""The formats that are read here, each with the files that it is recognised by.

A reader is imported when a file of its format is read, because a summary depends on every module that was imported for
it: a change of one reader must not make the evidence on SAEs of another format stale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from runners.saes.formats.sae_format import SaeFormat
from runners.saes.sae import Sae


def holds(*names: str) -> Callable[[Path], bool]:
    """Return a recogniser of folders in which files of all these names lie."""
    return lambda path: path.is_dir() and all((path / name).is_file() for name in names)


def _format(name: str, looks_for: str, recognises: Callable[[Path], bool]) -> SaeFormat:
    def read(path: Path) -> Sae:
        sae: Sae = import_module(f"runners.saes.formats.{name}").read(path)
        return sae

    return SaeFormat(name, looks_for, recognises, read)


def _is_openai_file(path: Path) -> bool:
    """Whether a file of torch holds an autoencoder of OpenAI's; its tensors are mapped, not read, and no code runs."""
    if not (path.is_file() and path.suffix == ".pt"):
        return False
    import torch

    try:
        stored = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # whatever is wrong with it, it is no such file
        return False
    return isinstance(stored, dict) and {"pre_bias", "latent_bias", "encoder.weight"} <= set(stored)


def _is_attention_file(path: Path) -> bool:
    return path.is_file() and path.suffix == ".pt" and path.with_name(f"{path.stem}_cfg.json").is_file()


def _is_layer(path: Path) -> bool:
    beside = ("config.yaml", "wandb-config.yaml", "wanb-config.yaml")
    return (
        path.is_file() and bool(_LAYER.fullmatch(path.name)) and any((path.parent / name).is_file() for name in beside)
    )


_LAYER = re.compile(r"layer_\d+\.safetensors")


def _is_openmoss_folder(path: Path) -> bool:
    return holds("config.json", "sae_weights.safetensors")(path) and not (path / "cfg.json").exists()


def _is_llama_scope_folder(path: Path) -> bool:
    return (path / "hyperparams.json").is_file() and any(
        (path / name).is_file()
        for name in ("sae_weights.safetensors", "checkpoints/pruned.safetensors", "checkpoints/final.safetensors")
    )


def _is_own_checkpoint(path: Path) -> bool:
    """Whether a safetensors file has a description beside it that names its digest and architecture."""
    if not (path.is_file() and path.suffix == ".safetensors" and path.with_suffix(".json").is_file()):
        return False
    try:
        described = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and {"sha256", "architecture", "seed"} <= set(described)


def _is_description(path: Path) -> bool:
    return (path / "sae.yaml").is_file() or (path.is_file() and path.suffix in (".yaml", ".yml"))


OWN = (
    _format("sae_lens", "cfg.json and sae_weights.safetensors", holds("cfg.json", "sae_weights.safetensors")),
    _format("dictionary_learning", "config.json and ae.pt", holds("config.json", "ae.pt")),
    _format("sparsify", "cfg.json and sae.safetensors", holds("cfg.json", "sae.safetensors")),
    _format("gemma_scope", "params.npz", holds("params.npz")),
    _format("gemma_scope_2", "params.safetensors", holds("params.safetensors")),
    _format("llama_scope", "hyperparams.json and checkpoints/final.safetensors", _is_llama_scope_folder),
    _format("openmoss", "config.json and sae_weights.safetensors, no cfg.json", _is_openmoss_folder),
    _format("openai", "a file NAME.pt with pre_bias and latent_bias", _is_openai_file),
    _format("circuit_tracer", "a file layer_N.safetensors beside config.yaml or wandb-config.yaml", _is_layer),
    _format("attention", "a file NAME.pt beside NAME_cfg.json", _is_attention_file),
    _format("gatekit", "a file seed_N.safetensors beside seed_N.json", _is_own_checkpoint),
    _format("described", "sae.yaml, or a file NAME.yaml", _is_description),
)
