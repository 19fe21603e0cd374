"""The scripts of release.yml that move a tag and make a release, on real repositories; `gh` writes its call down."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from repositories import ENVIRONMENT
from workflows.composite import clean_environment
from workflows.invariants import FOLDER, parse

JOBS: dict[str, Any] = parse((FOLDER / "release.yml").read_text("utf-8"))["jobs"]
LOCK = f"# The wheel.\ngatekit-sae==1.2.0 --hash=sha256:{'a' * 64}\n"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, text: str, *tags: str) -> str:
    (folder / "code.py").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", text)
    for tag in tags:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    (folder / "requirements").mkdir(parents=True)
    (folder / "requirements" / "gate.lock").write_text("")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "one", "v1.1.0", "v1")
    commit(folder, "two", "v1.2.0")
    return folder


def step(job: str, name: str, folder: Path, tag: str) -> subprocess.CompletedProcess[str]:
    (script,) = [step["run"] for step in JOBS[job]["steps"] if step["name"] == name]
    gh = folder.parent / "bin" / "gh"
    gh.parent.mkdir(exist_ok=True)
    gh.write_text(
        f'#!/bin/sh\nif [ "$1 $2" = "release list" ]; then cat {folder.parent}/releases; exit 0; fi\n'
        f'printf "%s\\n" "$@" > {folder.parent}/gh\n'
    )
    gh.chmod(0o755)
    path = f"{gh.parent}{os.pathsep}{os.environ['PATH']}"
    given = {"PATH": path, "RUNNER_TEMP": str(folder.parent), "GITHUB_REF_NAME": tag}
    environment = clean_environment(folder, **{**ENVIRONMENT, **given})
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def moved(origin: Path, tag: str, *stray: str) -> subprocess.CompletedProcess[str]:
    """Release a tag where every other tag was released too, but for the stray ones and candidates."""
    work = origin.parent / "work"
    tags = [name for name in git(origin, "tag", "--list", "v*.*.*").split("\n") if name not in stray]
    (origin.parent / "releases").write_text("".join(f"{name}\n" for name in tags if "rc" not in name))
    git(origin.parent, "clone", "--quiet", str(origin), str(work))
    git(work, "checkout", "--quiet", "--detach", tag)
    (origin.parent / "dist").mkdir()
    (origin.parent / "dist" / "released.lock").write_text(LOCK)
    return step("action", "move the tag of the major version", work, tag)


def test_the_major_tag_is_one_commit_behind_the_release_and_pins_its_wheel(origin: Path) -> None:
    done = moved(origin, "v1.2.0")
    assert done.returncode == 0, done.stderr
    assert git(origin, "rev-parse", "v1^") == git(origin, "rev-parse", "v1.2.0")
    assert git(origin, "diff", "--name-status", "v1.2.0", "v1") == "A\trequirements/released.lock"
    assert git(origin, "show", "v1:requirements/released.lock") == LOCK.strip()
    assert git(origin, "rev-parse", "main") == git(origin, "rev-parse", "v1.2.0")


def test_a_fix_of_an_older_version_moves_nothing(origin: Path) -> None:
    before = git(origin, "rev-parse", "v1")
    done = moved(origin, "v1.1.0")
    assert (done.returncode, done.stdout) == (0, "v1 stays at v1.2.0\n")
    assert git(origin, "rev-parse", "v1") == before


def test_a_candidate_of_a_version_moves_nothing(origin: Path) -> None:
    commit(origin, "three", "v1.3.0rc1")
    before = git(origin, "rev-parse", "v1")
    assert moved(origin, "v1.3.0rc1").returncode == 0
    assert git(origin, "rev-parse", "v1") == before


def test_a_candidate_does_not_keep_the_final_version_back(origin: Path) -> None:
    commit(origin, "three", "v1.3.0rc1")
    git(origin, "checkout", "--quiet", "v1.2.0")
    assert moved(origin, "v1.2.0").returncode == 0
    assert git(origin, "rev-parse", "v1^") == git(origin, "rev-parse", "v1.2.0")


def test_a_tag_that_released_nothing_keeps_no_version_back(origin: Path) -> None:
    commit(origin, "stray", "v1.99.0")
    assert moved(origin, "v1.2.0", "v1.99.0").returncode == 0
    assert git(origin, "rev-parse", "v1^") == git(origin, "rev-parse", "v1.2.0")


def test_a_release_of_another_major_version_is_not_looked_at(origin: Path) -> None:
    commit(origin, "next", "v2.0.0", "v10.0.0")
    assert moved(origin, "v1.2.0").returncode == 0
    assert git(origin, "rev-parse", "v1^") == git(origin, "rev-parse", "v1.2.0")


def test_the_tenth_version_is_newer_than_the_ninth(origin: Path) -> None:
    commit(origin, "nine", "v1.9.0")
    commit(origin, "ten", "v1.10.0")
    assert moved(origin, "v1.10.0").returncode == 0
    assert git(origin, "rev-parse", "v1^") == git(origin, "rev-parse", "v1.10.0")


@pytest.mark.parametrize(("tag", "early"), [("v1.2.0", False), ("v1.3.0rc1", True)])
def test_the_release_has_the_notes_and_every_file_and_a_candidate_says_so(
    tmp_path: Path, tag: str, early: bool
) -> None:
    work = tmp_path / "work"
    for name in ("dist/a.whl", "dist/SHA256SUMS", "notes/notes.md"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("")
    assert step("announce", "make the release", work, tag).returncode == 0
    words = (tmp_path / "gh").read_text().splitlines()
    assert words[:5] == ["release", "create", tag, "--verify-tag", "--title"]
    assert words[words.index("--notes-file") + 1] == "notes/notes.md"
    assert words[-2:] == ["dist/SHA256SUMS", "dist/a.whl"]
    assert ("--prerelease" in words) == early


def test_a_tag_that_is_not_on_main_is_refused(origin: Path) -> None:
    git(origin, "checkout", "--quiet", "-b", "side")
    commit(origin, "sly", "v1.4.0")
    work = origin.parent / "work"
    git(origin.parent, "clone", "--quiet", str(origin), str(work))
    for tag, code in (("v1.2.0", 0), ("v1.4.0", 1)):
        git(work, "checkout", "--quiet", "--detach", tag)
        assert step("build", "refuse what is not on main", work, tag).returncode == code


def test_a_file_that_was_changed_on_the_way_is_not_published(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "dist").mkdir(parents=True)
    for name in ("a.whl", "a.tar.gz", "a.cdx.json"):
        (work / "dist" / name).write_text(name)
    done = subprocess.run("sha256sum *", shell=True, cwd=work / "dist", capture_output=True, text=True, check=True)
    (work / "dist" / "SHA256SUMS").write_text(done.stdout)
    (work / "dist" / "a.whl").write_text("other")
    assert step("publish", "leave wheel and sdist only", work, "v1.2.0").returncode != 0
    assert not (work / "packages").exists()
    (work / "dist" / "a.whl").write_text("a.whl")
    assert step("publish", "leave wheel and sdist only", work, "v1.2.0").returncode == 0
    assert sorted(path.name for path in (work / "packages").iterdir()) == ["a.tar.gz", "a.whl"]
