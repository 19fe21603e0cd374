"""`--root DIR` of every command: the project's root, where policies/, evidence/, claims.yaml and the others lie.

It means what standing there means, so every other path of the command line is relative to it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import rich_click as click

from gatekit.errors import GatekitError, UsageError

if TYPE_CHECKING:
    from gatekit.repo import Repository

HELP = "The project's root: as if the command were given there (default: here)."


def with_root(command: click.Command) -> click.Command:
    """Give the option to a command and to those below it, where they do not have it already."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            with_root(inner)
    elif not any("--root" in parameter.opts for parameter in command.params):
        # Eager: what else the command line names is looked for when this has had its effect.
        option = click.Option(
            ["--root"], metavar="DIR", help=HELP, expose_value=False, is_eager=True, callback=_entered
        )
        command.params.append(option)
    return command


def _entered(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is None or context.resilient_parsing:
        return
    try:
        os.chdir(value)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise UsageError(f"--root '{value}' cannot be entered: {reason}", "name the folder of a project") from None


def open_project(repo: str | None, root: str | None) -> tuple[Repository, str]:
    """Open a repository that is read through its objects, and return it with the project's root in it.

    `root` may be gone from the work tree, since a change may delete it. Where it is there, it is entered, so that other
    paths mean the same as for every command.

    Args:
        repo: folder of the clone, where the command line names one; `root` is then relative to it.
        root: as the command line gives it.

    Raises:
        GatekitError: as `Repository.open` and `root_of`.
    """
    from gatekit.repo import root_of  # not when files are judged: `check` starts fast

    start = os.path.abspath(repo if repo is not None else ".")
    folder = os.path.normpath(os.path.join(start, root or "."))
    repository = _opened(start, folder, repo is None and root is not None)
    try:
        # A bare repository has no folders in which one could stand.
        place = folder if root is not None or not repository.bare else repository.root
        found = root_of(repository.root, os.fspath(place))
    except BaseException:
        repository.close()
        raise
    if root is not None and os.path.isdir(folder):
        os.chdir(folder)
    return repository, found


def _opened(start: str, folder: str, may_be_below: bool) -> Repository:
    from gatekit.repo import Repository

    try:
        return Repository.open(start)
    except GatekitError as error:
        if not may_be_below or error.error_id != "repo.not_a_repository":
            raise
    return Repository.open(folder)
