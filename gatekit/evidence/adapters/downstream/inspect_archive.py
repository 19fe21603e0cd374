"""Inspect's `.eval` format: a zip of `header.json` and one JSON per sample and epoch, put together as a JSON log is.

Sizes are bounded before and while anything is unpacked. Members packed by zstandard, which newer versions of Inspect
can write, are not read: Python unpacks them from 3.14 on only.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from dataclasses import replace
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import Document, JsonLimits, parse_json, read_regular_file

PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
)
"""What Python's zipfile raises over an archive that is damaged, encrypted or none."""
MOST_SAMPLES = 200_000
MOST_MEMBERS = 2 * MOST_SAMPLES
"""Files of any name in an archive."""


def read_archive(path: str, limits: JsonLimits) -> Document:
    """Return an `.eval` file as the document that `inspect log convert --to json` would make, where it is read here.

    Raises:
        GatekitError: `json.*`, also of a member; `adapter.shape`: it is no such archive; `adapter.size`.
    """
    data = read_regular_file(path, "json", limits.size)
    # A zip lists its members at the end, 46 bytes and a name each, and all of them are held in memory.
    if data.count(b"PK\x01\x02") > MOST_MEMBERS:
        raise GatekitError("adapter.size", f"the archive lists more than {MOST_MEMBERS} members", Location(path))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            value, nonfinite = _together(archive, path, limits)
    except BROKEN as error:
        raise _refuse(path, f"not an archive as Inspect writes it: {str(error)[:80]}") from None
    return Document(path, value, hashlib.sha256(data).hexdigest(), len(data), nonfinite)


def _together(archive: zipfile.ZipFile, path: str, limits: JsonLimits) -> tuple[dict[str, Any], int]:
    members = archive.infolist()
    names = [member.filename for member in members]
    if "header.json" not in names:
        raise _refuse(path, "there is no header.json: the run did not end")
    samples = sorted(name for name in names if name.startswith("samples/") and name.endswith(".json"))
    if len(set(names)) != len(names):
        raise _refuse(path, "a member is there twice")
    wanted = {"header.json", *samples}
    size = sum(member.file_size for member in members if member.filename in wanted)
    if len(samples) > MOST_SAMPLES or size > limits.size:
        message = f"{len(samples)} samples of {size} bytes; at most {MOST_SAMPLES} of {limits.size} are read"
        raise GatekitError("adapter.size", message, Location(path))
    header, left = _member(archive, "header.json", path, limits)
    if not isinstance(header.value, dict):
        raise _refuse(path, "header.json is not an object")
    parsed = []
    for name in samples:
        sample, left = _member(archive, name, path, left)
        parsed.append(sample)
    value = {**header.value, "samples": [one.value for one in parsed]}
    return value, header.nonfinite + sum(one.nonfinite for one in parsed)


def _member(archive: zipfile.ZipFile, name: str, path: str, limits: JsonLimits) -> tuple[Document, JsonLimits]:
    """Return a member, and the limits with the values that are left for the others."""
    info = archive.getinfo(name)
    if info.compress_type not in PACKED:
        raise _refuse(path, f"{name[:80]} is packed in a way that is not read")
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)  # the header's size was counted; more than it says is not unpacked
    document = parse_json(data, f"{path}:{name}", limits)
    values = sum(map(data.count, (b",", b"[", b"{"))) + 1
    return document, replace(limits, values=limits.values - values)


def _refuse(path: str, message: str) -> GatekitError:
    remedy = f"inspect log convert {path} --to json --output-dir logs-json"
    return GatekitError("adapter.shape", message, Location(path), remedy)
