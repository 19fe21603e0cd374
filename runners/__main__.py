"""`python -m runners NAME ...` and `python -m runners --list`: the same as `gatekit run`, by the same code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from gatekit.errors import GatekitError, UsageError
from gatekit.exit_codes import ExitCode
from gatekit.runner_command import call_runner, guard_streams, listing, too_old

USAGE = (
    "usage: python -m runners NAME --config FILE --out DIR\n"
    "       python -m runners plan --config FILE\n"
    "       python -m runners --list\n"
)


def main(argv: Sequence[str]) -> int:
    """Run the named runner with the rest of the arguments and return its exit code."""
    try:
        guard_streams()
        if (fault := too_old()) is not None:
            raise UsageError(f"gatekit {fault}")
        code = _main(argv)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        return int(ExitCode.INTERNAL)
    except GatekitError as error:
        sys.stderr.write(f"{error}\n")
        if error.location is not None and error.location.source_line is not None:
            sys.stderr.write(f"    {error.location.source_line.strip()}\n")
        return int(error.exit_code)
    except SystemExit as stop:
        # Only --help ends so with success; Python's own 1 would look like nothing that gatekit says.
        return int(ExitCode.PASS if stop.code in (None, 0) else ExitCode.USAGE if stop.code == 2 else ExitCode.INTERNAL)
    except BaseException as error:  # MemoryError too: Python would exit 1
        sys.stderr.write(f"internal error: {type(error).__name__}: {str(error)[:500]}\n")
        if os.environ.get("GATEKIT_TRACEBACK"):
            traceback.print_exc()
        return int(ExitCode.INTERNAL)
    return _delivered(code)


def _delivered(code: int) -> int:
    """Flush what was printed, and return the exit code: what nobody can have received was not done."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        sys.stderr.write(f"the output could not be written: {said}\n")
        return int(ExitCode.INTERNAL) if code <= ExitCode.INTERNAL else code
    return code


def _main(argv: Sequence[str]) -> int:
    if argv and argv[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0
    if argv and argv[0] == "--list":
        if len(argv) > 1:
            raise UsageError(f"--list names all runners; '{argv[1]}' is one too many")
        sys.stdout.write("".join(f"{line}\n" for line in listing()))
        return 0
    if not argv:
        raise UsageError("no runner is named", "`python -m runners --list` names them")
    if argv[0] == "plan":
        from runners.costs.command import main as plan

        return plan(argv[1:])
    return call_runner(argv[0], argv[1:])


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    # A buffer that nobody can take any more would be flushed again at exit, and the exit code be 120.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.close()
    sys.exit(ended)
