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


def test_the_committed_table_is_of_these_inputs(inputs: Any) -> None:
    text = (ROOT / "benchmarks" / "results" / "hostile.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!input )([^|]+) \| [0-9]", text, re.M)
    assert len(rows) > 100
    assert set(rows) <= {case.name for case in inputs.CASES}


@pytest.mark.parametrize(
    "name", ["json: 1 MiB of arrays", "document: pictures in pictures", "lease: as many bytes as one may have"]
)
def test_an_input_is_files_in_a_folder_and_the_command_that_reads_them(inputs: Any, tmp_path: Path, name: str) -> None:
    [case] = [case for case in inputs.CASES if case.name == name]
    arguments = case.build(tmp_path)
    assert any(path.is_file() for path in tmp_path.rglob("*"))
    assert all(isinstance(part, str) for part in arguments)
