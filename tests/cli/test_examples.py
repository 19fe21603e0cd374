"""Every option of every command says what it is, and the example under a command's help is one that it takes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from gatekit.cli.commands import group
from gatekit.cli.examples import EXAMPLES

WITHOUT = ("action", "completion")
"""Nobody types the first; the help of the second is its examples."""


def commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands that do something, with what is typed behind `gatekit`."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below, f"{path} {name}".strip())


ALL = dict(commands(group))


@pytest.mark.parametrize("path", ALL)
def test_every_option_has_a_help_text(path: str) -> None:
    options = [each for each in ALL[path].params if isinstance(each, click.Option)]
    assert [each.opts for each in options if not each.help] == []


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == set(ALL) - set(WITHOUT)


@pytest.mark.parametrize("path", EXAMPLES)
def test_the_help_ends_with_the_examples(path: str) -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(group, [*path.split(), "--help"]).output
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    assert lines[-len(EXAMPLES[path]) :] == list(EXAMPLES[path])


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_is_a_line_that_the_command_takes(line: str) -> None:
    words = shlex.split(line.partition(";")[2] or line)
    path, given = next(
        (path, words[len(path.split()) + 1 :]) for path in ALL if words[1 : len(path.split()) + 1] == path.split()
    )
    # Parsed, with every choice and number in it checked, and not run.
    ALL[path].make_context(path, given)
