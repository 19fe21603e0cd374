"""The workflow that `gatekit init` writes: at the top of the repository, the only place where GitHub looks for it."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

from gatekit.errors import UsageError
from gatekit.github.project_names import ending
from gatekit.repo import root_of

_EVERY_CHANGE = """\
#
# It runs for pull requests that touch no file of {root} too. With a filter by `paths` it would not report
# on them, and a required check that does not report blocks the merge for ever; and files outside of the folder can be
# what its evidence was measured with. Judging takes seconds.
name: """


def workflow_file(folder: Path) -> tuple[Path, str]:
    """Return where the workflow of the project in a folder goes, relative to the current folder, and its text.

    Raises:
        UsageError: the folder's name cannot stand in a workflow.
    """
    template = (files("gatekit") / "templates" / "workflow.yml").read_text(encoding="utf-8")
    top = _top(folder)
    root = root_of(top, os.fspath(folder)) if top is not None else ""
    if top is None or not root:
        return folder / ".github" / "workflows" / "gatekit.yml", template
    name = f"gatekit{ending(root)}.yml"
    place = Path(os.path.relpath(top)) / ".github" / "workflows" / name
    return place, _of_project(template, root, name)


def check_name(root: str) -> str:
    """Return what the job of a project's gate is called, in front of the base in brackets."""
    return f"gatekit / gate {root}".rstrip()


def _of_project(template: str, root: str, name: str) -> str:
    """Return the template with the names of one project of several, in each place that others could collide with."""
    if not root.isprintable() or "${{" in root:
        raise UsageError(f"the folder's name {root!r} cannot stand in a workflow", "rename the folder")
    job = "name: gatekit / gate (${{"
    start, _, rest = template.partition(f"    {job}")
    line, _, rest = rest.partition("\n")
    named = f"{check_name(root)} (${{{{{line}"
    text = f"{start}    name: {_quoted(named)}\n{rest}"
    for old, new in {
        '"gatekit / gate (refs/heads/main)"': f'"{check_name(root)} (refs/heads/main)"',
        "\nname: gatekit\n": f"\n{_EVERY_CHANGE.format(root=root)}{_quoted(f'gatekit {root}')}\n",
        "group: gatekit-": f"group: gatekit{ending(root)}-",
        "workflows/gatekit.yml": f"workflows/{name}",
        "WORKING_DIRECTORY: candidate": "WORKING_DIRECTORY: " + _quoted(f"candidate/{root}"),
    }.items():
        text = text.replace(old, new)
    return text


def _quoted(text: str) -> str:
    """Return a scalar of YAML that is this text, whatever stands in it: YAML reads what JSON writes."""
    return json.dumps(text, ensure_ascii=False)


def _top(folder: Path) -> Path | None:
    """Return the top of the work tree that a folder will lie in; None outside of one."""
    place = Path(os.path.abspath(folder))
    return next((each for each in (place, *place.parents) if (each / ".git").exists()), None)
