"""The inputs of action.yml, as its steps hand them over: environment variables, every one of them untrusted text."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import UsageError, did_you_mean
from gatekit.github.project_names import ending

PREFIX = "GATEKIT_INPUT_"
MODES = ("pr", "check")
PLAIN_NAME = "gatekit-reports"
LONGEST = 1000
"""Characters of one value; a path that is longer exists nowhere."""


@dataclass(frozen=True)
class Inputs:
    """What the caller of the action asks for."""

    mode: str
    policy: tuple[str, ...]
    """For `check`: files or folders. `pr` reads policies from the base branch."""
    evidence: tuple[str, ...]
    base_ref: str
    """For `pr`; empty: what the event says."""
    approval_label: str
    """For `pr`; empty: gatekit's own."""
    output_dir: Path
    """Absolute; reports are written here."""
    working_directory: Path
    """Absolute; for `check` the project, for `pr` the top of its checkout."""
    root: str
    """For `pr`: the project's root below the top of the checkout."""
    artifact: str
    """What the uploaded reports are called."""
    prefix: str
    """What turns a path of the report into one of the repository, for annotations; empty or ended by a slash."""
    summary: bool
    annotations: bool
    check_token: str
    """With which the verdict is also made a check run; empty: it is not."""
    advisory: bool

    @property
    def json(self) -> Path:
        """The report for machines."""
        return self.output_dir / "report.json"

    @property
    def markdown(self) -> Path:
        """The report for people."""
        return self.output_dir / "report.md"

    def arguments(self) -> list[str]:
        """Return the gate's command line.

        Every value stands behind its option and an equals sign: one that looks like an option is still a value.
        """
        outputs = [f"--output=json={self.json}", f"--output=markdown={self.markdown}"]
        if self.mode == "pr":
            base = [f"--base={self.base_ref}"] if self.base_ref else []
            label = [f"--approval-label={self.approval_label}"] if self.approval_label else []
            root = [f"--root={self.root}"] if self.root else []
            return ["pr", *base, *label, *root, *outputs]
        policies = [f"--policy={path}" for path in self.policy]
        return ["check", *policies, *(f"--evidence={path}" for path in self.evidence), *outputs]


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """Return the inputs.

    Raises:
        UsageError: one of them cannot be meant.
    """
    mode = _text(environment, "MODE") or "pr"
    if mode not in MODES:
        raise UsageError(f"the input 'mode' is '{mode}'", did_you_mean(mode, MODES) or f"known: {', '.join(MODES)}")
    policy, evidence = _lines(environment, "POLICY"), _lines(environment, "EVIDENCE")
    base_ref, label = _text(environment, "BASE_REF"), _text(environment, "APPROVAL_LABEL")
    if mode == "pr" and (policy or evidence):
        remedy = "in mode 'pr' policies come from the base branch and evidence from the change; leave both inputs out"
        raise UsageError("the inputs 'policy' and 'evidence' are for mode 'check'", remedy)
    if mode == "check" and (base_ref or label):
        name = "base-ref" if base_ref else "approval-label"
        raise UsageError(f"the input '{name}' is for mode 'pr'", "leave it out, or set mode to 'pr'")
    workspace = Path(environment.get("GITHUB_WORKSPACE") or ".").resolve()
    folder, root = _project(workspace, _text(environment, "WORKING_DIRECTORY"), mode)
    prefix = _prefix(folder, workspace) if mode == "check" else f"{root}/" if root else ""
    name = PLAIN_NAME + ending(prefix.rstrip("/"))
    temporary = Path(environment.get("RUNNER_TEMP") or ".").resolve()
    output = (temporary / (_text(environment, "OUTPUT_DIR") or name)).resolve()
    if output == folder or folder in output.parents:
        remedy = "name a folder outside, like ${{ runner.temp }}/reports"
        raise UsageError("the input 'output-dir' lies inside the checkout that is judged", remedy)
    return Inputs(
        mode=mode,
        policy=policy,
        evidence=evidence,
        base_ref=base_ref,
        approval_label=label,
        output_dir=output,
        working_directory=folder,
        root=root,
        artifact=_text(environment, "ARTIFACT_NAME") or name,
        prefix=prefix,
        summary=_switch(environment, "SUMMARY", True),
        annotations=_switch(environment, "ANNOTATIONS", True),
        check_token=_text(environment, "CHECK_TOKEN"),
        advisory=_switch(environment, "ADVISORY", False),
    )


def _project(workspace: Path, given: str, mode: str) -> tuple[Path, str]:
    """Return the folder in which the gate runs, and for `pr` the project's root below it.

    A change may have deleted the folder of a project, or put a link or a submodule in its place. So `pr` runs at the
    top of the checkout, and the root is a name below it.
    """
    named = Path(os.path.normpath(workspace / given))
    top = _checkout(workspace, named) if mode == "pr" else None
    if top is not None:
        root = named.relative_to(top).as_posix()
        return top, "" if root == "." else root
    folder = named.resolve()
    if not os.path.isdir(folder):  # unlike Path.is_dir, false for a name that is too long
        raise UsageError(f"the input 'working-directory' is no folder: {folder}")
    return folder, ""


def _checkout(workspace: Path, named: Path) -> Path | None:
    """Return the top of the checkout that a folder of the workspace belongs to, by its name."""
    if not named.is_relative_to(workspace):
        return None
    found, linked = None, None
    for place in reversed([named, *(parent for parent in named.parents if parent.is_relative_to(workspace))]):
        if place != workspace and os.path.islink(place):
            break
        # A submodule has a file of this name, which leads into the folder of its checkout.
        if os.path.isdir(place / ".git"):
            found = place
        elif os.path.isfile(place / ".git"):
            linked = linked or place
    return found or linked


def _prefix(folder: Path, workspace: Path) -> str:
    """Return where a folder lies in its repository: a repository itself may be checked out into a folder."""
    inside = [place for place in (folder, *folder.parents) if place.is_relative_to(workspace)]
    top = next((place for place in inside if (place / ".git").exists()), workspace)
    return f"{folder.relative_to(top).as_posix()}/" if folder != top and folder.is_relative_to(top) else ""


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(PREFIX + name, "").strip()
    if not value.isprintable() or len(value) > LONGEST:
        raise UsageError(f"the input '{_input(name)}' has a line break or a control character, or is too long")
    return value


def _lines(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    lines = [line.strip() for line in environment.get(PREFIX + name, "").split("\n")]
    if not all(line.isprintable() and len(line) <= LONGEST for line in lines):
        raise UsageError(f"the input '{_input(name)}' has a line that is too long or has a control character")
    return tuple(line for line in lines if line)


def _switch(environment: Mapping[str, str], name: str, default: bool) -> bool:
    value = _text(environment, name)
    if value not in ("", "true", "false"):
        raise UsageError(f"the input '{_input(name)}' is '{value}'", "write true or false")
    return default if value == "" else value == "true"


def _input(name: str) -> str:
    return name.lower().replace("_", "-")
