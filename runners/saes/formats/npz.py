"""Reading numpy archives, without the pickles that they may hold."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from runners.saes.architecture import Parameters
from runners.saes.weights import refused


def read_npz(path: Path) -> Parameters:
    """Read all arrays of an archive as tensors of their own type.

    Raises:
        GatekitError: `checkpoint.invalid`: no such archive, or it holds something other than numbers.
    """
    tensors: Parameters = {}
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise refused(path, "is one array and no archive of arrays by name")
        with archive:
            for name in archive.files:
                array = archive[name]
                if array.dtype.kind not in "fiub":
                    raise refused(path, f"'{name}' is of type {array.dtype}")
                tensors[name] = torch.from_numpy(np.array(array))
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise refused(path, f"cannot be read as a numpy archive: {reason}") from None
    return tensors
