"""The command line of a benchmark that simulates: how often, and where its page goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def write_page(
    report: Callable[[int], tuple[str, Sequence[str]]],
    results: Path,
    repetitions: int,
    about: str | None,
    arguments: list[str] | None = None,
) -> int:
    """Write the page of a simulation and return its exit code: 1 where a promise falls short.

    Args:
        report: makes of the number of repetitions the page, and what falls short of its promise.
        results: where the page is committed.
        repetitions: how many there are unless the command line says otherwise.
        about: the module's docstring.
        arguments: of the command line; None for the process's own.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--output", default=str(results), help="a path, or - for stdout")
    options = parser.parse_args(arguments)
    text, short = report(options.repetitions)
    if options.output == "-":
        sys.stdout.write(text)
    else:
        Path(options.output).parent.mkdir(parents=True, exist_ok=True)
        Path(options.output).write_text(text, encoding="utf-8")
    return 1 if short else 0
