"""What a clone's own configuration, environment and local files can say changes nothing and runs nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import ENVIRONMENT, Builder, git

from gatekit.errors import GatekitError
from gatekit.repo import Repository, between
from gatekit.repo import git as git_module

Open = Callable[[Path], Repository]


def conflicting(folder: Path, files: dict[str, str] | None = None) -> Builder:
    """main and topic both change policy.txt, apart from what `files` adds to their common start."""
    repo = Builder(folder)
    start = repo.commit("main", {"policy.txt": "1\n", "other.txt": "1\n", **(files or {})})
    repo.commit("main", {"policy.txt": "base\n"})
    repo.commit("topic", {"policy.txt": "head\n"}, parents=[start])
    repo.commit("clean", {"other.txt": "head\n"}, parents=[start])
    return repo


def read_everything(root: Path) -> tuple[bytes, bytes]:
    """Use all that a Repository can do; the policy of base, and the other file of the merge result."""
    with Repository.open(root) as found:
        sides = between(found, "main", "clean")
        base, result = sides.trees(found)
        found.commit("main~1")
        found.parents(sides.base)
        found.sha256([base.entries["policy.txt"].oid])
        with pytest.raises(GatekitError, match="conflict"):
            between(found, "main", "topic")
        return base.read("policy.txt"), result.read("other.txt")


def program(folder: Path) -> Path:
    """A program that leaves the file PWN beside it."""
    path = folder / "evil.sh"
    path.write_text(f"#!/bin/sh\ntouch '{folder}/PWN'\ncat\n")
    path.chmod(0o755)
    return path


# What a git configuration can run; {evil} is a program, {folder} where it lies.
CONFIGURATIONS = {
    "fsmonitor": "[core]\n\tfsmonitor = {evil}\n",
    "hooks": "[core]\n\thooksPath = {folder}/hooks\n",
    "pager": "[core]\n\tpager = {evil}\n[pager]\n\tls-tree = true\n\tcat-file = true\n\trev-parse = true\n",
    "editor and askpass": "[core]\n\teditor = {evil}\n\taskPass = {evil}\n[sequence]\n\teditor = {evil}\n",
    "alias": "[alias]\n\tls-tree = !{evil}\n\tcat-file = !{evil}\n\trev-parse = !{evil}\n\tmerge-base = !{evil}\n",
    "textconv": '[diff "evil"]\n\ttextconv = {evil}\n\tcommand = {evil}\n[diff]\n\texternal = {evil}\n',
    "filter": '[filter "evil"]\n\tsmudge = {evil}\n\tclean = {evil}\n\tprocess = {evil}\n\trequired = true\n',
    "merge driver": '[merge "evil"]\n\tdriver = {evil} %A %B\n\trecursive = evil\n[merge]\n\tdefault = evil\n',
    "ssh": '[core]\n\tsshCommand = {evil}\n\tgitProxy = {evil}\n[url "ssh://evil/"]\n\tinsteadOf = https://\n',
    "credentials": "[credential]\n\thelper = {evil}\n[gpg]\n\tprogram = {evil}\n",
    "alternates": "[core]\n\talternateRefsCommand = {evil}\n",
    "trace": "[trace2]\n\teventTarget = {folder}/PWN\n\tnormalTarget = {folder}/PWN\n",
    "include": "[include]\n\tpath = {folder}/included\n",
    "include on a condition": '[includeIf "gitdir:**"]\n\tpath = {folder}/included\n',
    "promisor": '[extensions]\n\tpartialClone = o\n[remote "o"]\n\turl = ext::{evil}\n\tpromisor = true\n'
    "\tuploadpack = {evil}\n\tvcs = evil\n[protocol]\n\tallow = always\n[core]\n\trepositoryFormatVersion = 1\n",
}
ATTRIBUTES = {".gitattributes": "* diff=evil filter=evil merge=evil text eol=crlf working-tree-encoding=UTF-16\n"}


@pytest.mark.parametrize("settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_no_configuration_of_the_clone_is_acted_on(tmp_path: Path, settings: str) -> None:
    repo = conflicting(tmp_path / "r", ATTRIBUTES)
    root = repo.save(checkout=True)
    evil = program(tmp_path)
    (tmp_path / "included").write_text(f"[core]\n\tfsmonitor = {evil}\n[alias]\n\tls-tree = !{evil}\n")
    (tmp_path / "hooks").mkdir()
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "post-merge"):
        (tmp_path / "hooks" / hook).write_bytes(evil.read_bytes())
        (tmp_path / "hooks" / hook).chmod(0o755)
    with (root / ".git/config").open("a") as config:
        config.write(settings.format(evil=evil, folder=tmp_path))
    assert read_everything(root) == (b"base\n", b"head\n")
    assert not (tmp_path / "PWN").exists()


def test_the_programs_of_these_tests_do_run_where_git_listens_to_the_clone(tmp_path: Path) -> None:
    root = conflicting(tmp_path / "r", ATTRIBUTES).save(checkout=True)
    evil = program(tmp_path)
    with (root / ".git/config").open("a") as config:
        config.write(CONFIGURATIONS["merge driver"].format(evil=evil))
    command = ["git", "-C", str(root), "merge-tree", "--write-tree", "main", "topic"]
    subprocess.run(command, capture_output=True, env=ENVIRONMENT)
    assert (tmp_path / "PWN").exists()


@pytest.mark.parametrize("place", ["tree", "clone"])
def test_attributes_do_not_settle_a_conflict(tmp_path: Path, opened: Open, place: str) -> None:
    attributes = "* merge=union\n"
    repo = conflicting(tmp_path / "r", {".gitattributes": attributes} if place == "tree" else None)
    root = repo.save(checkout=True)
    if place == "clone":
        (root / ".git/info").mkdir(exist_ok=True)
        (root / ".git/info/attributes").write_text(attributes)
    git(root, "merge-tree", "--write-tree", "main", "topic")  # git itself takes both lines
    found = opened(root)
    with pytest.raises(GatekitError) as caught:
        found.merge_tree(found.commit("main"), found.commit("topic"))
    assert caught.value.error_id == "repo.conflict"


def test_attributes_of_a_commit_have_no_say_where_git_reads_them_without_a_work_tree(
    tmp_path: Path, opened: Open
) -> None:
    root = conflicting(tmp_path / "r", {".gitattributes": "* merge=union\n"}).save(checkout=True)
    index = {"GIT_INDEX_FILE": str(root / ".git/index")}

    def merge_attribute(folder: Path) -> bytes:
        return git(folder, "check-attr", "--cached", "merge", "policy.txt", **index).split()[-1]

    assert merge_attribute(root) == b"union"
    assert merge_attribute(opened(root)._private) == b"unspecified"


@pytest.mark.parametrize("unknown", ["GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"])
def test_a_missing_object_is_not_fetched_with_a_program_of_the_configuration(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, unknown: str
) -> None:
    monkeypatch.delitem(git_module._ENVIRONMENT, unknown)  # as a git that does not know the variable
    repo = conflicting(tmp_path / "r")
    lost = repo.add("blob", b"base\n")
    repo._unsaved.remove(lost)
    repo.branch("gone", "2" * 40)
    root = repo.save()
    with (root / ".git/config").open("a") as config:
        config.write(CONFIGURATIONS["promisor"].format(evil=program(tmp_path)))
    found = opened(root)
    tree = found.tree(found.commit("main"))
    for call in (lambda: tree.read("policy.txt"), lambda: found.blobs([lost]), lambda: found.commit("gone~1")):
        with pytest.raises(GatekitError) as caught:
            call()
        assert caught.value.exit_code == 3
    assert not (tmp_path / "PWN").exists()


def test_a_work_tree_and_an_index_elsewhere_do_not_matter(tmp_path: Path) -> None:
    root = conflicting(tmp_path / "r").save(checkout=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/policy.txt").write_text("elsewhere\n")
    git(root, "config", "core.worktree", str(tmp_path / "elsewhere"))
    (root / "policy.txt").write_text("edited\n")
    (root / ".git/index").write_bytes(b"nonsense")
    assert read_everything(root) == (b"base\n", b"head\n")


@pytest.mark.parametrize("bare", ["true", "false"])
def test_what_the_configuration_says_about_being_bare_does_not_matter(tmp_path: Path, bare: str) -> None:
    root = conflicting(tmp_path / "r").save(checkout=True)
    git(root, "config", "core.bare", bare)
    assert read_everything(root) == (b"base\n", b"head\n")


def test_the_environment_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = conflicting(tmp_path / "r").save(checkout=True)
    decoy = Builder(tmp_path / "decoy")
    decoy.commit("main", {"policy.txt": "decoy\n"})
    evil = program(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.gitconfig").write_text("[core]\n\trepositoryFormatVersion = 99\n[alias]\n\tls-tree = !false\n")
    variables = {
        "GIT_DIR": str(decoy.save() / ".git"),
        "GIT_WORK_TREE": str(tmp_path / "decoy"),
        "GIT_COMMON_DIR": str(tmp_path / "decoy/.git"),
        "GIT_INDEX_FILE": str(tmp_path / "absent"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "decoy/.git/objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(tmp_path / "decoy/.git/objects"),
        "GIT_NAMESPACE": "decoy",
        "GIT_CONFIG_PARAMETERS": "'core.repositoryformatversion=99'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "extensions.nonsense",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG": str(tmp_path / "absent"),
        "GIT_CONFIG_GLOBAL": str(tmp_path / "home/.gitconfig"),
        "GIT_CONFIG_SYSTEM": str(tmp_path / "home/.gitconfig"),
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_CEILING_DIRECTORIES": str(tmp_path / "r"),
        "GIT_LITERAL_PATHSPECS": "0",
        "GIT_GRAFT_FILE": str(tmp_path / "grafts"),
        "GIT_SHALLOW_FILE": str(tmp_path / "grafts"),
        "GIT_REPLACE_REF_BASE": "refs/heads/",
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_TRACE": str(tmp_path / "PWN"),
        "GIT_TRACE2_EVENT": str(tmp_path / "PWN"),
        "GIT_SSH_COMMAND": str(evil),
        "GIT_EXTERNAL_DIFF": str(evil),
        "GIT_PAGER": str(evil),
        "GIT_ASKPASS": str(evil),
        "GIT_ATTR_SOURCE": "main",
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_HOME": str(tmp_path / "home"),
        "LANGUAGE": "de",
        "LC_ALL": "de_DE.UTF-8",
    }
    (tmp_path / "grafts").write_text("1" * 40 + "\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path / "decoy")
    assert read_everything(root) == (b"base\n", b"head\n")
    assert not (tmp_path / "PWN").exists()


def test_a_git_in_the_folder_where_the_user_stands_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = conflicting(tmp_path / "r").save()
    program(tmp_path).rename(tmp_path / "git")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", os.environ["PATH"]]))
    assert read_everything(root) == (b"base\n", b"head\n")
    assert not (tmp_path / "PWN").exists()


def test_replaced_objects_are_not_followed(tmp_path: Path) -> None:
    repo = conflicting(tmp_path / "r")
    base = repo.refs["refs/heads/main"]
    other = repo.commit("decoy", {"policy.txt": "decoy\n"}, parents=[])
    blobs = [repo.snapshots[commit][b"policy.txt"][1] for commit in (base, other)]
    root = repo.save()
    git(root, "replace", base, other)
    git(root, "replace", *blobs)
    assert git(root, "show", "main:policy.txt") == b"decoy\n"
    assert read_everything(root) == (b"base\n", b"head\n")


def test_grafted_parents_are_not_followed(tmp_path: Path, opened: Open) -> None:
    repo = conflicting(tmp_path / "r")
    main, topic = (repo.refs[f"refs/heads/{name}"] for name in ("main", "topic"))
    root = repo.save()
    (root / ".git/info").mkdir(exist_ok=True)
    (root / ".git/info/grafts").write_text(f"{main} {topic}\n")
    assert git(root, "rev-parse", "main~1").decode().strip() == topic
    found = opened(root)
    assert not found.is_ancestor(topic, main)
    assert found.commit("main~1") == found.parents(main)[0] != topic


def test_a_commit_graph_that_lies_is_not_believed(tmp_path: Path, opened: Open) -> None:
    repo = conflicting(tmp_path / "r")
    topic = repo.refs["refs/heads/topic"]
    middle = repo.commit("main", {"other.txt": "2\n"})
    main = repo.commit("main", {"other.txt": "3\n"})
    root = repo.save()
    git(root, "commit-graph", "write", "--reachable")
    # Format: after "CDAT" the place of the commits' records, in order of their ids: tree, then the parents' numbers.
    graph = root / ".git/objects/info/commit-graph"
    data, order = bytearray(graph.read_bytes()), sorted(repo.snapshots)
    name = data.index(b"CDAT")
    record = int.from_bytes(data[name + 4 : name + 12], "big") + order.index(middle) * 36
    data[record + 20 : record + 24] = order.index(topic).to_bytes(4, "big")
    graph.chmod(0o644)
    graph.write_bytes(data)
    git(root, "merge-base", "--is-ancestor", topic, main)  # git itself believes it
    found = opened(root)
    assert not found.is_ancestor(topic, main)
    assert found.merge_base(topic, main) == found.commit("main~3")


@pytest.mark.parametrize(
    "name",
    ["a;touch${IFS}PWN", "$(touch${IFS}PWN)", "`touch${IFS}PWN`", "-x", "--upload-pack=evil", "a'b\"c", "ü\u202e"],
)
def test_branches_of_odd_names_are_found_under_their_full_name(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"a": "1"})
    repo.branch(name, tip)
    monkeypatch.chdir(tmp_path)
    found = opened(repo.save())
    full = f"refs/heads/{name}"
    if full.isprintable():
        assert found.commit(full) == tip
    else:
        with pytest.raises(GatekitError) as caught:
            found.commit(full)
        assert caught.value.error_id == "repo.bad_ref" and str(caught.value).isprintable()
    assert not list(tmp_path.rglob("PWN"))


@pytest.mark.parametrize("name", ["HOME", "XDG_CONFIG_HOME", "GIT_GRAFT_FILE"])
def test_where_git_is_told_to_look_for_the_users_files_nobody_can_put_any(name: str) -> None:
    # A folder that is merely absent on most machines, such as /nonexistent, is there on some.
    place = Path(git_module.environment()[name])
    with pytest.raises(NotADirectoryError):
        (place / "git").mkdir(parents=True)
    with pytest.raises(NotADirectoryError):
        place.write_text("* merge=union\n")


def test_git_says_nothing_about_the_places_that_it_is_told(tmp_path: Path) -> None:
    root = conflicting(tmp_path / "r").save()
    done = git_module.run(root / ".git", ["log", "--format=%H", "--end-of-options", "main"])
    assert (done.code, done.errors) == (0, "")
