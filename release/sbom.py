"""The bill of materials of a wheel, CycloneDX 1.6 as JSON, from the lock file that its users install with.

A component is one pinned package. Each digest of the lock is that of one file that may be installed for it (of one
platform, or the source), so it stands at a reference of type `distribution`, not at the component.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

OURS = "gatekit-sae"
_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;]+)( ; (?P<marker>[^\\]+))?")


@dataclass(frozen=True)
class Pin:
    """One package of a lock file."""

    name: str
    version: str
    marker: str
    """For which platforms and Pythons, as the lock has it; empty for all."""
    digests: tuple[str, ...]
    needed_by: tuple[str, ...]

    @property
    def reference(self) -> str:
        """Its package URL, which also names it inside the bill."""
        return f"pkg:pypi/{self.name}@{self.version}"


def pins(lock: str) -> list[Pin]:
    """Read a lock file as `requirements/lock.sh` writes it.

    Raises:
        ValueError: a line is neither a pin with digests nor a comment.
    """
    found: list[Pin] = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", "\n" + lock):
        lines = [line.strip().removesuffix("\\").strip() for line in entry.splitlines()]
        lines = [line for line in lines if line and not (line.startswith("#") and not line.startswith("# via"))]
        if not lines:
            continue
        match = _PIN.fullmatch(lines[0])
        digests = tuple(line.removeprefix("--hash=sha256:") for line in lines if line.startswith("--hash=sha256:"))
        via = [line.removeprefix("# via").strip() for line in lines if line.startswith("# via")]
        if match is None or not digests or len(digests) + len(via) != len(lines) - 1:
            raise ValueError(f"no pin with digests: {lines[0]}")
        needed_by = tuple(name.split(" ")[0] for name in ", ".join(via).split(", ") if name)
        found.append(Pin(match["name"], match["version"], (match["marker"] or "").strip(), digests, needed_by))
    return found


def bill_of_materials(lock: str, wheel: Path, commit: str, epoch: int) -> str:
    """Return the bill of a wheel; the same inputs give the same text."""
    version = wheel.name.split("-")[1]
    digest = sha256(wheel.read_bytes()).hexdigest()
    locked = pins(lock)
    ours = f"pkg:pypi/{OURS}@{version}"
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": OURS,
                "version": version,
                "purl": ours,
                "licenses": [{"license": {"id": "MIT"}}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "properties": [{"name": "gatekit:commit", "value": commit}],
            },
        },
        "components": [_component(pin) for pin in locked],
        "dependencies": _dependencies(locked, ours),
    }
    return json.dumps(document, indent=1) + "\n"


def _component(pin: Pin) -> dict[str, Any]:
    files = [
        {"type": "distribution", "url": pin.reference, "hashes": [{"alg": "SHA-256", "content": digest}]}
        for digest in pin.digests
    ]
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.reference,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.reference,
        "externalReferences": files,
    }
    if pin.marker:
        component["properties"] = [{"name": "gatekit:marker", "value": pin.marker}]
    return component


def _dependencies(locked: list[Pin], ours: str) -> list[dict[str, Any]]:
    """Who needs whom, by the lock's own `via`; two versions of one package for two platforms are both named."""
    needs: dict[str, list[str]] = {ours: []}
    needs |= {pin.reference: [] for pin in locked}
    for pin in locked:
        for name in pin.needed_by:
            by = [ours] if name == OURS else [other.reference for other in locked if other.name == name]
            for reference in by:
                needs[reference].append(pin.reference)
    return [{"ref": reference, "dependsOn": sorted(needed)} for reference, needed in needs.items()]
