"""How commands that check files print what is wrong: a line per problem, the user's own line under it, none endless."""

from __future__ import annotations

from collections.abc import Sequence

import rich_click as click

from gatekit.errors import GatekitError
from gatekit.report import inert
from gatekit.report.first_problems import first_errors


def print_errors(errors: Sequence[GatekitError]) -> None:
    """Write the first problems of each file to stderr, and how many more there are."""
    shown, more = first_errors(errors)
    for error in shown:
        click.echo(inert.terminal(str(error), limit=1000), err=True)
        if error.location is not None and error.location.source_line is not None:
            click.echo(f"    {inert.terminal(error.location.source_line.strip())}", err=True)
    for line in more:
        click.echo(inert.terminal(line), err=True)
