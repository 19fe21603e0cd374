"""The one way out of the process: every command's exit code is decided here.

Python exits 1 for an uncaught exception, click exits 2 for a usage error, and a report written to a closed pipe exits 0
or 120: none of these may be taken for a verdict.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from gatekit.exit_codes import ExitCode
from gatekit.python_version import too_old
from gatekit.streams import guard_streams

COMPLETE = "_GATEKIT_COMPLETE"
"""The variable in which a shell asks for completions; it asks with no arguments, and only then is it listened to."""


def main() -> NoReturn:
    """Run the command line and exit with a code of `ExitCode`, or 128 + the signal's number."""
    guard_streams()
    # What is read is kept until the end, and nothing in it refers back: looking through it for cycles again and again
    # takes a tenth of the time. They are looked for all the same, a hundred times more rarely.
    gc.set_threshold(70_000, 20, 20)
    signal.signal(signal.SIGTERM, _stop)
    logging.basicConfig(level=logging.WARNING, format="gatekit: %(message)s", stream=sys.stderr)
    code: int = ExitCode.INTERNAL
    if (fault := too_old()) is not None:
        sys.stderr.write(f"gatekit: {fault}\n")
        _leave(ExitCode.USAGE)
    try:
        code = run(sys.argv[1:])
    except ModuleNotFoundError as error:
        code = ExitCode.USAGE if _not_installed(error) else ExitCode.INTERNAL
        if code == ExitCode.USAGE:
            missing = f"no module '{error.name}'"
            _say(f"not installed for {sys.executable}: {missing}; in a checkout of gatekit, pip install .")
        else:
            _internal(error)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit as stop:
        # Only the signal handler raises this with a code; anything else did not come through here by design.
        code = stop.code if isinstance(stop.code, int) and stop.code > 128 else ExitCode.INTERNAL
    except BrokenPipeError:
        code = ExitCode.INTERNAL
        _say("the output was closed before the report was written")
    except OSError as error:
        code = ExitCode.INTERNAL
        # A file that cannot be read or written is named by its error; what has no name is one of our own streams.
        if error.filename is not None:
            _internal(error)
        else:
            _say(f"the output could not be written: {error.strerror or error}")
            _leave(code)
    except BaseException as error:  # MemoryError and RecursionError included: no failure may look like a verdict
        code = ExitCode.INTERNAL
        _internal(error)
    _leave(_delivered(code))


def _not_installed(error: ModuleNotFoundError) -> bool:
    """Whether a module is missing because nobody installed gatekit for the Python that runs, as in a bare checkout."""
    return error.name is not None and error.name.partition(".")[0] in ("click", "rich_click", "rich")


def _internal(error: BaseException) -> None:
    _say(f"internal error: {type(error).__name__}: {error}")
    if os.environ.get("GATEKIT_TRACEBACK"):
        import traceback

        traceback.print_exc()
    else:
        _say("set GATEKIT_TRACEBACK=1 for the traceback, and please report it")


def run(arguments: list[str]) -> int:
    """Run the command line in this process and return its exit code; what went wrong is said on stderr."""
    from click import exceptions

    from gatekit.cli.commands import group
    from gatekit.errors import GatekitError

    if not arguments and os.environ.get(COMPLETE, "").endswith("_complete"):
        from click.shell_completion import shell_complete

        return ExitCode.USAGE if shell_complete(group, {}, "gatekit", COMPLETE, os.environ[COMPLETE]) else ExitCode.PASS
    try:
        # Not group.main(): it exits 2 for `gatekit` alone, and 0 for any command when COMPLETE is in the environment.
        with group.make_context("gatekit", arguments) as context:
            result = group.invoke(context)
    except exceptions.Exit as stop:
        return int(stop.exit_code)
    except exceptions.NoArgsIsHelpError as error:
        with contextlib.suppress(Exception):
            sys.stderr.write(f"{error.format_message()}\n")
        return ExitCode.USAGE
    except exceptions.Abort:
        return 128 + signal.SIGINT
    except exceptions.UsageError as error:
        _say(" ".join(error.format_message().split()))  # click lists choices on lines of their own
        if error.ctx is not None:
            _say(f"see `{error.ctx.command_path} --help`")
        return ExitCode.USAGE
    except exceptions.ClickException as error:
        _say(error.format_message())
        return ExitCode.USAGE
    except GatekitError as error:
        _say(str(error))
        if error.location is not None and error.location.source_line is not None:
            _say(f"    {error.location.source_line.strip()}")
        return error.exit_code
    # A command that returns nothing did its work; --help and --version return 0 as click's own.
    return ExitCode.PASS if result is None else int(result)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _say(text: str) -> None:
    """Write a line to stderr; whatever keeps it from being written must not change the exit code."""
    with contextlib.suppress(Exception):
        from gatekit.report import inert

        sys.stderr.write(f"gatekit: {inert.terminal(text, limit=2000)}\n")


def _delivered(code: int) -> int:
    """Flush what was printed; a report that nobody can have received is not a pass."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        _say(f"the output could not be written: {reason}")
        return ExitCode.INTERNAL if code <= ExitCode.INTERNAL else code
    return code


def _leave(code: int) -> NoReturn:
    # Without this, the interpreter's own flush at exit can fail and replace the exit code by 120.
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)
