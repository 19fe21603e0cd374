from __future__ import annotations

import pytest

from gatekit.github.comment import is_identifier
from gatekit.github.project_names import ending


def test_the_project_at_the_top_has_the_plain_names() -> None:
    assert ending("") == ""


def test_a_project_below_has_its_folders_name() -> None:
    assert ending("sae") == "-sae"
    assert ending("packages/sae") == "-packages-sae"


def test_no_two_folders_have_one_name() -> None:
    folders = ["packages/sae", "packages-sae", "Packages/sae", "packages/sae ", "packages_sae", "packages/s\u00e4e"]
    folders += ["packages/ſae", "-packages/sae", "\u00e4", "\u00f6", "a" * 41, "a" * 42]
    assert len({ending(folder) for folder in folders}) == len(folders)


@pytest.mark.parametrize("folder", ["packages/my sae", "\u00e4", "a" * 300, "$(x)", "--", "x\ny"])
def test_every_name_has_the_form_of_an_identifier(folder: str) -> None:
    assert is_identifier(f"gate{ending(folder)}")
