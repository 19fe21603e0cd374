"""The bill of materials is what the lock file says, in the form that CycloneDX 1.6 asks for."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from release.sbom import bill_of_materials, pins

REPO = Path(__file__).resolve().parents[1]
LOCK = (REPO / "requirements" / "gate.lock").read_text("utf-8")
COMMIT = "1" * 40


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "gatekit_sae-1.2.0-py3-none-any.whl"
    path.write_bytes(b"wheel")
    return path


@pytest.fixture
def bill(wheel: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(bill_of_materials(LOCK, wheel, COMMIT, 1772366400))
    return document


def test_it_has_the_fields_that_the_format_requires(bill: dict[str, Any]) -> None:
    # The schema of CycloneDX 1.6 requires bomFormat and specVersion; of a component type and name; of a hash alg and
    # content; of a reference type and url; of a dependency ref.
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", bill["serialNumber"])
    assert bill["metadata"]["timestamp"] == "2026-03-01T12:00:00Z"
    for component in [bill["metadata"]["component"], *bill["components"]]:
        assert {"type", "name", "version", "purl", "bom-ref"} <= set(component)
        for file in component.get("externalReferences", []):
            assert (file["type"], bool(file["url"])) == ("distribution", True)
            (digest,) = file["hashes"]
            assert digest["alg"] == "SHA-256"
            assert re.fullmatch(r"[0-9a-f]{64}", digest["content"])


def test_it_is_of_this_wheel_and_commit(bill: dict[str, Any]) -> None:
    component = bill["metadata"]["component"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": sha256(b"wheel").hexdigest()}]
    assert component["properties"] == [{"name": "gatekit:commit", "value": COMMIT}]
    assert (component["version"], component["purl"]) == ("1.2.0", "pkg:pypi/gatekit-sae@1.2.0")


def test_every_package_and_every_digest_of_the_lock_is_in_it(bill: dict[str, Any]) -> None:
    # By another reading of the lock: lines that start a pin, and digests wherever they stand.
    lines = [line for line in LOCK.splitlines() if re.match(r"[a-z0-9]", line)]
    assert [f"{c['name']}=={c['version']}" for c in bill["components"]] == [line.split(" ")[0] for line in lines]
    assert [file["hashes"][0]["content"] for c in bill["components"] for file in c["externalReferences"]] == re.findall(
        r"sha256:([0-9a-f]{64})", LOCK
    )


def test_what_needs_what_is_as_the_lock_tells_it(bill: dict[str, Any]) -> None:
    needs = {entry["ref"].split("@")[0]: entry["dependsOn"] for entry in bill["dependencies"]}
    names = {ref: {other.split("@")[0].removeprefix("pkg:pypi/") for other in needed} for ref, needed in needs.items()}
    assert names["pkg:pypi/scipy"] == {"numpy"}
    assert names["pkg:pypi/jsonschema"] >= {"attrs", "referencing", "rpds-py"}
    direct = {"click", "jsonschema", "jsonschema-rs", "markdown-it-py", "numpy", "rfc8785", "rich-click", "ruamel-yaml"}
    assert names["pkg:pypi/gatekit-sae"] == direct | {"scipy"}


def test_references_are_unique_and_every_dependency_names_one(bill: dict[str, Any]) -> None:
    known = [c["bom-ref"] for c in [bill["metadata"]["component"], *bill["components"]]]
    assert len(set(known)) == len(known)
    assert [entry["ref"] for entry in bill["dependencies"]] == known
    assert {other for entry in bill["dependencies"] for other in entry["dependsOn"]} <= set(known)


def test_the_same_wheel_gives_the_same_bill(wheel: Path) -> None:
    assert bill_of_materials(LOCK, wheel, COMMIT, 0) == bill_of_materials(LOCK, wheel, COMMIT, 0)


@pytest.mark.parametrize(
    "line", ["numpy>=1", "numpy==1.0", "-r other.txt", "numpy==1.0 \\\n    --hash=md5:00", "numpy @ file:x"]
)
def test_a_line_that_is_no_pin_with_digests_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no pin with digests"):
        pins(f"# about\n{line}\n")
