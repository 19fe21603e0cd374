"""`python -m runners NAME ...` and `python -m runners --list`: the same as `gatekit run`, by the same code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from gatekit.errors import GatekitError, UsageError
from gatekit.exit_codes import ExitCode
from gatekit.runner_command import call_runner, listing

USAGE = (
    "usage: python -m runners NAME --config FILE --out DIR\n"
    "       python -m runners plan --config FILE\n"
    "       python -m runners --list\n"
)


def main(argv: Sequence[str]) -> int:
    """Run the named runner with the rest of the arguments and return its exit code."""
    try:
        code = _main(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        return int(ExitCode.INTERNAL)
    except GatekitError as error:
        sys.stderr.write(f"{error}\n")
        if error.location is not None and error.location.source_line is not None:
            sys.stderr.write(f"    {error.location.source_line.strip()}\n")
        return int(error.exit_code)


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
    sys.exit(main(sys.argv[1:]))
