"""A case: what lies in its folder, and the files that it builds from a fixture and a list of changes.

Nothing of gatekit is imported here: a case is what a user, or an attacker, could have written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import sealing

HERE = Path(__file__).parent
FIXTURES = HERE / "fixtures"
NOW = "2026-03-02T12:00:00Z"
"""A day after the fixtures' evidence was finished."""

KEYS = frozenset(
    {"about", "fixture", "change", "base", "history", "head", "main", "labels", "event", "branch", "checkout", "git"}
    | {"command", "now", "folder", "environment", "exit", "says", "never_says", "creates", "seconds", "megabytes"}
    | {"slow", "uncovered"}
)


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Pipe:
    """A named pipe, which blocks whoever opens it and waits."""


@dataclass(frozen=True)
class Hole:
    """A sparse file: a size without content."""

    size: int


@dataclass(frozen=True)
class Program:
    """An executable file."""

    data: bytes


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository."""


Content = bytes | Link | Pipe | Hole | Program | Submodule
Files = dict[str, Content]
"""Relative path -> content; bytes of a name that are not UTF-8 are surrogates."""


@dataclass(frozen=True)
class Case:
    """One folder of the suite."""

    folder: Path
    said: Mapping[str, Any]
    """case.json."""

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def is_pull_request(self) -> bool:
        return bool({"base", "head", "main"} & self.said.keys())

    @property
    def command(self) -> list[str]:
        default = ["check"]
        if self.is_pull_request:
            default = ["pr"] if "event" in self.said else ["pr", "--base", "main", f"--head={self.branch}"]
        return list(self.said.get("command", default))

    @property
    def branch(self) -> str:
        """Name of the branch that is judged."""
        return str(self.said.get("branch", "feature"))

    @property
    def now(self) -> str | None:
        """The time that the command is told; None for the clock's."""
        return self.said.get("now", NOW)

    def files(self) -> Files:
        """The fixture, changed, with the files of the case's own folder `files/` over it."""
        files = fixture(self.said.get("fixture", "small"))
        change(files, self.said.get("change", ()))
        return files | read_folder(self.folder / "files")

    def sides(self) -> tuple[Files, Files, Files | None]:
        """Base, head and what the base became meanwhile, of a case about a pull request."""
        base = self.past()[-1]
        head = dict(base)
        change(head, self.said.get("head", ()))
        head |= read_folder(self.folder / "head")
        if "main" not in self.said:
            return base, head, None
        main = dict(base)
        change(main, self.said["main"])
        return base, head, main

    def past(self) -> list[Files]:
        """What the base branch was, commit by commit, until the pull request began."""
        base = fixture(self.said.get("fixture", "repository"))
        change(base, self.said.get("base", ()))
        base |= read_folder(self.folder / "base")
        found = [base]
        for steps in self.said.get("history", ()):
            found.append(dict(found[-1]))
            change(found[-1], steps)
        return found


def find_cases() -> list[Case]:
    """Every folder with a case.json, sorted."""
    found = []
    for place in sorted(HERE.glob("*/*/case.json")):
        said = json.loads(place.read_text(encoding="utf-8"))
        unknown = said.keys() - KEYS
        assert not unknown, f"{place}: unknown {sorted(unknown)}"
        found.append(Case(place.parent, said))
    return found


def fixture(name: str) -> Files:
    files = read_folder(FIXTURES / name)
    assert files, f"no fixture {name}"
    return files


def read_folder(folder: Path) -> Files:
    return {
        place.relative_to(folder).as_posix(): place.read_bytes()
        for place in sorted(folder.rglob("*"))
        if place.is_file() and not place.is_symlink()
    }


def change(files: Files, steps: Sequence[Mapping[str, Any]]) -> None:
    """Apply changes in order; each is an object whose first key is what to do, and its value the file to do it to."""
    for step in steps:
        verb, path = next(iter(step.items()))
        VERBS[verb](files, path, step)


