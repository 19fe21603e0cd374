"""A copy of the runners' code, to be changed as an author would."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "runners").rglob("*.py"))
"""Paths of all modules of the runners."""


def copied(folder: Path) -> Path:
    """Copy the modules below a folder and return it."""
    shutil.copytree(ROOT / "runners", folder / "runners", ignore=shutil.ignore_patterns("__pycache__", "weights"))
    return folder


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a file's text, and make sure that it changed."""
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))


def say_more(tree: Path) -> None:
    """Add a comment and a docstring to every module, and change a docstring that is there."""
    for path in MODULES:
        edit(
            tree / path,
            lambda text: "# One comment.\n" + text.replace('"""', '"""In short: ', 1) + '\n"""The end."""\n',
        )


def add_architecture(tree: Path) -> None:
    """Do what the docs say: a file, a line in the list, and a field for an option that no other architecture has."""
    saes = tree / "runners" / "saes"
    new = (saes / "topk.py").read_text().replace('"topk"', '"my_topk"').replace("class TopK", "class MyTopK")
    (saes / "my_topk.py").write_text(new)
    line = '    "my_topk": "runners.saes.my_topk:MyTopK",\n'
    edit(saes / "registry.py", lambda text: text.replace("ARCHITECTURES = {\n", f"ARCHITECTURES = {{\n{line}"))
    edit(saes / "architecture_options.py", lambda text: text + "    my_option: bool | None = None\n")
