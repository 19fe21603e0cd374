"""The installed command as a process under limits, and what may never be true of it whatever the case."""

from __future__ import annotations

import os
import re
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

    # The shell sets the limits: code between fork and exec is not safe in a process with threads.
    limited = f'ulimit -c 0 && ulimit -t {seconds} && ulimit -d {megabytes << 10} && exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", limited, "sh", str(SCRIPT), *arguments],
        cwd=cwd,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": "/dev/null/nowhere", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, (done.stdout + b"\n" + done.stderr).decode("utf-8", "surrogateescape"))
