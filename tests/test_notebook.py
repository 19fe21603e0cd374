"""The notebook of the documentation runs, and what it shows is what its cells print and draw today."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK: dict[str, Any] = json.loads((DOCS / "verdict.ipynb").read_text(encoding="utf-8"))
SPEC = importlib.util.spec_from_file_location("docs_notebook", DOCS / "notebook.py")
assert SPEC is not None and SPEC.loader is not None
SCRIPT = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(SCRIPT)


def test_the_notebook_shows_what_its_cells_print_and_draw() -> None:
    done = subprocess.run([sys.executable, str(DOCS / "notebook.py"), "--check"], capture_output=True)
    assert done.returncode == 0, "run `python docs/notebook.py` and read the difference"


def test_it_is_a_notebook_as_jupyter_reads_it_with_a_bound_two_verdicts_and_a_picture() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    outputs = [output for cell in NOTEBOOK["cells"] for output in cell.get("outputs", ())]
    text = "".join(line for output in outputs for line in output.get("text", ()))
    assert "by hand 0.8" in text
    assert "verdict: blocked (exit 2)" in text and "verdict: pass (exit 0)" in text
    assert [list(output["data"]) for output in outputs if "data" in output] == [["image/png"]]


@pytest.mark.parametrize(
    ("source", "printed", "code"),
    [("print(1)", ["1\n"], 0), ("print(2)", ["1\n"], 1), ("pass", ["1\n"], 1)],
)
def test_an_output_that_is_not_what_its_cell_prints_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, printed: list[str], code: int
) -> None:
    outputs = [{"name": "stdout", "output_type": "stream", "text": printed}] if printed else []
    cell = {"cell_type": "code", "source": [source], "outputs": outputs}
    (tmp_path / "verdict.ipynb").write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    monkeypatch.setattr(SCRIPT, "NOTEBOOK", tmp_path / "verdict.ipynb")
    monkeypatch.setattr(sys, "argv", ["notebook.py", "--check"])
    assert SCRIPT.main() == code


def test_a_cell_that_fails_fails_the_check_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"cells": [{"cell_type": "code", "source": ["raise ValueError"], "outputs": []}]})
    (tmp_path / "verdict.ipynb").write_text(text, encoding="utf-8")
    monkeypatch.setattr(SCRIPT, "NOTEBOOK", tmp_path / "verdict.ipynb")
    monkeypatch.setattr(sys, "argv", ["notebook.py"])
    with pytest.raises(ValueError):
        SCRIPT.main()
    assert (tmp_path / "verdict.ipynb").read_text(encoding="utf-8") == text
