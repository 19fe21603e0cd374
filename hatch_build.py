"""Writes into a wheel or an sdist which commit it is built from; `gatekit --version` reads it.

Where the source itself says its commit (an sdist, an archive that git made), that is kept. Without git, or where the
folder is not the top of a checkout, the placeholder stays, and the commit is unknown.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILE = "gatekit/source_commit.txt"
SOURCES = ("gatekit", "gatekit_husai", "runners", "schemas", "pyproject.toml", "hatch_build.py")
"""What a wheel is made of: changes elsewhere do not count as changes."""


class SourceCommit(BuildHookInterface):  # type: ignore[type-arg]
    """Puts a filled copy of `source_commit.txt` in the place of the checkout's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before a build; an editable install reads the checkout itself and needs no copy."""
        self._made = Path(tempfile.mkdtemp())
        if version == "editable":
            return
        text = (Path(self.root) / FILE).read_text(encoding="utf-8").strip()
        commit = checked_out(Path(self.root)) if text.startswith("$Format") else None
        # Also where nothing is to fill in: such a file comes last in a wheel, and a wheel that is built from an sdist
        # shall have the bytes of one that is built from the checkout.
        filled = self._made / "source_commit.txt"
        filled.write_text(f"{commit or text}\n", encoding="utf-8")
        build_data["force_include"][str(filled)] = FILE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """After it."""
        shutil.rmtree(self._made, ignore_errors=True)


def checked_out(root: Path) -> str | None:
    """Return the commit of a checkout, ` and changes` behind it where files of the wheel are not the commit's."""
    if not (root / ".git").exists():
        return None
    # Told the folder, git does not ask whose it is; a program that the configuration names is not started.
    git = ["git", f"--git-dir={root / '.git'}", f"--work-tree={root}", "-c", "core.fsmonitor=false"]
    try:
        head = subprocess.run([*git, "rev-parse", "--verify", "HEAD^{commit}"], capture_output=True, text=True)
        status = [*git, "--no-optional-locks", "status", "--porcelain", "--", *SOURCES]
        changes = subprocess.run(status, cwd=root, capture_output=True, text=True)
    except OSError:
        return None
    commit = head.stdout.strip()
    if head.returncode or changes.returncode or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return None
    return f"{commit} and changes" if changes.stdout else commit
