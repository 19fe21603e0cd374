"""Real git repositories for tests: objects are made here and packed by one git call, so a repository takes ~10 ms.

    repo = repositories.Builder(tmp_path / "repo")
    base = repo.commit("main", {"policies/release.yaml": text, "docs/a.md": b"..."})
    head = repo.commit("feature", {"docs/a.md": None, "run": Executable(b"#!")}, parents=[base])
    merge = repo.merge("refs/pull/7/merge", base, head)              # the merge commit that GitHub makes
    root = repo.save()                                               # only now does the folder exist

A branch that exists goes on from its tip; one that does not starts from `parents`, or with an empty tree. Author, dates
and messages are fixed, so the same calls give the same object ids. Nothing is checked: paths like `../x`, modes like
100664 and two entries of one name are what some tests want. Paths are str or bytes; a branch named `refs/...` is taken
as it stands, any other is put under refs/heads/.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/dev/null/nowhere",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1772366400 +0000",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": "1772366400 +0000",
}
"""For git itself: nothing of the machine's own configuration."""

START = 1_772_366_400
"""2026-03-01T12:00:00Z, the date of the first commit; each further one is a minute later."""

_PACK_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


@dataclass(frozen=True)
class Executable:
    """A file with mode 100755."""

    data: bytes | str


