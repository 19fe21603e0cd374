"""`gatekit migrate`: does any file here need a change before this gatekit reads it?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import rich_click as click

from gatekit.cli.inputs import load_kinds
from gatekit.errors import GatekitError, UsageError, without_frames
from gatekit.evidence.listing import walk
from gatekit.evidence.schema_steps import brought_up
from gatekit.evidence.several_files import write_together
from gatekit.evidence.strict_json import SUMMARY_LIMITS, read_regular_file
from gatekit.exit_codes import ExitCode, worst
from gatekit.report import inert

PLACES = ("evidence", "policies", "registrations", "cycles", "kinds", "trust", "claims.yaml", "subject.yaml")
"""Where files of gatekit lie in a repository."""
_ENDS = (".json", ".yaml", ".yml")


@click.command("migrate")
@click.argument("paths", nargs=-1)
@click.option("--write", is_flag=True, help="Replace the files that need a change; without it nothing is written.")
def command(paths: tuple[str, ...], write: bool) -> int:
    """Bring files of older schemas up to those that this gatekit writes.

    PATHS are files or folders; default is where gatekit's files lie. Today no schema has an older form, so that every
    file is reported as current. Exit 0 when every file is current or could be changed, 4 when one cannot be read or is
    of a schema that this gatekit does not know.

    A changed file is another file: its digest and its signature are no longer those that it had.
    """
    kinds = load_kinds()
    counts = {"current": 0, "changed": 0, "left": 0}
    changed: dict[Path, bytes] = {}
    errors: list[GatekitError] = []
    for path in _files(paths):
        try:
            state = brought_up(read_regular_file(path, "migrate", SUMMARY_LIMITS.size), path, kinds)
        except GatekitError as error:
            errors.append(without_frames(error))
            continue
        word = "left" if not state.schemas else "current" if state.data is None else "changed"
        counts[word] += 1
        if state.data is not None:
            changed[Path(path)] = state.data
        told = " -> ".join(state.schemas) or "names no schema of gatekit"
        click.echo(inert.terminal(f"{word:<8} {path}: {told}", limit=1000))
    for refusal in errors:
        click.echo(inert.terminal(str(refusal), limit=1000), err=True)
    code = worst([ExitCode.PASS, *(refusal.exit_code for refusal in errors)])
    if write and code is ExitCode.PASS:
        write_together(changed, True, "")
    told = ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "no file"
    click.echo(f"migrate: {told}{_ending(bool(changed), write, code)}")
    return code


def _ending(anything: bool, write: bool, code: ExitCode) -> str:
    if code is not ExitCode.PASS:
        return "; nothing was written, because of the errors above" if write else "; see the errors above"
    if not anything:
        return "; nothing to do"
    return "; written" if write else "; --write writes them"


def _files(paths: Sequence[str]) -> Iterator[str]:
    """Yield every JSON and YAML file below the paths once, in order, without hidden folders and links.

    Raises:
        UsageError: a path is not there.
    """
    seen: set[str] = set()
    for path in paths or [place for place in PLACES if os.path.lexists(place)]:
        if not os.path.lexists(path):
            raise UsageError(f"nothing lies at '{path}'", "check the path")
        for found in _below(path) if os.path.isdir(path) else [path]:
            if found not in seen:
                seen.add(found)
                yield found


def _below(folder: str) -> Iterator[str]:
    for here, folders, names in walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(here, name)
            if name.endswith(_ENDS) and not name.startswith(".") and not os.path.islink(path):
                yield path
