"""Rows that somebody else computed, as this run reads them: `.npy`, safetensors shards, SAELens' cached activations.

A single `.npy` file of rows is read in place. Anything else is copied once, piece by piece, into the cache, under the
digest of what it was made of. Rows are taken from the front.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatekit.errors import GatekitError, Location
from runners.arrays import Floats
from runners.code_digest import code_sha256
from runners.digests import data_sha256, file_sha256, sequence_sha256
from runners.places import config_error
from runners.subjects.activation_manifest import ActivationManifest, StoredRows
from runners.subjects.mapped_array import map_array
from runners.subjects.stored_array import ARRAY, open_or_make, write_manifest
from runners.subjects.text_names import named
from runners.summary_writing import Json
from runners.whole_files import building_folder, rename_folder

_ROWS_PER_READ = 8192
_TEXTS_PER_READ = 64


@dataclass(frozen=True)
class GivenStore:
    """The first rows of a file."""

    path: Path
    sha256: str
    """Over the files that the rows are from, their number, and what was left out."""
    rows: int
    d_model: int

    def read(self) -> Floats:
        """Map the rows, (rows, d_model), without reading them; writes never reach the file."""
        mapped: Floats = np.load(self.path, mmap_mode="c", allow_pickle=False)
        return mapped.reshape(-1, self.d_model)[: self.rows]


@dataclass(frozen=True)
class GivenActivations:
    """A manifest and where it lies."""

    manifest: ActivationManifest
    folder: Path
    rows: dict[str, int]
    """How many are asked for: `held_out` and `training`."""

    @property
    def label(self) -> str:
        """Names the rows in a summary."""
        return named(Path(self.manifest.held_out[0].path).name)

    @property
    def inputs(self) -> list[tuple[str, str, int]]:
        """Name, digest and rows of what a summary lists them by."""
        stored = (*self.manifest.held_out, *(self.manifest.training or ()))
        files = [(f"activations:file:{named(Path(each.path).name)}", each.sha256, 0) for each in stored]
        return [("tokens:as-the-manifest-says", self.manifest.tokens_sha256, 0), *files]

    def datasets(self, trains: bool) -> list[Json]:
        """Return the rows as a protocol's datasets."""
        return [
            {"name": f"{self.label}:{part.replace('_', '-')}-rows", "sha256": digest, "rows": self.rows[part]}
            for part, digest in ((part, self._digest(part)) for part in ("training", "held_out"))
            if trains or part == "held_out"
        ]

    def open(self, part: str, cache: Path) -> GivenStore:
        """Check the files and return their rows.

        Args:
            part: `held_out` or `training`.
            cache: folder of all stores.

        Raises:
            GatekitError: a file is not there, is not the one that the manifest names, is not of its form, or there are
                too few rows.
        """
        stored = self._stored(part)
        if not stored:
            message = "this stage trains SAEs, and the manifest names no rows to train on"
            raise config_error(self.manifest, "training", message, error_id="activations.training")
        for place, each in enumerate(stored):
            self._check(each, f"{part}[{place}]")
        first = self.folder / stored[0].path
        if len(stored) == 1 and first.suffix == ".npy":
            for _ in self._pieces(stored):
                pass  # what is read in place is looked at too: it must be finite numbers
            path = first
        else:
            path = self._copied(part, stored, cache)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        width = int(array.shape[-1])
        found, wanted = array.size // width, self.rows[part]
        if found < wanted:
            message = f"{part.replace('_', ' ')}: {found} rows are stored, {wanted} are asked for"
            raise GatekitError("activations.too_few", message)
        return GivenStore(path, self._digest(part), wanted, width)

    def _stored(self, part: str) -> tuple[StoredRows, ...]:
        stored: tuple[StoredRows, ...] = getattr(self.manifest, part) or ()
        return stored

    def _digest(self, part: str) -> str:
        manifest = self.manifest
        of_files = [f"{each.sha256} {each.tensor}" for each in self._stored(part)]
        return data_sha256([of_files, manifest.hook, manifest.leave_out_tokens, self.rows[part]])

    def _check(self, each: StoredRows, key: str) -> None:
        path = self.folder / each.path
        if not path.exists():
            raise config_error(self.manifest, f"{key}.path", "there is no such file", error_id="activations.file")
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else []
        lines = (f"{one.relative_to(path).as_posix()} {file_sha256(one)}" for one in inside)
        digest = sequence_sha256(lines) if path.is_dir() else file_sha256(path)
        if digest != each.sha256:
            message = f"'{path.name}' has the digest {digest}, not the one that the manifest says"
            raise config_error(self.manifest, f"{key}.sha256", message, error_id="activations.altered")

    def _pieces(self, stored: Sequence[StoredRows]) -> Iterator[Floats]:
        width = None
        for each in stored:
            path = self.folder / each.path
            for piece in _reader(path)(path, each, self.manifest):
                if width is not None and piece.shape[1] != width:
                    message = f"rows of {piece.shape[1]} numbers, and of {width} before"
                    raise GatekitError("activations.width", message, Location(str(path)))
                width = piece.shape[1]
                if not np.isfinite(piece).all():
                    raise GatekitError("activations.range", "a number is infinite or none", Location(str(path)))
                yield piece

    def _copied(self, part: str, stored: Sequence[StoredRows], cache: Path) -> Path:
        key = {"rows": self._digest(part), "source": code_sha256([__name__])}
        folder = cache / "given_activations" / data_sha256(key)
        return open_or_make(folder, lambda: self._copy(part, stored, folder, key)).path

    def _copy(self, part: str, stored: Sequence[StoredRows], folder: Path, key: Mapping[str, object]) -> None:
        with building_folder(folder) as building:
            _write(self._pieces(stored), self.rows[part], building / ARRAY)
            rows = np.load(building / ARRAY, mmap_mode="r", allow_pickle=False)
            write_manifest(building, rows, key)
            rename_folder(building, folder)


