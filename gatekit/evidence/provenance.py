"""Who measured, with what, when: the facts that a summary carries about its own making."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

DISTRIBUTION = "gatekit-sae"
"""Ours; a checkout that is installed for editing does not list its modules."""

_URL = re.compile(r"((?:--[a-z-]+=)?[a-z][a-z0-9+.-]*://)(.*)", re.IGNORECASE | re.DOTALL)
_ABSOLUTE = re.compile(r"""(?<=")/[^"]+(?=")|(?<=')/[^']+(?=')|(?<![\w.:/~"'-])(?!(?<=<)/\w+>)/[^\s,\[\]{}"']+""")
"""Absolute paths in a value as YAML writes it: quoted, or plain and then without spaces; `</s>` is a token."""


@dataclass(frozen=True)
class GitState:
    """The repository that the running code lies in; None where it lies in none."""

    commit: str | None
    dirty: bool | None


def git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints in a folder; None when it fails or is not there.

    Nothing is written into the repository: `git status` would refresh the index, and leave its lock on a full disk.
    """
    try:
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def repository_root(folder: Path) -> Path | None:
    """Return the root of the repository around a folder; None where there is none."""
    top = git(folder, "rev-parse", "--show-toplevel")
    return Path(top.rstrip("\n")) if top else None


def git_state(root: Path, code: Sequence[str]) -> GitState:
    """Return the commit and whether tracked files, or untracked code, differ from it; take it when the run STARTS.

    Untracked files elsewhere (outputs, notes) change no number and do not count.

    Args:
        root: of the repository.
        code: files and folders below it whose untracked files count.
    """
    commit = git(root, "rev-parse", "HEAD")
    if commit is None:
        return GitState(None, None)
    tracked = git(root, "status", "--porcelain", "--untracked-files=no")
    # Without paths git would list all that is untracked.
    untracked = git(root, "ls-files", "--others", "--exclude-standard", "--", *code) if code else ""
    if tracked is None or untracked is None:
        return GitState(commit.strip(), None)
    return GitState(commit.strip(), bool(tracked.strip() or untracked.strip()))


def utc_now() -> str:
    """Return the time in UTC, RFC 3339, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def run_times(started: str, began: float) -> dict[str, str]:
    """Return `started` and `finished` of a run that ends now, the first never behind the second.

    Where the clock was set back meanwhile, the clock of now counts, and how long the run took.

    Args:
        started: by `utc_now`, when it started.
        began: by `time.monotonic`, at the same moment.
    """
    finished = utc_now()
    if finished < started:
        took = timedelta(seconds=max(0.0, time.monotonic() - began))
        started = (datetime.fromisoformat(finished) - took).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"started": started, "finished": finished}


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the version of each installed package among `names`."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def loaded_packages() -> dict[str, str]:
    """Return the version of each installed package that this process has imported something of."""
    loaded = {name.partition(".")[0] for name in list(sys.modules)}
    owners = {owner for name, all_of in _owners(tuple(sys.path)).items() if name in loaded for owner in all_of}
    return package_versions(sorted({*owners, DISTRIBUTION}))


@lru_cache(maxsize=1)
def _owners(_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Return top-level module -> the packages that it is of; the lists of files of all of them are read for it."""
    from importlib.metadata import packages_distributions

    return packages_distributions()


def shown_argument(argument: str) -> str:
    """Return a command-line argument as the summary shows it: an absolute path is cut to its last part.

    So is one behind the `=` of an option or of a setting, and each in a list or a mapping there. Of a URL, which may
    hold keys, the scheme and the last part are left.
    """
    url = _URL.fullmatch(argument)
    if url is not None:
        return f"{url[1]}{url[2].partition('?')[0].rstrip('/').rpartition('/')[2]}"
    if Path(argument).is_absolute():
        return Path(argument).name
    name, equals, value = argument.partition("=")
    if Path(value).is_absolute():
        return f"{name}={Path(value).name}"
    return f"{name}={_ABSOLUTE.sub(_last_part, value)}" if equals else argument


def without_paths(text: str) -> str:
    """Return a text with every absolute path in it cut to its last part: a summary tells of no machine's folders."""
    return _ABSOLUTE.sub(_last_part, text)


def _last_part(path: re.Match[str]) -> str:
    return Path(path[0]).name
