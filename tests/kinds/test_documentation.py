"""docs/kinds.md is followed literally: from nothing to a verdict in six commands."""

from __future__ import annotations

from pathlib import Path

from page_steps import follow, section

from gatekit.kinds.measure_spec import MeasureSpec

PAGE = Path(__file__).parents[2] / "docs" / "kinds.md"


def test_a_kind_and_a_table_go_from_nothing_to_a_verdict_in_six_commands(tmp_path: Path) -> None:
    text = section(PAGE, "## From nothing to a verdict")
    assert text.count("\n$ ") == 6
    assert text.index("exit 0): 1 of 1 required gate passes") > 0
    follow(text, tmp_path)


def test_the_page_names_every_field_of_a_row() -> None:
    rows = section(PAGE, "## What a row says")
    fields = set(MeasureSpec.__dataclass_fields__) - {"name"}
    assert fields == {line.split("`")[1] for line in rows.splitlines() if line.startswith("| `")}
