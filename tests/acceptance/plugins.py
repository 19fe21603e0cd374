"""Another package with a runner and an adapter, installed only as far as entry points need it: a dist-info folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def package(folder: Path, modules: Mapping[str, str], entry_points: str, name: str = "labtool") -> dict[str, str]:
    """Write the modules and their metadata; return the environment in which they are installed."""
    folder.mkdir(parents=True, exist_ok=True)
    for module, code in modules.items():
        (folder / f"{module}.py").write_text(code)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    return {"PYTHONPATH": str(folder)}
