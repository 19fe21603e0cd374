"""A git repository, read through its objects only: neither its work tree nor its configuration has a say.

All but the resolution of names happens in a private, empty repository in a temporary folder, whose objects are those of
the user's (an alternate) and whose configuration, attributes, grafts and hooks are ours. So nothing that the user's
configuration can name is run, and the objects of a computed merge stay out of the user's repository.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from gatekit.errors import GatekitError, first_few
from gatekit.repo import git
from gatekit.repo.faults import FETCH_ALL, inconclusive, usage
from gatekit.repo.names import resolve
from gatekit.repo.objects import ObjectReader
from gatekit.repo.tree import BLOB_LIMIT, MAX_FILES, MAX_LISTING, TOTAL_LIMIT, Tree, parse_listing

MERGE_TREE_VERSION = (2, 38)
"""The first git whose merge-tree makes a whole merge."""
DIGEST_LIMIT = 1 << 30
"""Bytes of one file that is only hashed."""

MAX_LINE = 100_000
"""Commits of a branch that are listed."""

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMIT_LIMIT = 1 << 20
_CACHE_LIMIT = 64 << 20
_REF_LIMIT = 1000


@dataclass(frozen=True)
class FileChange:
    """One commit that changed a file."""

    time: int
    """When it was committed: seconds since 1970."""
    path: str
    oid: str | None
    """The file's content from then on; None where the commit removed it."""


@dataclass(frozen=True)
class LineCommit:
    """One commit of a branch itself, along first parents."""

    oid: str
    time: int
    """When it was committed: seconds since 1970."""
    subject: str
    """First line of its message: anybody's text."""


