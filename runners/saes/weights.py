"""Reading weights of any format: never unpickled, never repaired, and only what the configuration asks for."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gatekit.errors import GatekitError, Location
from runners.saes.architecture import Parameters, Shapes


def refused(path: Path, what: str) -> GatekitError:
    """Return the error that names a checkpoint and what is wrong with it."""
    return GatekitError("checkpoint.invalid", what, Location(str(path)))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        GatekitError: `checkpoint.invalid`.
    """
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise refused(path, f"cannot be read as JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise refused(path, "is no JSON object")
    return parsed


def read_safetensors(path: Path) -> Parameters:
    """Read all tensors of a safetensors file onto the CPU.

    Raises:
        GatekitError: `checkpoint.invalid`.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise refused(path, f"cannot be read as safetensors: {error}") from None


def read_torch_object(path: Path) -> object:
    """Read what `torch.save` wrote, as far as it is tensors, numbers, texts and collections of them; runs no code.

    Raises:
        GatekitError: `checkpoint.invalid`: the file is no such file, or holds anything else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        first = str(error).strip().split("\n")[0]
        raise refused(path, f"cannot be read as weights only: {first}") from None


def read_torch(path: Path) -> Parameters:
    """Read a dictionary of tensors that `torch.save` wrote, without running any code in it.

    Raises:
        GatekitError: `checkpoint.invalid`: the file holds anything but tensors by name.
    """
    loaded = read_torch_object(path)
    if not isinstance(loaded, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in loaded.items()
    ):
        raise refused(path, "holds something other than tensors by name")
    return dict(loaded)


def checked(path: Path, tensors: Mapping[str, torch.Tensor], shapes: Shapes) -> Parameters:
    """Return the tensors as float32, having made sure that they are exactly those that the configuration asks for.

    Raises:
        GatekitError: `checkpoint.invalid`: a name is missing or unknown, a shape is another, a number is not finite.
    """
    difference = _difference({name: tuple(tensor.shape) for name, tensor in tensors.items()}, shapes)
    if difference is not None:
        raise refused(path, difference)
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise refused(path, f"'{name}' is of type {tensor.dtype}")
        if not bool(torch.isfinite(tensor).all()):
            raise refused(path, f"a weight in '{name}' is not finite")
    return {name: tensor.float().contiguous() for name, tensor in tensors.items()}


def _difference(found: Shapes, wanted: Shapes) -> str | None:
    """Return the first thing in which the tensors of a file differ from those that are asked for, or None."""
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    for name in missing:
        longer = next((other for other in extra if other.endswith(name)), None)
        if longer is not None:
            prefix = longer.removesuffix(name)
            return f"tensor {longer!r} where the configuration says {name!r}; save the weights without {prefix!r}"
    if missing:
        also = f"; it holds {', '.join(map(repr, extra[:4]))}, which are not read" if extra else ""
        return f"no tensor {missing[0]!r}, where the configuration says one of shape {wanted[missing[0]]}{also}"
    if extra:
        return f"tensor {extra[0]!r} where the configuration says only {', '.join(map(repr, wanted))}"
    for name, shape in wanted.items():
        if found[name] != shape:
            return f"tensor {name!r} of shape {found[name]} where the configuration says {shape}"
    return None


def whole_number(path: Path, config: Mapping[str, Any], name: str) -> int:
    """Return a positive whole number of a configuration.

    Raises:
        GatekitError: `checkpoint.invalid`.
    """
    value = config.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise refused(path, f"'{name}' is {value!r} and no positive whole number")
    return value
