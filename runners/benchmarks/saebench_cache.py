"""Results of probes by everything that they depend on: nothing is found by name, and an altered entry is not used.

sae-probes takes any file of the right name for its result, whatever SAE, seed or version wrote it. Here a result lies
under the digest of its key; the entry repeats the key and carries the digest of the result, and both are compared when
it is read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from runners.cache_use import note_files
from runners.claims import claimed
from runners.code_digest import code_sha256
from runners.determinism import describe_device
from runners.digests import data_sha256
from runners.whole_files import write_text

Json = dict[str, Any]

_PACKAGES = ("numpy", "sae-probes", "scikit-learn", "scipy", "torch")


def surrounding_key(device: str, modules: Iterable[str]) -> Json:
    """Return what every entry depends on beside its own key: versions, arithmetic, and code.

    Args:
        device: computed on.
        modules: that compute; what they import counts too.
    """
    return {
        "format": 3,
        "packages": {name: version(name) for name in _PACKAGES},
        # In words, kernels included: on other ones a cross-validated choice between near ties can fall otherwise.
        "device": describe_device(device),
        "threads": torch.get_num_threads(),
        "source": code_sha256(modules),
    }


def remembered(folder: Path, key: Json, compute: Callable[[], Json]) -> Json:
    """Return the result under this key, or compute it and write it whole.

    Args:
        folder: of all results.
        key: everything that the result depends on, as JSON data.
        compute: called where there is no entry, or one that is not what was written.
    """
    path = folder / f"{data_sha256(key)}.json"
    note_files(path)
    found = _read(path, key)
    if found is not None:
        return found
    with claimed(path, f"result {path.name[:12]}"):
        # Whoever had the claim before may have left it.
        found = _read(path, key)
        return _computed(path, key, compute) if found is None else found


def _computed(path: Path, key: Json, compute: Callable[[], Json]) -> Json:
    if path.exists():
        sys.stderr.write(f"stored result {path.name[:12]} is not the one computed: made again\n")
    # What is used is what the next run will read.
    result: Json = json.loads(json.dumps(compute(), allow_nan=False))
    entry = {"key": key, "result": result, "sha256": data_sha256(result)}
    write_text(path, json.dumps(entry, sort_keys=True, allow_nan=False))
    return result


def _read(path: Path, key: Json) -> Json | None:
    """Return an entry's result, or None where there is none or it is not what was written under this key."""
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        result: Json = entry["result"]
        whole = entry["key"] == key and data_sha256(result) == entry["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return result if whole else None
