"""A file of an older schema is brought up step by step, with a made-up older schema, since there is no real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import builders
import pytest
from click.testing import CliRunner

from gatekit.cli import migrate
from gatekit.errors import GatekitError
from gatekit.evidence import schema_steps
from gatekit.evidence.schema_steps import STEPS, SchemaStep, brought_up
from gatekit.kinds import INSTALLED

NOW: dict[str, Any] = builders.release_evidence()["random_model.json"]


def old(document: dict[str, Any]) -> dict[str, Any]:
    """A made-up `gatekit.summary/0`: `hook` was called `layer`."""
    subject = {**document["subject"], "layer": document["subject"]["hook"]}
    del subject["hook"]
    return {**document, "schema": "gatekit.summary/0", "subject": subject}


def renamed(document: dict[str, Any]) -> dict[str, Any]:
    subject = {**document["subject"], "hook": document["subject"]["layer"]}
    del subject["layer"]
    return {**document, "subject": subject}


STEP = SchemaStep("gatekit.summary/0", "gatekit.summary/1", renamed)


def data(document: Any) -> bytes:
    return json.dumps(document).encode()


def refusal(content: bytes, name: str, *steps: SchemaStep) -> str:
    with pytest.raises(GatekitError) as caught:
        brought_up(content, name, INSTALLED, steps)
    return caught.value.error_id


def test_there_is_no_older_schema_today() -> None:
    assert STEPS == ()
    assert set(schema_steps.NEWEST.values()) == {1}


def test_a_summary_of_today_is_current_and_gets_no_new_content() -> None:
    state = brought_up(data(NOW), "a.json")
    assert (state.schemas, state.data) == (("gatekit.summary/1",), None)


def test_an_older_summary_becomes_what_the_gate_reads_today() -> None:
    state = brought_up(data(old(NOW)), "a.json", INSTALLED, [STEP])
    assert state.schemas == ("gatekit.summary/0", "gatekit.summary/1")
    assert state.data is not None
    assert json.loads(state.data) == NOW


def test_what_a_step_makes_is_checked_as_any_summary() -> None:
    broken = SchemaStep(STEP.old, STEP.new, lambda document: {**renamed(document), "extra": 1})
    assert refusal(data(old(NOW)), "a.json", broken).startswith("schema.")


def test_an_older_schema_without_a_step_is_refused() -> None:
    assert refusal(data(old(NOW)), "a.json") == "migrate.no_step"


@pytest.mark.parametrize(
    ("schema", "error"),
    [
        ("gatekit.summary/2", "migrate.newer_schema"),
        ("gatekit.nothing/1", "migrate.unknown_schema"),
        ("gatekit.summary/01", "migrate.unknown_schema"),
        ("gatekit.summary/\u0661", "migrate.unknown_schema"),
        ("gatekit.summary", "migrate.unknown_schema"),
    ],
)
def test_a_schema_that_this_gatekit_does_not_know_is_refused(schema: str, error: str) -> None:
    assert refusal(data({**NOW, "schema": schema}), "a.json", STEP) == error
    assert refusal(f"schema: {json.dumps(schema)}\n".encode(), "a.yaml", STEP) == error


@pytest.mark.parametrize("document", [[], {}, {"schema": 1}, {"schema": "other/1"}, "gatekit.summary/1"])
def test_a_file_that_names_no_schema_of_gatekit_is_left_alone(document: Any) -> None:
    assert brought_up(data(document), "a.json") == schema_steps.SchemaState(())


def test_yaml_is_never_rewritten() -> None:
    assert brought_up(b"schema: gatekit.policy/1 # ours\n", "a.yaml").schemas == ("gatekit.policy/1",)
    step = SchemaStep("gatekit.policy/0", "gatekit.policy/1", lambda document: document)
    assert refusal(b"schema: gatekit.policy/0\n", "a.yaml", step) == "migrate.no_step"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One old and one current summary, one of neither kind, and the step between them known."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(schema_steps.brought_up, "__defaults__", (INSTALLED, (STEP,)))
    (tmp_path / "evidence").mkdir()
    for name, content in {"old": old(NOW), "now": NOW, "other": {}}.items():
        (tmp_path / "evidence" / f"{name}.json").write_bytes(data(content))
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(migrate.command, arguments, standalone_mode=False)
    return int(done.return_value), done.output


def test_without_write_it_says_what_would_change_and_changes_nothing(repository: Path) -> None:
    before = (repository / "evidence" / "old.json").read_bytes()
    assert run() == (
        0,
        "current  evidence/now.json: gatekit.summary/1\n"
        "changed  evidence/old.json: gatekit.summary/0 -> gatekit.summary/1\n"
        "left     evidence/other.json: names no schema of gatekit\n"
        "migrate: 1 current, 1 changed, 1 left; --write writes them\n",
    )
    assert (repository / "evidence" / "old.json").read_bytes() == before


def test_with_write_the_old_file_is_replaced_and_then_there_is_nothing_to_do(repository: Path) -> None:
    assert run("--write")[0] == 0
    assert json.loads((repository / "evidence" / "old.json").read_text()) == NOW
    assert run()[1].endswith("migrate: 2 current, 1 left; nothing to do\n")


def test_one_file_that_cannot_be_read_stops_the_writing_of_all(repository: Path) -> None:
    before = (repository / "evidence" / "old.json").read_bytes()
    (repository / "evidence" / "bad.json").write_text('{"schema": "gatekit.summary/1", "schema": 1}')
    code, output = run("--write")
    assert code == 4
    assert "evidence/bad.json" in output
    assert output.endswith("nothing was written, because of the errors above\n")
    assert (repository / "evidence" / "old.json").read_bytes() == before


def test_a_folder_without_files_of_gatekit_has_nothing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run() == (0, "migrate: no file; nothing to do\n")
