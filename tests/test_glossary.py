"""docs/glossary.md names classes that exist, and no class name of the code means two things."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
CODE = ("gatekit", "gatekit_husai", "runners")

EXCEPTIONS: dict[str, str] = {}
"""Class name that is defined more than once -> why it is not two meanings, or cannot be mistaken."""


@cache
def classes() -> dict[str, list[str]]:
    """Class name -> every place where a class of that name is defined, also inside functions."""
    found = defaultdict(list)
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    found[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def test_one_name_is_one_class() -> None:
    twice = {name: places for name, places in classes().items() if len(places) > 1}
    assert {name: places for name, places in twice.items() if name not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) <= set(twice), "an exception that is none any more"


def test_in_the_gate_a_plural_is_a_collection_of_its_singular() -> None:
    # `Setting` beside `Settings` is mistaken at a glance.
    collections = {
        "Kinds": "a lookup of Kind",
        "Observations": "many of what obs[...] of a document names",
        "Checkpoints": "a sequence of Checkpoint, one per seed of a subject",
    }
    names = {name for name, places in classes().items() if any(place.startswith("gatekit") for place in places)}
    assert {f"{name}s" for name in names if f"{name}s" in names} == set(collections)


def test_every_class_that_the_glossary_names_is_there_and_no_word_is_explained_twice() -> None:
    rows = re.findall(r"^\| ([\w, ]+) \| (.+) \| `([\w.]+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == sum(line.startswith("| ") for line in PAGE.splitlines()) - PAGE.count("| word |")
    words = [word for word, _, _ in rows]
    assert len(words) == len(set(words))
    for _, _, name in rows:
        module, _, class_name = name.rpartition(".")
        path = f"{module.replace('.', '/')}.py"
        assert any(place.startswith(f"{path}:") for place in classes()[class_name]), name


def test_the_words_that_were_decided_are_explained() -> None:
    decided = ("MeasureSpec", "Kind", "RunResult", "RunEnvironment", "EvaluationContext", "BoundedEstimate", "Effect")
    assert [name for name in decided if f".{name}`" not in PAGE] == []
