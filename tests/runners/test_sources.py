"""A summary names the repository files that it depends on, and no others."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from runners import provenance

pytestmark = pytest.mark.runners
ROOT = Path(__file__).parents[2]


def test_sources_are_the_imported_modules_and_the_configuration() -> None:

    configuration = ROOT / "runners" / "configs" / "random_model_smoke.yaml"
    sources = {s["path"]: s["sha256"] for s in provenance.used_sources(provenance.source_digests(configuration))}
    assert sources["runners/configs/random_model_smoke.yaml"] == hashlib.sha256(configuration.read_bytes()).hexdigest()
    assert "runners/metrics/consistency.py" in sources
    assert set(sources) - {"runners/configs/random_model_smoke.yaml"} <= {
        Path(m.__file__).relative_to(ROOT).as_posix() for n, m in sys.modules.items() if n.startswith("runners")
    } | {"runners/__init__.py"}


def test_a_module_that_was_not_imported_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = provenance.source_digests()

    monkeypatch.delitem(sys.modules, "runners.config")
    assert "runners/config.py" in digests
    assert "runners/config.py" not in {s["path"] for s in provenance.used_sources(digests)}


def test_a_file_outside_the_repository_is_no_source(tmp_path: Path) -> None:
    outside = tmp_path / "config.yaml"
    outside.write_text("threads: 2\n")
    assert not any(path.endswith("config.yaml") for path in provenance.source_digests(outside))
