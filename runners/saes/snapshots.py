"""States of training on disk, so that an interrupted training goes on where it was, with the same bits.

A snapshot is one safetensors file, written whole under another name first. Its own name and its header say by digest
what it is a state of: architecture, plan, seeds, rows, kind of device, threads, torch and the code that trains. Another
training's snapshot is not found; one that was found and is not what its name says is taken away, and not used.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from runners.digests import data_sha256, tensors_sha256
from runners.saes.streamed_rows import Rows, StreamedRows
from runners.whole_files import is_left_behind, make_folder, own_token

SECONDS_BETWEEN = 60.0
"""Writing the state of a 512 x 8192 SAE, 100 MB, takes some tenths of a second."""
_PARTIAL = ".partial"


def rows_sha256(rows: Rows) -> str:
    """Return the digest of the rows that are trained on: type, shape and bytes; of shards, theirs and their order."""
    if isinstance(rows, StreamedRows):
        return rows.sha256
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
        make_folder(folder)
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
        # A name that says whose it is: another writer of the same training must leave it alone.
        partial = self._path.with_name(f"{self._digest}.{own_token()}{_PARTIAL}")
        try:
            save_file(held, partial, metadata={"gatekit": json.dumps(header)})
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(partial, self._path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        self._last = time.monotonic()

    def read(self) -> dict[str, torch.Tensor] | None:
        """Return the state, or None where there is none yet, or one that is not what its name says.

        A damaged state is told of in one line and taken away: training begins again.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._path, framework="pt") as stream:
                header = json.loads((stream.metadata() or {}).get("gatekit", "{}"))
                tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (no mapping)
            if header == {"training": self._digest, "sha256": tensors_sha256(tensors)}:
                return tensors
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, RecursionError):
            pass
        sys.stderr.write(f"the state of training {self._digest[:12]} is not the one written: training begins again\n")
        self._path.unlink(missing_ok=True)
        return None

    def remove(self) -> None:
        """Delete the state and what writers left of it that are no more; another one at work keeps what it writes."""
        self._path.unlink(missing_ok=True)
        for path in self._path.parent.glob(f"{self._digest}.*{_PARTIAL}"):
            token = path.name.removeprefix(f"{self._digest}.").removesuffix(_PARTIAL)
            if is_left_behind(path, token):
                path.unlink(missing_ok=True)
