"""The installed `gatekit` command as a process: what a user, a shell and a CI step see."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import builders

SCRIPT = Path(sysconfig.get_path("scripts")) / "gatekit"

POLICY = """\
schema: gatekit.policy/1
id: small
defaults: {min_seeds: 5, max_age: 30d}
gates:
  random_model: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
  health:
    all_of:
      - {from: random_model, measure: r2, at_least: 0.5}
      - {from: random_model, measure: l0, at_most: 64}
"""


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what steers a command's looks, plus `changes`."""
    steering = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM", "PYTHONPATH", "GITHUB_ACTIONS", "CI")
    kept = {k: v for k, v in os.environ.items() if k not in steering and not k.startswith(("_GATEKIT", "GATEKIT"))}
    return kept | changes


def gatekit(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command; stdout and stderr are captured unless `options` send them elsewhere."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=cwd,
        env=environment(**(env or {})),
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=60,
        check=False,
        **streams,
    )


def check(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `gatekit check` at the time that the built evidence is fresh at."""
    return gatekit("check", "--now", builders.NOW, *arguments, cwd=cwd, **options)


def workspace(folder: Path, policy: str = POLICY, evidence: Mapping[str, Any] | None = None) -> Path:
    """A folder with policies/small.yaml and evidence/, which passes unless the arguments say otherwise."""
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "small.yaml").write_text(policy, encoding="utf-8")
    if evidence is None:
        evidence = {"random_model.json": builders.release_evidence()["random_model.json"]}
    builders.write(folder / "evidence", evidence)
    return folder


def random_model(**changes: Any) -> dict[str, Any]:
    """A random_model summary whose comparison with its control is `above` (a pair of columns) or passes."""
    above = changes.pop("above", (builders.around(0.62, 0.02, 10), builders.around(0.41, 0.01, 10)))
    r2 = builders.around(0.8, 0.01, 5)
    return builders.summary("random_model", {"pw_mcc_above_control": above, "r2": r2, "l0": [32.0] * 5}, **changes)


BLOCKED = {"random_model.json": random_model(above=(builders.around(0.40, 0.02, 10), builders.around(0.41, 0.01, 10)))}
"""Evidence that blocks POLICY: the estimate is below the threshold."""


def sitecustomize(folder: Path, code: str) -> dict[str, str]:
    """An environment in which every Python process runs `code` first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(code, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}
