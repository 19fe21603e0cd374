"""A Python file is digested by what it does, under every version of Python alike; any other file by its bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

from gatekit.evidence import source_digest
from gatekit.evidence.schemas import schema
from gatekit.evidence.source_digest import (
    LARGEST,
    SOURCE_PATH,
    rule_for,
    source_entry,
    source_sha256,
    syntax_tree_sha256,
)

PLAIN = """
import math
from a import (b, c)
LIMIT = 3
NAME = "x y"
class Box:
    size: int = 1
def area(r: float, *, scale: float = 1.0) -> float:
    if r < 0 or LIMIT != 3:
        raise ValueError(f"radius {r!r:>{LIMIT}} of {NAME}")
    return math.pi * r**2 * scale
"""
DRESSED = '''#!/usr/bin/env python3
# -*- coding: utf-8 -*-
"""What this module is for."""

import math  # for pi

from a import b, c

LIMIT = 0x3
"""How many."""
NAME = u'x ' "y"


class Box:
    """A box."""

    size: int = 1
    """Its edge."""


def area(
    r: float,
    *,
    scale: float = 1.0,
) -> float:
    """Return the area.

    Nothing else.
    """
    # Negative radii make no sense.
    if (r < 0) or LIMIT != 3:
        raise ValueError(f"radius " f'{r!r:>{LIMIT}}' " of " f"{NAME}")
    pass
    return math.pi * r ** 2 * scale
'''


def digest(text: str) -> str:
    found = syntax_tree_sha256(text.encode())
    assert found is not None
    return found


def test_comments_docstrings_and_formatting_change_no_digest() -> None:
    assert digest(DRESSED) == digest(PLAIN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = True"),
        ('"x y"', '"x  y"'),
        ('"x y"', 'b"x y"'),
        ("r < 0", "r <= 0"),
        ("r**2 * scale", "r * 2**scale"),
        ("= 1.0) ->", "= 1.5) ->"),
        ("*, scale", "scale"),
        ("(b, c)", "(c, b)"),
        ("import math", "import cmath as math"),
        ("return math", "math"),
        ("{r!r:>{LIMIT}}", "{r!s:>{LIMIT}}"),
        ("{LIMIT}} of", "{LIMIT}} in"),
        ("size: int = 1", "size: int"),
        ("or LIMIT", "and LIMIT"),
        ("class Box:", "class Box(int):"),
    ],
)
def test_what_runs_differently_has_another_digest(old: str, new: str) -> None:
    assert PLAIN.count(old) == 1
    assert digest(PLAIN.replace(old, new)) != digest(PLAIN)


def test_a_text_that_is_used_is_no_docstring() -> None:
    assert digest('x = ("a",)') != digest('x = ("b",)')
    assert digest("def f():\n    return 'a'\n") != digest("def f():\n    return 'b'\n")


def test_text_inside_a_constant_cannot_pass_for_structure() -> None:
    inside = "1) (Constant int:2"
    assert digest(f"f({inside!r}, 2)") != digest(f"f({inside!r} ' ', 2)")
    assert digest("f('a', 'b')") != digest("f('a str:1:b')")


def test_an_absent_item_of_a_list_keeps_its_place() -> None:
    assert digest("{**a, b: c}") != digest("{b: c, **a}")
    assert digest("def f(*, a, b=1): ...") != digest("def f(*, a=1, b): ...")


@pytest.mark.parametrize(
    "data",
    [
        b"def f(:\n",
        b"x = '\x00'\n",
        b"# coding: no-such-coding\n",
        b"\xff\xfe",
        b"(" * 5000 + b")" * 5000,
        b"x = " + b"-" * 100_000 + b"1",
        b"x = " + b"a." * 100_000 + b"b",
        b"x = 1\n" * (LARGEST // 6 + 1),
        b"x = " + b"9" * 5000,
    ],
    ids=["syntax", "null", "coding", "bytes", "parentheses", "minus", "attributes", "size", "integer"],
)
def test_what_is_no_readable_python_has_no_syntax_tree_digest(data: bytes) -> None:
    assert syntax_tree_sha256(data) is None


def test_a_deep_tree_is_no_danger() -> None:
    assert len(digest("x = " + "1 + " * 900 + "1")) == 64


def test_odd_constants_have_a_digest() -> None:
    assert (
        len({digest(f"x = {value}") for value in ("'\\ud800'", "b'\\xff'", "0x" + "f" * 9000, "...", "None", "1j")})
        == 6
    )


def test_a_warning_about_the_file_stops_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(digest(r"x = '\d'")) == 64


def test_the_paths_that_can_be_named_are_those_of_the_schema() -> None:
    entry = schema("summary")["$defs"]["producer"]["properties"]["sources"]["items"]
    assert f"^{SOURCE_PATH.pattern}$" == entry["properties"]["path"]["pattern"]


def test_only_python_is_digested_by_its_syntax_tree() -> None:
    text = b"threads: 2  # of the CPU\n"
    assert rule_for("runners/configs/ood/full.yaml") == "bytes"
    assert source_entry("a.yaml", text) == {"path": "a.yaml", "sha256": hashlib.sha256(text).hexdigest(), "by": "bytes"}
    assert source_entry("a.py", b"x=1\n") == {"path": "a.py", "sha256": digest("x = 1"), "by": "syntax_tree"}


def test_python_that_cannot_be_parsed_is_named_by_its_bytes() -> None:
    broken = b"def f(:\n"
    assert source_entry("a.py", broken)["by"] == "bytes"
    assert source_sha256(broken, "bytes") == hashlib.sha256(broken).hexdigest()


def test_the_digest_is_the_one_that_evidence_was_written_with() -> None:
    # Written by hand. A change of the form makes all evidence stale, and gives it a new name.
    form = b"gatekit.syntax_tree/1\n(Module body[ (Assign targets[ (Name id=str:1:x)] value=(Constant int:a))])"
    assert digest("x = 10  # ten") == hashlib.sha256(form).hexdigest()
    assert digest(PLAIN) == "ef1cef95fe84a0bc1a491588a842f1abfa47c32bc4efb196eff670dcb916eec4"


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_every_version_of_python_gives_the_same_digest(minor: int, tmp_path: Path) -> None:
    python = _interpreter(minor)
    if python is None:
        pytest.skip(f"there is no Python 3.{minor} here")
    code = (
        "import json, runpy, sys\n"
        "sha256 = runpy.run_path(sys.argv[1])['syntax_tree_sha256']\n"
        "print(json.dumps([sha256(text.encode()) for text in json.load(sys.stdin)]))\n"
    )
    texts = [PLAIN, DRESSED, 'f"{x:}" f"" "b" f"{x!r:>{w}.{w}}{x=}{{}}" u"c"\n', "f'{x:{{}}}{y:%H:%M}'\n"]
    texts += [Path(str(source_digest.__file__)).read_text(), Path(__file__).read_text()]
    done = subprocess.run(
        [python, "-I", "-c", code, str(source_digest.__file__)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert json.loads(done.stdout) == [digest(text) for text in texts]


def _interpreter(minor: int) -> str | None:
    """Return an interpreter of this minor version, from the path or from pyenv; a shim may stand for none."""
    found = [*filter(None, [shutil.which(f"python3.{minor}")])]
    found += sorted(map(str, Path("~/.pyenv/versions").expanduser().glob(f"3.{minor}.*/bin/python3")))
    for python in found:
        done = subprocess.run(
            [python, "-I", "-c", "import sys; print(sys.version_info[1])"], capture_output=True, text=True
        )
        if done.stdout.strip() == str(minor):
            return python
    return None


def test_as_many_words_and_signs_are_parsed_as_allowed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    code = b"a_b = 12.5  # two"
    assert source_digest.tokens(code, 100) == 7
    monkeypatch.setattr(source_digest, "MOST_TOKENS", 7)
    assert syntax_tree_sha256(code) is not None
    monkeypatch.setattr(source_digest, "MOST_TOKENS", 6)
    assert syntax_tree_sha256(code) is None
    assert source_digest.tokens(b"a\n" * 1000, 10) == 11