def _write(pieces: Iterator[Floats], wanted: int, path: Path) -> None:
    """Write the first rows of all pieces as one array; of fewer, those that there are."""
    array: np.memmap[Any, Any] | None = None
    done = 0
    for piece in pieces:
        if array is None:
            shape = (wanted, piece.shape[1])
            array = np.lib.format.open_memmap(path, mode="w+", dtype=piece.dtype, shape=shape)
        part = piece[: wanted - done]
        array[done : done + len(part)] = part
        done += len(part)
        if done == wanted:
            array.flush()
            return
    raise GatekitError("activations.too_few", f"{done} rows are stored, {wanted} are asked for")


Read = Callable[[Path, StoredRows, ActivationManifest], Iterator[Floats]]


def _reader(path: Path) -> Read:
    if path.is_dir():
        return _of_folder
    if path.suffix == ".npy":
        return _of_array
    if path.suffix == ".safetensors":
        return _of_safetensors
    raise GatekitError("activations.form", "not a .npy or .safetensors file, nor a folder", Location(str(path)))


def _of_array(path: Path, stored: StoredRows, manifest: ActivationManifest) -> Iterator[Floats]:
    del stored
    _refuse_left_out(manifest, path)
    array = map_array(path, "activations.form")
    if array.dtype.kind != "f" or array.ndim not in (2, 3) or not array.size:
        message = "no numbers in rows (rows, width) or (texts, tokens, width)"
        raise GatekitError("activations.form", message, Location(str(path)))
    rows = array.reshape(-1, array.shape[-1])
    for start in range(0, len(rows), _ROWS_PER_READ):
        yield rows[start : start + _ROWS_PER_READ]


def _of_safetensors(path: Path, stored: StoredRows, manifest: ActivationManifest) -> Iterator[Floats]:
    import torch
    from safetensors import SafetensorError, safe_open

    _refuse_left_out(manifest, path)
    place = Location(str(path))
    try:
        with safe_open(path, framework="pt") as file:
            names = sorted(file.keys())
            name = stored.tensor or (names[0] if len(names) == 1 else "")
            if name not in names:
                message = f"no tensor '{name}'" if name else "several tensors, and the manifest names none"
                raise GatekitError("activations.form", message, place, f"it has: {', '.join(names[:20])}")
            part = file.get_slice(name)
            shape = part.get_shape()
            if len(shape) not in (2, 3) or 0 in shape:
                message = "no numbers in rows (rows, width) or (texts, tokens, width)"
                raise GatekitError("activations.form", message, place)
            for start in range(0, shape[0], _ROWS_PER_READ if len(shape) == 2 else _TEXTS_PER_READ):
                stop = start + (_ROWS_PER_READ if len(shape) == 2 else _TEXTS_PER_READ)
                piece = part[start:stop].reshape(-1, shape[-1])
                # numpy knows no bfloat16; float32 holds every one of its numbers.
                piece = piece.float() if piece.dtype == torch.bfloat16 else piece
                if not piece.dtype.is_floating_point:
                    raise GatekitError("activations.form", f"tensor '{name}' holds no floating-point numbers", place)
                yield piece.numpy()
    except SafetensorError:
        raise GatekitError("activations.form", "not a safetensors file", place) from None


def _of_folder(path: Path, stored: StoredRows, manifest: ActivationManifest) -> Iterator[Floats]:
    """Yield the rows of a dataset with a column per hook, (context, width) a row, as SAELens caches activations."""
    import datasets

    place = Location(str(path))
    column = stored.tensor or manifest.hook
    try:
        found = datasets.load_from_disk(str(path))
    except (OSError, ValueError, KeyError):
        raise GatekitError("activations.form", "not a folder that datasets.save_to_disk wrote", place) from None
    columns = getattr(found, "column_names", None)
    wanted = [column, *(["token_ids"] if manifest.leave_out_tokens is not None else [])]
    if not isinstance(columns, list) or any(name not in columns for name in wanted):
        missing = next((name for name in wanted if name not in (columns or ())), column)
        said = f"its columns: {', '.join(map(str, columns or ()))}"
        raise GatekitError("activations.form", f"no column '{missing}'", place, said)
    table = found.with_format("numpy")
    for start in range(0, len(table), _TEXTS_PER_READ):
        batch = table[start : start + _TEXTS_PER_READ]
        values = np.asarray(batch[column])
        if values.dtype.kind != "f" or values.ndim not in (2, 3):
            raise GatekitError("activations.form", f"column '{column}' holds no rows of numbers", place)
        rows = values.reshape(-1, values.shape[-1])
        if manifest.leave_out_tokens is not None:
            ids = np.asarray(batch["token_ids"]).reshape(-1)
            if len(ids) != len(rows):
                raise GatekitError("activations.form", "'token_ids' has not an id for every row", place)
            rows = rows[~np.isin(ids, manifest.leave_out_tokens)]
        if len(rows):
            yield rows


def _refuse_left_out(manifest: ActivationManifest, path: Path) -> None:
    if manifest.leave_out_tokens is not None:
        message = f"'{path.name}' says of no row which token it is"
        raise config_error(manifest, "leave_out_tokens", message, error_id="activations.form")
