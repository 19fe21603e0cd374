from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from gatekit.evidence.schemas import schema_names

REPO = Path(__file__).resolve().parents[1]
SCHEMAS = {path.name: path.read_text("utf-8") for path in sorted((REPO / "schemas").glob("*.schema.json"))}

# Prints where gatekit was imported from and the schemas that it finds, having forgotten every other installation of it.
PROBE = """
import json, pathlib, site, sys
sys.path = [entry for entry in sys.path if not pathlib.Path(entry, "gatekit").exists()]
site.addsitedir(sys.argv[1])
import gatekit
from gatekit.evidence.schemas import schema_text
names = json.loads(sys.stdin.read())
print(json.dumps([gatekit.__file__, {name: schema_text(name.removesuffix(".schema.json")) for name in names}]))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and the wheel that is built from that sdist, as a release would be."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(REPO)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PIP_NO_INDEX": "1"})
    return folder


@pytest.fixture(scope="module")
def sdist_root(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def installed_wheel(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile", "--target"]
    subprocess.run([*pip, str(folder), str(next(built.glob("*.whl")))], check=True, capture_output=True)
    return folder


def probe(site: Path) -> tuple[Path, dict[str, str]]:
    """Import gatekit in a new interpreter, away from the checkout: its location and the schemas that it finds."""
    command = [sys.executable, "-I", "-c", PROBE, str(site)]
    done = subprocess.run(
        command, input=json.dumps(list(SCHEMAS)), cwd=site, check=True, capture_output=True, text=True
    )
    location, texts = json.loads(done.stdout)
    return Path(location), texts


def test_every_schema_that_the_code_names_lies_in_the_repository() -> None:
    assert {f"{name}.schema.json" for name in schema_names()} <= set(SCHEMAS)


def test_an_installed_wheel_finds_its_own_copy_of_every_schema(installed_wheel: Path) -> None:
    location, texts = probe(installed_wheel)
    assert location.is_relative_to(installed_wheel)
    assert {path.name for path in (installed_wheel / "gatekit" / "schemas").iterdir()} >= set(SCHEMAS)
    assert texts == SCHEMAS


def test_an_unpacked_sdist_finds_every_schema(sdist_root: Path) -> None:
    location, texts = probe(sdist_root)
    assert location.is_relative_to(sdist_root)
    assert texts == SCHEMAS


def test_an_editable_install_reads_the_schemas_of_the_checkout(tmp_path: Path) -> None:
    code = "import sys, hatchling.build; hatchling.build.build_editable(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPO, check=True, capture_output=True)
    site = tmp_path / "site"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        # A copied schema would be read in place of the edited one.
        assert not [name for name in wheel.namelist() if name.endswith(".json")]
        wheel.extractall(site)
    location, texts = probe(site)
    assert location == REPO / "gatekit" / "__init__.py"
    assert texts == SCHEMAS


def test_the_wheel_holds_the_three_packages_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert {name.split("/")[0].removesuffix(".dist-info").split("-")[0] for name in names} == {
        "gatekit",
        "gatekit_husai",
        "runners",
        "gatekit_sae",
    }
    assert "gatekit/py.typed" in names


def test_the_distribution_states_name_licence_and_command(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        info = {name.split("/", 1)[1]: name for name in wheel.namelist() if ".dist-info/" in name}
        metadata = email.message_from_bytes(wheel.read(info["METADATA"]))
        entry_points = wheel.read(info["entry_points.txt"]).decode()
        licence = wheel.read(info["licenses/LICENSE"]).decode()
    assert (metadata["Name"], metadata["License-Expression"]) == ("gatekit-sae", "MIT")
    assert licence.startswith("MIT License\n\nCopyright (c) 2026 gatekit contributors")
    assert "gatekit = gatekit.cli:main" in entry_points.splitlines()


def test_installing_the_core_asks_for_no_torch(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        path = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(path))
    core = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert core
    assert not [line for line in core if line.startswith(("torch", "transformer", "sae", "pandas"))]
