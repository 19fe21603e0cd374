"""What a change says of claims in files that no rule names, or in plain prose, is refused where it is not so."""

from __future__ import annotations

from pathlib import Path

import pytest
import repositories

from gatekit.exit_codes import ExitCode
from gatekit.pull_request import said_unread
from gatekit.pull_request.verdict import PullRequestVerdict
from tests.pull_request.change import CLAIMS, README, judged, withdrawn

Files = dict[str, repositories.Content]
SAID = "Seeds\n=====\n\nFive SAEs agree more than their control, by {} on average.\n"
FALSE, TRUE = SAID.format("+0.9900"), SAID.format("+0.2100")
TWO: Files = {
    "claims.yaml": CLAIMS.replace("[README.md]", '[README.md, "docs/**/*.md"]'),
    "docs/report.md": README,
}
"""A base that says its claims in two documents."""


def blocking(verdict: PullRequestVerdict) -> list[tuple[str, str]]:
    return [(finding.error_id, str(finding.location)) for finding in verdict.blocking]


@pytest.mark.parametrize(
    "path", ["README.rst", "docs/a.html", "site/a.mdx", "a.org", "a.adoc", "a.txt", "docs/a.md", "NOTES", "a.json"]
)
def test_another_number_in_a_file_that_no_rule_names_blocks(tmp_path: Path, path: str) -> None:
    verdict = judged(tmp_path, {path: FALSE})
    assert verdict.code is ExitCode.BLOCKED
    assert blocking(verdict) == [("claims.said_unread", f"{path}:4:1")]


def test_the_number_of_the_evidence_there_passes(tmp_path: Path) -> None:
    assert judged(tmp_path, {"docs/a.rst": TRUE}).code is ExitCode.PASS


def test_words_beside_the_number_of_the_evidence_are_named(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {"docs/a.rst": SAID.format("about 0.21")})
    [finding] = verdict.blocking
    assert "is said with 0.21 and other words in place of" in finding.message


def test_a_number_of_too_many_digits_for_a_decimal_blocks(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {"docs/a.rst": SAID.format("0.2" + "1" * 35)})
    assert blocking(verdict) == [("claims.said_unread", "docs/a.rst:4:1")]


def test_what_stood_there_before_blocks_nothing(tmp_path: Path) -> None:
    base: Files = {"old.rst": FALSE}
    assert judged(tmp_path / "a", {"old.rst": FALSE + "More.\n"}, base).code is ExitCode.PASS
    assert judged(tmp_path / "b", {"old.rst": None, "new.rst": FALSE}, base).code is ExitCode.PASS
    assert judged(tmp_path / "c", {"new.rst": FALSE}, base).code is ExitCode.BLOCKED


def test_another_number_in_plain_prose_of_a_document_blocks(tmp_path: Path) -> None:
    verdict = judged(tmp_path / "a", {"README.md": README + f"\n{FALSE}"})
    assert verdict.code is ExitCode.BLOCKED
    assert [error for error, _ in blocking(verdict)] == ["claims.said_otherwise"]
    assert judged(tmp_path / "b", {"README.md": README + f"\n{TRUE}"}).code is ExitCode.PASS


LINE = "Five SAEs agree more than their control, by {} on average."
SHOWN = {
    "alternative text": "![{}](x.png)",
    "title of a link": '[see](x "{}")',
    "title of a reference": '[see]: x "{}"\n\n[see]',
    "attribute of HTML": '<img alt="{}" src="x">',
    "code block": "```\n{}\n```",
    "code span": "`{}`",
    "heading": "## {}",
    "folded text": "<details><summary>{}</summary>More.</details>",
    "mathematics": "$$\\text{{{}}}$$",
}


