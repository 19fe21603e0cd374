"""docs/pull-requests.md shows what the tools print today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_on_pull_requests_is_what_the_tools_print() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "walkthrough.py"), "--check"], capture_output=True)
    assert done.returncode == 0, "run `python docs/walkthrough.py` and read the difference"
