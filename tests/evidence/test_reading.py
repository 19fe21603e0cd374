"""Evidence is found under files, folders and patterns; what is not evidence there is an error, not a gap."""

from __future__ import annotations

import os
from pathlib import Path

import builders
import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import find_summaries, read_summaries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    builders.write(tmp_path / "a" / "deep", {"one.json": builders.summary("random_model", {"r2": [0.8] * 5})})
    builders.write(tmp_path / "b", {"two.json": builders.summary("ood", {"auc_drop": [0.1] * 15})})
    (tmp_path / "b" / "README.md").write_text("not evidence")
    (tmp_path / "b" / ".hidden.json").write_text("{")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.json").write_text("{")
    return tmp_path


def names(paths: list[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_a_folder_is_searched_at_any_depth_without_hidden_files(folder: Path) -> None:
    assert names(find_summaries([str(folder)])) == ["one.json", "two.json"]


def test_files_folders_and_patterns_name_a_file_once(folder: Path) -> None:
    paths = [str(folder / "b" / "two.json"), str(folder), str(folder / "*" / "*.json")]
    assert names(find_summaries(paths)) == ["one.json", "two.json"]
    assert names(find_summaries([str(folder / "**" / "*.json")])) == ["one.json", "two.json"]


def test_a_path_that_does_not_exist_is_a_usage_error(folder: Path) -> None:
    for path in ("evidnce", "*.jsn"):
        with pytest.raises(UsageError) as caught:
            find_summaries([str(folder / path)])
        assert caught.value.exit_code == 64


def test_json_that_is_no_summary_is_an_error(folder: Path) -> None:
    (folder / "b" / "notes.json").write_text("{}")
    summaries, errors = read_summaries(find_summaries([str(folder)]))
    assert (len(summaries), [e.error_id for e in errors]) == (2, ["summary.not_a_summary"])


def test_a_link_is_not_followed(folder: Path) -> None:
    os.symlink(folder / "b" / "two.json", folder / "a" / "link.json")
    _, errors = read_summaries(find_summaries([str(folder)]))
    assert len(errors) == 1
    assert "link.json" in str(errors[0])


def test_one_bad_file_does_not_hide_the_others(folder: Path) -> None:
    (folder / "bad.json").write_text('{"a": NaN}')
    summaries, errors = read_summaries(find_summaries([str(folder)]))
    assert (len(summaries), [type(e) for e in errors]) == (2, [GatekitError])
