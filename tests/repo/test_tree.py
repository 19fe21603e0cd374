"""Listing the files of a commit and reading them by object id, within limits, whatever a hostile tree holds."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repositories import Builder, Executable, Raw, Submodule, Symlink, git

from gatekit.errors import GatekitError
from gatekit.repo import Repository, changes
from gatekit.repo import tree as tree_module
from gatekit.repo.tree import Entry

Open = Callable[[Path], Repository]


def refused(error_id: str, exit_code: int, call: Callable[..., object], *arguments: object) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        call(*arguments)
    error = caught.value
    assert (error.error_id, int(error.exit_code)) == (error_id, exit_code)
    assert len(str(error).splitlines()) == 1
    return error


def test_a_tree_lists_every_file_with_mode_id_and_size(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"a b.txt": "123", "x/run": Executable("#!"), "x/l": Symlink("run"), "m": Submodule()})
    tree = opened(repo.save()).tree(tip)

    def oid(data: bytes) -> str:
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    assert list(tree.entries.values()) == [
        Entry("a b.txt", "100644", oid(b"123"), 3),
        Entry("m", "160000", "1" * 40, None),
        Entry("x/l", "120000", oid(b"run"), 3),
        Entry("x/run", "100755", oid(b"#!"), 2),
    ]


def test_a_folder_holds_what_is_inside_it_and_nothing_of_a_similar_name(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    names = ["e.json", "e/a", "e/b/c", "e-/x", "e.d/x", "e0/x", "ee/x", "f"]
    tip = repo.commit("main", dict.fromkeys(names, "1"))
    tree = opened(repo.save()).tree(tip)
    assert [entry.path for entry in tree.under("e")] == ["e/a", "e/b/c"]
    assert [entry.path for entry in tree.under("e/")] == ["e/a", "e/b/c"]
    assert [entry.path for entry in tree.under("e/b")] == ["e/b/c"]
    assert [entry.path for entry in tree.under("f")] == ["f"]
    assert sorted(entry.path for entry in tree.under("")) == sorted(names)
    assert tree.under("absent") == []


@settings(deadline=None, max_examples=20)
@given(st.dictionaries(st.text("ab", min_size=1, max_size=3), st.binary(max_size=200_000), min_size=1, max_size=80))
def test_contents_are_read_as_they_were_committed(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    repo = Builder(tmp_path_factory.mktemp("r"), bare=True)
    tip = repo.commit("main", files)
    with Repository.open(repo.save()) as found:
        tree = found.tree(tip)
        assert tree.read_all(files) == files
        oids = {path: tree.entries[path].oid for path in files}
        digests = found.sha256(oids.values())
        assert {path: digests[oid] for path, oid in oids.items()} == {
            path: hashlib.sha256(data).hexdigest() for path, data in files.items()
        }


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"a/b": "1"})
    tree = opened(repo.save()).tree(tip)
    for path in ("b", "a", "a/", "", "a/b/", "../a/b", "a/b\n"):
        refused("repo.missing_file", 3, tree.read, path)


def test_links_and_submodules_are_not_read(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"link": Symlink("/etc/passwd"), "module": Submodule(), "kept": "1"})
    tree = opened(repo.save()).tree(tip)
    assert "a symbolic link" in str(refused("repo.mode", 4, tree.read, "link"))
    assert "a submodule" in str(refused("repo.mode", 4, tree.read, "module"))


def test_a_file_over_the_limit_is_refused_without_being_read(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"just": b"0" * (1 << 20), "over": b"0" * ((1 << 20) + 1)})
    found = opened(repo.save())
    tree = found.tree(tip)
    assert len(tree.read("just", 1 << 20)) == 1 << 20
    monkeypatch.setattr(Repository, "blobs", lambda *_: pytest.fail("it was read"))
    error = refused("repo.blob_size", 4, tree.read, "over", 1 << 20)
    assert str(error).startswith("over: ")


def test_a_huge_blob_is_refused_by_its_size(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    size = 256 << 20
    # that many zeros as a loose object of 1 MB
    compressor, hashed = zlib.compressobj(1), hashlib.sha1()
    parts = []
    for chunk in (b"blob %d\0" % size, *[bytes(1 << 24)] * (size >> 24)):
        hashed.update(chunk)
        parts.append(compressor.compress(chunk))
    oid = hashed.hexdigest()
    tip = repo.commit("main", {"bomb": Raw("100644", oid)})
    folder = repo.save() / ".git/objects" / oid[:2]
    folder.mkdir(exist_ok=True)
    (folder / oid[2:]).write_bytes(b"".join(parts) + compressor.flush())
    found = opened(repo.root)
    tree = found.tree(tip)
    assert tree.entries["bomb"].size == size
    refused("repo.blob_size", 4, tree.read, "bomb")
    refused("repo.blob_size", 4, found.blobs, [oid])
    assert found.sha256([oid]) == {oid: hashlib.sha256(bytes(size)).hexdigest()}


def test_many_files_that_are_too_large_together_are_refused(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"a": b"a" * 600, "b": b"b" * 600})
    found = opened(repo.save())
    tree = found.tree(tip)
    monkeypatch.setattr(tree_module, "TOTAL_LIMIT", 1000)
    monkeypatch.setattr("gatekit.repo.repository.TOTAL_LIMIT", 1000)
    refused("repo.total_size", 4, tree.read_all, ["a", "b"])
    refused("repo.total_size", 4, found.blobs, [entry.oid for entry in tree.under("")])
    assert tree.read("a") == b"a" * 600


def test_after_a_refusal_the_next_file_is_read_right(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {name: name * 1000 for name in "abcdef"})
    found = opened(repo.save())
    oids = [entry.oid for entry in found.tree(tip).under("")]
    refused("repo.blob_size", 4, found.blobs, oids, 10)
    assert found.blobs(oids[3:4]) == {oids[3]: b"d" * 1000}


def test_a_hundred_thousand_files_are_listed(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r", bare=True)
    tip = repo.commit("main", {f"data/{number // 1000:03}/{number % 1000:03}.txt": "1" for number in range(100_000)})
    tree = opened(repo.save()).tree(tip)
    assert len(tree.entries) == 100_000
    assert len(tree.under("data/042")) == 1000


def test_a_tree_that_names_billions_of_files_is_refused(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Builder(tmp_path / "r", bare=True)
    oid, mode = repo.add("blob", b"x"), "100644"
    for _ in range(10):
        entries = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for name in "0123456789")
        oid, mode = repo.add("tree", entries), "40000"
    monkeypatch.setattr("gatekit.repo.repository.MAX_FILES", 10_000)
    refused("repo.too_many_files", 4, opened(repo.save()).tree, oid)


def test_a_name_of_megabytes_is_refused(tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Builder(tmp_path / "r", bare=True)
    tip = repo.commit("main", {"x" * 5_000_000: "1"})
    monkeypatch.setattr("gatekit.repo.repository.MAX_LISTING", 1_000_000)
    refused("repo.too_many_files", 4, opened(repo.save()).tree, tip)


@pytest.mark.parametrize("path", ["../policies/p.yaml", "a/../../x", "./a", "a/./b", ".git/config", "a/.GIT/hooks/x"])
def test_names_that_lead_out_of_the_tree_are_refused(tmp_path: Path, opened: Open, path: str) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"evidence/a.json": "{}", path: "1"})
    refused("repo.path", 4, opened(repo.save()).tree, tip)


def test_a_tree_with_a_name_twice_is_refused(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    good, bad = (bytes.fromhex(repo.add("blob", data)) for data in (b"good", b"bad"))
    tree = repo.add("tree", b"100644 a\0" + good + b"100644 a\0" + bad)
    refused("repo.malformed_tree", 4, opened(repo.save()).tree, tree)


def test_a_tree_out_of_order_is_refused(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    oid = bytes.fromhex(repo.add("blob", b"x"))
    tree = repo.add("tree", b"100644 b\0" + oid + b"100644 a\0" + oid)
    refused("repo.malformed_tree", 4, opened(repo.save()).tree, tree)


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    blob = bytes.fromhex(repo.add("blob", b"x"))
    inner = bytes.fromhex(repo.add("tree", b"100644 x\0" + blob))
    tree = repo.add("tree", b"100644 a\0" + blob + b"100644 a-b\0" + blob + b"40000 a\0" + inner)
    refused("repo.malformed_tree", 4, opened(repo.save()).tree, tree)


def test_a_mode_that_git_does_not_write_is_read_as_the_one_that_git_takes_it_for(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    oid = repo.add("blob", b"x")
    tip = repo.commit("main", {"a": Raw("100666", oid), "b": Raw("100711", oid), "c": Raw("60000", oid)})
    tree = opened(repo.save()).tree(tip)
    assert [entry.mode for entry in tree.entries.values()] == ["100644", "100755", "160000"]


def test_a_mode_that_git_never_lists_is_refused() -> None:
    listing = b"040000 tree " + b"1" * 40 + b"       -\tfolder\0"
    refused("repo.mode", 4, tree_module.parse_listing, listing, "1" * 40, None)


@pytest.mark.parametrize("raw", [b"100644 \0", b"100644 a\0short", b"1a0644 a\0", b"40000 a\0", b"nonsense"])
def test_a_damaged_tree_object_is_refused(tmp_path: Path, opened: Open, raw: bytes) -> None:
    repo = Builder(tmp_path / "r")
    blob = bytes.fromhex(repo.add("blob", b"x"))
    oid = repo.add("tree", raw + blob if raw.endswith(b"\0") else raw)
    refused("repo.malformed_tree", 4, opened(repo.save()).tree, oid)


@pytest.mark.parametrize("path", ["a//b", "/etc/passwd"])
def test_a_folder_without_a_name_is_refused(tmp_path: Path, opened: Open, path: str) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {path: "1"})
    refused("repo.malformed_tree", 4, opened(repo.save()).tree, tip)


def test_an_entry_that_says_file_and_is_a_tree_is_not_read(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"a": Raw("100644", repo.add("tree", b""))})
    found = opened(repo.save())
    with pytest.raises(GatekitError) as caught:
        found.tree(tip).read("a")
    assert caught.value.error_id == "repo.object_kind"


def test_names_of_any_bytes_stay_apart(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    names = [b"\xff.txt", b"\xfe.txt", b"new\nline", b"tab\t.txt", b'quote"', "é".encode(), "e\u0301".encode()]
    tip = repo.commit("main", {name: name for name in names})
    tree = opened(repo.save()).tree(tip)
    assert {path.encode("utf-8", "surrogateescape") for path in tree.entries} == set(names)
    assert tree.read("new\nline") == b"new\nline"


def test_nested_deeper_than_git_can_follow_is_no_crash(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r", bare=True)
    oid, mode = repo.add("blob", b"x"), "100644"
    for _ in range(20_000):
        oid, mode = repo.add("tree", f"{mode} d".encode() + b"\0" + bytes.fromhex(oid)), "40000"
    found = opened(repo.save())
    try:
        tree = found.tree(oid)
    except GatekitError as error:
        assert error.exit_code in (3, 4)
    else:
        assert len(tree.entries) == 1


def test_the_content_of_a_damaged_object_is_refused(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    oid = hashlib.sha1(b"blob 4\0good").hexdigest()
    tip = repo.commit("main", {"a": Raw("100644", oid)})
    folder = repo.save() / ".git/objects" / oid[:2]
    folder.mkdir(exist_ok=True)
    (folder / oid[2:]).write_bytes(zlib.compress(b"blob 4\0evil"))
    found = opened(repo.root)
    assert git(repo.root, "cat-file", "blob", oid) == b"evil"  # git itself does not notice
    refused("repo.corrupt", 4, found.tree(tip).read, "a")


def test_an_object_that_never_ends_to_be_read_is_given_up(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"a": "1"})
    found = opened(repo.save())
    folder = repo.root / ".git/objects/12"
    folder.mkdir()
    os.mkfifo(folder / ("3" * 38))
    monkeypatch.setattr("gatekit.repo.git.TIMEOUT_SECONDS", 0.2)
    refused("repo.timeout", 4, found.blobs, ["12" + "3" * 38])
    assert found.tree(tip).read("a") == b"1"


def test_a_partial_clone_says_what_is_missing_and_fetches_nothing(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"a": "content"})
    root = repo.save()
    git(root, "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", root.as_uri(), "partial")
    packs = sorted((partial / ".git/objects").rglob("*"))
    found = opened(partial)
    tree = found.tree(tip)
    assert tree.entries["a"].size is None
    error = refused("repo.missing_object", 3, tree.read, "a")
    assert "content of a " in error.message and "--filter" in str(error)
    refused("repo.missing_object", 3, found.blobs, [tree.entries["a"].oid])
    assert sorted((partial / ".git/objects").rglob("*")) == packs
    assert git(partial, "cat-file", "blob", tree.entries["a"].oid) == b"content"  # git itself fetches


def test_a_clone_without_the_trees_is_inconclusive(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    tip = repo.commit("main", {"folder/a": "content"})
    root = repo.save()
    git(root, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=tree:0", root.as_uri(), "partial")
    refused("repo.missing_object", 3, opened(tmp_path / "partial").tree, tip)


def test_changes_are_the_paths_whose_mode_or_content_differs(tmp_path: Path, opened: Open) -> None:
    repo = Builder(tmp_path / "r")
    first = {"same": "1", "edited": "1", "mode": "1", "gone/x": "1", "kind": "1"}
    before = repo.commit("main", first)
    second = {"edited": "2", "mode": Executable("1"), "gone": None, "new": "1", "kind": Symlink("1")}
    after = repo.commit("main", second)
    found = opened(repo.save())
    assert changes(found.tree(before), found.tree(after)) == {
        "edited": "changed",
        "gone/x": "deleted",
        "kind": "changed",
        "mode": "changed",
        "new": "added",
    }
