from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parents[1]
REQUIREMENTS = REPO / "requirements"
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]


def entries(name: str) -> list[tuple[Requirement, int]]:
    """The requirements of a lock file, each with its number of digests."""
    text = (REQUIREMENTS / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line.split(" #")[0].strip() for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [
        (Requirement(re.sub(r"\s*--hash=\S+", "", line)), len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line)))
        for line in lines
        if line
    ]


def pins(name: str) -> dict[str, set[str]]:
    """Every version that a lock file pins for each package."""
    found: dict[str, set[str]] = {}
    for requirement, _ in entries(name):
        found.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier).removeprefix("=="))
    return found


@pytest.mark.parametrize("name", ["gate.lock", "sign.lock", "dev.lock", "docs.lock", "runners-cpu.lock"])
def test_a_lock_pins_every_package_to_one_exact_version_per_platform(name: str) -> None:
    assert entries(name)
    assert not [str(r) for r, _ in entries(name) if r.url or not re.fullmatch(r"==[0-9][^,*]*", str(r.specifier))]


@pytest.mark.parametrize("name", ["gate.lock", "sign.lock", "dev.lock", "docs.lock"])
def test_every_package_of_the_gate_and_its_tools_has_a_digest(name: str) -> None:
    assert not [str(requirement) for requirement, digests in entries(name) if not digests]


@pytest.mark.parametrize(
    "path", sorted(path for path in REQUIREMENTS.iterdir() if path.is_file()), ids=lambda path: path.name
)
def test_no_requirements_file_names_an_index_or_a_file(path: Path) -> None:
    assert not re.search(
        r"://|--(extra-)?index|--find-links|--trusted-host|\bfile:|[\w-]+\.(org|com|io)\b", path.read_text("utf-8")
    )


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("gate.lock", []),
        ("sign.lock", ["sign"]),
        ("dev.lock", ["dev", "plots", "sign"]),
        ("runners-cpu.lock", ["runners"]),
    ],
)
def test_a_lock_satisfies_what_the_package_metadata_asks_for(name: str, extras: list[str]) -> None:
    wanted = PROJECT["dependencies"] + [line for e in extras for line in PROJECT["optional-dependencies"][e]]
    locked = pins(name)
    for requirement in map(Requirement, wanted):
        versions = locked.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in {name}; run `make lock`"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_lock_of_the_site_satisfies_its_extra_and_holds_nothing_of_the_gate() -> None:
    locked = pins("docs.lock")
    for requirement in map(Requirement, PROJECT["optional-dependencies"]["docs"]):
        (version,) = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version)
    assert not {"numpy", "scipy", "jsonschema"} & set(locked)


@pytest.mark.parametrize(("inner", "outer"), [("gate.lock", "sign.lock"), ("sign.lock", "dev.lock")])
def test_the_development_environment_tests_the_versions_that_the_gate_ships_with(inner: str, outer: str) -> None:
    locked = pins(outer)
    assert {package: locked.get(package) for package in pins(inner)} == pins(inner)


def test_the_gate_needs_neither_torch_nor_the_runners_packages() -> None:
    assert not {"torch", "transformers", "transformer-lens", "sae-lens", "sae-bench", "pandas"} & set(pins("dev.lock"))


def test_the_cpu_runners_lock_holds_no_cuda_and_no_torchvision() -> None:
    locked = set(pins("runners-cpu.lock"))
    assert not [name for name in locked if name.startswith(("nvidia-", "cuda-", "triton", "torchvision", "torchaudio"))]


def test_the_cpu_runners_lock_pins_the_torch_that_it_is_tested_with() -> None:
    assert pins("runners-cpu.lock")["torch"] == {"2.13.0"}


def test_nothing_that_the_overrides_leave_out_is_locked() -> None:
    lines = (REQUIREMENTS / "runners-cpu.overrides").read_text("utf-8").splitlines()
    left_out = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(str(requirement.marker) == 'python_version < "3"' for requirement in left_out)
    assert not {canonicalize_name(requirement.name) for requirement in left_out} & set(pins("runners-cpu.lock"))
