"""Where a command takes a file or folder, the shell completes one: click has it do so only for a type of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

NAMED = ("FILE", "DIR", "SUMMARY", "FOLDER|NAME", "DIR|URL")
"""What help calls the value of an option that is a path."""
SEEDED = {"digest": "paths", "import": "files", "init": "places"}
"""Command -> the argument that takes `SEED=PATH` too."""
ARGUMENTS = ("paths", "evidence", "before", "after", "report", "files", "places")


class PathText(click.types.StringParamType):
    """Text that is a path, or begins like one. What may lie there is for the command to say."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell, which knows where it stands: the path alone where a seed stands before it."""
        if SEEDED.get(ctx.command.name or "") == param.name:
            seed, equals, path = incomplete.partition("=")
            incomplete = path if equals and seed.isdecimal() else incomplete
        from click.shell_completion import CompletionItem  # `check` starts fast, and completes nothing

        return [CompletionItem(incomplete, type="file")]


def with_paths(command: click.Command) -> click.Command:
    """Give the type to the parameters of a command, and of those below it, that take any text and are called a path."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            with_paths(inner)
    for parameter in command.params:
        named = parameter.metavar in NAMED or (isinstance(parameter, click.Argument) and parameter.name in ARGUMENTS)
        if named and type(parameter.type) is click.types.StringParamType:
            parameter.type = PathText()
    return command
