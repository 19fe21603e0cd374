"""Names under watched folders: each is one file on every machine, and regular."""

from __future__ import annotations

from pathlib import Path

import pytest
from repositories import Builder, Content, Executable, Submodule, Symlink

from gatekit.repo import Repository, watched_errors

WATCHED = ["evidence", "policies", "trust/keys.yaml", "claims.yaml", ".github"]


def found(tmp_path: Path, files: dict[str | bytes, Content], watched: list[str] = WATCHED) -> list[str]:
    """The error ids, and the place of each."""
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", files)
    with Repository.open(repo.save()) as repository:
        errors = watched_errors(repository.tree(tip), watched)
    assert all(error.exit_code == 4 and len(str(error).splitlines()) == 1 for error in errors)
    return [f"{error.error_id} {error.location}" for error in errors]


def test_honest_names_are_fine(tmp_path: Path) -> None:
    files: dict[str | bytes, Content] = {
        "evidence/minilm/random_model.json": "{}",
        "evidence/run 2026-03-01T12:00:00Z (2).json": "{}",
        "evidence/-rf.json": "{}",
        "evidence/größe/模型.json": "{}",
        "policies/release.yaml": "",
        ".github/workflows/gate.yml": "",
        "trust/keys.yaml": "",
        "claims.yaml": Executable(""),
        "README.md": "",
    }
    assert found(tmp_path, files) == []


@pytest.mark.parametrize(
    "name",
    [
        "new\nline.json",
        "escape\x1b[2J.json",
        "delete\x7f.json",
        "c1\x9b.json",
        "right\u202eleft.json",
        "zero\u200bwidth.json",
        "line\u2028separator.json",
        "bom\ufeff.json",
        "e\u0301.json",
        "back\\slash.json",
        "C:x.json",
        "d:/x.json",
        "x" * 300,
        b"\xff.json",
        b"\xed\xa0\x80.json",
    ],
)
def test_names_that_are_not_plain_text_are_refused(tmp_path: Path, name: str | bytes) -> None:
    path = b"evidence/" + (name if isinstance(name, bytes) else name.encode())
    [error] = found(tmp_path, {path: "{}"})
    assert error.startswith("repo.path evidence/")
    assert error.isprintable()


@pytest.mark.parametrize("name", [b"new\nline", b"\xff", "e\u0301".encode(), b"x\\y"])
def test_outside_of_the_watched_folders_any_name_is_fine(tmp_path: Path, name: bytes) -> None:
    assert found(tmp_path, {b"data/" + name: "1", b"evidence/a.json": "{}"}) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("evidence/a.json", "evidence/A.json"),
        ("evidence/run/a.json", "evidence/Run/b.json"),
        ("evidence/straße.json", "evidence/STRASSE.json"),
        ("evidence/ﬁt.json", "evidence/fit.json"),
        ("policies/release.yaml", "Policies/other.yaml"),
        ("claims.yaml", "CLAIMS.yaml"),
        ("trust/keys.yaml", "Trust/keys.yaml"),
    ],
)
def test_names_that_differ_only_in_case_are_refused(tmp_path: Path, first: str, second: str) -> None:
    errors = found(tmp_path, {first: "1", second: "2"})
    assert errors and {error.split()[0] for error in errors} == {"repo.path_twin"}


def test_names_that_differ_only_in_unicode_form_are_refused(tmp_path: Path) -> None:
    errors = found(tmp_path, {"evidence/é.json": "1", "evidence/e\u0301.json": "2"})
    assert {error.split()[0] for error in errors} == {"repo.path", "repo.path_twin"}


def test_a_name_that_other_systems_take_for_a_watched_one_is_refused_alone(tmp_path: Path) -> None:
    assert found(tmp_path, {"Evidence/a.json": "1"}) == ["repo.path_twin Evidence/a.json"]
    assert found(tmp_path / "2", {"evi\u200bdence/a.json": "1"}) != []


@pytest.mark.parametrize("content", [Symlink("/etc/passwd"), Symlink("other.json"), Submodule()])
@pytest.mark.parametrize("path", ["evidence/a.json", "evidence", "trust/keys.yaml", "trust", "claims.yaml"])
def test_links_and_submodules_are_refused_as_watched_files_and_above_them(
    tmp_path: Path, path: str, content: Content
) -> None:
    assert found(tmp_path, {path: content, "other.json": "{}"}) == [f"repo.mode {path}"]


def test_a_link_elsewhere_is_fine(tmp_path: Path) -> None:
    assert found(tmp_path, {"docs/link": Symlink("x"), "trust/other": Symlink("x"), "vendor": Submodule()}) == []


def test_the_whole_tree_can_be_watched(tmp_path: Path) -> None:
    assert found(tmp_path, {"a/b": "1", "a/c": Symlink("b")}, [""]) == ["repo.mode a/c"]


def test_every_problem_is_reported(tmp_path: Path) -> None:
    files: dict[str | bytes, Content] = {"evidence/a\tb": "1", "evidence/x": Symlink("y"), "policies/c:d": "1"}
    assert len(found(tmp_path, files)) == 3