class Repository:
    """A repository that is open for reading; `close` it, or use it as a context manager.

    Args:
        root: the folder that holds `.git`, or the bare repository.
        git_dir: the git folder, or the file that points to it.
    """

    def __init__(self, root: Path, git_dir: Path) -> None:
        self.root = root
        self._git_dir = git_dir
        objects, self._shallow, self.object_format = _facts(git_dir)
        self._private = Path(tempfile.mkdtemp(prefix="gatekit-"))
        self._removed = weakref.finalize(self, shutil.rmtree, self._private, ignore_errors=True)
        _make_private(self._private, objects, self.object_format)
        self._reader = ObjectReader(self._private, self.object_format)
        self._blobs: dict[str, bytes] = {}
        self._cached = 0
        self._trees: dict[str, Tree] = {}

    @classmethod
    def open(cls, path: str | os.PathLike[str] = ".") -> Repository:
        """Open the repository that the folder is in; bare ones, worktrees and sha256 are fine.

        Raises:
            GatekitError: `repo.not_a_repository` (usage), `repo.unreadable`, `repo.no_git`.
        """
        start = Path(os.path.realpath(path))
        for folder in (start, *start.parents):
            inside = folder / ".git"
            if inside.is_file() or _is_git_dir(inside):
                return cls(folder, inside)
            if _is_git_dir(folder):
                return cls(folder, folder)
        message = f"{os.fspath(path)} is not in a git repository"
        raise usage("repo.not_a_repository", message, "name a folder of a clone")

    def close(self) -> None:
        """End the running git and remove the temporary folder."""
        self._reader.close()
        self._removed()

    def __enter__(self) -> Repository:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def commit(self, ref: str) -> str:
        """Return the full id of the commit that a branch, a tag, an id or any other expression of git names.

        A branch goes before a tag of the same name; see `gatekit.repo.names.resolve`.

        Raises:
            GatekitError: `repo.bad_ref`, `repo.ambiguous_ref`, `repo.not_a_commit` (usage); `repo.missing_ref`.
        """
        oid = self.find(ref)
        if oid is None:
            raise _missing_ref(ref, self._some_branches())
        return oid

    def find(self, ref: str) -> str | None:
        """Return what `commit` returns, or None where it raises `repo.missing_ref`."""
        if not ref or ref.startswith("-") or not ref.isprintable() or len(ref) > _REF_LIMIT:
            raise usage("repo.bad_ref", f"{ref[:80]!r} cannot be the name of a commit", "name a branch, tag or commit")
        oid = resolve(self._git_dir, ref)
        if oid is None:
            return None
        peeled = git.run(self._private, ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{oid}^{{commit}}"])
        if peeled.code == 0:
            return peeled.out.decode("ascii").strip()
        kind = git.run(self._private, ["cat-file", "-t", oid])
        if kind.code:
            return None
        message = f"{ref} is a {kind.out.decode('ascii', 'replace').strip()} that leads to no commit of this clone"
        raise usage("repo.not_a_commit", message, "name a branch or a commit")

    @property
    def bare(self) -> bool:
        """Whether it has no work tree."""
        return self._git_dir == self.root

    def is_shallow(self) -> bool:
        """Whether the clone has only the newest part of the history."""
        return self._shallow

    def refuse_shallow(self) -> None:
        """Raise for a clone that has only a part of the history.

        Raises:
            GatekitError: `repo.shallow`.
        """
        if self._shallow:
            raise inconclusive("repo.shallow", "the clone is shallow: it has only a part of the history", FETCH_ALL)

    def parents(self, commit: str) -> tuple[str, ...]:
        """Return the parents of a commit as the commit itself names them, whether or not they are in this clone."""
        header = self._header(commit)
        return tuple(line.removeprefix("parent ") for line in header if line.startswith("parent "))

    def merge_base(self, a: str, b: str) -> str | None:
        """Return the best common ancestor of two commits, or None when their histories share nothing.

        Raises:
            GatekitError: `repo.shallow`, because what is cut off could hold the answer; `repo.missing_object`.
        """
        return self._ancestry(_oid(a), _oid(b)).out.decode("ascii").strip() or None

    def is_ancestor(self, a: str, b: str) -> bool:
        """Whether commit a is b or in b's history.

        Raises:
            GatekitError: as `merge_base`.
        """
        return self._ancestry("--is-ancestor", _oid(a), _oid(b)).code == 0

    def file_history(self, commit: str, path: str) -> list[FileChange]:
        """Return the changes of a file, or of all files of a folder, along a commit's first parents, newest first.

        A merge counts as one change, made when it was merged. Who backdates a commit below a later one gains nothing:
        no change is older than the commit that it follows.

        Args:
            commit: full id.
            path: of the file or folder, relative to the top.

        Raises:
            GatekitError: `repo.missing_object`; `repo.output_size`, tens of thousands of changes.
        """
        options = ["--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=%H %ct %P"]
        done = git.run(self._private, ["log", *options, "--end-of-options", _oid(commit), "--", path], limit=16 << 20)
        if done.code:
            raise _broken_history(done.reason)
        found: list[FileChange] = []
        time = 0
        for line in done.out.decode("utf-8", "surrogateescape").split("\n"):
            if line.startswith(":"):
                facts, _, name = line.partition("\t")
                oid = facts.split(" ")[3]
                # git quotes a name with odd characters; what it ends with is legible all the same.
                found.append(FileChange(time, name.strip('"'), None if set(oid) == {"0"} else oid))
            elif line:
                _, seconds, *parents = line.split()
                time = max(int(seconds), self._committed(parents[0]) if parents else 0)
        return found

    def main_line(self, commit: str, paths: Sequence[str] = (), most: int = MAX_LINE) -> list[LineCommit]:
        """Return the commits along a commit's first parents, newest first, as far back as this clone goes.

        Args:
            commit: full id.
            paths: files and folders from the top; only commits that changed one of them. A merge counts as one change.
            most: so many at most.

        Raises:
            GatekitError: `repo.missing_object`; `repo.output_size`.
        """
        where = ["--", *paths] if paths else []
        options = ["--first-parent", f"--max-count={most}", "--encoding=UTF-8", "--format=%H %ct %s", "--no-color"]
        options += ["--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap"]
        command = [*self._up_to_where_it_is_cut(), "log", *options, "--end-of-options", _oid(commit), *where]
        done = git.run(self._private, command, limit=16 << 20)
        if done.code:
            raise _broken_history(done.reason)
        found = []
        for line in done.out.decode("utf-8", "replace").split("\n"):
            if line:
                oid, seconds, subject = line.split(" ", 2)
                found.append(LineCommit(oid, int(seconds), subject))
        return found

    def tags(self) -> dict[str, list[str]]:
        """Return the names of the tags of each commit, sorted.

        Raises:
            GatekitError: `repo.output_size`.
        """
        form = "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)"
        done = git.run(self._git_dir, ["for-each-ref", form, "refs/tags"], limit=16 << 20)
        found: dict[str, list[str]] = {}
        for line in sorted(done.out.decode("utf-8", "replace").split("\n")):
            words = line.split(" ")
            if len(words) == 5 and "commit" in (words[0], words[2]):
                oid = words[1] if words[0] == "commit" else words[3]
                found.setdefault(oid, []).append(words[4].removeprefix("refs/tags/"))
        return found

    def _some_branches(self) -> list[str]:
        """Return the names of the first branches of this clone itself: none where a job has checked a commit out."""
        form = "--format=%(refname:lstrip=2)"
        done = git.run(self._git_dir, ["for-each-ref", "--count=6", form, "refs/heads"])
        return [] if done.code else done.out.decode("utf-8", "replace").split()

    def _up_to_where_it_is_cut(self) -> list[str]:
        """Return the arguments that let git stop where a shallow clone ends, instead of failing there."""
        if not self._shallow:
            return []
        done = git.run(self._git_dir, ["rev-parse", "--git-path", "shallow"])
        start = self._git_dir if self._git_dir.is_dir() else self._git_dir.parent
        return ["--shallow-file", os.path.realpath(start / os.fsdecode(done.out.removesuffix(b"\n")))]

    def _committed(self, commit: str) -> int:
        line = next(line for line in self._header(commit) if line.startswith("committer "))
        return int(line.rsplit(" ", 2)[1])

    def merge_tree(self, base: str, head: str) -> str:
        """Return the id of the tree that merging two commits gives; its new objects are readable here only.

        The merge is git's own with default settings. Attributes of the two sides are not followed: a `merge=union`
        among them would settle a conflict that the platform shows.

        Raises:
            GatekitError: `repo.conflict`, `repo.unrelated`, `repo.git_version`, `repo.shallow`, `repo.missing_object`.
        """
        if self.merge_base(base, head) is None:
            message = f"the histories of {base[:12]} and {head[:12]} share no commit"
            raise inconclusive("repo.unrelated", message, "start the branch from the base branch")
        found = git.version(self._private)
        if found < MERGE_TREE_VERSION:
            needed = ".".join(map(str, MERGE_TREE_VERSION))
            message = f"git {found[0]}.{found[1]} cannot compute the merge of base and head; git {needed} can"
            raise inconclusive("repo.git_version", message, "install it, or merge the base branch into the head first")
        options = ["--write-tree", "-z", "--name-only", "--no-messages"]
        done = git.run(self._private, ["merge-tree", *options, _oid(base), _oid(head)], limit=MAX_LISTING)
        tree, *conflicts = done.out.decode("utf-8", "replace").rstrip("\0").split("\0")
        if done.code == 1:
            names = ", ".join(name if name.isprintable() else repr(name) for name in conflicts[:3])
            more = f" and {len(conflicts) - 3} more" if len(conflicts) > 3 else ""
            message = f"head conflicts with base in {names}{more}"
            raise inconclusive("repo.conflict", message, "merge the base branch and resolve the conflict")
        if done.code or not _OID.fullmatch(tree):
            raise _broken_history(done.reason)
        return tree

    def tree(self, treeish: str) -> Tree:
        """List the files of a commit or tree, with their sizes; one call of git, and none the second time.

        Args:
            treeish: the full id of a commit or tree, or what `commit` takes.

        Raises:
            GatekitError: `repo.too_many_files`, `repo.missing_object`, `repo.malformed_tree`, `repo.path`, `repo.mode`,
                and those of `commit`.
        """
        oid = treeish if _OID.fullmatch(treeish) else self.commit(treeish)
        if oid not in self._trees:
            arguments = ["ls-tree", "-r", "-z", "-l", "--full-tree", oid]
            try:
                done = git.run(self._private, arguments, limit=MAX_LISTING, records=MAX_FILES)
            except git.OutputTooLarge:
                message = f"{oid[:12]} has more than {MAX_FILES} files, or a listing of more than {MAX_LISTING} bytes"
                raise GatekitError("repo.too_many_files", message) from None
            if done.code:
                raise _broken_tree(oid, done.reason)
            self._trees[oid] = parse_listing(done.out, oid, self)
        return self._trees[oid]

    def blobs(self, oids: Iterable[str], limit: int = BLOB_LIMIT) -> dict[str, bytes]:
        """Return the contents of blobs by id; each is checked against its id, and read once.

        Raises:
            GatekitError: `repo.blob_size` for more than `limit` bytes, `repo.total_size`, `repo.missing_object`,
                `repo.object_kind`, `repo.corrupt`.
        """
        wanted = dict.fromkeys(_oid(oid) for oid in oids)
        found = {oid: self._blobs[oid] for oid in wanted if oid in self._blobs}
        total = sum(map(len, found.values()))
        for oid, data in self._reader.read([oid for oid in wanted if oid not in found], limit):
            found[oid] = data
            total += len(data)
            if total > TOTAL_LIMIT:
                self._reader.close()
                raise GatekitError("repo.total_size", f"the files that are read have more than {TOTAL_LIMIT} bytes")
            if self._cached + len(data) <= _CACHE_LIMIT:
                self._blobs[oid] = data
                self._cached += len(data)
        return found

    def sha256(self, oids: Iterable[str], limit: int = DIGEST_LIMIT) -> dict[str, str]:
        """Return the SHA-256 of the contents of blobs by id, however large: they are hashed as they stream by.

        Raises:
            GatekitError: as `blobs`.
        """
        return dict(self._reader.sha256(dict.fromkeys(_oid(oid) for oid in oids), limit))

    def starts(self, oids: Iterable[str], count: int, limit: int = DIGEST_LIMIT) -> dict[str, bytes]:
        """Return the first bytes of blobs by id, at most `count` (a MiB) of each, however large they are.

        Raises:
            GatekitError: as `blobs`.
        """
        return dict(self._reader.starts(dict.fromkeys(_oid(oid) for oid in oids), limit, count))

    def _ancestry(self, *arguments: str) -> git.GitResult:
        self.refuse_shallow()
        done = git.run(self._private, ["merge-base", *arguments])
        # git before 2.45 answers "no" with exit status 1 where it could not read a commit on the way.
        if done.code not in (0, 1) or re.search("^(error|fatal): ", done.errors, re.MULTILINE):
            raise _broken_history(done.reason)
        return done

    def _header(self, commit: str) -> list[str]:
        [(_, data)] = list(self._reader.read([_oid(commit)], _COMMIT_LIMIT, "commit"))
        return data.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")


def _is_git_dir(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _facts(git_dir: Path) -> tuple[str, bool, str]:
    """Return where the objects are (absolute), whether the clone is shallow, and the object format."""
    questions = ["--is-shallow-repository", "--show-object-format", "--git-path", "objects"]
    done = git.run(git_dir, ["rev-parse", *questions])
    lines = os.fsdecode(done.out.removesuffix(b"\n")).split("\n", 2)
    if done.code or len(lines) != 3 or lines[1] not in ("sha1", "sha256"):
        message = f"git cannot read the repository {git_dir}: {done.reason}"
        raise GatekitError("repo.unreadable", message, remedy="look at what git status says")
    start = git_dir if git_dir.is_dir() else git_dir.parent
    return os.path.realpath(start / lines[2]), lines[0] != "false", lines[1]


def _make_private(folder: Path, objects: str, object_format: str) -> None:
    (folder / "objects" / "info").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "info").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    extensions = "" if object_format == "sha1" else f"[extensions]\n\tobjectFormat = {object_format}\n"
    version = 1 if extensions else 0
    (folder / "config").write_text(f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n{extensions}")
    # Before every other place where attributes stand; see merge_tree.
    (folder / "info" / "attributes").write_text("* !merge !diff !text\n")
    # git reads a quoted path as C does, so that any byte can stand in it.
    quoted = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}" for byte in os.fsencode(objects)
    )
    (folder / "objects" / "info" / "alternates").write_text(f'"{quoted}"\n')


