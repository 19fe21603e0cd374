"""Patterns of the command line match what Python's own `glob` matches, and end."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest

from gatekit.errors import GatekitError
from gatekit.evidence import listing
from gatekit.evidence.patterns import matches

FILES = ("a.json", "b.json", ".hidden.json", "x/a.json", "x/y/a.json", "x/.z/a.json", "w/b.txt", "w/deep/er/c.json")
PATTERNS = (
    *("*.json", "*", "**", "**/*.json", "x/**", "x/**/*.json", "**/a.json", "*/a.json", "**/**/*.json", "**/y/*"),
    *("[ab].json", "?.json", ".*.json", "x/.z/*", "w/", "w/*/", "none/*", "a.json/*", "**/er/**", "x/*/a.json"),
    *("./x/*.json", "linked/*.json", "**/linked/a.json"),
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "linked").symlink_to("x")
    (tmp_path / "gone").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("start", ["", "{}/"])
def test_a_pattern_matches_what_glob_matches(tree: Path, pattern: str, start: str) -> None:
    whole = start.format(tree) + pattern
    expected = {os.path.normpath(path) for path in glob.glob(whole, recursive=True)} - {".", str(tree)}
    found = matches(whole)
    assert {os.path.normpath(path) for path in found} - {".", str(tree)} == expected
    assert found == sorted(set(found))


def test_as_many_entries_are_looked_at_as_allowed_and_no_more(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_ENTRIES", 3)
    assert matches("x/*") == ["x/a.json", "x/y"]
    monkeypatch.setattr(listing, "MOST_ENTRIES", 2)
    with pytest.raises(GatekitError) as caught:
        matches("x/*")
    assert (caught.value.error_id, str(caught.value.location)) == ("folder.too_many_entries", "x/*")


def test_links_to_the_folder_above_end_in_an_error_and_not_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).symlink_to(tmp_path)
    monkeypatch.setattr(listing, "MOST_ENTRIES", 10_000)
    with pytest.raises(GatekitError, match="more than 10000 files and folders"):
        matches(f"{tmp_path}/**/*.json")
