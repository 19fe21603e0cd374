"""requirements/install-gate.sh, run on a small copy of this repository with packages from a folder, offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from repositories import ENVIRONMENT
from workflows.composite import clean_environment

REPO = Path(__file__).resolve().parents[2]
COPIED = ("requirements/install-gate.sh", "pyproject.toml", "gatekit/source_commit.txt")
FAKE = "import sys\n\n\ndef main():\n    print('the gate of', __file__, *sys.argv[1:])\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout whose gate only says where it lies, and needs one package."""
    folder = tmp_path / "its own source"
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, folder / name)
    for name in ("gatekit/cli", "gatekit_husai", "schemas"):
        (folder / name).mkdir()
    (folder / "gatekit" / "__init__.py").write_text("")
    (folder / "gatekit" / "cli" / "__init__.py").write_text("import needed\n" + FAKE)
    digest = wheel(tmp_path / "wheels", "needed", "1.0", {"needed.py": ""})
    (folder / "requirements" / "gate.lock").write_text(f"needed==1.0 \\\n    --hash=sha256:{digest}\n")
    return folder


def wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> str:
    """Write a wheel and return its digest."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
    return sha256(path.read_bytes()).hexdigest()


def install(source: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script with pip reading a folder and no index."""
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(source.parent / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    folders = [str(Path(sys.executable).parent), "/usr/bin", "/bin"]
    given = {"PATH": os.pathsep.join(folders), **pip, **environment}
    (source.parent / "work").mkdir(exist_ok=True)
    return subprocess.run(
        ["bash", str(source / "requirements" / "install-gate.sh"), *(arguments or [str(source.parent / "made here")])],
        cwd=source.parent / "work",
        env=clean_environment(source.parent / "work", **given),
        capture_output=True,
        text=True,
        timeout=120,
    )


def says(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_environment_has_the_locked_packages_and_a_copy_of_the_gate(source: Path) -> None:
    done = install(source)
    assert done.returncode == 0, done.stderr
    made = source.parent / "made here"
    place = made / "source" / "gatekit" / "cli" / "__init__.py"
    assert says(made, "bin/python", "-I", "bin/gatekit", "x y") == f"the gate of {place} x y"
    # As a command of its own too, from a folder with a blank in its name.
    assert says(source, str(made / "bin" / "gatekit"), "x") == f"the gate of {place} x"


def test_a_folder_without_a_root_is_made_where_the_caller_stands(source: Path) -> None:
    assert install(source, "here").returncode == 0
    assert (source.parent / "work" / "here" / "bin" / "gatekit").is_file()


def test_an_old_environment_is_made_anew(source: Path) -> None:
    (source.parent / "made here" / "source").mkdir(parents=True)
    (source.parent / "made here" / "source" / "old.py").write_text("")
    assert install(source).returncode == 0
    assert not (source.parent / "made here" / "source" / "old.py").exists()


@pytest.mark.parametrize("lock", ["needed==1.0\n", "needed==1.0 --hash=sha256:" + "0" * 64 + "\n"])
def test_a_package_without_its_digest_or_with_another_is_not_installed(source: Path, lock: str) -> None:
    (source / "requirements" / "gate.lock").write_text(lock)
    assert install(source).returncode not in (0, 64)
    assert not (source.parent / "made here" / "bin" / "gatekit").exists()


def released(source: Path) -> str:
    """A wheel of the gate, as a release has it, and its digest."""
    files = {
        "gatekit/__init__.py": "",
        "gatekit/cli/__init__.py": FAKE,
        "gatekit_sae-1.2.0.dist-info/entry_points.txt": "[console_scripts]\ngatekit = gatekit.cli:main\n",
    }
    return wheel(source.parent / "wheels", "gatekit_sae", "1.2.0", files)


def test_a_release_installs_its_wheel_and_nothing_of_the_source(source: Path) -> None:
    digest = released(source)
    (source / "requirements" / "released.lock").write_text(f"# The wheel.\ngatekit-sae==1.2.0 --hash=sha256:{digest}\n")
    done = install(source)
    assert done.returncode == 0, done.stderr
    made = source.parent / "made here"
    assert not (made / "source").exists()
    assert "site-packages" in says(made, "bin/python", "-I", "bin/gatekit")


def test_another_wheel_of_that_version_is_refused_and_the_source_does_not_stand_in(source: Path) -> None:
    released(source)
    lock = "gatekit-sae==1.2.0 --hash=sha256:" + "0" * 64
    (source / "requirements" / "released.lock").write_text(lock + "\n")
    done = install(source)
    assert done.returncode not in (0, 64)
    assert "do not match the hashes" in done.stderr.lower()
    assert not (source.parent / "made here" / "bin" / "gatekit").exists()


UV = '#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/uv-asked"\nexit {code}\n'


def uv(source: Path, code: int) -> str:
    """A stand-in for uv, and the PATH that has it."""
    folder = source.parent / "uv-bin"
    folder.mkdir()
    (folder / "uv").write_text(UV.format(folder=source.parent, code=code))
    (folder / "uv").chmod(0o755)
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent), "/usr/bin", "/bin"])


