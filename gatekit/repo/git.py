"""The one place that runs git: no shell, no inherited settings, no network, bounded output, bounded time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode

TIMEOUT_SECONDS = 120.0
"""For one git call; the largest repositories that fit the other limits need a few seconds."""
OUTPUT_LIMIT = 1 << 20
"""Bytes of stdout, where the caller does not name another limit."""

NOWHERE = os.path.join(os.devnull, "nowhere")
"""A path that no machine has: the null device is no folder, so nothing can lie below it."""

_ENVIRONMENT = {
    "LC_ALL": "C",
    # Only the repository's own configuration is left, and the calls that read it are chosen not to act on it.
    "HOME": NOWHERE,
    "XDG_CONFIG_HOME": NOWHERE,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    # History as it was pushed, without what a local clone can lay over it.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": NOWHERE,
    # A partial clone would fetch a missing object, through a program that its configuration names. git before 2.45 does
    # not know the first variable; the second one refuses every transport in all versions.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}


@dataclass(frozen=True)
class GitResult:
    """A git call that ended by itself."""

    code: int
    """Exit status; negative for a signal."""
    out: bytes
    errors: str
    """The first 64 KiB of stderr."""

    @property
    def reason(self) -> str:
        """The first line of stderr without git's own prefix, short and printable."""
        line = next(iter(self.errors.strip().splitlines()), f"exit status {self.code}")
        for prefix in ("fatal: ", "error: "):
            line = line.removeprefix(prefix)
        return "".join(character if character.isprintable() else "?" for character in line[:200])


class OutputTooLarge(GatekitError):
    """git wrote more than the caller allows, and was stopped."""

    def __init__(self, command: str) -> None:
        super().__init__("repo.output_size", f"git {command} wrote more than is read of one answer, and was stopped")


def environment() -> dict[str, str]:
    """Return the whole environment of a git call: nothing is inherited but the absolute folders of PATH.

    A relative folder in PATH would let the tree that is judged bring its own `git`.
    """
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return {"PATH": os.pathsep.join(filter(os.path.isabs, folders)), **_ENVIRONMENT}


def run(git_dir: Path, arguments: Sequence[str], limit: int = OUTPUT_LIMIT, records: int | None = None) -> GitResult:
    """Run git on one git folder and return what it wrote, whatever its exit status.

    git is told the folder, so it does not search for one and its rule about folders of other users does not apply.

    Args:
        git_dir: the `.git` folder, a file that points to one, or a bare repository.
        arguments: the command and its arguments; what comes from outside stands behind `--end-of-options`.
        limit: bytes of stdout.
        records: NUL-terminated records of stdout.

    Raises:
        OutputTooLarge: `repo.output_size`, more bytes or records than allowed.
        GatekitError: `repo.no_git`, `repo.timeout`.
    """
    with start(git_dir, arguments) as (process, errors):
        assert process.stdin is not None and process.stdout is not None
        with stopped_after(process, TIMEOUT_SECONDS):
            process.stdin.close()
            chunks, size, seen = [], 0, 0
            while chunk := os.read(process.stdout.fileno(), 1 << 18):
                chunks.append(chunk)
                size += len(chunk)
                seen += chunk.count(b"\0") if records is not None else 0
                if size > limit or (records is not None and seen > records):
                    raise OutputTooLarge(arguments[0])
            code = process.wait()
        return GitResult(code, b"".join(chunks), errors.text())


class _Errors:
    """git's stderr in a file, because a pipe that nobody reads would stop it."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `start`)

    def text(self) -> str:
        self.file.seek(0)
        return self.file.read(1 << 16).decode("utf-8", "replace")


@contextmanager
def start(git_dir: Path, arguments: Sequence[str]) -> Iterator[tuple[subprocess.Popen[bytes], _Errors]]:
    """Start git with pipes on stdin and stdout; it is killed, if it still runs, when the context ends.

    Raises:
        GatekitError: `repo.no_git`.
    """
    variables = environment()
    program = shutil.which("git", path=variables["PATH"])
    if program is None:
        message, remedy = "there is no git on this machine's PATH", "install git 2.38 or newer"
        raise GatekitError("repo.no_git", message, remedy=remedy, exit_code=ExitCode.INCONCLUSIVE)
    # The commit-graph file is a cache beside the objects that nothing checks when it is read.
    settings = ["-c", "core.commitGraph=false", "-c", "core.warnAmbiguousRefs=true"]
    command = [program, f"--git-dir={git_dir}", "--literal-pathspecs", "--no-pager", *settings, *arguments]
    errors = _Errors()
    with errors.file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors.file,
            env=variables,
            # Nothing is looked up relative to where the user stands.
            cwd=git_dir if git_dir.is_dir() else git_dir.parent,
        )
        try:
            yield process, errors
        finally:
            process.kill()
            for stream in (process.stdin, process.stdout):
                try:
                    if stream is not None:
                        stream.close()
                except BrokenPipeError:
                    continue
            process.wait()


@contextmanager
def stopped_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Kill the process when the block takes longer than this.

    Raises:
        GatekitError: `repo.timeout`, in place of whatever the block did with a killed process.
    """
    expired = threading.Event()

    def stop() -> None:
        expired.set()
        process.kill()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if expired.is_set():
            raise GatekitError("repo.timeout", f"git took longer than {seconds:g} s and was stopped") from None


def version(git_dir: Path) -> tuple[int, int]:
    """Return git's major and minor version; (0, 0) when it does not say."""
    words = run(git_dir, ["version"]).out.decode("ascii", "replace").split()
    match = re.fullmatch(r"(\d+)\.(\d+).*", words[2], re.ASCII) if len(words) > 2 else None
    return (int(match[1]), int(match[2])) if match else (0, 0)
