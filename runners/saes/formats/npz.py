"""Reading numpy archives, without the pickles that they may hold."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from runners.saes.architecture import Parameters
from runners.saes.weights import refused

_BROKEN = (OSError, ValueError, EOFError, KeyError, TypeError, RuntimeError, SyntaxError, MemoryError)
"""What numpy and zipfile raise for a file that is broken at one place or another."""


def read_npz(path: Path) -> Parameters:
    """Read all arrays of an archive as tensors of their own type.

    Raises:
        GatekitError: `checkpoint.invalid`: no such archive, or it holds something other than numbers.
    """
    tensors: Parameters = {}
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise refused(path, "is one array and no archive of arrays by name")
            for name in archive.files:
                array = archive[name]
                if array.dtype.kind not in "fiub":
                    raise refused(path, f"'{name}' is of type {array.dtype}")
                tensors[name] = torch.from_numpy(np.array(array))
    except (*_BROKEN, zipfile.BadZipFile, zlib.error, struct.error) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise refused(path, f"cannot be read as a numpy archive: {reason}") from None
    return tensors
