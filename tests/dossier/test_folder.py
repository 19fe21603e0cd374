"""A dossier's folder is there whole or not at all, and replaces only what an earlier run wrote."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from gatekit.dossier import folder
from gatekit.dossier.folder import MANIFEST, SCHEMA, SUMS, sums, write_folder
from gatekit.errors import GatekitError


def files(word: str) -> dict[str, bytes]:
    """A small dossier."""
    made = {
        "README.md": f"{word}\n".encode(),
        "plots/a.svg": b"<svg/>",
        MANIFEST: json.dumps({"schema": SCHEMA, "word": word}).encode(),
    }
    return made | {SUMS: sums(made)}


def found(place: Path) -> dict[str, bytes]:
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()}


def refused(target: Path, why: str) -> None:
    before = found(target) if target.is_dir() else None
    with pytest.raises(GatekitError, match=why) as caught:
        write_folder(target, files("new"))
    assert caught.value.error_id == "dossier.in_the_way"
    assert (found(target) if target.is_dir() else None) == before


def nothing_else(place: Path, *names: str) -> None:
    assert sorted(os.listdir(place)) == sorted(names)


def test_the_folder_holds_exactly_the_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "a" / "dossier", files("one"))
    assert found(tmp_path / "a" / "dossier") == files("one")
    nothing_else(tmp_path / "a", "dossier")


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "dossier").mkdir()
    write_folder(tmp_path / "dossier", files("one"))
    assert found(tmp_path / "dossier") == files("one")


@pytest.mark.parametrize(("name", "why"), [("README.md", "README.md was changed"), (SUMS, "which no dossier wrote")])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path, name: str, why: str) -> None:
    write_folder(tmp_path / "dossier", files("one"))
    (tmp_path / "dossier" / name).unlink()
    os.mkfifo(tmp_path / "dossier" / name)
    refused(tmp_path / "dossier", why)


def test_a_folder_that_cannot_be_listed_is_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    write_folder(tmp_path / "dossier", files("one"))
    with monkeypatch.context() as patched, pytest.raises(GatekitError, match="Permission denied") as caught:
        patched.setattr(os, "scandir", denied)
        write_folder(tmp_path / "dossier", files("new"))
    assert caught.value.error_id == "dossier.in_the_way"


def test_the_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    write_folder(tmp_path / "dossier", files("one"))
    done = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=tmp_path / "dossier", capture_output=True)
    assert done.returncode == 0
    assert done.stdout.count(b": OK") == 3


@pytest.mark.parametrize("exchange", [True, False])
def test_an_earlier_dossier_is_replaced_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    if not exchange:  # as on a system that cannot
        monkeypatch.setattr(folder, "_exchanged", lambda one, other: False)
    write_folder(tmp_path / "dossier", files("one") | {})
    write_folder(tmp_path / "dossier", files("two"))
    assert found(tmp_path / "dossier") == files("two")
    nothing_else(tmp_path, "dossier")


def test_other_peoples_files_are_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "dossier"
    target.mkdir()
    (target / "thesis.tex").write_text("work of years")
    refused(target, "it holds files that are no dossier")
    (target / MANIFEST).write_text('{"schema": "another"}')
    refused(target, "it holds files that are no dossier")


def test_a_dossier_with_a_file_of_the_users_own_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "dossier"
    write_folder(target, files("one"))
    (target / "plots" / "notes.txt").write_text("mine")
    refused(target, "it holds plots/notes.txt, which no dossier wrote")


def test_an_edited_dossier_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "dossier"
    write_folder(target, files("one"))
    (target / "README.md").write_text("one, and a remark")
    refused(target, "README.md was changed since the dossier was written")
    (target / "README.md").unlink()
    refused(target, "README.md was changed since the dossier was written")


def test_a_file_or_a_link_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "it is not a folder")
    write_folder(tmp_path / "dossier", files("one"))
    (tmp_path / "link").symlink_to("dossier")
    refused(tmp_path / "link", "it is not a folder")


@pytest.mark.parametrize("earlier", [False, True])
def test_a_failure_at_any_file_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    if earlier:
        write_folder(tmp_path / "dossier", files("one"))
    real = folder.write_whole
    for stop_at in range(len(files("two"))):
        calls = iter(range(100))

        def failing(path: object, data: bytes, stop: int = stop_at, calls: object = calls) -> None:
            if next(calls) == stop:  # type: ignore[call-overload]
                raise KeyboardInterrupt
            real(path, data)  # type: ignore[arg-type]

        monkeypatch.setattr(folder, "write_whole", failing)
        with pytest.raises(KeyboardInterrupt):
            write_folder(tmp_path / "dossier", files("two"))
        nothing_else(tmp_path, *(["dossier"] if earlier else []))
        if earlier:
            assert found(tmp_path / "dossier") == files("one")


def test_a_second_rename_that_fails_puts_the_old_dossier_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "dossier", files("one"))
    monkeypatch.setattr(folder, "_exchanged", lambda one, other: False)
    real = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.endswith(".tmp"):
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(GatekitError, match="No space left on device"):
        write_folder(tmp_path / "dossier", files("two"))
    monkeypatch.undo()
    assert found(tmp_path / "dossier") == files("one")
    nothing_else(tmp_path, "dossier")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(GatekitError) as caught:
        write_folder(tmp_path / "file" / "dossier", files("one"))
    assert (caught.value.error_id, int(caught.value.exit_code)) == ("output.unwritable", 64)