def _set(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"set": FILE, "at": JSON pointer, "to": value}: the pointer may name a new key; `-` appends to an array."""
    document = json.loads(_bytes(files, path))
    *way, last = _tokens(step["at"])
    place = document
    for token in way:
        place = place[int(token) if isinstance(place, list) else token]
    if isinstance(place, list) and last == "-":
        place.append(step["to"])
    else:
        place[int(last) if isinstance(place, list) else last] = step["to"]
    files[path] = json.dumps(document, indent=1).encode()


def _drop(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"drop": FILE or folder} or {"drop": FILE, "at": JSON pointer}."""
    if "at" not in step:
        gone = [name for name in files if name == path or name.startswith(path + "/")]
        assert gone, f"nothing at {path}"
        for name in gone:
            del files[name]
        return
    document = json.loads(_bytes(files, path))
    *way, last = _tokens(step["at"])
    place = document
    for token in way:
        place = place[int(token) if isinstance(place, list) else token]
    del place[int(last) if isinstance(place, list) else last]
    files[path] = json.dumps(document, indent=1).encode()


def _replace(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"replace": FILE, "text": old, "by": new}, every occurrence; {"hex": old, "by_hex": new} for bytes."""
    old = _given(step, "text", "hex")
    assert old in _bytes(files, path), f"{path} does not hold {old!r}"
    files[path] = _bytes(files, path).replace(old, _given(step, "by", "by_hex"))


def _write(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"write": FILE, "text" | "hex" | "json": ..., "times": n}."""
    data = json.dumps(step["json"]).encode() if "json" in step else _given(step, "text", "hex")
    files[path] = data * step.get("times", 1)


def _before(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"before": FILE, "text" | "hex": ..., "times": n}: put something in front."""
    files[path] = _given(step, "text", "hex") * step.get("times", 1) + _bytes(files, path)


def _after(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"after": FILE, "text" | "hex": ..., "times": n}: put something behind."""
    files[path] = _bytes(files, path) + _given(step, "text", "hex") * step.get("times", 1)


def _recode(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"recode": FILE, "to": encoding}."""
    files[path] = _bytes(files, path).decode("utf-8").encode(step["to"])


def _copy(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"copy": FILE, "to": FILE}."""
    files[step["to"]] = files[path]


def _program(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"program": FILE, "text": ...}: an executable file."""
    files[path] = Program(_given(step, "text", "hex"))


def _move(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"move": FILE, "to": FILE}."""
    files[step["to"]] = files.pop(path)


def _sign(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"sign": FILE, ...}: put an attestation beside it; see sealing.attestation."""
    name = step.get("as", path.removesuffix(".json") + f".{step.get('key', 'gpu')}.dsse.json")
    files[name] = sealing.attestation(path, _bytes(files, path), step)


def _trust(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"trust": FILE, "keys": [{"key": name, ...}], ...}: write a key file; see sealing.key_file."""
    files[path] = sealing.key_file(step)


def _below(files: Files, path: str, step: Mapping[str, Any]) -> None:
    """{"below": FOLDER, "and": [FOLDER, ...]}: all files so far become those of one or more projects of a monorepo."""
    before = dict(files)
    files.clear()
    for folder in (path, *step.get("and", ())):
        files.update({f"{folder}/{name}": content for name, content in before.items()})


VERBS = {
    "set": _set,
    "drop": _drop,
    "replace": _replace,
    "write": _write,
    "before": _before,
    "after": _after,
    "recode": _recode,
    "copy": _copy,
    "move": _move,
    "below": _below,
    "program": _program,
    "link": lambda files, path, step: files.__setitem__(path, Link(step["to"])),
    "pipe": lambda files, path, step: files.__setitem__(path, Pipe()),
    "hole": lambda files, path, step: files.__setitem__(path, Hole(step["size"])),
    "submodule": lambda files, path, step: files.__setitem__(path, Submodule()),
    "sign": _sign,
    "trust": _trust,
}


def lay_out(files: Files, folder: Path) -> None:
    """Write files into a folder."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        elif isinstance(content, Program):
            place.write_bytes(content.data)
            place.chmod(0o755)
        elif isinstance(content, Link):
            place.symlink_to(content.target)
        elif isinstance(content, Pipe):
            os.mkfifo(place)
        elif isinstance(content, Hole):
            with place.open("wb") as file:
                file.truncate(content.size)
        else:
            raise AssertionError(f"{name} can only stand in a repository")


def _tokens(pointer: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _bytes(files: Files, path: str) -> bytes:
    content = files[path]
    assert isinstance(content, bytes), f"{path} is no regular file"
    return content


def _given(step: Mapping[str, Any], text: str, hexadecimal: str) -> bytes:
    if hexadecimal in step:
        return bytes.fromhex(step[hexadecimal])
    return str(step[text]).encode("utf-8", "surrogateescape")
