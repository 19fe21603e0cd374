"""The files that GitHub and strangers look for are there, are read by what reads them, and name nothing that is not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import environment
from ruamel.yaml import YAML

import gatekit
from gatekit.gates.verdict import WORDS

REPO = Path(__file__).resolve().parents[1]
TEMPLATES = REPO / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path for path in TEMPLATES.glob("*.yml") if path.name != "config.yml")
PAGES = ["SECURITY.md", "CODE_OF_CONDUCT.md", "CITATION.cff", ".github/pull_request_template.md"]
COMMUNITY = [*(REPO / page for page in PAGES), *FORMS]


def parse(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def follows(schema: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", schema, *paths]
    return subprocess.run(list(map(str, command)), env=environment(), capture_output=True, text=True, timeout=60)


def test_the_citation_file_follows_the_schema_of_its_format() -> None:
    done = follows("vendor.citation-file-format", REPO / "CITATION.cff")
    assert done.returncode == 0, done.stdout


def test_the_citation_file_names_the_version_and_the_licence_of_the_package() -> None:
    citation = parse(REPO / "CITATION.cff")
    assert (citation["version"], citation["license"]) == (gatekit.__version__, "MIT")


def test_a_citation_file_without_authors_would_be_found(tmp_path: Path) -> None:
    lines = (REPO / "CITATION.cff").read_text("utf-8").replace("authors:", "writers:")
    (tmp_path / "CITATION.cff").write_text(lines, "utf-8")
    assert follows("vendor.citation-file-format", tmp_path / "CITATION.cff").returncode != 0


def test_there_is_a_form_for_a_bug_for_a_wrong_verdict_and_for_what_is_missing() -> None:
    assert [form.stem for form in FORMS] == ["bug", "new_kind_or_format", "wrong_verdict"]


def test_every_issue_form_follows_githubs_schema() -> None:
    done = follows("vendor.github-issue-forms", *FORMS)
    assert done.returncode == 0, done.stdout
    done = follows("vendor.github-issue-config", TEMPLATES / "config.yml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_for_a_version_or_an_example_and_gives_each_question_one_name(path: Path) -> None:
    names = [field["id"] for field in parse(path)["body"] if "id" in field]
    assert len(names) == len(set(names))
    assert {"version", "example"} & set(names)


@pytest.mark.parametrize("path", COMMUNITY, ids=lambda path: path.name)
def test_no_page_names_a_person_an_address_or_a_place_that_may_not_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"@\w|://|mailto:", text)


@pytest.mark.parametrize("path", COMMUNITY, ids=lambda path: path.name)
def test_every_file_that_a_page_names_is_there(path: Path) -> None:
    named = re.findall(r"\]\(([^)#]+)\)|\b((?:docs|tests)/[\w./-]+\w|[A-Z_]+\.md)\b", path.read_text("utf-8"))
    assert [name for pair in named for name in pair if name and not (REPO / name).exists()] == []


def test_the_verdicts_that_the_form_offers_are_those_that_the_gate_gives() -> None:
    fields = {field.get("id"): field for field in parse(TEMPLATES / "wrong_verdict.yml")["body"]}
    options = fields["said"]["attributes"]["options"]
    assert options == fields["right"]["attributes"]["options"]
    assert set(options) == set(WORDS.values()) - {"usage error", "internal error"}
