"""Ten thousand seeded hostile strings through every report; a few of each kind run always, all of them as `slow`."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from gatekit.report import FORMATS, render
from tests.report.report_verdicts import hostile
from tests.report.test_inert import seeded

READER = MarkdownIt("commonmark").enable("table")
PLAIN_COLUMNS = 8


def check(text: str) -> None:
    """No report lets the text become a command, a table cell, markup or a second document."""
    verdict = hostile(text)
    for name in FORMATS:
        rendered = render(name, verdict)
        for line in re.split(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", rendered):
            assert not line.strip().startswith("::"), (name, text)
            assert "##[" not in line, (name, text)
        if name in ("json", "sarif"):
            json.loads(rendered)
        elif name == "junit":
            ET.fromstring(rendered)  # our own bytes
        elif name == "markdown":
            tokens = READER.parse(rendered)
            children = [child for token in tokens for child in token.children or []]
            assert not {"html_inline", "link_open", "image"} & {t.type for t in (*tokens, *children)}, text
            rows = [index for index, token in enumerate(tokens) if token.type == "tr_open"]
            for start in rows:
                end = next(i for i in range(start, len(tokens)) if tokens[i].type == "tr_close")
                cells = sum(token.type in ("td_open", "th_open") for token in tokens[start:end])
                assert cells == PLAIN_COLUMNS, text


def test_a_hundred_strings_stay_text_in_every_report() -> None:
    for text in seeded(100):
        check(text)


@pytest.mark.slow
def test_ten_thousand_strings_stay_text_in_every_report() -> None:
    for text in seeded(10_000):
        check(text)