@dataclass(frozen=True)
class Symlink:
    """A symbolic link to `target`."""

    target: str


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository, which is not there."""

    commit: str = "1" * 40


@dataclass(frozen=True)
class Raw:
    """An entry as it stands: any mode, any object id, whether or not the object exists."""

    mode: str
    oid: str


Content = bytes | str | Executable | Symlink | Submodule | Raw | None
"""None deletes the file, or the folder, of that name."""
Changes = Mapping[str, Content] | Mapping[bytes, Content] | Mapping[str | bytes, Content]
Snapshot = dict[bytes, tuple[str, str]]
"""Path -> mode and object id."""


def git(root: str | os.PathLike[str], *arguments: str, stdin: bytes | None = None, **environment: str) -> bytes:
    """Run git in `root` and return its stdout; for what a test does to a repository beyond what Builder knows."""
    done = subprocess.run(
        ["git", "-C", os.fspath(root), *arguments], input=stdin, capture_output=True, env=ENVIRONMENT | environment
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout


class Builder:
    """A repository in the making.

    Args:
        root: where `save` puts it; the git folder is root/.git, or root itself for a bare one.
        bare: without a work tree.
        object_format: "sha1" or "sha256".
    """

    def __init__(self, root: str | os.PathLike[str], bare: bool = False, object_format: str = "sha1") -> None:
        self.root = Path(root)
        self.bare = bare
        self.object_format = object_format
        self.refs: dict[str, str] = {}
        """Full ref name -> object id."""
        self.snapshots: dict[str, Snapshot] = {}
        """Commit -> its files."""
        self._objects: dict[str, tuple[str, bytes]] = {}
        self._unsaved: list[str] = []
        self._minutes = 0

    @property
    def git_dir(self) -> Path:
        return self.root if self.bare else self.root / ".git"

    def commit(self, branch: str, changes: Changes, parents: Sequence[str] | None = None, message: str = "m") -> str:
        """Add a commit to a branch and return its id; its files are the first parent's with `changes` applied."""
        ref = full_name(branch)
        if parents is None:
            parents = [self.refs[ref]] if ref in self.refs else []
        files = dict(self.snapshots[parents[0]]) if parents else {}
        self._apply(files, changes)
        return self._commit(ref, files, parents, message)

    def merge(self, branch: str, base: str, head: str, changes: Changes | None = None) -> str:
        """Add a merge commit with parents base and head.

        Its files are the base's with what head changed since their newest common first-parent ancestor, then `changes`.
        """
        ours, theirs = self._first_parents(base), self._first_parents(head)
        fork = next((commit for commit in theirs if commit in set(ours)), None)
        before = self.snapshots[fork] if fork else {}
        files = dict(self.snapshots[base])
        for path in before.keys() | self.snapshots[head].keys():
            entry = self.snapshots[head].get(path)
            if entry != before.get(path):
                if entry is None:
                    files.pop(path, None)
                else:
                    files[path] = entry
        self._apply(files, changes or {})
        return self._commit(full_name(branch), files, [base, head], "Merge")

    def branch(self, name: str, oid: str) -> None:
        """Point a branch or any other ref at an object."""
        self.refs[full_name(name)] = oid

    def add(self, kind: str, data: bytes) -> str:
        """Add an object of a kind (blob, tree, commit, tag), whatever is in it, and return its id."""
        oid = hashlib.new(self.object_format, f"{kind} {len(data)}\0".encode() + data).hexdigest()
        if oid not in self._objects:
            self._objects[oid] = (kind, data)
            self._unsaved.append(oid)
        return oid

    def tree(self, files: Snapshot) -> str:
        """Add the tree objects of these files and return the top one's id."""
        folders: dict[bytes, Snapshot] = {}
        entries: list[tuple[bytes, str, str]] = []
        for path, entry in files.items():
            name, slash, rest = path.partition(b"/")
            if slash:
                folders.setdefault(name, {})[rest] = entry
            else:
                entries.append((name, *entry))
        entries += [(name, "40000", self.tree(inside)) for name, inside in folders.items()]
        # git orders a folder as if its name ended in a slash
        entries.sort(key=lambda entry: entry[0] + b"/" if entry[1] == "40000" else entry[0])
        return self.add("tree", b"".join(b"%s %s\0%s" % (m.encode(), n, bytes.fromhex(o)) for n, m, o in entries))

    def save(self, head: str = "main", checkout: bool = False) -> Path:
        """Write what is new, with HEAD on the branch `head`, and return `root`; may be called again.

        Args:
            head: branch of HEAD.
            checkout: also write the files of `head` to the work tree.
        """
        folder = self.git_dir
        if not (folder / "objects").is_dir():
            for part in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
                (folder / part).mkdir(parents=True)
            version = 0 if self.object_format == "sha1" else 1
            config = f"[core]\n\trepositoryformatversion = {version}\n\tbare = {str(self.bare).lower()}\n"
            if version:
                config += f"[extensions]\n\tobjectFormat = {self.object_format}\n"
            (folder / "config").write_text(config)
        (folder / "HEAD").write_text(f"ref: {full_name(head)}\n")
        if self._unsaved:
            git(folder, "index-pack", "--stdin", stdin=self._pack())
            self._unsaved = []
        packed = "".join(f"{oid} {ref}\n" for ref, oid in sorted(self.refs.items()))
        (folder / "packed-refs").write_bytes(b"# pack-refs with: sorted \n" + packed.encode())
        if checkout:
            git(self.root, "reset", "-q", "--hard", full_name(head))
        return self.root

    def _first_parents(self, commit: str | None) -> list[str]:
        chain = []
        while commit is not None:
            chain.append(commit)
            lines = self._objects[commit][1].decode("utf-8", "replace").split("\n")
            commit = next((line.removeprefix("parent ") for line in lines[1:2] if line.startswith("parent ")), None)
        return chain

    def _commit(self, ref: str, files: Snapshot, parents: Sequence[str], message: str) -> str:
        date = START + 60 * self._minutes
        self._minutes += 1
        lines = [f"tree {self.tree(files)}", *(f"parent {parent}" for parent in parents)]
        lines += [f"{role} A <a@example.org> {date} +0000" for role in ("author", "committer")]
        oid = self.add("commit", "\n".join([*lines, "", message, ""]).encode())
        self.snapshots[oid] = files
        self.refs[ref] = oid
        return oid

    def _apply(self, files: Snapshot, changes: Mapping[Any, Content]) -> None:
        for name, content in changes.items():
            path = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
            if content is None:
                for known in [known for known in files if known == path or known.startswith(path + b"/")]:
                    del files[known]
            elif isinstance(content, Raw):
                files[path] = (content.mode, content.oid)
            elif isinstance(content, Submodule):
                files[path] = ("160000", content.commit)
            elif isinstance(content, Symlink):
                files[path] = ("120000", self.add("blob", content.target.encode()))
            elif isinstance(content, Executable):
                files[path] = ("100755", self.add("blob", _bytes(content.data)))
            else:
                files[path] = ("100644", self.add("blob", _bytes(content)))

    def _pack(self) -> bytes:
        parts = [b"PACK" + (2).to_bytes(4, "big") + len(self._unsaved).to_bytes(4, "big")]
        for oid in self._unsaved:
            kind, data = self._objects[oid]
            size = len(data)
            byte, size = (_PACK_TYPES[kind] << 4) | (size & 15), size >> 4
            header = bytearray()
            while size:
                header.append(byte | 0x80)
                byte, size = size & 0x7F, size >> 7
            header.append(byte)
            parts += [bytes(header), zlib.compress(data, 1)]
        pack = b"".join(parts)
        return pack + hashlib.new(self.object_format, pack).digest()


def full_name(branch: str) -> str:
    """The ref that a branch's short name means."""
    return branch if branch.startswith("refs/") else f"refs/heads/{branch}"


def _bytes(data: bytes | str) -> bytes:
    return data if isinstance(data, bytes) else data.encode()
