"""Keeps the README true: every command in its console blocks is run in the checkout, and what it prints stands below.

python docs/readme.py           # writes what is printed now
python docs/readme.py --check   # exits 1 when something else is printed, the time and the version aside
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "README.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (gatekit .*)\n(?:(?!\$ ).*\n)*", re.MULTILINE)
MOMENT = re.compile(r"judged at .* by gatekit .*")


def printed(typed: str) -> str:
    """What a command of the README prints, on 100 columns without colour."""
    words = [str(Path(sysconfig.get_path("scripts")) / "gatekit"), *typed.split()[1:]]
    steering = ("COLUMNS", "GITHUB_ACTIONS", "CI", "FORCE_COLOR")
    env = {name: value for name, value in os.environ.items() if name not in steering}
    done = subprocess.run(
        words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    )
    return done.stdout


def with_output(page: str) -> str:
    """The page with what each of its commands prints now."""

    def run(command: re.Match[str]) -> str:
        return f"$ {command[1]}\n{printed(command[1])}"

    return BLOCK.sub(lambda block: COMMAND.sub(run, block[0]), page)


def main() -> int:
    """Write the page, or compare it."""
    page = PAGE.read_text(encoding="utf-8")
    made = with_output(page)
    if "--check" in sys.argv[1:]:
        return int(MOMENT.sub("", made) != MOMENT.sub("", page))
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
