"""The ledger of a cycle: one JSON record a line, only ever appended to, and enough to go on after any death.

A record that was torn by a death in the middle of a write is passed over: what it would have said did not happen, so
the work is done again. Each record starts on a line of its own, so that a torn one never swallows the next, and ends
with the digest of all that it says: one that reads otherwise than it was written would stop another branch, or let one
go on, without a word.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from gatekit.cycles.resources import unwritable
from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import JsonLimits, parse_plain_json, read_regular_file

NAME = "ledger.jsonl"
LARGEST = 64 << 20
"""Bytes; a cycle of 100,000 tasks has about 50 MB."""
MOST_RECORDS = 500_000
"""Lines; a cycle of 100,000 tasks has about 300,000."""
MOST_VALUES = 4_000_000
"""Values of all records; those of 100,000 tasks have some 3,000,000."""
LONGEST_RECORD = JsonLimits(values=10_000)
DIGEST = ', "sum": "{}"}}'
"""How a record ends: with the first 64 bits of the sha256 of it without this, in hexadecimal."""
_ENDS = re.compile(rb', "sum": "([0-9a-f]{16})"\}\s*$')

Record = Mapping[str, Any]
"""`event` and `time` always; the rest depends on the event."""


@dataclass(frozen=True)
class Ledger:
    """The file of one cycle."""

    path: Path

    def read(self) -> list[Record]:
        """Return all whole records, oldest first; none where there is no file yet.

        Raises:
            GatekitError: `ledger.damaged`: a record is not as it was written; `ledger.size`, `ledger.too_many_records`
                or `ledger.too_many_values`: there is more than any cycle writes; other `ledger.*`: the file cannot be
                read.
        """
        if not self.path.exists():
            return []
        data = read_regular_file(self.path, "ledger", LARGEST)
        if data.count(b"\n") > MOST_RECORDS:
            message = f"the ledger has more than {MOST_RECORDS} records"
            raise GatekitError("ledger.too_many_records", message, Location(str(self.path)))
        if sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
            message = f"the records of the ledger have more than {MOST_VALUES} values"
            raise GatekitError("ledger.too_many_values", message, Location(str(self.path)))
        return list(_records(BytesIO(data), self.path))

    def write(self, event: str, **facts: Any) -> Record:
        """Append one record, on disk before this returns.

        Raises:
            GatekitError: `cycle.disk`: it could not be written.
        """
        record = {"event": event, "time": utc_now(), **facts}
        line = line_of(record)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                if not _ends_line(descriptor):
                    line = b"\n" + line
                written = os.write(descriptor, line)
                if written < len(line):
                    raise OSError(28, "No space left on device")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise unwritable("the ledger", self.path, error) from None
        return record


def _ends_line(descriptor: int) -> bool:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size == 0:
        return True
    return os.pread(descriptor, 1, size - 1) == b"\n"


def line_of(record: Record) -> bytes:
    """Return the line of one record, with its digest."""
    text = json.dumps(record, sort_keys=True, allow_nan=False)
    return (text[:-1] + DIGEST.format(_digest(text.encode("utf-8"))) + "\n").encode("utf-8")


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def _records(lines: Iterable[bytes], path: Path) -> Iterable[Record]:
    for number, line in enumerate(lines, 1):
        end = _ENDS.search(line)
        if end is not None and _digest(line[: end.start()] + b"}") != end[1].decode():
            raise _damaged(path, number)
        try:
            record = parse_plain_json(line, "ledger", LONGEST_RECORD)
        except GatekitError:
            continue
        if isinstance(record, dict) and isinstance(record.get("event"), str) and isinstance(record.get("time"), str):
            if end is None:
                raise _damaged(path, number)
            del record["sum"]
            yield record


def _damaged(path: Path, number: int) -> GatekitError:
    message = "this record is not as it was written: its digest is another one"
    remedy = "put the ledger back, or take the line out: what it says is then done again"
    return GatekitError("ledger.damaged", message, Location(str(path), number), remedy)


def utc_now() -> str:
    """Return the time as summaries write it, to the millisecond."""
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"


def moment(text: str) -> datetime:
    """Return the aware time of a record."""
    return datetime.fromisoformat(text)
