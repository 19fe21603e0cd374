"""The command group: each command's module is imported when it is called, so that `check` starts fast."""

from __future__ import annotations

import os
from importlib import import_module

import rich_click as click

from gatekit.cli.examples import with_examples
from gatekit.cli.path_completion import with_paths
from gatekit.cli.root import with_root

# Listed in the order of a user's first day.
COMMANDS = {
    "check": "gatekit.cli.check",
    "explain": "gatekit.cli.explain",
    "report": "gatekit.cli.report",
    "lint": "gatekit.cli.lint",
    "pr": "gatekit.cli.pr",
    "history": "gatekit.cli.history",
    "badge": "gatekit.cli.badge",
    "select": "gatekit.cli.select",
    "dossier": "gatekit.cli.dossier",
    "claims": "gatekit.cli.claims",
    "policy": "gatekit.cli.policy_",
    "stale": "gatekit.cli.stale",
    "migrate": "gatekit.cli.migrate",
    "schema": "gatekit.cli.schema",
    "import": "gatekit.cli.import_",
    "digest": "gatekit.cli.digest",
    "new": "gatekit.cli.new",
    "plan": "gatekit.cli.plan",
    "register": "gatekit.cli.register",
    "init": "gatekit.cli.init",
    "run": "gatekit.cli.run",
    "cache": "gatekit.cli.cache",
    "cycle": "gatekit.cli.cycle",
    "attest": "gatekit.cli.attest",
    "verify": "gatekit.cli.verify",
    "action": "gatekit.cli.action",
    "comment": "gatekit.cli.comment",
    "doctor": "gatekit.cli.doctor",
    "completion": "gatekit.cli.completion",
}


if "NO_COLOR" in os.environ:
    click.rich_click.COLOR_SYSTEM = None  # rich itself would leave bold and dim in the help


def _print_version(ctx: click.Context) -> None:
    from gatekit import __version__
    from gatekit.source_commit import source_commit

    click.echo(f"gatekit, version {__version__} ({source_commit()})")
    ctx.exit()


class LazyGroup(click.RichGroup):
    """A click group whose commands are found in COMMANDS."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of the table."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import and return one command."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[name]).command
        return with_paths(with_examples(with_root(command), name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        from gatekit.errors import did_you_mean

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = did_you_mean(args[0], COMMANDS)
            ctx.fail(f"no command '{args[0]}'" + (f"; {near}" if near else f"; known: {', '.join(COMMANDS)}"))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    *("--version", "wanted"),
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _option, wanted: _print_version(ctx) if wanted else None,
    help="Show the version and the commit that it is of, and exit.",
)
def group() -> None:
    """Release gates for interpretability claims.

    A policy says what must hold, summaries say what was measured; `gatekit check` decides.

    Exit codes: 0 pass, 2 blocked, 3 inconclusive, 4 refused, 5 approval needed, 64 usage, 70 internal error.
    """
