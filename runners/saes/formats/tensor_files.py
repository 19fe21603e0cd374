"""Reading tensors by name from a file of any of the common kinds, or from the shards that an index names."""

from __future__ import annotations

from pathlib import Path

import torch

from runners.saes.architecture import Parameters
from runners.saes.formats.npz import read_npz
from runners.saes.weights import read_json, read_safetensors, read_torch_object, refused


def read_tensors(path: Path, within: str | None = None) -> Parameters:
    """Read all tensors of a file.

    Args:
        path: `.safetensors`, `.npz`, `.pt`, `.pth`, `.bin`, or the `.index.json` of safetensors shards.
        within: of a file that `torch.save` wrote, the entry that is the state dict; None where the whole file is it.

    Raises:
        GatekitError: `checkpoint.invalid`: another kind of file, a missing shard, or anything but tensors by name.
    """
    if within is not None and path.suffix not in (".pt", ".pth", ".bin"):
        raise refused(path, f"has no entry {within!r}: it is no file of torch.save")
    if not path.is_file():
        raise refused(path, "no such file")
    if path.name.endswith(".index.json"):
        return _read_shards(path)
    match path.suffix:
        case ".safetensors":
            return read_safetensors(path)
        case ".npz":
            return read_npz(path)
        case ".pt" | ".pth" | ".bin":
            return _read_torch(path, within)
    raise refused(path, "is no .safetensors, .npz, .pt, .pth, .bin or .index.json; pickles are not read")


def _read_torch(path: Path, within: str | None) -> Parameters:
    stored = read_torch_object(path)
    if within is not None:
        if not isinstance(stored, dict) or within not in stored:
            raise refused(path, f"has no entry {within!r}")
        stored = stored[within]
    if not isinstance(stored, dict):
        raise refused(path, f"holds {type(stored).__name__} and not tensors by name")
    for name, value in stored.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            inside = " (its state dict may be one entry: name that as 'within')" if isinstance(value, dict) else ""
            raise refused(path, f"'{name}' is {type(value).__name__} and no tensor{inside}")
    return dict(stored)


def _read_shards(path: Path) -> Parameters:
    """Read every tensor from the shard that the index names for it."""
    places = read_json(path).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise refused(path, "'weight_map' does not name a file for each tensor")
    shards: dict[str, Parameters] = {}
    for place in sorted(set(places.values())):
        shard = path.parent / place
        if Path(place).name != place or not shard.is_file():
            raise refused(path, f"the shard {place!r} is not beside it")
        shards[place] = read_safetensors(shard)
    for place, tensors in shards.items():
        for name in tensors:
            if places.get(name) != place:
                raise refused(path.parent / place, f"tensor {name!r}, which {path.name} does not place here")
    for name, place in places.items():
        if name not in shards[place]:
            raise refused(path.parent / place, f"no tensor {name!r}, which {path.name} places here")
    return {name: shards[place][name] for name, place in places.items()}
