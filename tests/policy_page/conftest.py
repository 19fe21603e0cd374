"""One browser for all tests of the page."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from policy_page.browser import CHROMIUM, Tab, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Tab]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    # What it keeps may still be written when it has ended.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, chromium(Path(folder)) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab) -> Iterator[Tab]:
    """The browser's page, about which nothing may have been complained when a test ends."""
    browser.open("about:blank")  # the last page may still ask a server that has ended
    browser.complaints.clear()
    browser.asked.clear()
    browser.look(1200)
    yield browser
    assert browser.complaints == []
