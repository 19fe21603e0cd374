"""States of training on disk, so that an interrupted training goes on where it was, with the same bits.

A snapshot is one safetensors file, written whole under another name first. Its own name and its header say by digest
what it is a state of: architecture, plan, seeds, rows, kind of device, threads, torch and the code that trains. Another
training's snapshot is not found; one that was found and is not what its name says is refused.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from gatekit.errors import GatekitError, Location
from runners.arrays import Floats
from runners.digests import data_sha256, tensors_sha256

SECONDS_BETWEEN = 60.0
"""Writing the state of a 512 x 8192 SAE, 100 MB, takes some tenths of a second."""


def rows_sha256(rows: Floats) -> str:
    """Return the digest of the rows that are trained on: type, shape and bytes."""
    return tensors_sha256({"rows": torch.from_numpy(rows)})


@dataclass(frozen=True)
class TrainingIdentity:
    """Which training a snapshot is a state of."""

    making: Mapping[str, object]
    seeds: tuple[int, ...]
    rows: tuple[str, ...]
    """Digests of inputs and, where they differ, targets."""

    def digest(self) -> str:
        """Return the snapshot's name."""
        return data_sha256({"making": self.making, "seeds": list(self.seeds), "rows": list(self.rows)})


class SnapshotFile:
    """Where one group of seeds leaves its state: one file, the newest state only."""

    def __init__(self, folder: Path, identity: TrainingIdentity) -> None:
        """Make the folder; look at nothing in it yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self._digest = identity.digest()
        self._path = folder / f"{self._digest}.safetensors"
        self._last = time.monotonic()

    def due(self) -> bool:
        """Say whether the last state written is old enough for another."""
        return time.monotonic() - self._last >= SECONDS_BETWEEN

    def write(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Replace the state; a reader sees the old one or the new one, never a part."""
        from safetensors.torch import save_file

        held = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        header = {"training": self._digest, "sha256": tensors_sha256(held)}
        handle, name = tempfile.mkstemp(prefix=f"{self._digest}.", suffix=".partial", dir=self._path.parent)
        try:
            os.close(handle)
            save_file(held, name, metadata={"gatekit": json.dumps(header)})
            with open(name, "rb") as stream:
                os.fsync(stream.fileno())
            os.replace(name, self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._last = time.monotonic()

    def read(self) -> dict[str, torch.Tensor] | None:
        """Return the state, or None where there is none yet.

        Raises:
            GatekitError: `snapshot.invalid`: the file is damaged or not a state of this training.
        """
        from safetensors import SafetensorError, safe_open

        if not self._path.exists():
            return None
        try:
            with safe_open(self._path, framework="pt") as stream:
                header = json.loads((stream.metadata() or {}).get("gatekit", "{}"))
                tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (no mapping)
        except (OSError, SafetensorError, ValueError) as error:
            raise self._refused(f"cannot be read: {error}") from None
        if header != {"training": self._digest, "sha256": tensors_sha256(tensors)}:
            raise self._refused("is not the state of training that its name says")
        return tensors

    def remove(self) -> None:
        """Delete the state and what interrupted writers left of it."""
        for path in self._path.parent.glob(f"{self._digest}.*"):
            path.unlink(missing_ok=True)

    def _refused(self, what: str) -> GatekitError:
        return GatekitError("snapshot.invalid", what, Location(str(self._path)), "delete it to train from the start")
