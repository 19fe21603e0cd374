"""A .gitattributes that hides from reviewers what judges needs approval; one about pictures does not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from repositories import Content, Symlink

from gatekit.exit_codes import ExitCode
from gatekit.pull_request import hidden_diffs
from gatekit.pull_request.hidden_diffs import may_match_what_judges
from tests.pull_request.change import judged

TOP = ".gitattributes"


def code(folder: Path, change: Mapping[str, Content], base: Mapping[str, Content] | None = None) -> ExitCode:
    return judged(folder, change, base=base or {}).code


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (TOP, "policies/** -diff linguist-generated\n"),
        (TOP, "policies/future/** -diff\n"),
        (TOP, "/policies/demo.yaml binary\n"),
        (TOP, "*.yaml linguist-generated=true\n"),
        (TOP, "claims.yaml -text\n"),
        (TOP, "* -diff\n"),
        (TOP, "** -diff\n"),
        (TOP, "evidence/**/*.json linguist-generated\n"),
        (TOP, ".github/** -diff\n"),
        (TOP, "[pP]olicies/* -diff\n"),
        (TOP, '"policies/demo.y\\141ml" -diff\n'),
        (TOP, "[attr]quiet -diff\npolicies/** quiet\n"),
        (TOP, "[attr]a b\n[attr]b -diff\n*.yaml a\n"),
        (TOP, "\ufeff*.yaml -diff\n"),
        (TOP, "*.png binary\n*.yml\tbinary\n"),
        ("policies/.gitattributes", "* -diff\n"),
        ("evidence/minilm/.gitattributes", "*.json -diff\n"),
        (TOP, b"\xff\n"),
    ],
)
def test_hiding_what_judges_needs_approval(tmp_path: Path, path: str, text: str | bytes) -> None:
    verdict = judged(tmp_path, {path: text})
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    assert [(change.path, change.what) for change in verdict.trust] == [
        (path, "hides what judges from a reviewer's diff")
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (TOP, "*.png binary\n*.safetensors -diff -text filter=lfs\n"),
        (TOP, "figures/** -diff\n"),
        ("figures/.gitattributes", "* -diff\n"),
        (TOP, "* text=auto eol=lf\n"),
        (TOP, "# policies/** -diff\n"),
        (TOP, "policies/** diff linguist-generated=false -linguist-generated\n"),
        (TOP, "LICENSE -text\n"),
        (TOP, "policies/** export-ignore\n"),
    ],
)
def test_attributes_that_hide_nothing_that_judges_need_none(tmp_path: Path, path: str, text: str) -> None:
    assert code(tmp_path, {path: text}) is ExitCode.PASS


def test_showing_again_what_was_hidden_needs_no_approval(tmp_path: Path) -> None:
    assert code(tmp_path, {TOP: None}, base={TOP: "policies/** -diff\n"}) is ExitCode.PASS


def test_taking_away_the_exception_from_what_is_hidden_needs_approval(tmp_path: Path) -> None:
    base = {TOP: "* -diff\n", "policies/.gitattributes": "* diff\n"}
    assert code(tmp_path, {"policies/.gitattributes": None}, base=base) is ExitCode.APPROVAL_NEEDED


def test_another_line_beside_one_that_hides_already_needs_no_approval(tmp_path: Path) -> None:
    base = {TOP: "policies/** -diff\n"}
    assert code(tmp_path, {TOP: "policies/** -diff\n*.png binary\n"}, base=base) is ExitCode.PASS


def test_a_link_in_place_of_the_attributes_needs_approval(tmp_path: Path) -> None:
    assert code(tmp_path, {TOP: Symlink("docs/notes.md")}) is ExitCode.APPROVAL_NEEDED


ALTERING = "lets a checkout or an archive hold other text of what is judged"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (TOP, "README.md working-tree-encoding=UTF-7\n"),
        (TOP, "*.md ident\n"),
        (TOP, "* export-subst\n"),
        (TOP, "[attr]odd working-tree-encoding=UTF-16\n*.json odd\n"),
        ("evidence/.gitattributes", "*.json ident\n"),
    ],
)
def test_letting_a_checkout_hold_other_text_needs_approval(tmp_path: Path, path: str, text: str) -> None:
    verdict = judged(tmp_path, {path: text})
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    assert [(change.path, change.what) for change in verdict.trust] == [(path, ALTERING)]


@pytest.mark.parametrize(
    "text",
    [
        "* text=auto eol=lf\n*.bat eol=crlf\n",
        "*.png filter=lfs diff=lfs merge=lfs -text\n",
        "*.ipynb filter=nbstripout\n",
        "version.h ident\n",
        "*.md -ident\n",
    ],
)
def test_line_ends_and_filters_hold_no_other_text(tmp_path: Path, text: str) -> None:
    assert code(tmp_path, {TOP: text}) is ExitCode.PASS


@pytest.mark.parametrize(
    ("folder", "pattern", "may"),
    [
        ("", "*.y?ml", True),
        ("", "*.p*", True),
        ("docs", "*.md", True),
        ("figures", "*.json", False),
        ("", "x.png", False),
    ],
)
def test_in_doubt_a_pattern_may_match(folder: str, pattern: str, may: bool) -> None:
    assert may_match_what_judges(folder, pattern) is may


@pytest.mark.parametrize(
    ("folder", "pattern", "expected"),
    [
        ("packages/sae", "policies/*.yaml", True),
        ("packages/sae/policies", "*", True),
        ("packages", "sae/policies/demo.yaml", True),
        ("packages", "*/policies/demo.yaml", True),
        ("packages", "**/demo.yaml", True),
        ("packages", "*.yaml", True),
        ("", "packages/sae/claims.yaml", True),
        ("", "/packages/*/claims.yaml", True),
        ("", "*.yml", True),
        ("", ".github/**", True),
        ("packages", "other/policies/demo.yaml", False),
        ("packages/other", "*.yaml", False),
        ("packages/sae2", "*.yaml", False),
        ("", "packages/other/claims.yaml", False),
        ("packages", "*.png", False),
        ("packages", "sae/pictures/*.yaml", False),
    ],
)
def test_a_project_is_hidden_by_files_in_it_and_above_it_and_not_beside_it(
    folder: str, pattern: str, expected: bool
) -> None:
    assert may_match_what_judges(folder, pattern, "packages/sae") is expected


def chain(count: int) -> list[tuple[str, list[str]]]:
    """Macros that are made of the next two each."""
    return [("", [f"[attr]m{i}", f"m{i + 1}", f"m{i + 2}"]) for i in range(count)]


def test_macros_that_name_each_other_are_followed_to_the_end() -> None:
    assert hidden_diffs._macros(chain(20_000), hidden_diffs._is_hiding) == frozenset()
    hiding = hidden_diffs._macros([*chain(20_000), ("", ["[attr]m20000", "-diff"])], hidden_diffs._is_hiding)
    assert hiding == {f"m{i}" for i in range(20_001)}


def test_they_are_followed_in_time_that_grows_with_them() -> None:
    def cost(count: int) -> float:
        lines = [*chain(count), ("", [f"[attr]m{count}", "-diff"])]
        started = time.process_time()
        hidden_diffs._macros(lines, hidden_diffs._is_hiding)
        return time.process_time() - started

    # Eight times as many: 64 times as long where each is held against each.
    assert min(cost(16_000) for _ in range(3)) < 25 * min(cost(2_000) for _ in range(5))
