"""Every link of the documentation that stays in the repository leads to a file, and to a heading, that is there."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from reading_pages import PAGES, ROOT, anchors, links


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere; those to other hosts are not followed."""
    return [link for link in links(page) if not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
    if not target.exists() or ROOT not in (target, *target.parents):
        return False
    return not parts.fragment or target.suffix != ".md" or unquote(parts.fragment) in anchors(target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    assert broken(page) == []


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# One\n\n## `two`: a *b*\n\n## One\n\n<a id='here'></a>\n", encoding="utf-8")
    return tmp_path / "page.md"


@pytest.mark.parametrize("link", ["other.md", "other.md#one", "other.md#two-a-b", "other.md#one-1", "other.md#here"])
def test_a_link_to_a_heading_as_github_names_it_leads_there(page: Path, link: str) -> None:
    page.write_text(f"[a]({link})\n", encoding="utf-8")
    assert broken(page) == []


@pytest.mark.parametrize("link", ["gone.md", "other.md#three", "#one", "../etc", "other.md#one-2"])
@pytest.mark.parametrize("form", ["[a]({})", "![a]({})", "[a][b]\n\n[b]: {}", '<img src="{}">'])
def test_a_link_that_leads_nowhere_is_found_in_every_form(page: Path, link: str, form: str) -> None:
    page.write_text(form.format(link) + "\n", encoding="utf-8")
    assert broken(page) == [link]
