from __future__ import annotations

from pathlib import Path

import pytest
import repositories

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.repo import Repository, below, in_project, in_repository, root_of


def test_the_root_is_the_folders_name_below_the_top(tmp_path: Path) -> None:
    assert root_of(tmp_path, str(tmp_path)) == ""
    assert root_of(tmp_path, str(tmp_path / "a" / ".." / "packages" / "my sae")) == "packages/my sae"


@pytest.mark.parametrize("target", [".", "..", "lenient"])
def test_a_link_below_the_top_is_not_followed(tmp_path: Path, target: str) -> None:
    top = tmp_path / "top"
    (top / "lenient").mkdir(parents=True)
    (top / "packages").symlink_to(target)
    assert root_of(top, str(top / "packages" / "sae")) == "packages/sae"


def test_a_link_above_the_top_leads_to_the_same_repository(tmp_path: Path) -> None:
    (tmp_path / "real" / "sae").mkdir(parents=True)
    (tmp_path / "short").symlink_to("real")
    assert root_of(tmp_path / "real", str(tmp_path / "short" / "sae")) == "sae"


@pytest.mark.parametrize("folder", ["..", "../other", "../topmost"])
def test_a_folder_outside_is_a_usage_error(tmp_path: Path, folder: str) -> None:
    top = tmp_path / "top"
    top.mkdir()
    with pytest.raises(GatekitError, match="is not in the repository") as caught:
        root_of(top, str(top / folder))
    assert caught.value.exit_code is ExitCode.USAGE


def test_the_files_of_a_project_are_named_from_its_root_and_know_what_is_around(tmp_path: Path) -> None:
    builder = repositories.Builder(tmp_path / "r")
    builder.commit("main", {"sae/policies/a.yaml": "a", "sae2/x": "x", "sae.md": "y", "policies/b.yaml": "b"})
    builder.save()
    with Repository.open(builder.root) as repository:
        tree = repository.tree("main")
        inside = below(tree, "sae")
        assert list(inside.entries) == ["policies/a.yaml"]
        assert inside.read("policies/a.yaml") == b"a"
        assert (inside.root, inside.whole) == ("sae", tree)
        assert below(tree, "") is tree
        assert list(below(tree, "sae.md").entries) == []


def test_a_path_outside_of_the_project_goes_up_and_comes_back() -> None:
    assert in_project("packages/sae", ".github/workflows/a.yml") == "../../.github/workflows/a.yml"
    for path in ("CODEOWNERS", "packages/sae/policies/a.yaml", "packages/other/x"):
        assert in_repository("packages/sae", in_project("packages/sae", path)) == path
