"""The repositories that other tests build are what git itself says they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from repositories import ENVIRONMENT, Builder, Executable, Submodule, Symlink, git

FILES = {
    "a.txt": b"a\n",
    "b/c.sh": Executable("#!/bin/sh\n"),
    "b/d": Symlink("../a.txt"),
    "b.txt": "b",
    "s": Submodule(),
}


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_git_finds_no_fault_in_the_objects(tmp_path: Path, object_format: str) -> None:
    repo = Builder(tmp_path / "r", object_format=object_format)
    files = FILES if object_format == "sha1" else {path: data for path, data in FILES.items() if path != "s"}
    base = repo.commit("main", files)
    head = repo.commit("topic", {"b": None, "x": b"\0" * 5000}, parents=[base])
    repo.merge("refs/pull/1/merge", base, head)
    root = repo.save()
    git(root, "fsck", "--strict", "--full")
    assert git(root, "rev-parse", "main", "topic").decode().split() == [base, head]


def test_the_same_content_added_by_git_has_the_same_tree(tmp_path: Path) -> None:
    repo = Builder(tmp_path / "r")
    repo.commit("main", {path: content for path, content in FILES.items() if path != "s"})
    root = repo.save(checkout=True)
    (root / ".git/index").unlink()
    git(root, "add", "-A")
    assert git(root, "write-tree") == git(root, "rev-parse", "main^{tree}")


def test_a_merge_is_the_one_that_git_makes(tmp_path: Path) -> None:
    repo = Builder(tmp_path / "r")
    fork = repo.commit("main", {"kept": "1", "changed": "1", "gone/x": "1"})
    base = repo.commit("main", {"base": "2"})
    head = repo.commit("topic", {"changed": "2", "gone": None, "new": "2"}, parents=[fork])
    repo.merge("refs/pull/1/merge", base, head)
    root = repo.save(checkout=True)
    git(root, "merge", "-q", "--no-edit", "topic", **ENVIRONMENT)
    assert git(root, "rev-parse", "main^{tree}") == git(root, "rev-parse", "refs/pull/1/merge^{tree}")


def test_a_repository_can_grow_after_it_was_saved(tmp_path: Path) -> None:
    repo = Builder(tmp_path / "r", bare=True)
    repo.commit("main", {"a": "1"})
    repo.save()
    second = repo.commit("main", {"a": "2"})
    root = repo.save()
    assert git(root, "rev-parse", "main").decode().strip() == second
    assert git(root, "show", "main:a") == b"2"
