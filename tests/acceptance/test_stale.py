"""`gatekit stale` as a process."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import gatekit, random_model

from gatekit.evidence import source_entry

CODE = {"src/a.py": "a = 1\n", "src/b.py": "b = 1\n", "src/c.py": "c = 1\n", "src/d.py": "d = 1\n"}


def workspace(folder: Path, **summaries: Any) -> Path:
    """A folder with the code of CODE and evidence about all of it."""
    for path, text in CODE.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    documents = {f"{name}.json": document for name, document in (summaries or {"a": bound()}).items()}
    builders.write(folder / "evidence", documents)
    return folder


def bound(*paths: str) -> Any:
    """A summary about some files of CODE, all by default."""
    sources = [{"path": p, "sha256": sha256(CODE[p].encode()).hexdigest(), "by": "bytes"} for p in paths or CODE]
    return random_model(producer_changes={"sources": sources})


def test_evidence_whose_files_are_the_same_is_fresh(tmp_path: Path) -> None:
    done = gatekit("stale", cwd=workspace(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["fresh    evidence/a.json", "stale: pass (exit 0): 1 fresh"]


def test_another_file_makes_nothing_stale(tmp_path: Path) -> None:
    workspace(tmp_path, a=bound("src/a.py"))
    (tmp_path / "src" / "b.py").write_text("b = 2\n")
    assert gatekit("stale", cwd=tmp_path).returncode == 0


def test_a_changed_file_and_one_that_is_gone_are_named(tmp_path: Path) -> None:
    workspace(tmp_path, a=bound("src/a.py", "src/b.py"), c=bound("src/c.py"))
    (tmp_path / "src" / "a.py").write_text("a = 2\n")
    (tmp_path / "src" / "b.py").unlink()
    done = gatekit("stale", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        "stale    evidence/a.json: it measured src/a.py, which has changed, src/b.py, which is gone",
        "fresh    evidence/c.json",
        "stale: inconclusive (exit 3): 1 fresh, 1 stale",
    ]


def test_why_names_every_file_on_a_line_of_its_own(tmp_path: Path) -> None:
    workspace(tmp_path)
    for path in CODE:
        (tmp_path / path).write_text("changed\n")
    short = gatekit("stale", cwd=tmp_path).stdout
    assert "src/d.py" not in short and "and 1 more" in short
    done = gatekit("stale", "--why", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout.splitlines()[:5] == ["stale    evidence/a.json", *(f"         {p} has changed" for p in CODE)]


def parsed(text: str) -> Any:
    """A summary about src/a.py that holds `text`, by its syntax tree."""
    return random_model(producer_changes={"sources": [source_entry("src/a.py", text.encode())]})


@pytest.mark.parametrize("text", ["# first\na = 1\n", '"""What it is."""\n\na = (1)\n'])
def test_a_comment_a_docstring_and_formatting_make_nothing_stale(tmp_path: Path, text: str) -> None:
    workspace(tmp_path, a=parsed(CODE["src/a.py"]))
    (tmp_path / "src" / "a.py").write_text(text)
    assert gatekit("stale", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a = 2\n", "has changed"),
        ("a = \n", "is no longer Python that can be read"),
        ("a = 1\n" + "# long\n" * 200_000, "is no longer Python that can be read"),
        (None, "is gone"),
    ],
)
def test_a_number_that_changes_and_code_that_cannot_be_read_are_stale(
    tmp_path: Path, text: str | None, what: str
) -> None:
    workspace(tmp_path, a=parsed(CODE["src/a.py"]))
    (tmp_path / "src" / "a.py").unlink() if text is None else (tmp_path / "src" / "a.py").write_text(text)
    done = gatekit("stale", "--why", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout.splitlines()[:2] == ["stale    evidence/a.json", f"         src/a.py {what}"]


@pytest.mark.parametrize("flags", [[], ["--why"]])
def test_evidence_of_the_older_rule_is_one_line_and_stale(tmp_path: Path, flags: list[str]) -> None:
    document = bound()
    del document["producer"]["sources"][1]["by"]
    workspace(tmp_path, a=document)
    (tmp_path / "src" / "a.py").write_text("a = 2\n")
    done = gatekit("stale", *flags, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.splitlines() == [
        "stale    evidence/a.json: it was measured under an older rule "
        "(its sources do not say how they were digested): measure again",
        "stale: inconclusive (exit 3): 1 stale",
    ]


def test_observations_that_name_no_file_are_stale(tmp_path: Path) -> None:
    done = gatekit("stale", "--why", cwd=workspace(tmp_path, a=random_model()))
    assert done.returncode == 3
    assert "does not name the files that it depends on" in done.stdout


def test_what_can_be_about_no_file_is_neither_and_alone_is_inconclusive(tmp_path: Path) -> None:
    reported = builders.summary("saebench", {"auc": builders.reported(0.7)})
    failed = random_model(status="failed", reason="out of memory") | {"measurements": {}}
    workspace(tmp_path, r=reported, f=failed)
    done = gatekit("stale", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == "stale: inconclusive (exit 3): 2 unbound"
    workspace(tmp_path)
    assert gatekit("stale", cwd=tmp_path).returncode == 0


def test_files_are_looked_for_below_the_root(tmp_path: Path) -> None:
    workspace(tmp_path / "clone")
    (tmp_path / "elsewhere").mkdir()
    evidence = "../clone/evidence"
    assert gatekit("stale", evidence, cwd=tmp_path / "elsewhere").returncode == 3
    assert gatekit("stale", evidence, "--root=../clone", cwd=tmp_path / "elsewhere").returncode == 0


def test_no_evidence_is_inconclusive(tmp_path: Path) -> None:
    done = gatekit("stale", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "stale: inconclusive (exit 3): no evidence in evidence\n")


def test_malformed_evidence_is_refused(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "evidence" / "b.json").write_text("{")
    done = gatekit("stale", cwd=tmp_path)
    assert done.returncode == 4
    assert "json.syntax" in done.stderr


@pytest.mark.parametrize("arguments", [["missing"], ["--root=missing"]])
def test_a_path_that_is_not_there_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    assert gatekit("stale", *arguments, cwd=workspace(tmp_path)).returncode == 64
