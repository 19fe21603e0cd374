"""The wheel set of a release: made the same twice, and installed only as far as the lock file's digests say."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from workflows.test_install_gate import install, released, says, source, wheel

from release.notes import Refused
from release.wheel_sets import MACHINES, Machine, download, lock_for, write_set

REPO = Path(__file__).resolve().parents[2]
VERSION = "1.2.0"
TWO = f"cp{sys.version_info[0]}{sys.version_info[1]}"

__all__ = ["source"]


@pytest.fixture
def with_version(source: Path) -> Path:
    """The small checkout of test_install_gate, with the scripts that read sets."""
    (source / "requirements" / "wheel_set.py").write_bytes((REPO / "requirements" / "wheel_set.py").read_bytes())
    (source / "gatekit" / "__init__.py").write_text(f'__version__ = "{VERSION}"\n')
    return source


def name_here() -> str:
    code = "import wheel_set; print(wheel_set.set_name('1.2.0'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO / "requirements", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def a_set(source: Path, *more: Path) -> Path:
    """A set of the wheels that the test made, in a folder as releases have it; and no wheels for pip any more."""
    wheels = [*(source.parent / "wheels").iterdir(), *more]
    path = source.parent / "releases" / f"v{VERSION}" / name_here()
    path.parent.mkdir(parents=True)
    write_set(path, wheels)
    for each in wheels:
        each.unlink()
    return path


def test_the_environment_comes_from_the_set_alone(with_version: Path) -> None:
    a_set(with_version)
    done = install(with_version, GATEKIT_WHEELS=str(with_version.parent / "releases"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 wheels from ")
    made = with_version.parent / "made here"
    assert "the gate of" in says(made, "bin/python", "-I", "bin/gatekit")


def test_a_release_takes_its_own_wheel_from_the_set_too(with_version: Path) -> None:
    digest = released(with_version)
    lock = f"gatekit-sae==1.2.0 --hash=sha256:{digest}\n"
    (with_version / "requirements" / "released.lock").write_text(lock)
    a_set(with_version)
    done = install(with_version, GATEKIT_WHEELS=str(with_version.parent / "releases"))
    assert done.returncode == 0, done.stderr
    made = with_version.parent / "made here"
    assert not (made / "source").exists()
    assert "site-packages" in says(made, str(made / "bin" / "gatekit"))


def test_a_wheel_that_no_lock_names_is_not_unpacked(with_version: Path) -> None:
    extra = with_version.parent / "extra"
    wheel(extra, "sly", "1.0", {"sitecustomize.py": "raise SystemExit(99)\n"})
    a_set(with_version, *extra.iterdir())
    assert install(with_version, GATEKIT_WHEELS=str(with_version.parent / "releases")).returncode == 0
    assert not list((with_version.parent / "made here").rglob("sitecustomize.py"))


def test_a_locked_wheel_with_another_digest_is_refused_and_nothing_stands_in(with_version: Path) -> None:
    path = a_set(with_version)
    wheel(with_version.parent / "wheels", "needed", "1.0", {"needed.py": "sly = 1\n"})
    write_set(path, list((with_version.parent / "wheels").iterdir()))
    done = install(with_version, GATEKIT_WHEELS=str(with_version.parent / "releases"))
    assert done.returncode == 4
    assert "refused: needed-1.0-py3-none-any.whl of gatekit-1.2.0-wheels-" in done.stderr
    assert not (with_version.parent / "made here" / "bin" / "gatekit").exists()


@pytest.mark.parametrize("fault", ["absent", "no zip", "older lock"])
def test_without_a_set_for_it_pip_installs_and_one_line_says_why(with_version: Path, fault: str) -> None:
    path = with_version.parent / "releases" / f"v{VERSION}" / name_here()
    path.parent.mkdir(parents=True)
    if fault == "no zip":
        path.write_bytes(b"<html>a login page</html>")
    elif fault == "older lock":
        write_set(path, [])
    done = install(with_version, GATEKIT_WHEELS=str(with_version.parent / "releases"))
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "wheel set" in line]
    why = {"absent": "No such file", "no zip": "cannot be read", "older lock": "has no needed==1.0"}[fault]
    assert line.startswith("no wheel set: ")
    assert why in line
    assert line.endswith("; packages are installed one by one")
    assert list((with_version.parent / "made here").rglob("needed.py"))


def test_off_asks_nobody(with_version: Path) -> None:
    done = install(with_version, GATEKIT_WHEELS="off", GATEKIT_REPOSITORY="octo/gatekit")
    assert (done.returncode, "wheel set" in done.stderr) == (0, False)


@pytest.fixture
def server(with_version: Path) -> Iterator[tuple[str, list[str]]]:
    """A server of the releases' files, and what was asked of it."""
    asked: list[str] = []

    class Releases(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            path = with_version.parent / self.path.lstrip("/").removeprefix("octo/gatekit/releases/download/")
            file = with_version.parent / "releases" / path.relative_to(with_version.parent)
            self.send_response(200 if file.is_file() else 404)
            self.end_headers()
            if file.is_file():
                self.wfile.write(file.read_bytes())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Releases)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}", asked
    running.shutdown()
    running.server_close()


