"""A documentation page as something to follow: write the files that it shows, type what it types, see what it prints.

A fenced block after a line `name/of/file`: is that file. After a line `name/of/file`, after `a line`: it is put below
the first line of that file that reads so, spaces around it aside; with `instead of`, in that line's place. A `console`
block is commands after `$ ` with what they print, stdout and stderr together; a line that ends in a backslash goes on.
"""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from acceptance.console_script import environment

_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`(?:, (?P<place>after|instead of) `(?P<line>[^`\n]+)`)?:\n\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^\$ (?P<typed>(?:.*\\\n)*.*)\n(?P<printed>(?:(?!\$ ).*\n)*)", re.MULTILINE)


def section(page: Path, heading: str) -> str:
    """The text under a heading, up to the next heading of the same level or a higher one.

    A comment in a fenced block starts with the same sign, and is no heading.
    """
    level = len(heading) - len(heading.lstrip("#"))
    text = page.read_text(encoding="utf-8")
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    fenced = False
    end = start
    for line in text[start:].splitlines(keepends=True):
        fenced ^= line.startswith("```")
        if not fenced and re.match(rf"#{{1,{level}}} ", line):
            break
        end += len(line)
    return text[start:end]


def follow(text: str, folder: Path, env: Mapping[str, str] | None = None) -> None:
    """Do in a folder, in order, what a section of a page shows; what is printed must be what the page says."""
    scripts = sysconfig.get_path("scripts")
    surroundings = environment(**{"PATH": f"{scripts}:{environment()['PATH']}", **(env or {})})
    followed = False
    for block in _BLOCK.finditer(text):
        if block["file"] is not None:
            path = folder / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["text"] if block["line"] is None else _added(path, block), encoding="utf-8")
        elif block["language"] == "console":
            commands = list(_COMMAND.finditer(block["text"]))
            assert "".join(command[0] for command in commands) == block["text"], block["text"]
            for command in commands:
                done = subprocess.run(
                    ["bash", "-c", command["typed"]],
                    cwd=folder,
                    env=surroundings,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    text=True,
                    timeout=60,
                )
                assert done.stdout == command["printed"], command["typed"]
                followed = True
    assert followed, "the section has no console block"


def _added(path: Path, block: re.Match[str]) -> str:
    """The text of a file with a block below, or in place of, the first line that reads as the page says."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found = [place for place, line in enumerate(lines, start=1) if line.strip() == block["line"]]
    assert found, f"{path} has no line {block['line']}"
    kept = found[0] if block["place"] == "after" else found[0] - 1
    return "".join([*lines[:kept], block["text"], *lines[found[0] :]])