@pytest.mark.parametrize("form", SHOWN.values(), ids=SHOWN)
def test_another_number_in_whatever_a_document_shows_blocks(tmp_path: Path, form: str) -> None:
    false = README + "\n" + form.format(LINE.format("+0.9900")) + "\n"
    verdict = judged(tmp_path / "a", {"README.md": false})
    assert [error for error, _ in blocking(verdict)] == ["claims.said_otherwise"]
    true = README + "\n" + form.format(LINE.format("+0.2100")) + "\n"
    assert judged(tmp_path / "b", {"README.md": true}).code is ExitCode.PASS


def test_a_comment_shows_nothing(tmp_path: Path) -> None:
    comment = f"\n<!-- {LINE.format('+0.9900')} -->\n"
    assert judged(tmp_path / "a", {"README.md": README + comment}).code is ExitCode.PASS
    assert judged(tmp_path / "b", {"docs/a.html": comment}).code is ExitCode.PASS
    assert judged(tmp_path / "c", {"docs/a.tex": f"% {LINE.format('+0.9900')}\n"}).code is ExitCode.PASS
    assert judged(tmp_path / "d", {"docs/a.tex": f"{LINE.format('+0.9900')}\n"}).code is ExitCode.BLOCKED


@pytest.mark.parametrize("suffix", ["rst", "html", "adoc", "md"])
def test_a_document_that_becomes_a_file_that_no_rule_names_needs_approval(tmp_path: Path, suffix: str) -> None:
    verdict = judged(tmp_path, {"docs/report.md": None, f"notes/report.{suffix}": README}, TWO)
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    assert [change.path for change in verdict.trust] == [f"notes/report.{suffix}"]


def test_with_another_number_approval_is_not_enough(tmp_path: Path) -> None:
    change: Files = {"docs/report.md": None, "docs/report.rst": README.replace("+0.2100", "+0.9900")}
    verdict = judged(tmp_path, change, TWO, labels=["gatekit-approved-{head}"])
    assert verdict.code is ExitCode.BLOCKED


def test_a_document_of_bound_numbers_without_claims_needs_approval_too(tmp_path: Path) -> None:
    value = "<!-- gatekit:value evidence/minilm/random_model.json r2 estimate .4f -->0.9000<!-- /gatekit:value -->"
    text = f"Reconstruction of residual streams explains {value} of variance, which every user should know.\n"
    base: Files = {**TWO, "docs/report.md": text.replace("r2", "dead_fraction").replace("0.9000", "0.0500")}
    moved = "Reconstruction of residual streams explains 0.99 of variance, which every user should know.\n"
    verdict = judged(tmp_path / "a", {"docs/report.md": None, "docs/report.rst": moved}, base)
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    other = "How to install this package: run the command of your choice, then read on.\n"
    verdict = judged(tmp_path / "b", {"docs/report.md": None, "docs/install.rst": other}, base)
    assert verdict.code is ExitCode.PASS


def test_a_withdrawn_claim_in_a_file_that_no_rule_names_blocks(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {**withdrawn("agree"), "docs/a.rst": TRUE})
    assert verdict.code is ExitCode.BLOCKED
    assert blocking(verdict) == [("claims.said_unread", "docs/a.rst:4:1")]


def test_a_claim_that_is_not_supported_says_so_there(tmp_path: Path) -> None:
    claims = CLAIMS.replace("status: pending", "status: not_supported")
    sentence = "They read text of another domain as well."
    badge = "<!-- gatekit:status -->Not supported by the evidence:<!-- /gatekit:status --> "
    base: Files = {"claims.yaml": claims, "README.md": README.replace(sentence, badge + sentence)}
    assert judged(tmp_path / "a", {"a.rst": sentence}, base).code is ExitCode.BLOCKED
    assert judged(tmp_path / "b", {"a.rst": f"Not supported by the evidence: {sentence}"}, base).code is ExitCode.PASS


