"""What someone does wrong on the first day: each ends in one line that says what is the matter, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import builders
import pytest
from acceptance.console_script import POLICY, check, environment, gatekit, random_model, workspace
from reading_pages import ROOT
from repositories import Builder

from gatekit.claims.registry import parse_registry
from gatekit.cycles.reading import parse_cycle
from gatekit.errors import GatekitError
from gatekit.evidence.kind_files import parse_kind
from gatekit.evidence.merge_conflict import conflict_line
from gatekit.kinds import INSTALLED
from gatekit.policy import parse_policy
from gatekit.python_version import NEEDED, too_old
from gatekit.registration.reading import parse_registration
from gatekit.signing.keys import parse_keys

ABOVE = "lies in '{above}': stand there, or add `--root {above}`"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    workspace(tmp_path)
    (tmp_path / "claims.yaml").touch()
    (tmp_path / "docs" / "notes").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("command", [("check",), ("lint",), ("explain", "health"), ("select",), ("report", "--serve")])
def test_below_the_root_the_remedy_is_where_the_policies_lie(project: Path, command: tuple[str, ...]) -> None:
    done = gatekit(*command, cwd=project / "docs" / "notes")
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 1)
    assert f"policies/ {ABOVE.format(above='../..')}" in done.stderr


def test_below_the_root_the_remedy_is_where_evidence_and_claims_lie(project: Path) -> None:
    below = project / "docs"
    assert f"evidence/ {ABOVE.format(above='..')}" in gatekit("stale", cwd=below).stdout
    assert f"evidence/ {ABOVE.format(above='..')}" in check("../policies/small.yaml", cwd=below).stderr
    assert f"claims.yaml {ABOVE.format(above='..')}" in gatekit("claims", "check", cwd=below).stderr


def test_what_the_remedy_says_to_add_works(project: Path) -> None:
    assert check("--root", "..", cwd=project / "docs").returncode == 0


def test_a_folder_above_the_clone_that_one_stands_in_is_no_remedy(project: Path) -> None:
    (project / "docs" / ".git").mkdir()
    done = gatekit("check", cwd=project / "docs" / "notes")
    assert (done.returncode, done.stderr.count("gatekit init"), done.stderr.count("--root")) == (64, 1, 0)


def test_the_history_of_a_folder_without_a_project_names_those_that_there_are(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    builder.commit("main", {"lab/policies/small.yaml": POLICY, "docs/notes.md": "Notes.\n"})
    builder.save()
    done = gatekit("history", "main", "--root", "docs", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr == "gatekit: no policies or evidence in docs; there are some in lab: judge those with --root\n"


@pytest.mark.parametrize("given", ["evidence/mine", "evidence/mine/", "./evidence/mine"])
def test_evidence_that_the_policy_names_too_needs_no_note(tmp_path: Path, given: str) -> None:
    workspace(tmp_path, POLICY.replace("gates:", "evidence: evidence/mine\ngates:"), {})
    builders.write(tmp_path / "evidence" / "mine", {"r.json": random_model()})
    done = check("--evidence", given, cwd=tmp_path)
    assert (done.returncode, done.stdout.count("judged on")) == (0, 0)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("policies/smal.yaml", "policies/small.yaml"),
        ("policies/small.yml", "policies/small.yaml"),
        ("polices/small.yaml", "policies"),
        ("evidenec/mine", "evidence"),
    ],
)
def test_a_path_that_is_not_there_is_told_with_the_nearest_that_is(project: Path, typed: str, meant: str) -> None:
    done = check(typed, cwd=project)
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 1)
    assert f"at '{typed}'; did you mean '{meant}'?" in done.stderr


CONFLICT = "<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> branch\n"


@pytest.mark.parametrize("before", ["", "schema: gatekit.policy/1\nid: p\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_conflict_that_git_left_in_a_policy_is_called_one_where_it_begins(
    project: Path, before: str, end: str
) -> None:
    text = before + CONFLICT.format(ours="gates: {}\n", theirs="gates:\n  a: {from: ood}\n")
    (project / "policies" / "small.yaml").write_text(text.replace("\n", end), newline="")
    done = gatekit("lint", cwd=project)
    assert done.returncode == 4
    line = before.count("\n") + 1
    assert f"policies/small.yaml:{line}:1: not YAML: an unresolved merge conflict begins here" in done.stderr


def test_a_conflict_that_git_left_in_evidence_is_called_one_where_it_begins(project: Path) -> None:
    text = json.dumps(random_model(), indent=1).replace("{\n", "{\n" + CONFLICT.format(ours="", theirs=""), 1)
    (project / "evidence" / "mine.json").write_text(text)
    done = gatekit("lint", "evidence/mine.json", cwd=project)
    assert done.returncode == 4
    assert "evidence/mine.json:2:1: not JSON: an unresolved merge conflict begins here" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< x\n",
        "<<<<<<< x\n=======\n",
        ">>>>>>> x\n=======\n<<<<<<< y\n",
        "a\n <<<<<<< x\n=======\n>>>>>>> y\n",
    ],
    ids=["one mark", "two", "in another order", "further in"],
)
def test_marks_that_are_no_conflict_are_not_called_one(text: str) -> None:
    assert conflict_line(text) is None


def test_a_path_that_is_like_no_other_is_told_what_else_to_do(project: Path) -> None:
    done = check("evidence/nope", cwd=project)
    assert (done.returncode, done.stderr.count("did you mean")) == (64, 0)
    assert "check the path" in done.stderr


def newer(text: str, name: str) -> bytes:
    """A file of the next schema, with a key that only that one has."""
    return text.replace(f"gatekit.{name}/1", f"gatekit.{name}/2").encode() + b"another_key: 1\n"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("policy", lambda data: parse_policy(data, "f.yaml")),
        ("claims", lambda data: parse_registry(data, "f.yaml")),
        ("keys", lambda data: parse_keys(data, "f.yaml")),
        ("registration", lambda data: parse_registration(data, "f.yaml", INSTALLED)),
        ("cycle", lambda data: parse_cycle(data, "f.yaml")),
        ("kind", lambda data: parse_kind(data, "f.yaml")),
    ],
)
def test_a_file_of_a_newer_schema_is_newer_and_no_key_of_it_misspelt(
    name: str, read: Callable[[bytes], object]
) -> None:
    with pytest.raises(GatekitError) as caught:
        read(newer(f"schema: gatekit.{name}/1\nclaim: x\n", name))
    assert caught.value.error_id.endswith(".newer_schema")
    assert str(caught.value).startswith(
        f"f.yaml:1:9: gatekit.{name}/2 is newer than this gatekit, which knows gatekit.{name}/1; install a newer"
    )


def test_evidence_and_a_candidate_of_a_newer_schema_are_newer_and_not_something_else(tmp_path: Path) -> None:
    workspace(tmp_path)
    builders.write(tmp_path / "evidence", {"next.json": {**random_model(), "schema": "gatekit.summary/2"}})
    (tmp_path / "candidate.json").write_text(json.dumps({"schema": "gatekit.candidate/2"}))
    for arguments, name in (((), "summary"), (("--candidate", "candidate.json"), "candidate")):
        done = check(*arguments, cwd=tmp_path)
        said = " ".join(f"{done.stdout} {done.stderr}".split())
        assert done.returncode == 4
        assert f"#/schema: gatekit.{name}/2 is newer than this gatekit, which knows gatekit.{name}/1" in said


@pytest.mark.parametrize("module", ["gatekit", "runners"])
def test_a_checkout_that_nobody_installed_says_so_in_one_line(module: str) -> None:
    words = [sys.executable, "-S", "-m", module, *(("check",) if module == "gatekit" else ("ood", "--config", "x"))]
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (64, "", 1)
    assert "pip install" in done.stderr


def test_a_python_that_is_too_old_is_named_with_the_one_that_is_needed() -> None:
    assert too_old((3, 10, 13)) == "needs Python 3.11 or newer; this is 3.10.13"
    assert (too_old((3, 11, 0)), too_old((3, 14, 0)), too_old()) == (None, None, None)


def test_the_python_that_is_needed_is_the_one_that_an_installer_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={'.'.join(map(str, NEEDED))}"


def test_a_folder_that_is_gone_has_no_project_above(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    run = check(cwd=gone, preexec_fn=gone.rmdir)  # once it stands in it
    assert run.returncode == 64
    assert run.stderr.startswith("gatekit: no policy: there is no policies/ folder here")
