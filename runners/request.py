"""`python -m runners.request [--cycle] FILE SUBJECT`: refuses what somebody asks the GPU machine to measure.

FILE is a configuration, or with `--cycle` a plan, of which every configuration is looked at. What is measured must not
come under a name that stands for something else. Run in the folder of the harness, before the runner. A configuration
of a request names

* models by an installed package, by a commit on the hub, or by a folder whose digest the base has registered under the
  folder's name in trust/models.json: {"schema": "gatekit.models/1", "models": {NAME: SHA-256}};
* SAEs and texts by a commit on the hub, or by files of the harness itself.

No text in it leads out of the harness: no absolute path, no `..`, no home folder, no address, and no link to elsewhere.
A plan's own settings say of no model, texts or SAEs where they are from: the configurations do, where all is looked at
together.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.model_digest import model_sha256
from gatekit.evidence.strict_json import read_json
from gatekit.exit_codes import ExitCode
from runners.config import Part, bases_of, parts_of

REGISTERED = "trust/models.json"
SCHEMA = "gatekit.models/1"
MAX_DEPTH = 32
SOURCES = frozenset({"model", "source", "hub", "revision", "known_as"})
"""Parts of keys of a configuration that say where a model, texts or SAEs are from."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ELSEWHERE = re.compile(r"[/~]|[A-Za-z][A-Za-z0-9+.-]*:[/\\]")
_REMEDY = "name a commit on the hub, an installed package, or a file that main has"


@dataclass(frozen=True)
class _Request:
    harness: Path
    """Of main, where the runner runs: a relative path means a file in it."""
    registered: dict[str, str]
    """Name -> digest of the models that a folder may hold."""


def check_request(config: Path, subject: Path, harness: Path) -> None:
    """Refuse a configuration that names something which the base does not know.

    Args:
        config: the file, inside `subject`.
        subject: checkout of the commit that somebody asks to measure.
        harness: checkout of main, which measures.

    Raises:
        GatekitError: `request.link`, `request.outside`, `request.path`, `request.model`, `request.revision`,
            `request.value`, with file, line and column; `config.*` for what is no configuration.
    """
    _refuse_links(config, subject)
    for base in bases_of(config):
        _refuse_links(base, subject)
    request = _Request(harness.resolve(), registered_models(harness))
    for part in parts_of(config):
        _check(part.document, part, Location(str(config)), request, "", 0)


def check_plan(plan: Path, subject: Path, harness: Path) -> None:
    """Refuse a plan of a cycle that names, or whose configurations name, something which the base does not know.

    Args:
        plan: the file, inside `subject`.
        subject: checkout whose plan and configurations are asked for.
        harness: checkout of main, which measures; the same folder where main's own plan is run.

    Raises:
        GatekitError: as `check_request`; and `request.setting` for a setting that says where something is from.
    """
    _refuse_links(plan, subject)
    request = _Request(harness.resolve(), registered_models(harness))
    configs: dict[str, Location] = {}
    for part in parts_of(plan):
        _check(part.document, part, Location(str(plan)), request, "", 0)
        for key, value, place in _settings(part.document, part, Location(str(plan)), 0):
            if SOURCES & set(key.split(".")):
                message = f"the setting '{key}' says where something is from; a request's plan leaves that as it is"
                raise GatekitError("request.setting", message, place, "put it into the stage's configuration")
            if key == "config" and isinstance(value, str):
                configs.setdefault(value, place)
    if not configs:
        raise GatekitError("request.value", "the plan names no configuration", Location(str(plan)))
    for name, place in configs.items():
        if not (subject / name).exists():
            raise GatekitError("request.outside", f"there is no '{name}' in the commit", place)
        check_request(subject / name, subject, harness)


def _settings(node: Any, part: Part, place: Location, depth: int) -> Iterator[tuple[str, Any, Location]]:
    """Yield every key of a document, at any depth, with its value and its place."""
    if depth > MAX_DEPTH:
        raise GatekitError("request.value", f"nested deeper than {MAX_DEPTH}", place)
    if hasattr(node, "keys"):
        for name, child_place in part.places(node):
            yield str(name), node[name], child_place
            yield from _settings(node[name], part, child_place, depth + 1)
    elif hasattr(node, "append"):
        for index, child_place in part.places(node):
            yield from _settings(node[index], part, child_place, depth + 1)


def registered_models(harness: Path) -> dict[str, str]:
    """Return name -> digest of every model that the base has registered; none where it has no such file.

    Raises:
        GatekitError: `request.registered`, `json.*`: the file is not of that form.
    """
    place = harness / REGISTERED
    if not place.exists():
        return {}
    value = read_json(str(place)).value
    models = value.get("models") if isinstance(value, dict) and value.get("schema") == SCHEMA else None
    if not isinstance(models, dict) or not all(isinstance(d, str) and _SHA256.fullmatch(d) for d in models.values()):
        message = f"this is no list of models: {{schema: {SCHEMA}, models: {{NAME: SHA-256}}}}"
        raise GatekitError("request.registered", message, Location(REGISTERED))
    return dict(models)


