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


_FETCH = '          git fetch --quiet --depth 1 -- "$source" "$commit"\n'
_ENTERPRISE = {
    "# Judges every pull request. Make": "# For GitHub Enterprise Server.\n#\n# Judges every pull request. Make",
    "runs-on: ubuntu-24.04\n": "runs-on: [self-hosted, linux] # the labels of your machines\n",
    "git+https://github.com/OWNER/REPOSITORY@ and": "git+https://YOUR-SERVER/OWNER/REPOSITORY@ and",
    "git+https://github.com/OWNER/REPOSITORY@COMMIT'": "git+https://YOUR-SERVER/OWNER/REPOSITORY@COMMIT'",
    # Newer ones need a runner that older servers do not have.
    "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1": "11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2",
    "      - name: install gatekit\n": """\
      - name: install gatekit
        env:
          TOKEN: ${{ github.token }} # a server in private mode shows nothing without one
""",
    _FETCH: f"""\
          # Never to another host, and not as an argument, which others on the machine could read.
          if [[ "$source" == "$GITHUB_SERVER_URL"/* ]]; then
            printf '[http "%s/"]\\n\\textraHeader = Authorization: Basic %s\\n' "$GITHUB_SERVER_URL" \\
              "$(printf 'x-access-token:%s' "$TOKEN" | base64 | tr -d '\\n')" >> .git/config
          fi
{_FETCH}          git config --remove-section "http.$GITHUB_SERVER_URL/" 2> /dev/null || true
""",
    "      - name: judge\n": "      - name: judge\n        id: judge\n",
    "          exec bin/python -I bin/gatekit action\n": """\
          exec bin/python -I bin/gatekit action
      # The artifact actions from version 4 on do not work on a server.
      - name: upload the reports
        if: ${{ !cancelled() && steps.judge.outputs.report-json != '' }}
        uses: actions/upload-artifact@c24449f33cd45d4826c6702db7e49f7cdb9b551d # v3.2.1-node20
        with:
          name: ${{ steps.judge.outputs.artifact-name }}
          path: ${{ steps.judge.outputs.output-dir }}
          if-no-files-found: error
""",
}
"""What is another thing on a server, and what stands there."""


def workflow_file(folder: Path, enterprise: bool = False) -> tuple[Path, str]:
    """Return where the workflow of the project in a folder goes, relative to the current folder, and its text.

    Args:
        folder: the project's.
        enterprise: for GitHub Enterprise Server, which has no hosted machines and other artifact actions.

    Raises:
        UsageError: the folder's name cannot stand in a workflow.
    """
    template = (files("gatekit") / "templates" / "workflow.yml").read_text(encoding="utf-8")
    for old, new in _ENTERPRISE.items() if enterprise else ():
        template = template.replace(old, new, 1)
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
