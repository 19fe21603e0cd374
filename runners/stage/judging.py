"""Judging summaries as the command line does, in processes of their own: nothing measured here can move the verdict."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gatekit.exit_codes import ExitCode


def check(policy: str, evidence: Path) -> ExitCode:
    """Run `gatekit check` on a folder."""
    return _gatekit("check", "--policy", policy, "--evidence", str(evidence))


def select_and_check(policy: str, evidence: Sequence[str], folder: str) -> ExitCode:
    """Choose one of the subjects by the policy's `selection` and check that one alone.

    Args:
        policy: with a `selection`.
        evidence: files and folders with the summaries of all candidates.
        folder: where the choice is written, over an earlier one.
    """
    selected = _gatekit("select", *evidence, "--policy", policy, "--out", folder, "--replace")
    if selected is not ExitCode.PASS:
        return selected
    given = [part for path in evidence for part in ("--evidence", path)]
    return _gatekit("check", "--policy", policy, *given, "--candidate", str(Path(folder) / "candidate.json"))


def _gatekit(*arguments: str) -> ExitCode:
    code = subprocess.run([sys.executable, "-m", "gatekit", *arguments], check=False).returncode
    return ExitCode(code) if code in list(ExitCode) else ExitCode.INTERNAL
