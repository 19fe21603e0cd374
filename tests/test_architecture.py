"""docs/architecture.md is about the code as it is: its rooms, its arrows, and every function that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from test_imports import ALLOWED, RUNNERS_MAY_IMPORT, imported

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = PAGE[PAGE.index("```mermaid\n") : PAGE.index("\n```\n")]
ROOMS = {path.parent.name for path in (ROOT / "gatekit").glob("*/__init__.py")}
NAME = r"(\w+)(?:\[[^\]]*\])?"
ARROWS = set(re.findall(rf"^    {NAME} --> {NAME}$", PICTURE, re.MULTILINE))


def reached(room: str) -> set[str]:
    """All rooms that a room may import, or that one of those may."""
    direct = ALLOWED[room] & ROOMS
    return direct.union(*(reached(other) for other in direct))


def test_the_picture_shows_every_room_once_and_says_what_it_is_for() -> None:
    shown = re.findall(r"(\w+)\[\"(\w+): [^\"]+\"\]", PICTURE)
    assert all(name == label for name, label in shown)
    assert sorted(name for name, _ in shown) == sorted([*ROOMS, "runners", "gatekit_husai"])


def needed_among(direct: set[str]) -> set[str]:
    """The rooms that are not reached by way of another one of them."""
    return {other for other in direct if not any(other in reached(way) for way in direct - {other})}


def imported_by_the_plug_in() -> set[str]:
    names = {name for path in (ROOT / "gatekit_husai").rglob("*.py") for name in imported(path)}
    return {name.split(".")[1] for name in names if name.startswith("gatekit.")} & ROOMS


def test_an_arrow_stands_for_what_may_be_imported_and_cannot_be_reached_by_another_way() -> None:
    needed = {(room, other) for room in ROOMS for other in needed_among(ALLOWED[room] & ROOMS)}
    needed |= {("gatekit_husai", other) for other in needed_among(imported_by_the_plug_in())}
    # Runners may import kinds too, which evidence leads to.
    assert {"kinds", "evidence"} == ROOMS & set(RUNNERS_MAY_IMPORT)
    assert needed | {("runners", "evidence")} == ARROWS


def names_in(path: Path) -> set[str]:
    """Top-level functions, classes and constants."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_every_file_and_function_that_the_walks_name_is_there() -> None:
    steps = re.findall(r"`((?:gatekit|runners)/[\w/]+\.py)(?::(\w+))?`", PAGE)
    assert len(steps) > 30
    for file, name in steps:
        assert (ROOT / file).is_file(), file
        assert not name or name in names_in(ROOT / file), f"{file} has no {name}"


def test_every_folder_that_the_page_names_is_there() -> None:
    inside = PAGE[PAGE.index("Inside the runners:") : PAGE.index("Four decisions")]
    for folder in set(re.findall(r"`([a-z_]+)/(?:NAME/)?`", inside)):
        assert (ROOT / "runners" / folder).is_dir(), folder
