"""The installed command as a process under limits, and what may never be true of it whatever the case."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(sysconfig.get_path("scripts")) / "gatekit"
SECONDS = 20
MEGABYTES = 600

# GitHub's runner (ActionCommand.cs): after trimming, `::name`; or `##[name` anywhere in the line.
COMMAND = re.compile(r"^\s*::[A-Za-z-]+.*::|##\[[A-Za-z-]+")


@dataclass(frozen=True)
class Done:
    """A process that ended."""

    code: int
    """Exit code; negative for a signal."""
    text: str
    """stdout, then stderr."""

    def commands(self) -> list[str]:
        """Lines that GitHub's runner would obey; a line may also end in a carriage return or a Unicode separator."""
        return [line for line in self.text.splitlines() if COMMAND.search(line)]


def run(
    arguments: list[str],
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    seconds: int = SECONDS,
    megabytes: int = MEGABYTES,
) -> Done:
    """Run `gatekit` with nothing of this process's environment but the search path.

    Args:
        arguments: of the command.
        cwd: its working directory.
        environment: more variables.
        seconds: of CPU time; more is a signal, and so a negative code.
        megabytes: of data that it may allocate.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    done = subprocess.run(
        [SCRIPT, *arguments],
        cwd=cwd,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=limit,
    )
    return Done(done.returncode, (done.stdout + b"\n" + done.stderr).decode("utf-8", "surrogateescape"))
