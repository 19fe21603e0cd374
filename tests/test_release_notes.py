from __future__ import annotations

from pathlib import Path

import pytest

from release.notes import Refused, check_tag, section, version_of

CHANGELOG = """\
# Changelog

## [Unreleased]

- Next.

## [1.2.0] - 2026-12-01

### Added

- One thing.

## [1.1.0] - unreleased

- Old.

## [1.0.0] - 2026-01-01
"""


def test_the_notes_are_what_stands_below_the_versions_heading() -> None:
    assert section(CHANGELOG, "1.2.0") == "### Added\n\n- One thing.\n"


@pytest.mark.parametrize(
    ("version", "said"),
    [("3.0.0", "has 0 sections"), ("1.1.0", "has no date"), ("1.0.0", "says nothing"), ("1.2", "has 0 sections")],
)
def test_a_version_without_dated_words_is_not_released(version: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        section(CHANGELOG, version)


def test_two_sections_of_one_version_are_refused() -> None:
    with pytest.raises(Refused, match="has 2 sections"):
        section(CHANGELOG + "\n## [1.2.0] - 2026-12-02\n\n- Twice.\n", "1.2.0")


@pytest.mark.parametrize(("tag", "version"), [("v1.2.0", "1.2.0"), ("v10.0.3rc1", "10.0.3rc1")])
def test_a_tag_names_a_version(tag: str, version: str) -> None:
    assert version_of(tag) == version


@pytest.mark.parametrize("tag", ["1.2.0", "v1", "v1.2", "v1.2.0-x", "v1.2.0\n", "v1.2.0; id", "v\u0661.2.0", ""])
def test_anything_else_is_no_tag_of_a_release(tag: str) -> None:
    with pytest.raises(Refused, match="is no version"):
        version_of(tag)


@pytest.mark.parametrize(
    ("wheel", "cited", "said"),
    [
        ("gatekit_sae-1.2.0-py3-none-any.whl", "1.2.0", None),
        ("gatekit_sae-1.1.0-py3-none-any.whl", "1.2.0", r"__init__\.py says 1\.1\.0"),
        ("gatekit_sae-1.2.0-py3-none-any.whl", "1.1.0", r"CITATION\.cff says 1\.1\.0"),
    ],
)
def test_tag_wheel_and_citation_name_one_version(tmp_path: Path, wheel: str, cited: str, said: str | None) -> None:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "CITATION.cff").write_text(f"cff-version: 1.2.0\nversion: {cited}\n")
    if said is None:
        check_tag("v1.2.0", tmp_path, tmp_path / wheel)
    else:
        with pytest.raises(Refused, match=said):
            check_tag("v1.2.0", tmp_path, tmp_path / wheel)
