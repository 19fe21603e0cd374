"""docs/statistics-in-pictures.md shows what the functions of the gate give today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_pictures_are_what_the_functions_give() -> None:
    drawn = [sys.executable, str(ROOT / "docs" / "statistics_pictures.py"), "--check"]
    done = subprocess.run(drawn, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
