"""What a reader costs in a process of its own, in memory and in the time of a loop that the same process counts."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

PROGRAM = """\
import sys, time
from gatekit.errors import GatekitError
from gatekit.evidence.{module} import {reader}

started = time.process_time()
total = 0
for number in range(3_000_000):
    total += number
counted = time.process_time()
try:
    {reader}(sys.argv[1])
except GatekitError:
    pass
print((time.process_time() - counted) / (counted - started))
"""


def loops_of(module: str, reader: str, path: Path) -> float:
    """Return how many times longer reading a file takes than adding up three million numbers, a fifth of a second.

    The process may have 200 megabytes.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 21))
        resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))

    program = PROGRAM.format(module=module, reader=reader)
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, preexec_fn=limit)
    assert (done.returncode, done.stderr) == (0, "")
    return float(done.stdout)
