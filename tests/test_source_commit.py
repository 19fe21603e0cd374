"""`--version` names the commit: of a checkout, of an archive that git makes, and of what is built from either."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from repositories import ENVIRONMENT

from gatekit.source_commit import source_commit

REPO = Path(__file__).resolve().parents[1]
MADE_OF = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitattributes", "gatekit/source_commit.txt")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository that holds of ours what a build needs, and as the only module the one that has the version."""
    folder = tmp_path / "checkout"
    for name in (*MADE_OF, "gatekit/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, folder / name)
    for name in ("gatekit_husai", "runners", "schemas", "policies", "tests", "benchmarks"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("")
    (folder / "CHANGELOG.md").write_text("")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "one")
    return folder


def built(folder: Path, out: Path, *kinds: str) -> Path:
    """Build with the tools of this environment; the only file that comes out."""
    command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(out), str(folder)]
    subprocess.run(command, check=True, capture_output=True, env={**ENVIRONMENT, "PIP_NO_INDEX": "1"})
    (path,) = out.iterdir()
    return path


def in_wheel(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith("source_commit.txt")]
        assert names == ["gatekit/source_commit.txt"]
        return archive.read(names[0]).decode().strip()


def package(folder: Path, text: str) -> Path:
    (folder / "gatekit").mkdir(parents=True)
    (folder / "gatekit" / "source_commit.txt").write_text(text)
    return folder / "gatekit"


def test_a_wheel_holds_the_commit_that_it_is_built_from(checkout: Path, tmp_path: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert in_wheel(built(checkout, tmp_path / "out", "--wheel")) == head


def test_a_wheel_that_is_built_from_an_sdist_holds_the_commit_of_the_sdist(checkout: Path, tmp_path: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    sdist = built(checkout, tmp_path / "out", "--sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    # Also inside of some other repository.
    git(tmp_path / "unpacked", "init", "--quiet")
    (folder,) = (tmp_path / "unpacked").glob("gatekit_sae-*")
    assert in_wheel(built(folder, tmp_path / "again", "--wheel")) == head


def test_a_wheel_of_a_changed_checkout_says_so(checkout: Path, tmp_path: Path) -> None:
    (checkout / "gatekit" / "new.py").write_text("")
    assert in_wheel(built(checkout, tmp_path / "out", "--wheel")) == f"{git(checkout, 'rev-parse', 'HEAD')} and changes"


def test_files_that_are_not_built_are_no_changes(checkout: Path, tmp_path: Path) -> None:
    (checkout / "notes.md").write_text("")
    assert in_wheel(built(checkout, tmp_path / "out", "--wheel")) == git(checkout, "rev-parse", "HEAD")


def test_an_archive_of_a_commit_names_it(checkout: Path) -> None:
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=checkout, env=ENVIRONMENT, check=True, capture_output=True)
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as opened:
        file = opened.extractfile("gatekit/source_commit.txt")
        assert file is not None
        assert file.read().decode().strip() == git(checkout, "rev-parse", "HEAD")


def test_a_checkout_is_asked_for_its_commit_and_not_said_to_be_unchanged(checkout: Path) -> None:
    assert source_commit(checkout / "gatekit") == f"checkout of {git(checkout, 'rev-parse', 'HEAD')}"


def test_a_copy_of_the_package_in_another_repository_is_not_of_its_commit(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text('[project]\nname = "lab"\n')
    assert source_commit(checkout / "gatekit") == "commit unknown"


@pytest.mark.parametrize("text", ["1" * 40, "a" * 64, f"{'1' * 40} and changes"])
def test_what_the_build_wrote_is_shown(tmp_path: Path, text: str) -> None:
    assert source_commit(package(tmp_path, f"{text}\n")) == f"commit {text}"


@pytest.mark.parametrize("texts", [["$Format:%H$"], ["1" * 39], ["\x1b[2J" + "1" * 40], ["1" * 40 + " or so"], []])
def test_anything_else_is_no_commit(tmp_path: Path, texts: Sequence[str]) -> None:
    folder = package(tmp_path, "".join(texts))
    if not texts:
        (folder / "source_commit.txt").unlink()
    assert source_commit(folder) == "commit unknown"
