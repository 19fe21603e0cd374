"""Whether an entry of the cache is what was written: every byte that a run would use is compared with its digest."""

from __future__ import annotations

import ast
import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from gatekit.cache.entries import FOLDERS, CacheEntry
from gatekit.errors import GatekitError
from gatekit.evidence.strict_json import JsonLimits, parse_plain_json, read_regular_file

_BYTES_PER_READ = 1 << 24
LIMITS = JsonLimits(size=16 << 20, values=1_000_000)
"""Of a description, and of the header of a safetensors file."""
LONGEST_NPY_HEADER = 10_000
"""Bytes, as numpy itself reads; it is parsed as Python."""
_TORCH = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"},
    **{"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"},
}
"""Type of a tensor in a safetensors file -> torch's name of it, which digests of tensors hold."""


def fault_of(entry: CacheEntry) -> str | None:
    """Return what is wrong with an entry in a few words, or None; files of runs have no digests to be held to."""
    try:
        return _CHECKS.get(entry.kind, _nothing)(entry)
    except FileNotFoundError as error:
        return f"'{Path(str(error.filename)).name}' is missing"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except GatekitError as error:
        return error.message
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, MemoryError, struct.error):
        return "its description is none"


def _stored_array(entry: CacheEntry) -> str | None:
    manifest = _description(entry.path / "manifest.json")
    if _data_sha256(manifest["key"]) != entry.path.name:
        return "the array is that of another entry"
    with (entry.path / "activations.npy").open("rb") as stream:
        header = _npy_header(stream)
        digest = hashlib.sha256()
        while chunk := stream.read(_BYTES_PER_READ):
            digest.update(chunk)
    types = {"<f2": "float16", "<f4": "float32", "<f8": "float64"}
    found = (digest.hexdigest(), list(header["shape"]), types.get(header["descr"]), header["fortran_order"])
    if found != (manifest["sha256"], manifest["shape"], manifest["dtype"], False):
        return "the array is not the one that its manifest names"
    return None


def _npy_header(stream: BinaryIO) -> Mapping[str, Any]:
    """Read the header of an array in numpy's format (numpy.lib.format, versions 1 to 3)."""
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY":
        raise ValueError("no array")
    wide = magic[6] > 1
    length = int.from_bytes(stream.read(4 if wide else 2), "little")
    if length > LONGEST_NPY_HEADER:
        raise ValueError("no header")
    header: Mapping[str, Any] = ast.literal_eval(stream.read(length).decode("utf-8"))
    return header


def _saes(entry: CacheEntry) -> str | None:
    for path in entry.files:
        if path.name.startswith("trajectory_"):
            header = _header(path)
            if _owner(header) != (entry.path.name, path.stem.partition("_")[2]):
                return f"'{path.name}' is that of another entry"
            if not _is_whole_safetensors(path, header["sha256"]):
                return f"'{path.name}' is not what was kept"
        elif path.suffix == ".json":
            told = _description(path)
            if told.pop("description_sha256") != _data_sha256(told):
                return f"'{path.name}' is not the description that was written"
            if _owner(told) != (entry.path.name, path.stem.partition("_")[2]):
                return f"'{path.name}' is that of another entry"
            weights = path.with_suffix(".safetensors")
            if _file_sha256(weights) != told["sha256"]:
                return f"'{weights.name}' is not what was trained"
    return None


def _owner(told: Mapping[str, Any]) -> tuple[object, str]:
    """Return the entry and the seed that a file says it was made for; those of earlier versions do not say it."""
    return told.get("made_for"), str(told.get("seed"))


def _result(entry: CacheEntry) -> str | None:
    told = _description(entry.path)
    whole = told["sha256"] == _data_sha256(told["result"]) and entry.path.stem == _data_sha256(told["key"])
    return None if whole else "the result is not the one computed"


def _snapshot(entry: CacheEntry) -> str | None:
    header = _header(entry.path)
    whole = header["training"] == entry.path.stem and _is_whole_safetensors(entry.path, header["sha256"])
    return None if whole else "it is not the state of training that its name says"


def _unit(entry: CacheEntry) -> str | None:
    told = _description(entry.path)
    name = f"{told['key']}-{_data_sha256(told['device'])[:16]}.json"
    return None if entry.path.name == name else "it is of another unit, or of another class of device"


def _description(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(2, "missing", str(path))
    return parse_plain_json(read_regular_file(path, "cache", LIMITS.size), path.name, LIMITS)


def _nothing(_entry: CacheEntry) -> None:
    return None


_CHECKS: dict[str, Callable[[CacheEntry], str | None]] = {
    **dict.fromkeys(FOLDERS, _stored_array),
    **{"saes": _saes, "probing": _result, "shifted_probes": _result, "snapshots": _snapshot, "units": _unit},
}


def _header(path: Path) -> Mapping[str, Any]:
    """Return what a safetensors file says of itself; nothing where it says nothing."""
    with path.open("rb") as stream:
        told, _ = _tensors(stream, path.name)
    header = parse_plain_json(told.get("gatekit", "{}").encode(), path.name, LIMITS)
    return header if isinstance(header, Mapping) else {}


def _tensors(stream: BinaryIO, name: str) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """Read the metadata of a safetensors file and, of every tensor, type, shape and place."""
    length = int.from_bytes(stream.read(8), "little")
    if length > LIMITS.size:
        raise ValueError("no header")
    tensors = parse_plain_json(stream.read(length), name, LIMITS)
    return tensors.pop("__metadata__", {}), tensors


def _is_whole_safetensors(path: Path, wanted: str) -> bool:
    """Compare the tensors of a safetensors file with their digest."""
    with path.open("rb") as stream:
        _, tensors = _tensors(stream, path.name)
        start_of_tensors = stream.tell()
        digest = hashlib.sha256()
        for name in sorted(tensors):
            tensor = tensors[name]
            shape = ", ".join(map(str, tensor["shape"])) + ("," if len(tensor["shape"]) == 1 else "")
            digest.update(f"{name}|torch.{_TORCH[tensor['dtype']]}|({shape})\n".encode())
            start, stop = tensor["data_offsets"]
            stream.seek(start_of_tensors + start)
            for chunk in _read(stream, stop - start):
                digest.update(chunk)
    return digest.hexdigest() == wanted


def _read(stream: BinaryIO, left: int) -> Iterator[bytes]:
    while left > 0:
        chunk = stream.read(min(left, _BYTES_PER_READ))
        if not chunk:
            raise ValueError("the file ends too early")
        left -= len(chunk)
        yield chunk


def _file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _data_sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