def _oid(text: str) -> str:
    if not _OID.fullmatch(text):
        raise ValueError(f"{text!r} is not an object id")
    return text


def _missing_ref(ref: str, branches: Sequence[str]) -> GatekitError:
    if ref == "HEAD":  # a clone always has one; a repository without a commit has none
        return inconclusive("repo.missing_ref", "nothing is committed here yet", "commit first")
    message, remedy = f"there is no commit {ref} in this clone", FETCH_ALL
    if branches and not re.fullmatch("[0-9a-f]{40,64}", ref):
        message, remedy = f"{message}; its branches: {first_few(branches)}", f"name one of them, or {FETCH_ALL}"
    return inconclusive("repo.missing_ref", message, remedy)


def _broken_tree(oid: str, reason: str) -> GatekitError:
    if re.search("could not read|not a tree object", reason, re.IGNORECASE):
        message = f"the files of {oid[:12]} are not all in this clone: {reason}"
        return inconclusive("repo.missing_object", message, "fetch the whole repository, without --filter")
    remedy = "no git command makes such a tree: look at what git fsck says"
    return GatekitError("repo.malformed_tree", f"git cannot list the files of {oid[:12]}: {reason}", remedy=remedy)


def _broken_history(reason: str) -> GatekitError:
    message = f"git could not read the history: {reason}"
    return inconclusive("repo.missing_object", message, "fetch the whole repository, without --depth and --filter")
