"""SHA-256 of files, tensors, texts and plain data: what a summary names its inputs by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def file_sha256(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_sha256(text: str) -> str:
    """Return the digest of a text's identity: its UTF-8 bytes without leading or trailing white space."""
    return hashlib.sha256(text.strip().encode("utf-8")).hexdigest()


def sequence_sha256(parts: Iterable[str]) -> str:
    """Return the digest of an ordered list of strings, one a line."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8") + b"\n")
    return digest.hexdigest()


def data_sha256(value: object) -> str:
    """Return the digest of plain JSON data, keys sorted."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the digest of named tensors: name, dtype, shape and bytes, in order of name."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
