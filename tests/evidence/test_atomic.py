"""A file is written whole or stays as it was, whatever interrupts the writing."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gatekit.errors import GatekitError
from gatekit.evidence import atomic
from gatekit.evidence.atomic import write_whole


def refusal(path: Path | str, data: bytes = b"new") -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        write_whole(path, data)
    assert caught.value.error_id == "output.unwritable"
    assert caught.value.exit_code == 64
    assert str(caught.value.location) == str(path)
    return caught.value


def test_a_new_file_and_an_old_file_get_the_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for data in (b"first", b"", b"x" * 3_000_000, b"last"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_new_file_has_the_permissions_of_the_umask_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", b"")
        (tmp_path / "old").touch()
        (tmp_path / "old").chmod(0o604)
        write_whole(tmp_path / "old", b"x")
    finally:
        os.umask(old)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new", "old")] == [0o640, 0o604]


def test_a_bare_name_is_written_into_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_whole("x", b"1")
    assert (tmp_path / "x").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("write", KeyboardInterrupt()),
        ("write", OSError(errno.ENOSPC, "No space left on device")),
        ("fsync", OSError(errno.EIO, "Input/output error")),
        ("replace", PermissionError(errno.EACCES, "Permission denied")),
        ("replace", KeyboardInterrupt()),
    ],
)
def test_a_failure_at_any_step_keeps_the_old_file_and_leaves_nothing_else(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, step, fail)
        if isinstance(error, OSError):
            assert error.strerror in refusal(path).message
        else:
            with pytest.raises(KeyboardInterrupt):
                write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_write_that_takes_only_a_part_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))
        write_whole(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_the_data_is_on_the_disk_before_the_name_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def note_replace(source: str, target: str) -> None:
        assert Path(source).read_bytes() == b"new"
        order.append("rename")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", note_fsync)
        patch.setattr(atomic.os, "replace", note_replace)
        write_whole(tmp_path / "x", b"new")
    assert order == ["file", "rename", "folder"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_process_killed_before_the_rename_leaves_the_old_content(step: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"old")
    program = (
        "import os, signal, sys\nfrom gatekit.evidence import atomic\n"
        f"atomic.os.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "atomic.write_whole(sys.argv[1], b'new' * 100_000)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path])
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("target", ["real", "nowhere"])
def test_nothing_is_written_through_a_symbolic_link(target: str, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(target)
    assert "symbolic link" in refusal(link).message
    assert (tmp_path / "real").read_bytes() == b"old"
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_a_directory_a_pipe_and_a_device_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    assert "directory" in refusal(tmp_path / "folder").message
    assert "pipe" in refusal(tmp_path / "fifo").message
    assert "device" in refusal("/dev/null").message
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


def test_a_path_that_cannot_exist_is_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    for path in (tmp_path / "absent" / "x", tmp_path / "file" / "x", f"{tmp_path}/a\0b", tmp_path / ("x" * 300), ""):
        refusal(path)
    assert os.listdir(tmp_path) == ["file"]
