"""A whole policy that a page of the tutorial shows can be copied: it is sound, and stays so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from reading_pages import ROOT, code_blocks

from gatekit.policy import parse_policy
from gatekit.policy.lint import lint

SHOWN = [
    (page, block.line, block.text)
    for page in ("your-saes.md", "policies.md", "pull-requests.md")
    for block in code_blocks(ROOT / "docs" / page)
    if block.language == "yaml" and "schema: gatekit.policy/1" in block.text
]
LATER = datetime(2040, 1, 1, tzinfo=UTC)
"""A reader's day: no waiver that a page shows may have expired by then."""


def test_each_page_of_the_tutorial_shows_one() -> None:
    assert {page for page, _, _ in SHOWN} == {"your-saes.md", "policies.md", "pull-requests.md"}


@pytest.mark.parametrize(("page", "line", "text"), SHOWN, ids=[f"{page}:{line}" for page, line, _ in SHOWN])
def test_a_policy_that_the_tutorial_shows_is_sound_whenever_it_is_copied(page: str, line: int, text: str) -> None:
    policy = parse_policy(text.encode(), f"{page}:{line}")
    assert lint(policy, LATER) == []
