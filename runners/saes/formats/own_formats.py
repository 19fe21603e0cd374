"""The formats that are read here, each with the files that it is recognised by.

A reader is imported when a file of its format is read, because a summary depends on every module that was imported for
it: a change of one reader must not make the evidence on SAEs of another format stale.
"""

from __future__ import annotations

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


OWN = (
    _format("sae_lens", "cfg.json and sae_weights.safetensors", holds("cfg.json", "sae_weights.safetensors")),
    _format("dictionary_learning", "config.json and ae.pt", holds("config.json", "ae.pt")),
    _format("sparsify", "cfg.json and sae.safetensors", holds("cfg.json", "sae.safetensors")),
)
