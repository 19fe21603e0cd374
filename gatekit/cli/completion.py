"""`gatekit completion`: the script that makes a shell complete gatekit's commands and options."""

from __future__ import annotations

import rich_click as click

from gatekit.cli.completion_scripts import SCRIPTS

# The backspace keeps click from filling the paragraph behind it; a raw docstring would print it as two characters.
HELP = """Print the completion script of a SHELL: bash, zsh or fish.

\b
bash   eval "$(gatekit completion bash)"      in ~/.bashrc
zsh    eval "$(gatekit completion zsh)"       in ~/.zshrc, after compinit
fish   gatekit completion fish | source       in ~/.config/fish/config.fish
"""


@click.command("completion", help=HELP)
@click.argument("shell", type=click.Choice(list(SCRIPTS)))
def command(shell: str) -> None:
    """Print the script."""
    click.echo(SCRIPTS[shell], nl=False)
