"""docs/reference/ says what the program says."""

from __future__ import annotations

import subprocess
import sys

from reading_pages import ROOT

from gatekit.cli.commands import COMMANDS
from gatekit.kinds.lookup import BUILT_IN


def test_the_reference_is_what_the_program_says_now() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "reference.py"), "--check"], capture_output=True)
    assert done.returncode == 0, "run `python docs/reference.py` and read the difference"


def test_every_command_and_every_kind_has_its_heading() -> None:
    commands = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    kinds = (ROOT / "docs" / "reference" / "kinds.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n## gatekit {name}\n" not in commands] == []
    assert [name for name in BUILT_IN if f"\n## {name}\n" not in kinds] == []
