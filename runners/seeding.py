"""Random numbers by name: every use has its own generator, so that adding a use or a seed changes no other draw."""

from __future__ import annotations

import hashlib

import torch


def derive_seed(purpose: str, seed: int) -> int:
    """Return 63 bits that depend on the purpose and the seed alone: the head of SHA-256 over both.

    Two purposes at one seed, or one purpose at two seeds, give unrelated generators; `seed + 1` or `seed + 100000`
    would not promise that.
    """
    digest = hashlib.sha256(f"gatekit.runners/1|{purpose}|{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(purpose: str, seed: int) -> torch.Generator:
    """Return a CPU generator; draws are made on the CPU everywhere so that a GPU run starts from the same numbers."""
    return torch.Generator().manual_seed(derive_seed(purpose, seed))
