"""A release is built twice to the same bytes, and what was built is what people install."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path

import pytest
from acceptance.console_script import environment

import gatekit
from release.build import build, refuse_difference
from release.notes import Refused
from release.trial import judged

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HEAD of this checkout, built twice and compared."""
    folder = tmp_path_factory.mktemp("release") / "dist"
    build(REPO, folder)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment with the wheel, beside the packages that this one has."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-I", "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-I", "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(next(built.glob("*.whl")))], check=True, capture_output=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([str(python), "-I", "-c", code], check=True, capture_output=True, text=True)
    # Behind its own, so that the gatekit of this environment is not taken for the wheel's.
    beside = [sysconfig.get_path(key) for key in ("purelib", "platlib")]
    beside += [path for path in sys.path if path.endswith("site-packages")]
    (Path(done.stdout.strip()) / "beside.pth").write_text("".join(f"{path}\n" for path in dict.fromkeys(beside)))
    return folder / "bin" / "gatekit"


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(command), *arguments], cwd=cwd, env=environment(), capture_output=True, text=True)


@pytest.mark.slow
def test_two_builds_of_one_commit_are_the_same_and_leave_their_digests(built: Path) -> None:
    names = {path.name.replace(gatekit.__version__, "V") for path in built.iterdir()}
    made = {"gatekit_sae-V-py3-none-any.whl", "gatekit_sae-V.tar.gz", "gatekit_sae-V.cdx.json", "released.lock"}
    assert names == made | {"SHA256SUMS"}
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=built, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count(": OK")) == (0, 4)


@pytest.mark.slow
def test_the_lock_of_a_release_pins_its_wheel(built: Path) -> None:
    wheel = next(built.glob("*.whl")).read_bytes()
    lines = (built / "released.lock").read_text("utf-8").splitlines()
    pin = f"gatekit-sae=={gatekit.__version__} --hash=sha256:{sha256(wheel).hexdigest()}"
    assert [line for line in lines if not line.startswith("#")] == [pin]


@pytest.mark.slow
def test_the_bill_of_materials_is_of_this_wheel(built: Path) -> None:
    document = json.loads(next(built.glob("*.cdx.json")).read_text("utf-8"))
    wheel = next(built.glob("*.whl")).read_bytes()
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": sha256(wheel).hexdigest()}]


@pytest.mark.slow
def test_the_wheel_of_a_release_names_its_commit_and_judges_committed_evidence(installed: Path, tmp_path: Path) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPO, check=True, capture_output=True, text=True)
    version = f"gatekit, version {gatekit.__version__} (commit {head.stdout.strip()})\n"
    assert run(installed, "--version", cwd=tmp_path).stdout == version
    assert judged(installed) == {"transcoder": 0, "saebench": 2}


@pytest.mark.slow
def test_a_tag_of_another_version_builds_nothing(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"the tag says 99\.0\.0, gatekit/__init__\.py says"):
        build(REPO, tmp_path / "dist", "v99.0.0")
    assert not (tmp_path / "dist").exists()


def test_a_folder_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="exists"):
        build(REPO, tmp_path)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"a.whl": b"1", "a.tar.gz": b"3"}, r"a\.tar\.gz: two builds of one commit differ"),
        ({"a.whl": b"1", "b.tar.gz": b"2"}, "other files"),
        ({"a.whl": b"1"}, "other files"),
    ],
)
def test_one_other_byte_or_file_refuses_the_release(tmp_path: Path, second: dict[str, bytes], said: str) -> None:
    folders = []
    for number, files in enumerate(({"a.whl": b"1", "a.tar.gz": b"2"}, second)):
        folders.append(tmp_path / str(number))
        folders[-1].mkdir()
        for name, content in files.items():
            (folders[-1] / name).write_bytes(content)
    refuse_difference(folders[0], folders[0])
    with pytest.raises(Refused, match=said):
        refuse_difference(*folders)