def test_uv_installs_where_it_is_told_the_index_with_digests_and_without_its_cache(source: Path) -> None:
    done = install(source, PATH=uv(source, 0), UV_INDEX_URL="https://example.org/simple")
    assert done.returncode == 0, done.stderr
    words = (source.parent / "uv-asked").read_text().splitlines()
    assert words[:2] == ["pip", "install"]
    assert {"--no-cache", "--require-hashes", "--no-deps", "--only-binary"} <= set(words)
    # It did nothing, and pip was not asked.
    assert not list((source.parent / "made here").rglob("needed.py"))


def test_uv_is_left_alone_where_only_pip_knows_the_index(source: Path) -> None:
    done = install(source, PATH=uv(source, 0))
    assert done.returncode == 0, done.stderr
    assert not (source.parent / "uv-asked").exists()
    assert list((source.parent / "made here").rglob("needed.py"))


def test_pip_does_what_uv_could_not(source: Path) -> None:
    done = install(source, PATH=uv(source, 2), UV_INDEX_URL="https://example.org/simple")
    assert done.returncode == 0, done.stderr
    assert (source.parent / "uv-asked").exists()
    assert list((source.parent / "made here").rglob("needed.py"))


def test_an_older_python_is_refused_in_one_line(source: Path) -> None:
    old = source.parent / "old-python"
    old.write_text('#!/bin/sh\ntest "$1" = -V && echo Python 3.10.13\nexit 1\n')
    old.chmod(0o755)
    done = install(source, PYTHON=str(old))
    said = f"gatekit needs Python 3.11 or newer, and {old} is Python 3.10.13; set one up before\n"
    assert (done.returncode, done.stderr) == (64, said)
    done = install(source, PYTHON="no-such-python")
    assert done.stderr == "gatekit needs Python 3.11 or newer, and no-such-python is not there; set one up before\n"


@pytest.mark.parametrize("arguments", [["a", "b"], ["a", "gate", "c"], ["a", "../gate"]])
def test_other_arguments_are_refused(source: Path, arguments: list[str]) -> None:
    assert install(source, *arguments).returncode == 64


def test_what_the_caller_has_on_its_path_takes_no_part(source: Path) -> None:
    (source.parent / "work").mkdir()
    for module in ("pip.py", "venv.py", "needed.py", "sitecustomize.py"):
        (source.parent / "work" / module).write_text(f"open({str(source.parent / 'PWN')!r}, 'w')\n")
    assert install(source, PYTHONPATH=str(source.parent / "work")).returncode == 0
    assert not (source.parent / "PWN").exists()


def test_the_copy_of_a_checkout_names_its_commit(source: Path) -> None:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=source, env=ENVIRONMENT, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    file = source.parent / "made here" / "source" / "gatekit" / "source_commit.txt"
    assert install(source).returncode == 0
    assert file.read_text() == git("rev-parse", "HEAD") + "\n"
    (source / "gatekit" / "new.py").write_text("")
    assert install(source).returncode == 0
    assert file.read_text() == git("rev-parse", "HEAD") + " and changes\n"
