"""A repository with a cycle and the fake runner in it, and the commands on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acceptance.console_script import SCRIPT, environment

HERE = Path(__file__).parent
TESTS = HERE.parent

GATE = """\
schema: gatekit.policy/1
id: gate
defaults: {min_seeds: 5, max_age: 30d}
gates:
  above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
  r2: {from: random_model, measure: r2, at_least: 0.5}
"""

CYCLE = """\
schema: gatekit.cycle/1
id: small
description: Two stages by a runner that costs nothing
seeds: {pilot: [0, 1, 2], full: [0, 1, 2, 3, 4]}
stages:
  first:
    run: fakelab
    config: config.json
    phases: [pilot, full]
finish: {check: policies/gate.yaml}
"""


def workplace(folder: Path, cycle: str = CYCLE, config: Mapping[str, Any] | None = None, **files: str) -> Path:
    """Make a folder with cycles/small.yaml, config.json, policies/gate.yaml and the runner's package in lab/."""
    for path, text in {
        "cycles/small.yaml": cycle,
        "config.json": json.dumps(dict(config or {})),
        "policies/gate.yaml": GATE,
        "lab/fakelab.py": (HERE / "fakelab.py").read_text(encoding="utf-8"),
        "lab/fakelab-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: fakelab\nVersion: 1.0\n",
        "lab/fakelab-1.0.dist-info/entry_points.txt": "[gatekit.runners]\nfakelab = fakelab\n",
        **{name.replace("__", "/"): text for name, text in files.items()},
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def lab_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which the fake runner is an installed package."""
    return environment(PYTHONPATH=os.pathsep.join([str(folder / "lab"), str(TESTS)]))


def cycle(folder: Path, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `gatekit cycle ARGUMENTS` there."""
    return subprocess.run(
        [str(SCRIPT), "cycle", *arguments],
        cwd=folder,
        env=lab_environment(folder),
        text=True,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `gatekit cycle ARGUMENTS` there, in a process group of its own."""
    return subprocess.Popen(
        [str(SCRIPT), "cycle", *arguments],
        cwd=folder,
        env=lab_environment(folder),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def evidence(folder: Path, name: str = "small") -> dict[str, Any]:
    """Return path -> measurements of all summaries of a cycle."""
    root = folder / "runs" / name / "evidence"
    return {
        path.relative_to(root).as_posix(): json.loads(path.read_text(encoding="utf-8"))["measurements"]
        for path in sorted(root.rglob("*.json"))
    }


def records(folder: Path, name: str = "small") -> list[dict[str, Any]]:
    """Return the ledger."""
    text = (folder / "runs" / name / "ledger.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def first_worker(driver: int) -> int:
    """Return the process of the first runner that a driver has started."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = Path(f"/proc/{driver}/task/{driver}/children")
        for child in children.read_text().split() if children.exists() else ():
            try:
                if b"fakelab" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
            except OSError:
                continue
        time.sleep(0.02)
    raise AssertionError("the driver started no runner")


PYTHON = sys.executable
