"""A summary names the repository files that it depends on, and no others."""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path

import pytest

from runners import provenance

pytestmark = pytest.mark.runners
ROOT = Path(__file__).parents[2]


def test_sources_are_the_imported_modules_and_the_configuration() -> None:
    importlib.import_module("runners.metrics.consistency")
    configuration = ROOT / "runners" / "configs" / "random_model_smoke.yaml"
    sources = {s["path"]: s["sha256"] for s in provenance.used_sources(provenance.source_digests(configuration))}
    name = "runners/configs/random_model_smoke.yaml"
    assert sources.pop(name) == hashlib.sha256(configuration.read_bytes()).hexdigest()
    assert "runners/metrics/consistency.py" in sources
    imported = {Path(m.__file__) for n, m in sys.modules.items() if n.partition(".")[0] == "runners"}
    assert {ROOT / path for path in sources} <= imported


def test_a_module_that_was_not_imported_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = provenance.source_digests()
    importlib.import_module("runners.config")
    monkeypatch.delitem(sys.modules, "runners.config")
    assert "runners/config.py" in digests
    assert "runners/config.py" not in {s["path"] for s in provenance.used_sources(digests)}


def test_a_file_outside_the_repository_is_no_source(tmp_path: Path) -> None:
    outside = tmp_path / "config.yaml"
    outside.write_text("threads: 2\n")
    assert not any(path.endswith("config.yaml") for path in provenance.source_digests(outside))
