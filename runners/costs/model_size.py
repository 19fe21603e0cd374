"""The size of a model's layers up to a hook, from the headers of its weights: no weight is read."""

from __future__ import annotations

import json
import math
import re
import struct
from pathlib import Path

from runners.costs.estimate import ModelSize

_LAYER = re.compile(r"\.(\d+)\.")
_OF_HOOK = re.compile(r"(?:blocks|layers?|h)\.(\d+)(?:\.|\b)")
_LONGEST_HEADER = 100_000_000


def model_size(folder: Path, hook: str) -> ModelSize | None:
    """Return the matrices of the layers up to the hook; None where names say no layers.

    Weights are told by their names and shapes, as in `model.layers.3.mlp.up_proj.weight`: the first number is the
    layer, and what has two dimensions is a matrix.

    Args:
        folder: of the model, with safetensors weights.
        hook: of the configuration; where it names a layer, those above it are not computed.
    """
    shapes: dict[str, list[int]] = {}
    for path in _weight_files(folder):
        shapes |= _shapes(path)
    layers: dict[int, int] = {}
    for name, shape in shapes.items():
        found = _LAYER.search(f".{name}")
        if found is not None and len(shape) == 2:
            layer = int(found[1])
            layers[layer] = layers.get(layer, 0) + math.prod(shape)
    if not layers:
        return None
    last = _OF_HOOK.search(hook)
    computed = [layer for layer in layers if last is None or layer <= int(last[1])]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    width = config.get("hidden_size") or config.get("n_embd") or 0
    return ModelSize(sum(layers[layer] for layer in computed), len(computed), int(width))


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return [folder / "model.safetensors"]
    named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    return [folder / name for name in sorted(set(named))]


def _shapes(path: Path) -> dict[str, list[int]]:
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(min(length, _LONGEST_HEADER)))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
