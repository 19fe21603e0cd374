"""`gatekit run`: measure, where the runners and torch are installed. Nothing else of gatekit loads them."""

from __future__ import annotations

import rich_click as click
from click.shell_completion import CompletionItem

from gatekit.errors import UsageError
from gatekit.report import inert


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from gatekit.runner_command import runner_names

    return [CompletionItem(name) for name in runner_names() if name.startswith(incomplete)]


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--list", "wants_list", is_flag=True, help="Name all runners, whose they are and what they measure.")
@click.argument("runner", required=False, shell_complete=_names)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(wants_list: bool, runner: str | None, arguments: tuple[str, ...]) -> int:
    """Run one RUNNER, e.g. `gatekit run random_model --config FILE --out evidence`.

    ARGUMENTS are the runner's own; `gatekit run RUNNER --help` lists them, and `gatekit run --list` the runners of all
    installed packages. It is the same as `python -m runners`.
    """
    from gatekit.runner_command import call_runner, listing

    if wants_list:
        if runner is not None:
            raise UsageError(f"--list names all runners; '{runner}' is one too many")
        for line in listing():
            click.echo(inert.terminal(line, limit=None))
        return 0
    if runner is None:
        raise UsageError("no runner is named", "`gatekit run --list` names them")
    return call_runner(runner, arguments)
