"""Opening repositories of every kind, and finding commits in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import ENVIRONMENT, Builder, git

from gatekit.errors import GatekitError
from gatekit.repo import Repository

Open = Callable[[Path], Repository]


@pytest.fixture
def repo(tmp_path: Path) -> Builder:
    """main has two commits, topic starts at the first."""
    repo = Builder(tmp_path / "repo")
    first = repo.commit("main", {"a.txt": "1", "folder/b.txt": "1"})
    repo.commit("main", {"a.txt": "2"})
    repo.commit("topic", {"folder/b.txt": "2"}, parents=[first])
    return repo


def refused(error_id: str, exit_code: int, call: Callable[..., object], *arguments: object) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        call(*arguments)
    error = caught.value
    assert (error.error_id, int(error.exit_code)) == (error_id, exit_code)
    assert len(str(error).splitlines()) == 1
    return error


def test_a_branch_a_tag_an_id_and_an_expression_name_commits(repo: Builder, opened: Open) -> None:
    tip = repo.refs["refs/heads/main"]
    tag = repo.add("tag", f"object {tip}\ntype commit\ntag v1\ntagger A <a@example.org> 0 +0000\n\nv1\n".encode())
    repo.branch("refs/tags/v1", tag)
    found = opened(repo.save())
    [first] = found.parents(tip)
    for name in ("main", "refs/heads/main", "HEAD", "v1", tag, tip, tip[:12]):
        assert found.commit(name) == tip
    assert found.commit("main~1") == first
    assert found.parents(first) == ()


def test_a_folder_deep_inside_belongs_to_the_repository_around_it(repo: Builder, opened: Open) -> None:
    root = repo.save(checkout=True)
    assert opened(root / "folder").root == root


def test_an_empty_folder_named_git_is_no_repository(repo: Builder, opened: Open) -> None:
    root = repo.save(checkout=True)
    (root / "folder/.git").mkdir()
    assert opened(root / "folder").root == root


def test_a_folder_outside_of_repositories_is_an_error_of_usage(tmp_path: Path) -> None:
    refused("repo.not_a_repository", 64, Repository.open, tmp_path)
    refused("repo.not_a_repository", 64, Repository.open, tmp_path / "absent")


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
@pytest.mark.parametrize("bare", [False, True])
def test_bare_and_sha256_repositories_are_read(tmp_path: Path, opened: Open, object_format: str, bare: bool) -> None:
    repo = Builder(tmp_path / "r", bare, object_format)
    fork = repo.commit("main", {"a": "1"})
    base = repo.commit("main", {"b": "1"})
    head = repo.commit("topic", {"a": "2"}, parents=[fork])
    found = opened(repo.save())
    assert found.merge_base(base, head) == fork
    merged = found.tree(found.merge_tree(base, head))
    assert {path: merged.read(path) for path in merged.entries} == {"a": b"2", "b": b"1"}


def test_a_linked_worktree_is_read(repo: Builder, tmp_path: Path, opened: Open) -> None:
    root = repo.save(checkout=True)
    git(root, "worktree", "add", "-q", str(tmp_path / "linked"), "topic")
    found = opened(tmp_path / "linked")
    assert found.commit("HEAD") == repo.refs["refs/heads/topic"]
    assert found.tree(found.commit("main")).read("a.txt") == b"2"


def test_odd_characters_in_the_path_of_the_repository_do_not_matter(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / 'a:b "c" \\d é\n$(touch PWN)#')
    tip = repo.commit("main", {"a": "1"})
    assert opened(repo.save()).tree(tip).read("a") == b"1"


def test_objects_that_the_clone_itself_borrows_are_found(repo: Builder, tmp_path: Path, opened: Open) -> None:
    root = repo.save()
    git(tmp_path, "clone", "-q", "--shared", str(root), "shared")
    git(tmp_path, "clone", "-q", "--shared", "shared", "again")
    assert opened(tmp_path / "again").tree(repo.refs["refs/heads/main"]).read("a.txt") == b"2"


def test_a_repository_of_another_user_is_read(repo: Builder, opened: Open) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    root = repo.save()
    for path in (root, *root.rglob("*")):
        os.chown(path, 12345, 12345)
    plain = subprocess.run(["git", "-C", str(root), "rev-parse", "main"], capture_output=True, env=ENVIRONMENT)
    assert b"dubious ownership" in plain.stderr
    assert opened(root).commit("main") == repo.refs["refs/heads/main"]


def test_reading_leaves_the_repository_as_it_was(repo: Builder, opened: Open) -> None:
    root = repo.save(checkout=True)

    def state() -> dict[Path, tuple[bytes, int]]:
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}

    before = state()
    found = opened(root)
    found.tree(found.merge_tree(found.commit("main"), found.commit("topic"))).read("a.txt")
    assert state() == before


def test_closing_leaves_no_temporary_folder(repo: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repo.save()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with Repository.open(root) as found:
        found.tree(found.commit("main")).read("a.txt")
        assert list((tmp_path / "temporary").iterdir())
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    "name", ["absent", "origin/main", "main~7", "1" * 40, "a;touch", "$(touch${IFS}PWN)", "main:x"]
)
def test_a_name_of_no_commit_is_inconclusive(repo: Builder, opened: Open, name: str) -> None:
    error = refused("repo.missing_ref", 3, opened(repo.save()).commit, name)
    assert "fetch-depth: 0" in str(error)


def test_a_name_of_no_commit_comes_with_the_branches_that_are_here(repo: Builder, opened: Open) -> None:
    repo.branch("master", repo.commit("topic", {"a": "1"}))
    error = refused("repo.missing_ref", 3, opened(repo.save()).commit, "trunk")
    assert "there is no commit trunk in this clone; its branches: " in str(error)
    assert "master" in str(error) and "topic" in str(error)


def test_a_branch_that_was_deleted_is_inconclusive(repo: Builder, opened: Open) -> None:
    root = repo.save()
    git(root, "update-ref", "-d", "refs/heads/topic")
    refused("repo.missing_ref", 3, opened(root).commit, "topic")


def test_a_branch_that_points_to_nothing_is_inconclusive(repo: Builder, opened: Open) -> None:
    repo.branch("dangling", "1" * 40)
    refused("repo.missing_ref", 3, opened(repo.save()).commit, "dangling")


@pytest.mark.parametrize(
    "name", ["", "-", "--all", "--upload-pack=touch PWN", "-h", "main\n", "a\nb", "a\0b", "x\x1b[2J", "m" * 1001]
)
def test_what_cannot_name_a_commit_is_an_error_of_usage(repo: Builder, opened: Open, name: str) -> None:
    refused("repo.bad_ref", 64, opened(repo.save()).commit, name)


@pytest.mark.parametrize("name", ["main..topic", "^main", "main topic", "a;touch PWN", "$(touch PWN)", "`touch PWN`"])
def test_ranges_and_shell_text_name_no_commit(
    repo: Builder, opened: Open, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused("repo.missing_ref", 3, opened(repo.save()).commit, name)
    assert not list(tmp_path.rglob("PWN"))


def test_a_tree_a_blob_and_a_tag_of_them_are_no_commits(repo: Builder, opened: Open) -> None:
    tree = repo.tree({b"x": ("100644", blob := repo.add("blob", b"x"))})
    tag = repo.add("tag", f"object {tree}\ntype tree\ntag t\ntagger A <a@example.org> 0 +0000\n\nt\n".encode())
    repo.branch("refs/tags/t", tag)
    found = opened(repo.save())
    for name in (tree, blob, tag, "t", "main:folder", "main^{tree}"):
        refused("repo.not_a_commit", 64, found.commit, name)


@pytest.mark.parametrize(
    ("asked", "planted"),
    [
        ("main", "refs/tags/main"),
        ("main", "refs/remotes/origin/main"),
        ("refs/heads/main", "refs/tags/refs/heads/main"),
        ("refs/heads/main", "refs/heads/refs/heads/main"),
        ("heads/main", "refs/tags/heads/main"),
        ("refs/remotes/up/main", "refs/tags/refs/remotes/up/main"),
        ("origin/dev", "refs/tags/origin/dev"),
        ("origin/dev", "refs/heads/origin/dev"),
        ("origin/dev", "refs/remotes/origin/origin/dev"),
        ("dev", "refs/tags/dev"),
        ("main~0", "refs/tags/main"),
        ("main^0", "refs/tags/main"),
        ("HEAD", "refs/tags/HEAD"),
        ("HEAD", "refs/heads/HEAD"),
    ],
)
def test_a_tag_or_branch_that_somebody_pushes_does_not_change_what_a_name_means(
    repo: Builder, opened: Open, asked: str, planted: str
) -> None:
    main, topic = repo.refs["refs/heads/main"], repo.refs["refs/heads/topic"]
    for name in ("refs/heads/heads/main", "refs/remotes/up/main", "refs/remotes/origin/dev"):
        repo.branch(name, main)
    repo.branch(planted, topic)
    assert opened(repo.save()).commit(asked) == main


def test_a_full_name_is_that_name_and_nothing_that_ends_with_it(repo: Builder, opened: Open) -> None:
    repo.branch("refs/tags/refs/remotes/origin/main", repo.refs["refs/heads/topic"])
    refused("repo.missing_ref", 3, opened(repo.save()).commit, "refs/remotes/origin/main")


@pytest.mark.parametrize("folder", ["refs/tags", "refs/heads", "refs/remotes/origin"])
def test_the_first_digits_of_a_commit_are_that_commit_whatever_is_named_so(
    repo: Builder, opened: Open, folder: str
) -> None:
    main, topic = repo.refs["refs/heads/main"], repo.refs["refs/heads/topic"]
    for length in (7, 12, 39):
        repo.branch(f"{folder}/{main[:length]}", topic)
    found = opened(repo.save())
    assert [found.commit(main[:length]) for length in (7, 12, 39)] == [main] * 3


def test_a_tag_that_no_branch_is_named_like_is_found_by_its_name(repo: Builder, opened: Open) -> None:
    repo.branch("refs/tags/v1", repo.refs["refs/heads/topic"])
    repo.branch("refs/tags/1234567", repo.refs["refs/heads/topic"])
    found = opened(repo.save())
    assert found.commit("v1") == found.commit("1234567") == found.commit("tags/v1") == repo.refs["refs/heads/topic"]


def test_an_expression_of_git_about_two_things_of_one_name_is_not_guessed(repo: Builder, opened: Open) -> None:
    repo.branch("refs/tags/main", repo.refs["refs/heads/topic"])
    root = repo.save()
    git(root, "config", "core.warnAmbiguousRefs", "false")
    refused("repo.ambiguous_ref", 64, opened(root).commit, "main^{commit}")


def test_a_branch_named_like_the_id_of_a_commit_is_not_that_commit(repo: Builder, opened: Open) -> None:
    main, topic = repo.refs["refs/heads/main"], repo.refs["refs/heads/topic"]
    repo.branch(main, topic)
    assert opened(repo.save()).commit(main) == main


def test_ancestors_and_merge_bases_follow_the_history(repo: Builder, opened: Open) -> None:
    found = opened(repo.save())
    main, topic, first = found.commit("main"), found.commit("topic"), found.commit("main~1")
    assert found.merge_base(main, topic) == first
    assert found.is_ancestor(first, main)
    assert not found.is_ancestor(main, topic)


def test_histories_without_a_common_commit_have_no_merge_base(repo: Builder, opened: Open) -> None:
    other = repo.commit("other", {"x": "1"})
    found = opened(repo.save())
    main = found.commit("main")
    assert found.merge_base(main, other) is None
    refused("repo.unrelated", 3, found.merge_tree, main, other)


def test_a_merge_result_is_the_one_that_git_merge_makes(repo: Builder, opened: Open) -> None:
    root = repo.save(checkout=True)
    found = opened(root)
    tree = found.merge_tree(found.commit("main"), found.commit("topic"))
    git(root, "merge", "-q", "--no-edit", "topic")
    assert git(root, "rev-parse", "HEAD^{tree}").decode().strip() == tree


def test_a_tree_is_listed_by_any_name_of_its_commit(repo: Builder, opened: Open) -> None:
    found = opened(repo.save())
    assert found.tree("main") == found.tree(repo.refs["refs/heads/main"])
    refused("repo.missing_ref", 3, found.tree, "absent")


def test_a_conflict_in_thousands_of_files_is_told_briefly(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    names = [f"{'n' * 200}{number}" for number in range(6000)]
    start = repo.commit("main", dict.fromkeys(names, "1"))
    base = repo.commit("main", dict.fromkeys(names, "2"))
    head = repo.commit("topic", dict.fromkeys(names, "3"), parents=[start])
    found = opened(repo.save())
    error = refused("repo.conflict", 3, found.merge_tree, base, head)
    assert "and 5997 more" in error.message


def test_a_conflict_is_inconclusive_and_names_the_files(repo: Builder, opened: Open) -> None:
    other = repo.commit("other", {"a.txt": "3"}, parents=[repo.refs["refs/heads/topic"]])
    found = opened(repo.save())
    error = refused("repo.conflict", 3, found.merge_tree, found.commit("main"), other)
    assert "a.txt" in error.message


def test_a_git_without_whole_merges_is_named_where_one_is_needed(
    repo: Builder, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repo.save()
    real = shutil.which("git")
    old = tmp_path / "bin/git"
    old.parent.mkdir()
    old.write_text(
        "#!/bin/sh\n"
        'for word in "$@"; do case "$word" in\n'
        'version) echo "git version 2.30.2"; exit ;;\n'
        "merge-tree) exit 129 ;;\n"
        f'esac; done\nexec {real} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}{os.pathsep}{os.environ['PATH']}")
    found = opened(root)
    error = refused("repo.git_version", 3, found.merge_tree, found.commit("main"), found.commit("topic"))
    assert "2.30" in error.message and "2.38" in error.message


def test_without_git_nothing_can_be_judged(repo: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repo.save()
    monkeypatch.setenv("PATH", str(tmp_path))
    refused("repo.no_git", 3, Repository.open, root)


def test_a_git_that_hangs_is_stopped(repo: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repo.save()
    with (root / ".git/config").open("a") as config:
        config.write(f"[include]\n\tpath = {tmp_path}/pipe\n")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("gatekit.repo.git.TIMEOUT_SECONDS", 0.2)
    refused("repo.timeout", 4, Repository.open, root)


def test_a_shallow_clone_has_no_history_to_judge_by(repo: Builder, tmp_path: Path, opened: Open) -> None:
    git(tmp_path, "clone", "-q", "--no-local", "--depth=1", str(repo.save()), "shallow")
    found = opened(tmp_path / "shallow")
    assert found.is_shallow()
    tip = found.commit("HEAD")
    assert found.tree(tip).read("a.txt") == b"2"
    for call in (found.merge_base, found.is_ancestor, found.merge_tree):
        assert "fetch-depth: 0" in str(refused("repo.shallow", 3, call, tip, tip))


def test_a_history_with_a_missing_commit_is_inconclusive(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    lost = repo.commit("main", {"a": "1"})
    tip = repo.commit("main", {"a": "2"})
    topic = repo.commit("topic", {"b": "1"}, parents=[lost])
    repo._unsaved.remove(lost)
    found = opened(repo.save())
    refused("repo.missing_object", 3, found.merge_base, tip, topic)
    refused("repo.missing_object", 3, found.is_ancestor, tip, topic)


def test_something_else_than_a_repository_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r/.git/objects").mkdir(parents=True)
    (tmp_path / "r/.git/HEAD").write_text("nonsense")
    refused("repo.unreadable", 4, Repository.open, tmp_path / "r")


def test_an_unknown_format_of_repository_is_refused(repo: Builder) -> None:
    root = repo.save()
    git(root, "config", "core.repositoryFormatVersion", "1")
    git(root, "config", "extensions.unknownToAll", "true")
    refused("repo.unreadable", 4, Repository.open, root)
