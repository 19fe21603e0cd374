"""What a person says about a measurement before its numbers: the subject, and the protocol as far as it is known.

The same parts come from a file (`subject.yaml`, or JSON), from a dict or from keyword arguments. Where a summary wants
a digest, a path may be given instead, and the file is digested here. What is left out is listed, so that the writer of
the summary can name all of it at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location, did_you_mean
from gatekit.evidence.canonical import sha256_file
from gatekit.evidence.model_digest import model_sha256
from gatekit.evidence.plain_values import plain_value
from gatekit.evidence.schemas import part_faults
from gatekit.evidence.strict_json import read_json, value_pointer

Json = dict[str, Any]
Tokens = tuple[str | int, ...]
Place = Callable[[Tokens], Location | None]
"""Keys and indices from the root -> the place in the file, None where there is no file."""

SUBJECT_PARTS = ("model", "hook", "d_model", "architecture", "d_sae", "k", "checkpoints")
PROTOCOL_PARTS = ("name", "rows", "datasets", "families", "ks", "baseline", "selection", "settings")
FILE_PARTS = ("schema", *SUBJECT_PARTS, "protocol", "sources", "started", "finished")
SCHEMA = "gatekit.subject/1"

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class SubjectFacts:
    """The parts that were given, in the form of a summary, and the names of those that were not."""

    subject: Json
    protocol: Json = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    """Files that the numbers depend on, from the current folder."""
    started: str | None = None
    finished: str | None = None
    missing: tuple[str, ...] = ()

    @property
    def seeds(self) -> list[int] | None:
        """The seeds that have a checkpoint; None when no checkpoint is given."""
        entries = self.subject.get("checkpoints")
        return None if not entries else [entry["seed"] for entry in entries]


def read_subject_file(path: str | os.PathLike[str]) -> SubjectFacts:
    """Read `subject.yaml`, or the same parts as JSON where the name ends in .json.

    In both a null stands for a part that is left out, so that a skeleton can hold one where a value is still to come.
    Paths in the file are relative to its own folder.

    Raises:
        GatekitError: `json.*`, `yaml.*`, or `subject.*` with the place of the first fault; `digest.unreadable` for a
            file that is named there and cannot be read.
    """
    name = os.fspath(path)
    folder = Path(name).parent
    if name.endswith(".json"):
        value = read_json(name).value
        return subject_facts(value, folder, lambda tokens: Location(name, pointer=value_pointer(tokens)))
    from gatekit.evidence.strict_yaml import YamlLimits, read_yaml

    document = read_yaml(name, YamlLimits(keep_null=True))
    return subject_facts(document.plain(), folder, lambda tokens: document.location(document.node_at(tokens, key=True)))


def is_subject_file(path: str) -> bool:
    """Whether a YAML file says that it is a subject, or has a subject's parts and does not say what it is.

    A file that cannot be read is none; whoever reads it next says what is wrong with it.
    """
    if not path.endswith((".yaml", ".yml")) or not os.path.isfile(path):
        return False
    from gatekit.evidence.strict_yaml import YamlLimits, read_yaml

    try:
        value = read_yaml(path, YamlLimits(keep_null=True)).plain()
    except GatekitError:
        return False
    return isinstance(value, dict) and (
        value["schema"] == SCHEMA if "schema" in value else not {"model", "hook", "checkpoints"}.isdisjoint(value)
    )


def subject_facts(value: Any, folder: Path = Path(), place: Place = lambda _: None) -> SubjectFacts:
    """Check what is given and complete it: files become digests, a missing `k` means that there is none.

    Args:
        value: mapping with the parts of `FILE_PARTS`, each of them optional.
        folder: what paths are relative to.
        place: for errors.

    Raises:
        GatekitError: `subject.*`, `digest.unreadable`.
    """
    reader = _SubjectReader(folder, place)
    parts = reader.mapping(value, (), FILE_PARTS)
    if parts.get("schema", SCHEMA) != SCHEMA:
        raise reader.refuse(("schema",), f"the schema is not {SCHEMA}")
    subject, missing = reader.subject({key: parts[key] for key in SUBJECT_PARTS if key in parts}, ())
    protocol: Json = {}
    if "protocol" in parts:
        protocol, more = reader.protocol(parts["protocol"])
        missing += more
    sources = parts.get("sources", [])
    if not isinstance(sources, list | tuple) or not all(isinstance(source, str) for source in sources):
        raise reader.refuse(("sources",), "sources is not a list of paths")
    for key in ("started", "finished"):
        if key in parts:
            reader.check("time", parts[key], (key,))
    return SubjectFacts(
        subject=subject,
        protocol=protocol,
        sources=tuple(os.fspath(folder / source) for source in sources),
        started=parts.get("started"),
        finished=parts.get("finished"),
        missing=tuple(missing),
    )


def protocol_facts(value: Any, folder: Path = Path()) -> tuple[Json, list[str]]:
    """Check and complete a protocol that is given apart from its subject; return it and the names of missing parts.

    Raises:
        GatekitError: `subject.*`, `digest.unreadable`.
    """
    return _SubjectReader(folder, lambda _: None).protocol(value)


class _SubjectReader:
    """Turns what people write into the summary's form; holds where paths start and where errors point."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder = folder
        self.place = place

    def refuse(self, tokens: Tokens, message: str, remedy: str | None = None) -> GatekitError:
        location = self.place(tokens)
        at = ".".join(map(str, tokens))
        return GatekitError("subject.refused", f"{at}: {message}" if at else message, location, remedy)

    def mapping(self, value: Any, tokens: Tokens, known: Sequence[str]) -> dict[str, Any]:
        """Return a mapping of known keys; a null stands for a key that is left out, as JSON writes it."""
        if not isinstance(value, Mapping):
            raise self.refuse(tokens, f"this is not a mapping of {', '.join(known)}")
        for key in value:
            if key not in known:
                remedy = did_you_mean(str(key), known) or f"known: {', '.join(known)}"
                raise self.refuse((*tokens, str(key)), f"unknown key '{key}'", remedy)
        return {key: item for key, item in value.items() if item is not None}

    def check(self, part: str, value: Any, tokens: Tokens) -> None:
        """Refuse a value that one definition of the summary's schema refuses; missing parts are not its business."""
        for path, message, remedy in part_faults(part, plain_value(value, ".".join(map(str, tokens)) or part)):
            raise self.refuse((*tokens, *path), message, remedy)

    def subject(self, value: Any, tokens: Tokens) -> tuple[Json, list[str]]:
        """Return a subject as far as it is given, and the names of what is missing."""
        given = self.mapping(value, tokens, SUBJECT_PARTS)
        subject: Json = {key: given[key] for key in ("hook", "d_model", "architecture", "d_sae") if key in given}
        subject["k"] = given.get("k")
        if "model" in given:
            subject["model"] = self.model(given["model"], (*tokens, "model"))
        if "checkpoints" in given:
            subject["checkpoints"] = self.checkpoints(given["checkpoints"], (*tokens, "checkpoints"))
        self.check("subject", subject, tokens)
        prefix = ".".join(map(str, tokens)) or "subject"
        pending = [entry["seed"] for entry in subject.get("checkpoints", ()) if "sha256" not in entry]
        missing = [f"{prefix}.{part}" for part in SUBJECT_PARTS if part not in subject]
        if "model" in subject:
            missing += [f"{prefix}.model.{part}" for part in ("name", "digest") if part not in subject["model"]]
        if pending:
            missing.append(f"{prefix}.checkpoints has no sha256 or file for seed {', '.join(map(str, pending))}")
        return subject, missing

    def model(self, value: Any, tokens: Tokens) -> Json:
        if isinstance(value, str):
            return {"name": value}
        given = self.mapping(value, tokens, ("name", "digest", "folder", "file"))
        model: Json = {key: given[key] for key in ("name", "digest") if key in given}
        sources = [key for key in ("digest", "folder", "file") if key in given]
        if len(sources) > 1:
            raise self.refuse((*tokens, sources[1]), f"give {' or '.join(sources)}, not both")
        if "folder" in given:
            model["digest"] = model_sha256(self.path(given["folder"], (*tokens, "folder")))
        if "file" in given:
            model["digest"] = sha256_file(self.path(given["file"], (*tokens, "file")))
        return model

    def checkpoints(self, value: Any, tokens: Tokens) -> list[Json]:
        """Return one entry per seed in order of seed, from {seed: sha256 or path} or [{seed, sha256 or file}].

        A null in the place of a digest is one that is still to come: the entry has its seed alone.
        """
        entries: list[tuple[Any, Any, Tokens]] = []
        if isinstance(value, Mapping):
            entries = [(seed, digest, (*tokens, str(seed))) for seed, digest in value.items()]
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                at = (*tokens, index)
                given = self.mapping(item, at, ("seed", "sha256", "file"))
                named = [part for part in ("sha256", "file") if part in item]
                if "seed" not in given or len(named) != 1:
                    raise self.refuse(at, "a checkpoint has a seed, and its sha256 or its file")
                entries.append((given["seed"], given.get("sha256", given.get("file")), at))
        else:
            raise self.refuse(tokens, "checkpoints is neither {seed: sha256 or file} nor a list of {seed, sha256}")
        found: dict[int, Json] = {}
        for seed, digest, at in entries:
            number = self.seed(seed, at)
            if number in found:
                raise self.refuse(at, f"seed {number} is there twice")
            found[number] = {"seed": number} if digest is None else {"seed": number, "sha256": self.digest(digest, at)}
        by_digest: dict[str, int] = {}
        for number, entry in sorted(found.items()):
            other = by_digest.setdefault(entry.get("sha256", f"seed {number}"), number)
            if other != number:
                raise self.refuse(tokens, f"seeds {other} and {number} are the same checkpoint")
        return [found[number] for number in sorted(found)]

    def seed(self, value: Any, tokens: Tokens) -> int:
        # A key of YAML and JSON is text.
        if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,9}", value, re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
            raise self.refuse(tokens, f"{str(value)[:40]!r} is not a seed: an integer from 0 to 4294967295")
        return value

    def digest(self, value: Any, tokens: Tokens) -> str:
        """Return a sha256 as it stands, or that of the file that a path names."""
        if isinstance(value, str) and _SHA256.fullmatch(value):
            return value
        return sha256_file(self.path(value, tokens))

    def path(self, value: Any, tokens: Tokens) -> Path:
        if not isinstance(value, str | os.PathLike) or not os.fspath(value):
            raise self.refuse(tokens, f"{str(value)[:40]!r} is neither a sha256 nor a path")
        path = self.folder / value
        if not path.exists():
            remedy = "give its sha256, or its path from the folder of this file"
            raise self.refuse(tokens, f"there is no file '{path}'", remedy)
        return path

    def protocol(self, value: Any) -> tuple[Json, list[str]]:
        """Return a protocol as far as it is given, and the names of what is missing in its parts."""
        tokens: Tokens = ("protocol",)
        given = self.mapping(value, tokens, PROTOCOL_PARTS)
        missing: list[str] = []
        protocol = dict(given)
        if "datasets" in given:
            protocol["datasets"] = self.datasets(given["datasets"], (*tokens, "datasets"), missing)
        if "baseline" in given:
            protocol["baseline"] = self.baseline(given["baseline"], (*tokens, "baseline"), missing)
        if "selection" in given:
            selection = self.mapping(given["selection"], (*tokens, "selection"), ("candidates", "seeds", "datasets"))
            protocol["selection"] = {"candidates": 1, "seeds": [], **selection}
        checked = dict(protocol)
        if "baseline" in checked:
            checked["baseline"] = {
                **checked["baseline"],
                "subject": None,
            }  # it was checked as a subject, with its place
        self.check("protocol", checked, tokens)
        return protocol, missing

    def datasets(self, value: Any, tokens: Tokens, missing: list[str]) -> list[Json]:
        if not isinstance(value, list | tuple):
            raise self.refuse(tokens, "datasets is not a list of {name, sha256 or file, rows}")
        found: dict[str, Json] = {}
        for index, item in enumerate(value):
            at = (*tokens, index)
            given = self.mapping(item, at, ("name", "sha256", "file", "rows"))
            if "name" not in given:
                raise self.refuse(at, "a dataset has a name")
            if "sha256" in given and "file" in given:
                raise self.refuse((*at, "file"), "give sha256 or file, not both")
            if "file" in given:
                given["sha256"] = sha256_file(self.path(given.pop("file"), (*at, "file")))
            name = str(given["name"])
            if name in found:
                raise self.refuse((*at, "name"), f"the dataset '{name}' is there twice")
            missing += [f"the dataset '{name}' has no {part}" for part in ("sha256", "rows") if part not in given]
            found[name] = given
        return list(found.values())

    def baseline(self, value: Any, tokens: Tokens, missing: list[str]) -> Json:
        if isinstance(value, str):
            return {"kind": value, "subject": None}
        given = self.mapping(value, tokens, ("kind", "subject"))
        subject: Json | None = None
        if "subject" in given:
            subject, more = self.subject(given["subject"], (*tokens, "subject"))
            missing += more
        if "kind" not in given:
            missing.append("protocol.baseline.kind")
        return {**given, "subject": subject}
