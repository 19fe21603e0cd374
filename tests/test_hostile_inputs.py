"""benchmarks/hostile.py measures an input at every limit of docs/limits.md; a new limit without one fails here."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = re.findall(
    r"^\| [^|]+ \| [0-9]+ \| [^|]+ \| `([^`]+)` \|$", (ROOT / "docs" / "limits.md").read_text("utf-8"), re.M
)


@pytest.fixture(scope="module")
def inputs() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("hostile_inputs")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def test_every_limit_has_an_input_and_every_input_of_a_limit_a_row(inputs: Any) -> None:
    assert len(ROWS) > 150
    assert set(inputs.AT_LIMIT) == set(ROWS)


def test_the_inputs_at_limits_are_built_and_each_has_a_name_of_its_own(inputs: Any) -> None:
    names = [case.name for case in inputs.CASES]
    assert len(names) == len(set(names))
    assert set(inputs.AT_LIMIT.values()) <= set(names)


def test_the_committed_table_has_every_input_and_none_costs_more_than_the_aim(inputs: Any) -> None:
    text = (ROOT / "benchmarks" / "results" / "hostile.md").read_text("utf-8")
    rows = [
        line.strip("|").split(" | ") for line in text.splitlines() if re.match(r"\| (?!input )[^|]+ \| [0-9]", line)
    ]
    assert {row[0].strip() for row in rows} == {case.name for case in inputs.CASES}
    dear = [row[0].strip() for row in rows if float(row[4]) > 10.0 or float(row[5]) > 500.0]
    # Folders of their own are what people wait for: 100,000 summaries.
    assert all(name.startswith("own folder: ") for name in dear)
    assert text.count("**over**") == len(dear)


@pytest.mark.parametrize(
    "name", ["json: 1 MiB of arrays", "document: pictures in pictures", "lease: as many bytes as one may have"]
)
def test_an_input_is_files_in_a_folder_and_the_command_that_reads_them(inputs: Any, tmp_path: Path, name: str) -> None:
    [case] = [case for case in inputs.CASES if case.name == name]
    arguments = case.build(tmp_path)
    assert any(path.is_file() for path in tmp_path.rglob("*"))
    assert all(isinstance(part, str) for part in arguments)
