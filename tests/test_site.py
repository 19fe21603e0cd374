"""The site shows every page of the documentation and asks no other host for anything; `make site` builds it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from policy_page.browser import CHROMIUM, chromium
from reading_pages import PAGES, ROOT
from ruamel.yaml import YAML

SITE: dict[str, Any] = YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
SHIM = ROOT / "docs" / "javascripts" / "iframe-worker.js"
FROM_THE_ROOT = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}


def pages_of(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for inner in entry.values():
            if isinstance(inner, str):
                yield inner
            else:
                yield from pages_of(inner)


def test_every_page_of_the_documentation_stands_once_in_the_navigation() -> None:
    shown = [ROOT / FROM_THE_ROOT.get(page, f"docs/{page}") for page in pages_of(SITE["nav"])]
    assert sorted(shown) == sorted([*PAGES, ROOT / "CHANGELOG.md"])


def test_the_tutorial_has_three_parts_your_saes_a_policy_and_a_pull_request() -> None:
    (tutorial,) = [entry["Tutorial"] for entry in SITE["nav"] if "Tutorial" in entry]
    assert list(pages_of(tutorial)) == ["your-saes.md", "policies.md", "pull-requests.md"]


def test_fonts_scripts_and_styles_come_with_the_site() -> None:
    assert SITE["theme"]["font"] is False
    assert "search" in SITE["plugins"]
    assert not {"extra_javascript", "extra_css"} & set(SITE)
    # The plug-in `offline` fetches a script from another host unless one of this name is there.
    assert SITE["extra"] == {"polyfills": [SHIM.relative_to(ROOT / "docs").as_posix()]}
    assert ("offline" in SITE["plugins"], "iframe-worker" in SHIM.name) == (True, True)


def test_a_broken_link_or_anchor_fails_the_build() -> None:
    assert set(SITE["validation"]["links"].values()) == {"warn"}
    assert "--strict" in (ROOT / "Makefile").read_text(encoding="utf-8").split("\nsite:")[1].split("\n\n")[0]


WORKER = """\
addEventListener("message", ({data}) => postMessage(data.map(each => `${each} heard`)))
"""
PAGE = """\
<!doctype html><body><script src="iframe-worker.js"></script><script>
  const answers = []
  const worker = new Worker("worker.js")
  worker.addEventListener("message", ({data}) => answers.push(...data))
  worker.postMessage(["at once"])
  setTimeout(() => worker.postMessage(["later"]), 500)
</script></body>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_from_a_folder_a_worker_runs_whose_messages_come_in_order(tmp_path: Path) -> None:
    shutil.copy(SHIM, tmp_path)
    (tmp_path / "worker.js").write_text(WORKER)
    (tmp_path / "page.html").write_text(PAGE)
    with chromium(tmp_path / "profile") as tab:
        tab.open((tmp_path / "page.html").as_uri())
        tab.wait("answers.length === 2")
        assert tab.run("answers") == ["at once heard", "later heard"]
        assert tab.complaints == []
        tab.run("worker.terminate()")
        assert tab.run("document.querySelector('iframe')") is None
