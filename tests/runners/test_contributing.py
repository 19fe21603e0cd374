"""The how-to of CONTRIBUTING.md on architectures is followed literally: a module, a line, a field and its tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from contributing import Checkout

pytestmark = pytest.mark.runners

PARTS = (
    *("gatekit", "schemas", "runners", "pyproject.toml"),
    *(
        "tests/tiny_stage.py",
        "tests/builders.py",
        "examples/tiny_models.py",
        "tests/runners/conftest.py",
        "tests/runners/saes",
    ),
)


@pytest.mark.slow
def test_an_architecture_is_a_module_a_line_and_a_field(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, PARTS)
    checkout.follow("### Add an architecture")
    touched = checkout.touched()
    assert {path: how for path, how in touched.items() if path.startswith("runners/")} == {
        "runners/saes/architecture_options.py": "changed",
        "runners/saes/registry.py": "changed",
        "runners/saes/shifted_relu.py": "new",
    }
    assert [path for path in touched if not path.startswith("runners/")] == [
        "tests/runners/saes/test_every_architecture.py"
    ]
