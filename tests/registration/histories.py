"""A git repository whose registrations and evidence have times: what was said, and when it was measured."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import builders

from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.config_digest import config_without_seeds_sha256

REGISTERED = "2026-03-01T00:00:00Z"
MEASURED = "2026-03-02T06:00:00Z"
NOW = "2026-03-05T12:00:00Z"
MEASURE = "What the runs depend on.\n"
CONFIG = {"threads": 1, "sae": {"k": 32}}

POLICY = """\
schema: gatekit.policy/1
id: small
registered: required
defaults: {min_seeds: 5}
gates:
  reconstruction: {from: random_model, measure: r2, at_least: 0.5}
"""


def evidence(seeds: Sequence[int], values: Sequence[float], started: str = MEASURED, **config: Any) -> dict[str, Any]:
    """A random_model summary of r2 alone."""
    return builders.summary(
        "random_model", {"r2": list(values)}, seeds=seeds, producer_changes=_producer(seeds, started, config)
    )


def failed(seeds: Sequence[int], reason: str = "out of memory", status: str = "failed") -> dict[str, Any]:
    """The same run, failed or skipped."""
    changes = _producer(seeds, MEASURED, {})
    of = builders.subject([])
    return builders.summary(
        "random_model", {}, seeds=seeds, status=status, reason=reason, of=of, producer_changes=changes
    )


def _producer(seeds: Sequence[int], started: str, config: Mapping[str, Any]) -> dict[str, Any]:
    stated = {**CONFIG, "seeds": list(seeds), **config}
    times = {"started": started, "finished": started[:11] + "23:00:00Z"}
    sources = [{"path": "measure.txt", "sha256": sha256(MEASURE.encode()).hexdigest(), "by": "bytes"}]
    return {"config": stated, "config_sha256": sha256_of(stated), **times, "sources": sources}


def text(
    looks: str = "[5, 10, 15]", seeds: Sequence[int] = range(15), more: str = "", digest: str | None = None
) -> str:
    """A registration of that configuration."""
    stated = digest or config_without_seeds_sha256(CONFIG)
    return (
        "schema: gatekit.registration/1\nid: demo\nclaim: agree\n"
        f"measurements:\n  - {{kind: random_model, config_without_seeds: {stated}}}\n"
        f"seeds: {list(seeds)}\nlooks: {looks}\n{more}"
    )


def git(folder: Path, *arguments: str, time: str = REGISTERED) -> str:
    environment = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.environ["PATH"],
        **{f"GIT_{who}_{what}": "ann" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        **{f"GIT_{who}_DATE": time for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path, files: Mapping[str, str], time: str = REGISTERED) -> Path:
    """A repository on branch main with one commit of these files."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, files, time)
    return folder


def commit(folder: Path, files: Mapping[str, str | None], time: str = REGISTERED) -> None:
    """Write (or remove, for None) files and commit them at this time."""
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git(folder, "add", "-A", time=time)
    git(folder, "commit", "-q", "--allow-empty", "-m", "change", time=time)


def write(folder: Path, documents: Mapping[str, Any]) -> None:
    for name, document in documents.items():
        path = folder / "evidence" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
