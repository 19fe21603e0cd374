"""`make evidence` measures what evidence/README.md says, and only what is not fresh."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import builders
import pytest

from gatekit.evidence import find_summaries, source_entry

ROOT = Path(__file__).parents[1]
CODE = "def measure():\n    return 1\n"


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, for a repository with one row, whose code is runners/measure.py."""
    spec = importlib.util.spec_from_file_location("measure_evidence", ROOT / "benchmarks" / "measure_evidence.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "measure_evidence", module)
    spec.loader.exec_module(module)
    (tmp_path / "runners").mkdir()
    (tmp_path / "runners" / "measure.py").write_text(CODE)
    return module


@pytest.fixture
def repository(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "ROWS", (tool.Row("one", "stability"), tool.Row("two", "scaling")))
    monkeypatch.setattr(tool, "why_measure", lambda folder, check=tool.why_measure: check(folder, tmp_path))
    monkeypatch.setattr(tool, "git_state", lambda: tool_state("c0ffee", False))
    return tmp_path


def tool_state(commit: str | None, dirty: bool | None) -> Any:
    from runners.provenance import GitState

    return GitState(commit, dirty)


def summary(code: str = CODE, **producer: Any) -> Any:
    sources = [source_entry("runners/measure.py", code.encode())]
    changes = {"sources": sources, **producer}
    return builders.summary("random_model", {"r2": builders.around(0.8, 0.01, 5)}, producer_changes=changes)


def measuring(calls: list[str], root: Path, wrong: str | None = None) -> Callable[[Any, str | None], str | None]:
    def measure(row: Any, cache: str | None) -> str | None:
        calls.append(row.folder)
        builders.write(root / "runs" / "evidence" / row.folder, {"random_model.json": summary()})
        if wrong is None:
            (root / "runs" / "evidence" / f"{row.folder}.done").touch()
        return wrong

    return measure


def test_the_table_in_the_readme_is_what_is_run(tool: ModuleType) -> None:
    assert tool.table() in (ROOT / "evidence" / "README.md").read_text(), "measure_evidence.py --table prints it"


def test_every_configuration_that_is_run_is_there(tool: ModuleType) -> None:
    assert all((ROOT / row.arguments[-1]).is_file() for row in tool.ROWS)


def test_every_committed_summary_belongs_to_one_run(tool: ModuleType) -> None:
    for path in find_summaries([str(ROOT / "evidence")]):
        place = Path(path).relative_to(ROOT / "evidence")
        assert len([row for row in tool.ROWS if place.is_relative_to(row.folder)]) == 1, path


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        ({"a.json": summary()}, None),
        ({}, "there is none"),
        (
            {"a.json": summary(), "c.json": summary("def measure():\n    return 2\n")},
            "c.json measured runners/measure",
        ),
        ({"a.json": summary(git={"commit": "c" * 40, "dirty": True})}, "a.json was not made from a clean checkout"),
        ({"a.json": summary(git={"commit": None, "dirty": None})}, "a.json was not made from a clean checkout"),
        ({"a.json": summary(sources=[{"path": "a.py", "sha256": "0" * 64}])}, "measured under an older rule"),
        ({"a.json": {"schema": "gatekit.summary/1"}}, "schema"),
    ],
    ids=["fresh", "missing", "stale", "dirty", "no repository", "older rule", "broken"],
)
def test_what_is_fresh_and_from_a_clean_checkout_is_not_measured_again(
    tool: ModuleType, tmp_path: Path, documents: dict[str, Any], reason: str | None
) -> None:
    builders.write(tmp_path / "evidence", documents)
    found = tool.why_measure(tmp_path / "evidence", tmp_path)
    assert found is None if reason is None else reason in found


def test_a_run_that_measured_nothing_is_measured_again(tool: ModuleType, tmp_path: Path) -> None:
    failed = {"status": "failed", "reason": "nothing to compare", "measurements": {}}
    builders.write(tmp_path / "evidence", {"a.json": summary() | failed})
    found = tool.why_measure(tmp_path / "evidence", tmp_path)
    assert "says failed: nothing to compare" in found


def test_an_interrupted_call_goes_on_where_it_was(
    tool: ModuleType, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    builders.write(repository / "evidence" / "two", {"old.json": summary("def measure():\n    return 0\n")})
    calls: list[str] = []
    monkeypatch.setattr(tool, "measure", measuring(calls, repository))
    tool.measure(tool.ROWS[0], None)  # the call that was interrupted after its first row
    assert tool.main([]) == 0
    assert calls == ["one", "two"]
    assert [line.split(" in ")[0] for line in capsys.readouterr().out.splitlines()[:2]] == [
        "one: measured before",
        "two: measured",
    ]
    for folder in ("one", "two"):
        assert [path.name for path in (repository / "evidence" / folder).iterdir()] == ["random_model.json"]
    assert tool.main([]) == 0
    assert (calls, capsys.readouterr().out.splitlines()) == (["one", "two"], ["one: fresh", "two: fresh"])


def test_a_run_that_fails_keeps_the_others_and_its_own_old_evidence(
    tool: ModuleType, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = summary("def measure():\n    return 0\n")
    builders.write(repository / "evidence" / "one", {"old.json": old})
    calls: list[str] = []
    fails, works = measuring(calls, repository, "exit code 70"), measuring(calls, repository)
    monkeypatch.setattr(tool, "measure", lambda row, cache: (fails if row.folder == "one" else works)(row, cache))
    assert tool.main([]) == 1
    assert "one: failed in 0 s: exit code 70" in capsys.readouterr().out
    assert json.loads((repository / "evidence" / "one" / "old.json").read_text()) == old
    assert (repository / "evidence" / "two" / "random_model.json").is_file()


@pytest.mark.parametrize("state", [("c0ffee", True), (None, None)])
def test_nothing_is_measured_from_a_checkout_that_is_not_clean(
    tool: ModuleType,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    state: tuple[str | None, bool | None],
) -> None:
    monkeypatch.setattr(tool, "git_state", lambda: tool_state(*state))
    assert tool.main([]) == 1
    assert capsys.readouterr().err == "measure_evidence: the checkout is not clean: commit first\n"


def test_a_folder_that_no_run_makes_is_refused(tool: ModuleType) -> None:
    with pytest.raises(SystemExit):
        tool.main(["no_such_folder"])
