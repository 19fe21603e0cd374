"""`gatekit completion`: the script that makes a shell complete gatekit's commands and options."""

from __future__ import annotations

import rich_click as click

SHELLS = ("bash", "zsh", "fish")


# The backspace keeps click from filling the paragraph behind it; a raw docstring would print it as two characters.
HELP = """Print the completion script of a SHELL: bash, zsh or fish.

\b
bash   eval "$(gatekit completion bash)"      in ~/.bashrc
zsh    eval "$(gatekit completion zsh)"       in ~/.zshrc, after compinit
fish   gatekit completion fish | source       in ~/.config/fish/config.fish
"""


@click.command("completion", help=HELP)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script."""
    from click.shell_completion import ShellComplete, get_completion_class

    from gatekit.cli.commands import group
    from gatekit.cli.process import COMPLETE

    found = get_completion_class(shell)
    assert found is not None
    # The base class's source: bash's own first runs whichever bash is on the path, to warn of one older than 4.4.
    click.echo(ShellComplete.source(found(group, {}, "gatekit", COMPLETE)))
