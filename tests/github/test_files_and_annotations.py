"""What the action writes for GitHub: step outputs, annotations, the job summary."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workflows.composite import parse_file_command

from gatekit.errors import GatekitError
from gatekit.github import outputs, summary
from gatekit.github.annotations import Annotation, render

ANY = st.text(alphabet=st.characters(codec=None), max_size=60)  # lone surrogates included


@settings(deadline=None, max_examples=300)
@given(st.lists(ANY, max_size=5))
def test_outputs_read_back_as_they_were_and_add_no_other(found: list[str]) -> None:
    values = {"verdict": "blocked", "failed-gates": outputs.names(found)}
    assert parse_file_command(outputs.render(values)) == values
    assert len(json.loads(values["failed-gates"])) == len(found)


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x85b", "a\u2028b", "\0", "\x1b[2J"])
def test_a_value_of_more_than_one_line_is_refused(value: str) -> None:
    with pytest.raises(GatekitError) as caught:
        outputs.render({"verdict": value})
    assert caught.value.error_id == "output.value"


@pytest.mark.parametrize("name", ["a=b", "a\nb", "", "a<<b", "A"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(GatekitError):
        outputs.render({name: "x"})


def test_no_delimiter_is_used_twice() -> None:
    text = outputs.render({"a": "1", "b": "1"}) + outputs.render({"a": "1"})
    assert len(set(re.findall("<<(gatekit_[0-9a-f]{64})\n", text))) == 3


def test_outputs_are_added_to_what_earlier_steps_wrote(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("before=1\n")
    outputs.append(tmp_path / "out", outputs.render({"after": "2"}))
    assert parse_file_command((tmp_path / "out").read_text()) == {"before": "1", "after": "2"}


# How the runner reads a line (actions/runner, ActionCommand.cs): trimmed, `::name properties::message`.
COMMAND = re.compile(r"::([a-zA-Z_-]+)(?: ([^:]*))?::(.*)")


@settings(deadline=None, max_examples=500)
@given(ANY, ANY, ANY)
def test_an_annotation_is_one_command_whatever_its_text(title: str, message: str, path: str) -> None:
    text = render([Annotation("warning", title, message, path, 3, 4)])
    (line,) = text.splitlines()
    found = COMMAND.fullmatch(line)
    assert found
    assert found[1] == "warning"
    assert {pair.partition("=")[0] for pair in found[2].split(",")} <= {"file", "line", "col", "title"}
    assert "##[" not in line


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (9, 9), (10, 10), (11, 10), (500, 10)])
def test_ten_of_each_level_at_most(count: int, shown: int) -> None:
    many = [Annotation(level, f"t{n}", "m") for n in range(count) for level in ("notice", "error", "warning")]  # type: ignore[arg-type]
    lines = render(many).splitlines()
    assert [sum(line.startswith(f"::{level}") for line in lines) for level in ("error", "warning", "notice")] == [
        shown
    ] * 3
    if count > shown:
        assert f"::{count - 9} more;" in lines[9]


def test_the_most_severe_come_first_and_a_remark_said_twice_is_shown_once() -> None:
    text = render([Annotation("notice", "n", "m"), Annotation("error", "e", "m"), Annotation("error", "e", "m")])
    assert [line.partition(" ")[0] for line in text.splitlines()] == ["::error", "::notice"]


def test_a_remark_on_a_file_always_has_a_line() -> None:
    assert "file=a%2Cb,line=1," in render([Annotation("error", "t", "m", "a,b")])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(max_size=120), max_size=60), st.integers(200, 4000))
def test_a_summary_fits_in_bytes_and_is_cut_between_lines(lines: list[str], limit: int) -> None:
    text = "".join(f"{line}\n" for line in lines)
    shown = summary.fit(text, limit, "More below.")
    assert len(shown.encode("utf-8", "backslashreplace")) <= limit
    if shown != text:
        assert "More below." in shown
        kept = shown.partition("\n_More below.")[0].removesuffix("```\n")
        assert text.startswith(kept.split("</details>")[0][:50])


def test_a_cut_inside_a_fence_or_details_closes_both() -> None:
    text = "<details><summary>s</summary>\n\n```\n" + "x\n" * 2000
    shown = summary.fit(text, 1000, "More below.")
    assert shown.count("```") == 2
    assert shown.index("</details>") < shown.index("_More below.")


def test_a_summary_of_the_greatest_allowed_size_is_left_as_it_is() -> None:
    text = "é" * 99 + "\n" + "a"
    assert summary.fit(text, 200, "n") == text
    assert summary.fit(text + "b", 200, "n") != text + "b"