def test_the_set_is_that_of_the_version_in_the_repository_of_the_action_and_kept_by_version(
    with_version: Path, server: tuple[str, list[str]]
) -> None:
    address, asked = server
    path = a_set(with_version)
    tools = with_version.parent / "tools"
    given = {"GITHUB_SERVER_URL": address, "GATEKIT_REPOSITORY": "octo/gatekit", "RUNNER_TOOL_CACHE": str(tools)}
    assert install(with_version, **given).returncode == 0
    assert asked == [f"/octo/gatekit/releases/download/v1.2.0/{path.name}"]
    assert (tools / "gatekit" / "1.2.0" / path.name).read_bytes() == path.read_bytes()
    second = install(with_version, **given)
    assert (second.returncode, len(asked)) == (0, 1), second.stderr


def test_a_kept_set_that_somebody_changed_is_loaded_anew(with_version: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    path = a_set(with_version)
    sly = with_version.parent / "sly"
    wheel(sly, "needed", "1.0", {"needed.py": "sly = 1\n"})
    kept = with_version.parent / "tools" / "gatekit" / VERSION / path.name
    kept.parent.mkdir(parents=True)
    write_set(kept, list(sly.iterdir()))
    given = {"GATEKIT_WHEELS": address, "RUNNER_TOOL_CACHE": str(with_version.parent / "tools")}
    assert install(with_version, **given).returncode == 0
    assert len(asked) == 1
    assert kept.read_bytes() == path.read_bytes()
    (found,) = (with_version.parent / "made here").rglob("needed.py")
    assert found.read_text() == ""


def test_a_file_outside_of_its_wheel_is_refused(with_version: Path) -> None:
    folder = with_version.parent / "wheels"
    digest = wheel(folder, "needed", "1.0", {"../../PWN.py": ""})
    (with_version / "requirements" / "gate.lock").write_text(f"needed==1.0 --hash=sha256:{digest}\n")
    a_set(with_version)
    done = install(with_version, GATEKIT_WHEELS=str(with_version.parent / "releases"))
    assert (done.returncode, "lies outside" in done.stderr) == (4, True)
    assert not list(with_version.parent.rglob("PWN.py"))


def test_two_sets_of_the_same_wheels_have_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name, umask in (("a", 0o022), ("b", 0o077)):
        before = os.umask(umask)
        try:
            for package in ("one", "two") if name == "a" else ("two", "one"):
                wheel(tmp_path / name, package, "1.0", {f"{package}.py": "x = 1\n" * 100})
            # The wheels of an index are the same files; only their names on this disk are another's.
            if name == "b":
                for path in (tmp_path / "a").iterdir():
                    (tmp_path / "b" / path.name).write_bytes(path.read_bytes())
                    os.utime(tmp_path / "b" / path.name, (1, 1))
            write_set(tmp_path / f"{name}.zip", list((tmp_path / name).iterdir()))
        finally:
            os.umask(before)
        made.append((tmp_path / f"{name}.zip").read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert [member.compress_type for member in archive.infolist()] == [zipfile.ZIP_STORED] * 2


LOCK = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via scipy
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
colorama==0.4.6 ; sys_platform == 'win32' --hash=sha256:dd
attrs==26.1.0 --hash=sha256:ee  # via jsonschema
"""


@pytest.mark.parametrize(
    ("python", "wanted"),
    [("3.11", "numpy==2.4.6 --hash=sha256:aa --hash=sha256:bb\n"), ("3.13", "numpy==2.5.5 --hash=sha256:cc\n")],
)
def test_a_set_has_what_the_lock_wants_of_its_python_and_not_of_the_one_that_makes_it(python: str, wanted: str) -> None:
    lock = lock_for(LOCK, Machine(python, "linux_x86_64"))
    assert lock == f"{wanted}attrs==26.1.0 --hash=sha256:ee\n"


def test_every_machine_has_another_name_and_the_installer_asks_for_one_of_them() -> None:
    names = [machine.name for machine in MACHINES]
    assert len(set(names)) == len(names)
    assert name_here().removesuffix(".zip").split("-wheels-")[1] in names


def test_a_wheel_with_another_digest_gets_into_no_set(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "needed", "1.0", {"needed.py": ""})
    lock = f"needed==1.0 --hash=sha256:{sha256(b'other').hexdigest()}\n"
    with pytest.raises(Refused, match="could not be had"):
        download(lock, Machine("3.11", "linux_x86_64"), tmp_path, str(tmp_path / "wheels"))
