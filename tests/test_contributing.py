"""The how-tos of CONTRIBUTING.md are followed literally, and touch no more files than they say."""

from __future__ import annotations

from pathlib import Path

import builders
import pytest
from contributing import Checkout

GATE = ("gatekit", "gatekit_husai", "release", "schemas", "policies/exploratory.yaml", "pyproject.toml")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path, GATE)


def test_a_measure_is_a_row_of_a_table_and_the_schema_that_is_made_of_it(checkout: Checkout) -> None:
    checkout.follow("### Add a measure")
    made = ("schemas/ood.schema.json", "schemas/policy.schema.json")
    assert checkout.touched() == dict.fromkeys(("gatekit/kinds/built_in/ood.py", *made), "changed")


def test_a_kind_in_a_repository_is_one_file(checkout: Checkout) -> None:
    checkout.follow("### Add a kind in a repository")
    assert checkout.touched() == {"kinds/steering.yaml": "new"}


def test_a_kind_in_a_package_changes_nothing_of_gatekit(checkout: Checkout) -> None:
    checkout.follow("### Add a kind in a package")
    assert checkout.touched() == {"my_lab/my_lab_kinds.py": "new", "my_lab/pyproject.toml": "new"}


def test_an_operator_is_an_entry_of_one_table_and_the_schema_that_is_made_of_it(checkout: Checkout) -> None:
    builders.write(checkout.folder / "evidence", builders.release_evidence())
    checkout.begin()
    checkout.follow("### Add an operator")
    assert checkout.touched() == {
        "gatekit/policy/operators.py": "changed",
        "schemas/policy.schema.json": "changed",
        "try.yaml": "new",
    }


@pytest.mark.slow
def test_a_form_of_threshold_that_a_match_forgets_is_named_by_mypy(checkout: Checkout) -> None:
    checkout.follow("### Add a form of threshold")
    assert checkout.touched() == {"gatekit/policy/limits.py": "changed"}


def test_a_report_format_is_a_module_and_a_line(checkout: Checkout) -> None:
    builders.write(checkout.folder / "evidence", builders.release_evidence())
    checkout.begin()
    checkout.follow("### Add a report format")
    assert checkout.touched() == {"gatekit/report/__init__.py": "changed", "gatekit/report/verdict/lines.py": "new"}


def test_a_runner_in_a_package_changes_nothing_of_gatekit(checkout: Checkout) -> None:
    checkout.follow("### Add a runner")
    own = [path for path in checkout.touched() if path.startswith(("gatekit", "schemas", "runners", "pyproject"))]
    assert own == []
