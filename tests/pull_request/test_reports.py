"""What a reviewer reads about a pull request, in every format."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
from hypothesis import given, settings
from markdown_it import MarkdownIt

from gatekit.errors import UsageError
from gatekit.evidence.schemas import INCLUDED, schema, validator
from gatekit.exit_codes import ExitCode
from gatekit.github.judgement import read_report
from gatekit.pull_request.verdict import EvidenceChange, PullRequestVerdict
from gatekit.report import PULL_REQUEST_FORMATS, render_pull_request
from gatekit.report.pull_request.markdown import render as render_markdown
from gatekit.report.pull_request.terminal import render as render_terminal
from tests.pull_request.change import POLICY, judged, withdrawn
from tests.pull_request.verdicts import CHANGES, hostile, verdict
from tests.report.report_verdicts import hostile_text
from tests.report.test_inert import command_lines
from tests.report.test_report_markdown import flat, table_rows

RESOURCES = [(f"{name}.schema.json", referencing.Resource.from_contents(schema(name))) for name in INCLUDED]
ORACLE = jsonschema.Draft202012Validator(
    schema("pull_request"), registry=referencing.Registry().with_resources(RESOURCES)
)

FIRST_LINES = {
    "loosened": "approval needed: 1 change to what judges is not approved",
    "edited_by_hand": "blocked: 1 number is not what the evidence says",
    "honest": "pass: the evidence carries 1 changed claim",
    "withdrawn": "pass: no claim asserts more than before",
    "stale": "inconclusive: 2 gates that 2 claims need are inconclusive",
    "refused": "refused: 2 errors",
    "approved": "pass: no claim asserts more than before",
    "unmeasured": "inconclusive: 1 gate that claim 'ood' needs is inconclusive",
    "remark": "pass: no claim asserts more than before",
    "unregistered": "inconclusive: 1 policy does not pass, and no claim is registered",
    "nothing": "pass: no claim asserts more than before",
    "retrained": "approval needed: 1 change of evidence that was judged before is not approved",
    "already_wrong": "pass: no claim asserts more than before",
}

SECTIONS = {
    "loosened": ["What judges changed", "Claims", "This change must put right", "Policy", "Evidence", "Gates"],
    "edited_by_hand": ["Claims", "This change must put right", "Gates"],
    "honest": ["Claims", "Evidence", "Gates"],
    "withdrawn": ["Claims", "Evidence", "Gates"],
    "stale": ["This change must put right", "Evidence", "Gates"],
    "refused": ["Errors", "Evidence", "Gates"],
    "approved": ["What judges changed", "Policy", "Gates"],
    "unmeasured": ["Claims", "This change must put right", "Gates"],
    "remark": ["Worth a look", "Gates"],
    "unregistered": ["This change must put right", "Gates"],
    "nothing": ["Gates"],
    "retrained": ["Evidence that was judged before", "Evidence", "Gates"],
    "already_wrong": ["Gates"],
}


def complaints(document: Any) -> list[str]:
    """What two independent validators say; a document is good when both say nothing."""
    slow = [error.message for error in ORACLE.iter_errors(document)]
    assert bool(slow) == (not validator("pull_request").is_valid(document))
    return slow


def headings(text: str, level: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(text)
    found = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == level:
            found.append("".join(child.content for child in tokens[index + 1].children or []))
    return found


@pytest.mark.parametrize("name", CHANGES)
def test_the_markdown_report_reads_as_recorded(name: str, file_regression: Any) -> None:
    file_regression.check(render_pull_request("markdown", verdict(name)), extension=".md", encoding="utf-8")


@pytest.mark.parametrize("name", CHANGES)
def test_the_terminal_report_reads_as_recorded(name: str, file_regression: Any) -> None:
    file_regression.check(render_pull_request("terminal", verdict(name)), extension=".txt", encoding="utf-8")


@pytest.mark.parametrize("name", ["loosened", "refused"])
def test_the_json_report_reads_as_recorded(name: str, file_regression: Any) -> None:
    file_regression.check(render_pull_request("json", verdict(name)), extension=".json")


@pytest.mark.parametrize("name", CHANGES)
def test_the_first_line_is_the_verdict_with_its_reason(name: str) -> None:
    text = render_pull_request("markdown", verdict(name))
    assert headings(text, "h2") == [f"gatekit: {FIRST_LINES[name]}"]
    assert text.startswith("## gatekit: ")


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_there_is_something_to_say_about_has_a_section(name: str) -> None:
    assert headings(render_pull_request("markdown", verdict(name)), "h3") == SECTIONS[name]


@pytest.mark.parametrize("name", CHANGES)
def test_the_last_line_and_no_other_is_the_verdict_with_its_exit_code(name: str) -> None:
    made = verdict(name)
    lines = render_pull_request("terminal", made).splitlines()
    word, _, reason = FIRST_LINES[name].partition(": ")
    assert [line for line in lines if line.startswith("verdict: ")] == [lines[-1]]
    assert lines[-1] == f"verdict: {word} (exit {int(made.code)}): {reason}"


@pytest.mark.parametrize("name", CHANGES)
def test_the_json_follows_the_published_schema_and_the_action_reads_it(name: str, tmp_path: Path) -> None:
    made = verdict(name)
    path = tmp_path / "report.json"
    path.write_text(render_pull_request("json", made), encoding="utf-8")
    assert complaints(json.loads(path.read_text())) == []
    read = read_report(path)
    assert (read.word, read.exit_code, read.head) == (made.word, int(made.code), made.head)
    assert read.loosened == made.loosened


def test_the_action_learns_which_gates_block() -> None:
    def gates(name: str) -> Any:
        return json.loads(render_pull_request("json", verdict(name)))["gates"]

    assert gates("loosened") == {"failed": ["demo/random_model"], "inconclusive": []}
    assert gates("stale") == {"failed": [], "inconclusive": ["demo/alive", "demo/random_model"]}
    # Its gate fails too, but no claim needs it any more.
    assert gates("withdrawn") == {"failed": [], "inconclusive": []}
    # Without a registry every required gate counts.
    assert gates("unregistered") == {"failed": [], "inconclusive": ["demo/ood"]}


@pytest.mark.parametrize(
    "change",
    [
        {"exit_code": 2, "verdict": "pass"},
        {"verdict": "blocked"},
        {"judged": None},
        {"extra": 1},
        {"head": "main"},
        {"gates": {"failed": ["demo/alive"], "inconclusive": []}},
        {"errors": [{"id": "x", "message": "x", "location": None, "remedy": None, "exit_code": 4}]},
    ],
    ids=str,
)
def test_a_pass_that_contradicts_itself_is_not_valid(change: dict[str, Any]) -> None:
    document = json.loads(render_pull_request("json", verdict("honest")))
    assert complaints(document) == []
    assert complaints({**document, **change}) != []


def test_a_policy_that_decides_is_open_and_one_that_informs_is_folded() -> None:
    assert "<details><summary>demo of the base branch: 2 of 3 gates pass (advisory)</summary>" in render_pull_request(
        "markdown", verdict("nothing")
    )
    text = render_pull_request("markdown", verdict("honest"))
    assert headings(text, "h4") == ["demo of the base branch: 2 of 3 gates pass"]
    assert "This change needs `random_model`; any other gate is shown, and does not block it." in text


def test_a_wrong_number_is_named_with_its_line() -> None:
    for name in ("markdown", "terminal"):
        assert "README.md:5:92" in render_pull_request(name, verdict("edited_by_hand"))


def test_what_was_wrong_before_is_folded_away() -> None:
    text = render_pull_request("markdown", verdict("already_wrong"))
    assert "<details><summary>Already there: 1</summary>" in text
    assert text.index("README.md:5:92") > text.index("Already there")


def test_a_long_list_is_cut_and_the_rest_counted() -> None:
    many = tuple(EvidenceChange(f"evidence/{number:04}.json", "added") for number in range(1000))
    made = replace(verdict("nothing"), evidence=many)
    for name in ("markdown", "terminal"):
        text = render_pull_request(name, made)
        assert text.count("evidence/0") == 25
        assert "and 975 more" in text
    assert len(json.loads(render_pull_request("json", made))["evidence"]) == 1000


@pytest.mark.parametrize("limit", [2000, 4000, 8000])
def test_a_report_over_its_limit_stops_at_a_line_and_leaves_nothing_folded_open(limit: int) -> None:
    made = verdict("nothing")
    assert made.judged is not None
    many = replace(made, judged=replace(made.judged, policies=made.judged.policies * 50))
    text = render_markdown(many, limit=limit)
    assert len(text.encode("utf-8")) <= limit
    assert text.count("<details>") == text.count("</details>")
    assert text.splitlines()[-1].startswith("_The report goes on: ")


def test_colour_is_the_only_difference_of_a_coloured_report() -> None:
    for name in CHANGES:
        colored = render_terminal(verdict(name), color=True)
        bare = "".join(line.rstrip(" ") + "\n" for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).splitlines())
        assert bare == render_pull_request("terminal", verdict(name))


def test_a_format_for_files_alone_is_named_as_such() -> None:
    with pytest.raises(UsageError) as caught:
        render_pull_request("sarif", verdict("nothing"))
    assert caught.value.remedy is not None and "gatekit check" in caught.value.remedy


@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_no_text_of_others_adds_a_cell_a_row_a_link_or_html(text: str) -> None:
    rendered = render_pull_request("markdown", hostile(text))
    rows = table_rows(rendered)
    plain = table_rows(render_pull_request("markdown", hostile("x")))
    assert [len(row) for row in rows] == [len(row) for row in plain]
    assert [row[0] for row in rows if row[0] in ("number", "new")] == ["number", "new"]
    tokens = flat(rendered)
    assert not {"link_open", "image", "html_inline", "fence", "code_block", "hr"} & {token.type for token in tokens}
    blocks = [token.content for token in tokens if token.type == "html_block"]
    expected = [
        token.content for token in flat(render_pull_request("markdown", hostile("x"))) if token.type == "html_block"
    ]
    assert [block.split(">")[0] for block in blocks] == [block.split(">")[0] for block in expected]
    assert all(block.count("<") == other.count("<") for block, other in zip(blocks, expected, strict=True))
    assert headings(rendered, "h3") == headings(render_pull_request("markdown", hostile("x")), "h3")
    for token in tokens:
        if token.type in ("text", "html_block"):
            assert "@team" not in token.content


@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_no_line_of_any_report_is_a_workflow_command(text: str) -> None:
    for name in PULL_REQUEST_FORMATS:
        assert command_lines(render_pull_request(name, hostile(text))) == [], name


@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_no_text_of_others_forges_the_verdict_line(text: str) -> None:
    lines = render_pull_request("terminal", hostile(text)).splitlines()
    assert [line for line in lines if line.startswith("verdict: ")] == [lines[-1]]
    assert lines[-1].startswith("verdict: refused (exit 4): 1 error")


@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_whatever_text_a_verdict_carries_its_json_is_valid_printable_ascii(text: str) -> None:
    rendered = render_pull_request("json", hostile(text))
    assert all(character == "\n" or " " <= character <= "~" for character in rendered)
    assert complaints(json.loads(rendered)) == []


def test_every_exit_code_of_a_pull_request_has_its_word_in_the_schema() -> None:
    words = schema("pull_request")["properties"]["verdict"]["enum"]
    assert words == ["pass", "blocked", "inconclusive", "refused", "approval needed"]
    assert {verdict(name).code for name in CHANGES} == {
        ExitCode.PASS,
        ExitCode.BLOCKED,
        ExitCode.INCONCLUSIVE,
        ExitCode.REFUSED,
        ExitCode.APPROVAL_NEEDED,
    }


def all_pass(tmp_path: Path, **rule: str) -> PullRequestVerdict:
    """A change of a project whose every gate passes; `rule` is added to the first."""
    more = "".join(f", {key}: {value}" for key, value in rule.items())
    policy = POLICY.replace("at_least: 0.1", f"at_least: 0.1{more}").replace(
        "  ood: {from: ood, measure: auc_drop, at_most: 0.1}\n", ""
    )
    base = {"policies/demo.yaml": policy, **withdrawn("ood")}
    return judged(tmp_path, {"docs/notes.md": "More.\n"}, base=base)


def test_the_terminal_folds_a_policy_that_passes_and_counts_its_remarks(tmp_path: Path) -> None:
    found = all_pass(tmp_path)
    text = render_terminal(found)
    head = "policy demo: of the base branch, 2 of 2 gates pass  policies/demo.yaml  exploratory, 1 remark"
    assert f"{head}\n  subject pythia-70m" in text
    assert "gate / rule" not in text
    # Which gates must pass is said all the same.
    assert "No claim in this change needs these gates to pass" in text
    assert "gate / rule" in render_terminal(found, verbose=True)


def test_the_terminal_never_folds_a_weaker_pass(tmp_path: Path) -> None:
    text = render_terminal(all_pass(tmp_path, bound="point"))
    assert "point estimate: weaker" in text
    assert "pass: alive" in text
