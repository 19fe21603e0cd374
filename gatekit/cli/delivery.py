"""How a command that judges hands over its report: the formats asked for, all rendered before any is written."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import rich_click as click

from gatekit.errors import UsageError
from gatekit.report import module_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

STDOUT = "-"


def parse_outputs(texts: Sequence[str], formats: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (format, path) of every `--output FORMAT=PATH`.

    Raises:
        UsageError: one is not of that form, or names no format.
    """
    found = []
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or not path:
            raise UsageError(f"--output '{text}' is not FORMAT=PATH", "for instance --output json=verdict.json")
        module_of(name, formats)
        found.append((name, path))
    return found


def complete_output(formats: Mapping[str, str]) -> Callable[..., list[CompletionItem]]:
    """Return what a shell completes `--output` with: the formats, each with its equals sign, then a path."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # not when evidence is judged: `check` starts fast

        _, equals, path = incomplete.partition("=")
        if equals:
            return [CompletionItem(path, type="file")]
        return [CompletionItem(f"{name}=") for name in formats if name.startswith(incomplete)]

    return complete


def deliver(
    wanted: Sequence[tuple[str, str]], render: Callable[[str], str], on_terminal: Callable[[int, bool], str]
) -> None:
    """Write the report in every format, and for people on stdout unless another format goes there.

    Everything is rendered before anything is written: a format that fails leaves no verdict of the others behind.

    Args:
        wanted: (format, path); the path `-` is stdout.
        render: format -> text.
        on_terminal: width and whether to colour -> text for people.
    """
    from gatekit.evidence.atomic import write_whole

    if not any(path == STDOUT for _, path in wanted):
        wanted = [*wanted, ("terminal", STDOUT)]
    rendered = [
        (path, on_terminal(terminal_width(), _in_color()) if (name, path) == ("terminal", STDOUT) else render(name))
        for name, path in wanted
    ]
    for path, text in rendered:
        if path != STDOUT:
            write_whole(path, text.encode("utf-8"))
    for path, text in rendered:
        if path == STDOUT:
            click.echo(text, nl=False, color=True)


def terminal_width() -> int:
    """Return how many columns a report for people may take."""
    return max(60, min(140, shutil.get_terminal_size((100, 40)).columns))


def _in_color() -> bool:
    if sys.stdout is None or not sys.stdout.isatty():
        return False
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