def test_the_documents_of_another_project_are_its_own(tmp_path: Path) -> None:
    other: Files = {"b/claims.yaml": CLAIMS, "b/README.md": README}
    change: Files = {"b/README.md": README.replace("+0.2100", "+0.3000")}
    assert judged(tmp_path / "a", change, other).code is ExitCode.PASS
    assert judged(tmp_path / "b", {"b/README.rst": FALSE}, other).code is ExitCode.BLOCKED
    assert judged(tmp_path / "c", {**other, **change}).code is ExitCode.BLOCKED


def test_a_page_of_utf_16_is_looked_through(tmp_path: Path) -> None:
    assert judged(tmp_path, {"docs/a.html": FALSE.encode("utf-16")}).code is ExitCode.BLOCKED


def test_data_is_not_looked_through_and_a_page_that_holds_a_zero_byte_is(tmp_path: Path) -> None:
    assert judged(tmp_path / "a", {"a.bin": b"\0" + FALSE.encode()}).code is ExitCode.PASS
    assert judged(tmp_path / "b", {"a.html": b"\0" + FALSE.encode()}).code is ExitCode.BLOCKED


def test_a_page_that_is_too_large_needs_approval_and_data_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said_unread, "LARGEST", 1000)
    large = "x" * 1001
    assert judged(tmp_path / "a", {"a.html": large}).code is ExitCode.APPROVAL_NEEDED
    assert judged(tmp_path / "b", {"a.csv": large}).code is ExitCode.PASS
    assert judged(tmp_path / "c", {"a.html": large[1:]}).code is ExitCode.PASS


def test_a_large_page_that_only_moved_needs_no_approval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said_unread, "LARGEST", 1000)
    large = "x" * 1001
    base: Files = {"old/a.html": large, "a.csv": "y" * 1001}
    moved = judged(tmp_path / "a", {"old/a.html": None, "new/b.html": large}, base)
    assert moved.code is ExitCode.PASS
    changed = judged(tmp_path / "b", {"old/a.html": None, "new/b.html": large + "x"}, base)
    copied = judged(tmp_path / "c", {"new/b.html": large}, base)
    twice = judged(tmp_path / "d", {"old/a.html": None, "b.html": large, "c.html": large}, base)
    of_data = judged(tmp_path / "e", {"a.csv": None, "a.html": "y" * 1001}, base)
    verdicts = [verdict.code for verdict in (changed, copied, twice, of_data)]
    assert verdicts == [ExitCode.APPROVAL_NEEDED] * 4


def test_a_large_file_without_a_suffix_needs_approval_unless_it_is_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said_unread, "LARGEST", 1000)
    assert judged(tmp_path / "a", {"weights": b"\x7f\0" * 1000}).code is ExitCode.PASS
    assert judged(tmp_path / "b", {"NOTES": "x" * 1001}).code is ExitCode.APPROVAL_NEEDED
    late = b"x" * 8000 + b"\0"
    assert judged(tmp_path / "c", {"NOTES": late}).code is ExitCode.APPROVAL_NEEDED
    assert judged(tmp_path / "d", {"NOTES": ("x" * 1001).encode("utf-16")}).code is ExitCode.APPROVAL_NEEDED
    monkeypatch.setattr(said_unread, "LARGEST_LOOKED_AT", 1999)
    assert judged(tmp_path / "e", {"weights": b"\x7f\0" * 1000}).code is ExitCode.APPROVAL_NEEDED


def test_too_many_documents_and_files_to_compare_need_approval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said_unread, "MOST_PAIRS", 1)
    change: Files = {"docs/report.md": None, "a.txt": "a\n", "b.txt": "b\n"}
    assert judged(tmp_path, change, TWO).code is ExitCode.APPROVAL_NEEDED


def test_a_file_that_repeats_claims_without_end_needs_approval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatekit.claims.said.MOST_TRIED", 1000)
    verdict = judged(tmp_path, {"a.txt": "Few of their latents are dead. " * 100})
    assert [change.path for change in verdict.trust] == ["a.txt"]
