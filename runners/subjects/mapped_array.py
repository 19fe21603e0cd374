"""A `.npy` file of anyone's, mapped without being read and never unpickled."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from gatekit.errors import GatekitError, Location

_DAMAGED = (ValueError, OSError, EOFError, SyntaxError, TokenError, TypeError, LookupError, OverflowError)
"""What numpy raises of a file that it cannot make sense of: its header is a Python expression."""


def map_array(path: Path, error_id: str) -> npt.NDArray[Any]:
    """Map the array of a file, read only.

    Args:
        path: of the file.
        error_id: of the refusal.

    Raises:
        GatekitError: the file holds no array, or one of pickled objects.
    """
    place = Location(str(path))
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGED:
        raise GatekitError(error_id, "not an array that numpy reads without unpickling", place) from None
    if not isinstance(array, np.ndarray):
        array.close()  # an archive of several
        raise GatekitError(error_id, "not an array that numpy reads without unpickling", place)
    return array
