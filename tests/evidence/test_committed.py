"""A source on the disk has the digest of what git would commit, whatever line ends the checkout has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gatekit.evidence.committed import committed_bytes
from gatekit.evidence.provenance import git_state
from gatekit.evidence.staleness import work_tree_digest

LF = b"steps: 8\nseeds: [0, 1]\n"
CRLF = LF.replace(b"\n", b"\r\n")
BINARY = b"\x00\x01\r\n\x02\r\n"


def git(folder: Path, *arguments: str) -> bytes:
    settings = ("-c", "user.name=n", "-c", "user.email=a@b.c")
    return subprocess.run(["git", "-C", folder, *settings, *arguments], check=True, capture_output=True).stdout


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    (folder / "configs").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "core.autocrlf", "false")
    (folder / "configs/a.yaml").write_bytes(LF)
    (folder / "kept.yaml").write_bytes(CRLF)
    (folder / "weights.bin").write_bytes(BINARY)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")
    return folder


def clone(origin: Path, setting: str) -> Path:
    made = origin.parent / f"clone-{setting}"
    subprocess.run(["git", "clone", "-q", "-c", f"core.autocrlf={setting}", origin, made], check=True)
    return made


def test_a_clone_with_autocrlf_has_the_digests_of_what_is_committed(origin: Path) -> None:
    made = clone(origin, "true")
    assert (made / "configs/a.yaml").read_bytes() == CRLF
    ours, theirs = work_tree_digest(origin), work_tree_digest(made)
    for name in ("configs/a.yaml", "kept.yaml", "weights.bin"):
        assert theirs(name, "bytes") == ours(name, "bytes") is not None
        assert committed_bytes(made / name) == git(origin, "cat-file", "blob", f"HEAD:{name}")


def test_line_ends_that_would_be_committed_are_a_change(origin: Path) -> None:
    made = clone(origin, "false")
    (made / "configs/a.yaml").write_bytes(CRLF)
    assert committed_bytes(made / "configs/a.yaml") == CRLF


def test_attributes_say_what_is_text(origin: Path) -> None:
    (origin / ".gitattributes").write_text("*.yaml text\n*.bin -text\n*.dat binary\n")
    for name, expected in {"new.yaml": LF, "kept.yaml": LF, "new.dat": CRLF, "weights.bin": CRLF}.items():
        (origin / name).write_bytes(CRLF)
        assert committed_bytes(origin / name) == expected
        git(origin, "add", name)
        assert git(origin, "cat-file", "blob", f":{name}") == expected


def test_a_changed_file_in_a_crlf_checkout_is_a_change_of_its_text_alone(origin: Path) -> None:
    made = clone(origin, "true")
    (made / "configs/a.yaml").write_bytes(CRLF + b"more: 1\r\n")
    assert committed_bytes(made / "configs/a.yaml") == LF + b"more: 1\n"


def test_outside_a_repository_and_without_git_a_file_is_what_it_is(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.yaml").write_bytes(CRLF)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert committed_bytes(tmp_path / "a.yaml") == CRLF
    monkeypatch.setenv("PATH", "")
    assert committed_bytes(tmp_path / "a.yaml") == CRLF


def test_asking_for_the_state_of_a_repository_writes_nothing_into_it(origin: Path) -> None:
    (origin / "configs/a.yaml").touch()  # git status would like to refresh the index
    before = (origin / ".git/index").stat().st_mtime_ns
    assert git_state(origin, ["configs"]).dirty is False
    assert (origin / ".git/index").stat().st_mtime_ns == before