def _refuse_links(path: Path, subject: Path) -> None:
    """Refuse a file that is reached through a link, or that lies outside the commit."""
    place = subject
    for name in _steps(path, subject):
        place = place / name
        if place.is_symlink():
            message = "the configuration, or a folder on the way to it, is a symbolic link"
            raise GatekitError("request.link", message, Location(str(path)))
    if not place.is_file():
        raise GatekitError("request.outside", "there is no such configuration in the commit", Location(str(path)))


def _steps(path: Path, subject: Path) -> list[str]:
    if not path.is_relative_to(subject):
        raise GatekitError("request.outside", "the configuration lies outside the commit", Location(str(path)))
    steps: list[str] = []
    for name in path.relative_to(subject).parts:
        if name == ".." and not steps:
            raise GatekitError("request.outside", "the configuration lies outside the commit", Location(str(path)))
        if name == "..":
            steps.pop()
        else:
            steps.append(name)
    return steps


def _check(node: Any, part: Part, place: Location, request: _Request, key: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise GatekitError("request.value", f"nested deeper than {MAX_DEPTH}", place)
    if isinstance(node, str):
        _check_text(node, place, request)
    elif hasattr(node, "keys"):
        for name, child_place in part.places(node):
            if isinstance(name, str):
                _check_text(name, child_place, request)
            _check(node[name], part, child_place, request, str(name), depth + 1)
        _check_source(node, place, request, key)
    elif hasattr(node, "append"):
        for index, child_place in part.places(node):
            _check(node[index], part, child_place, request, key, depth + 1)
    elif node is not None and not isinstance(node, bool | int | float):
        raise GatekitError("request.value", "a text, number, boolean, list or mapping is needed", place)


def _check_text(text: str, place: Location, request: _Request) -> None:
    parts = re.split(r"[/\\]", text)
    if "\0" in text or _ELSEWHERE.match(text) or ".." in parts or "\\" in text:
        raise GatekitError("request.path", "a request names nothing outside the harness", place, _REMEDY)
    try:
        outside = not (request.harness / text).resolve().is_relative_to(request.harness)
    except (OSError, RuntimeError, ValueError):
        # Longer than any name of a file: a text, like a separator.
        return
    if outside:
        raise GatekitError("request.path", "a link of the harness leads to elsewhere", place, _REMEDY)


def _check_source(node: Any, place: Location, request: _Request, key: str) -> None:
    """Check a mapping that says where something is: by `source`, as models and texts do, or by `hub`, as SAEs do."""
    source = node.get("source")
    from_hub = source == "hub" or node.get("hub") is not None
    if from_hub and not _COMMIT.fullmatch(str(node.get("revision"))):
        message = "a request names the hub's commit in full: 'revision' of 40 hexadecimal digits"
        raise GatekitError("request.revision", message, place, "a branch or a tag is something else tomorrow")
    if from_hub and not _HUB_NAME.fullmatch(str(node.get("name") if source == "hub" else node.get("hub"))):
        raise GatekitError("request.model", "this is no OWNER/NAME of the hub", place, _REMEDY)
    if source == "package" and not _PACKAGE.fullmatch(str(node.get("name"))):
        raise GatekitError("request.model", "this is no name of an installed package", place, _REMEDY)
    if key != "model":
        return
    if source == "folder":
        _check_folder(str(node.get("name")), place, request)
    elif source not in ("package", "hub"):
        raise GatekitError("request.model", "a model comes from 'package', 'hub' or a registered 'folder'", place)


def _check_folder(name: str, place: Location, request: _Request) -> None:
    """Refuse a folder whose digest is not that of its name; the digest decides, since anybody can name a folder."""
    folder = request.harness / name
    if any(path.is_symlink() for path in (folder, *(folder.rglob("*") if folder.is_dir() else ()))):
        raise GatekitError("request.link", "a folder of a model holds no symbolic link, and is none", place, _REMEDY)
    wanted = request.registered.get(folder.name)
    if wanted is None:
        message = f"the model '{folder.name}' is not registered: {REGISTERED} of main has no such name"
        raise GatekitError("request.model", message, place, _REMEDY)
    if not (folder / "config.json").is_file():
        raise GatekitError("request.model", f"there is no model in the folder '{folder.name}'", place, _REMEDY)
    if model_sha256(folder) != wanted:
        message = f"this is another model than the one that {REGISTERED} of main registers as '{folder.name}'"
        raise GatekitError("request.model", message, place, _REMEDY)


def main(argv: Sequence[str]) -> int:
    """Check the configuration, or the plan, that the arguments name and return the exit code."""
    check = check_plan if argv[:1] == ["--cycle"] else check_request
    named = [argument for argument in argv if argument != "--cycle"]
    if len(named) != 2:
        sys.stderr.write("usage: python -m runners.request [--cycle] FILE SUBJECT\n")
        return int(ExitCode.USAGE)
    try:
        check(Path(named[0]), Path(named[1]), Path.cwd())
    except GatekitError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return int(ExitCode.PASS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
