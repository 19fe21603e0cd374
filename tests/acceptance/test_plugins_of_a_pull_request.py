"""A pull request that brings a plug-in for its own gate: its code does not run, however the gate is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FIXTURE = Path(__file__).parents[1] / "conformance" / "fixtures" / "repository"
NOW = "2026-03-02T12:00:00Z"
CODE = "open('ran', 'w').close()\ndef split(data, name): return []\ndef put_back(data, name, edits): return data\n"


def git(folder: Path, *words: str) -> None:
    person = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *person, *words], cwd=folder, check=True, capture_output=True)


def test_a_format_of_the_pull_request_is_refused_and_not_run(tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(FIXTURE, work)
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "base")
    git(work, "checkout", "-q", "-b", "feature")
    (work / "lab_org.py").write_text(CODE)
    metadata = work / "lab_org-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-org\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[gatekit.document_formats]\norg = lab_org\n")
    (work / "a.org").write_text("a document\n")
    claims = work / "claims.yaml"
    claims.write_text(claims.read_text().replace("documents: [README.md]", 'documents: [README.md, "*.org"]'))
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "a format of its own")
    # `-m` puts the work tree on Python's path, as no workflow of ours does.
    command = [sys.executable, "-m", "gatekit", "pr", "--base", "main", "--head", "feature", "--now", NOW]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 4, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "claims.yaml:3:26: '*.org': the format 'org' of lab-org" in said
    assert "is part of the repository that is judged (lab_org.py)" in said
    assert not (work / "ran").exists()
